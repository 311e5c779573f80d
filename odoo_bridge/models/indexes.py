"""Indexes for lists and searches, and their expressions.

A query uses an index on an expression only if the query contains the same expression, so both are
defined here.
"""

import json
from typing import Any

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import connections, migrations, models
from django.db.models import BooleanField, F, Func, Lookup, QuerySet, TextField, Value
from django.db.models.functions import Left, Upper
from django.db.models.lookups import IContains

# A btree index refuses entries over 2,704 bytes, and then the row cannot be stored; Odoo's texts have no
# limit. 200 characters have at most 800 bytes.
KEY_LENGTH = 200


def start_of(column: str) -> Left:
    """The expression by which texts are ordered."""
    return Left(column, KEY_LENGTH)


def folded(text: Any) -> Upper:
    """The expression by which texts are looked up, ignoring case."""
    return Upper(Left(text, KEY_LENGTH))


class Words(Func):
    """The texts of ``columns`` as one text, in which a space precedes every word."""

    template = "(%(expressions)s)"
    arg_joiner = " || "
    output_field = TextField()

    def __init__(self, *columns: str) -> None:
        super().__init__(*(part for column in columns for part in (Value(" "), F(column))))


def has_word(word: str, *columns: str) -> Lookup:
    """A condition: the Words of ``columns`` contain ``word``, ignoring case.

    One or two letters must begin a word, because a trigram index cannot find shorter parts.
    """
    return IContains(Words(*columns), f" {word}" if len(word) < 3 else word)


def guess_rows(rows: QuerySet) -> int:
    """PostgreSQL's estimate of the number of ``rows``, from its statistics. 0 on other databases."""
    if connections[rows.db].vendor != "postgresql":
        return 0
    plan = json.loads(rows.explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


class HasId(Func):
    """A condition: the list of ids in ``column`` contains ``odoo_id``."""

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
    """A GIN index. Databases without GIN get no index; there the same queries scan the table."""

    def create_sql(self, model: Any, schema_editor: Any, *args: Any, **kwargs: Any) -> Any:
        if not _on_postgresql(schema_editor):
            return ""
        return super().create_sql(model, schema_editor, *args, **kwargs)

    def remove_sql(self, model: Any, schema_editor: Any, **kwargs: Any) -> Any:
        if not _on_postgresql(schema_editor):
            return ""
        return super().remove_sql(model, schema_editor, **kwargs)


def by_parts(name: str, *columns: str) -> Gin:
    """A trigram index that finds any part of the Words of the same columns."""
    return Gin(OpClass(Upper(Words(*columns)), name="gin_trgm_ops"), name=name)


class AddIndex(migrations.AddIndex):
    """Add an index without blocking writes to the table, if the database can do that.

    If this is interrupted, PostgreSQL leaves an invalid index with the same name. So the next attempt
    drops it first.
    """

    atomic = False

    def database_forwards(self, app: str, editor: Any, before: Any, after: Any) -> None:
        _drop(editor, self.index.name)
        _add(editor, after.apps.get_model(app, self.model_name), self.index)

    def database_backwards(self, app: str, editor: Any, before: Any, after: Any) -> None:
        _drop(editor, self.index.name)


class RemoveIndex(migrations.RemoveIndex):
    """Remove an index without blocking readers of the table, if the database can do that."""

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
