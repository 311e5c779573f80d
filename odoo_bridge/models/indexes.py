"""Indexes that a list answers from, and the expressions they hold.

A query uses an index on an expression only if it says the same expression: both come from here.
"""

import json
from typing import Any

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import connections, migrations, models
from django.db.models import BooleanField, F, Func, Lookup, QuerySet, TextField, Value
from django.db.models.functions import Left, Upper
from django.db.models.lookups import IContains

# A btree refuses entries over 2,704 bytes, and with it the row: Odoo's texts have no limit. 200
# characters are at most 800 bytes.
KEY_LENGTH = 200


def start_of(column: str) -> Left:
    """What texts are ordered by."""
    return Left(column, KEY_LENGTH)


def folded(text: Any) -> Upper:
    """What texts are looked up by, whatever their case."""
    return Upper(Left(text, KEY_LENGTH))


class Words(Func):
    """All that ``columns`` say, as one text; each word of it has a blank before it."""

    template = "(%(expressions)s)"
    arg_joiner = " || "
    output_field = TextField()

    def __init__(self, *columns: str) -> None:
        super().__init__(*(part for column in columns for part in (Value(" "), F(column))))


def has_word(word: str, *columns: str) -> Lookup:
    """A condition: the Words of ``columns`` have ``word`` in them, in capitals or not.

    One or two letters must begin a word. An index of trigrams knows no shorter parts.
    """
    return IContains(Words(*columns), f" {word}" if len(word) < 3 else word)


def guess_rows(rows: QuerySet) -> int:
    """How many ``rows`` PostgreSQL expects from its statistics, without looking. 0 from a database
    that does not say."""
    if connections[rows.db].vendor != "postgresql":
        return 0
    plan = json.loads(rows.explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


class HasId(Func):
    """A condition: the list of ids in ``column`` has ``odoo_id`` in it."""

    output_field = BooleanField()

    def __init__(self, column: str, odoo_id: int) -> None:
        super().__init__(column)
        self.odoo_id = odoo_id

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        column, values = compiler.compile(self.source_expressions[0])
        ids = f"SELECT value FROM json_each({column})"  # noqa: S608
        return f"%s IN ({ids})", (self.odoo_id, *values)

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        column, values = compiler.compile(self.source_expressions[0])
        return f"{column} @> %s::jsonb", (*values, f"[{self.odoo_id}]")


class Gin(GinIndex):
    """A GIN index; none on a database that knows no GIN, where the same queries read the table."""

    def create_sql(self, model: Any, schema_editor: Any, *args: Any, **kwargs: Any) -> Any:
        if not _on_postgresql(schema_editor):
            return ""
        return super().create_sql(model, schema_editor, *args, **kwargs)

    def remove_sql(self, model: Any, schema_editor: Any, **kwargs: Any) -> Any:
        if not _on_postgresql(schema_editor):
            return ""
        return super().remove_sql(model, schema_editor, **kwargs)


def by_parts(name: str, *columns: str) -> Gin:
    """Finds any part of the Words of the same columns, by its trigrams."""
    return Gin(OpClass(Upper(Words(*columns)), name="gin_trgm_ops"), name=name)


class AddIndex(migrations.AddIndex):
    """Add an index while others write the table, where the database can do that.

    Cut off, PostgreSQL leaves an index that is not valid and stands in the way: the next try
    drops it first.
    """

    atomic = False

    def database_forwards(self, app: str, editor: Any, before: Any, after: Any) -> None:
        _drop(editor, self.index.name)
        _add(editor, after.apps.get_model(app, self.model_name), self.index)

    def database_backwards(self, app: str, editor: Any, before: Any, after: Any) -> None:
        _drop(editor, self.index.name)


class RemoveIndex(migrations.RemoveIndex):
    """Remove an index without waiting for whoever reads the table, where the database can."""

    atomic = False

    def database_forwards(self, app: str, editor: Any, before: Any, after: Any) -> None:
        _drop(editor, self.name)

    def database_backwards(self, app: str, editor: Any, before: Any, after: Any) -> None:
        index = after.models[app, self.model_name_lower].get_index_by_name(self.name)
        _add(editor, after.apps.get_model(app, self.model_name), index)


def _on_postgresql(editor: Any) -> bool:
    return editor.connection.vendor == "postgresql"


def _add(editor: Any, model: Any, index: models.Index) -> None:
    editor.add_index(model, index, **({"concurrently": True} if _on_postgresql(editor) else {}))


def _drop(editor: Any, name: str) -> None:
    concurrently = "CONCURRENTLY " if _on_postgresql(editor) else ""
    editor.execute(f"DROP INDEX {concurrently}IF EXISTS {editor.quote_name(name)}")
