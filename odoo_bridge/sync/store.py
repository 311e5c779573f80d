"""Store a page in its table: rows are created, updated or unchanged.

Always inside the transaction that locked the stream's state row, so that a stream has one writer at a
time and its ``change_seq`` follow the order of its commits.

Rows are compared before they are written: an unchanged row is not touched, and a row of which only the
stamp moved keeps its ``change_seq``. A row that was stored after the run began (``since``) is not
replaced by one with an older stamp: the older one was on its way while a ``records`` run was faster.
Otherwise the older stamp is right: Odoo's clock was set back.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models.functions import Now
from psycopg import sql

from odoo_bridge.models import MirroredModel, SyncState
from odoo_bridge.sync.faults import is_of_a_row
from odoo_bridge.sync.streams import Row

_EMPTY_JSON: dict[type, str] = {list: "[]", dict: "{}"}


@dataclass
class Stored:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    restored: int = 0

    def add(self, other: "Stored") -> None:
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.restored += other.restored


def store(
    model: type[MirroredModel],
    columns: Sequence[str],
    rows: Sequence[Row],
    state: SyncState,
    since: datetime,
) -> Stored:
    """Upsert ``rows`` (values in the order of ``columns``, ``odoo_id`` first, no id twice)."""
    if not rows:
        return Stored()
    if connection.vendor == "postgresql":
        return _copy_and_merge(model, columns, rows, state, since)
    return _bulk_upsert(model, columns, rows, state, since)


def _copy_and_merge(
    model: type[MirroredModel],
    columns: Sequence[str],
    rows: Sequence[Row],
    state: SyncState,
    since: datetime,
) -> Stored:
    ids = [row[0] for row in rows]
    statements = _statements(model, tuple(columns))
    # copy() is psycopg's own: its errors become Django's here, like those of execute().
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.execute(statements.neighbours, {"first": min(ids), "last": max(ids)})
        neighbours, now = cursor.fetchone()
        if not neighbours:
            # No row to compare with, so straight into the table: the usual case in a first copy.
            before, state.change_seq = state.change_seq, state.change_seq + len(rows)
            in_order = zip(*sorted(rows, key=itemgetter(0)), strict=True)
            seqs = range(before + 1, state.change_seq + 1)
            names = [*columns, "change_seq", "stored_at"]
            values = [*in_order, list(seqs), [now] * len(rows)]
            _copy_in(cursor, statements.copy_new, model, names, values)
            return Stored(created=len(rows))
        cursor.execute(statements.make_incoming)
        cursor.execute(statements.empty_incoming)
        _copy_in(cursor, statements.copy_incoming, model, columns, zip(*rows, strict=True))
        cursor.execute(statements.merge, {"ids": ids, "seq": state.change_seq, "since": since})
        created, updated, restored, changed = cursor.fetchone()
    state.change_seq += changed
    return Stored(created, updated, len(rows) - created - updated, restored)


def refused_column(
    model: type[MirroredModel], columns: Sequence[str], row: Row, since: datetime
) -> str:
    """The column of a refused ``row`` that does not accept its value: ``name``, or ``extra.x_color``.
    The empty string if each value is accepted on its own.

    Tries half of the columns at a time, with the others empty, in savepoints that are rolled back.
    """
    empty = [row[0], *(_empty(_field(model, name)) for name in columns[1:])]

    def is_refused(some: dict[str, Any]) -> bool:
        tried = [some.get(name, value) for name, value in zip(columns, empty, strict=True)]
        try:
            with transaction.atomic():
                store(model, columns, [tried], SyncState(), since)
                transaction.set_rollback(True)
        except Exception as exc:
            if not is_of_a_row(exc):
                raise
            return True
        return False

    def first(suspects: Sequence[str], make: Callable[[Sequence[str]], dict[str, Any]]) -> str:
        while len(suspects) > 1:
            half = suspects[: len(suspects) // 2]
            suspects = half if is_refused(make(half)) else suspects[len(half) :]
        return suspects[0] if is_refused(make(suspects)) else ""

    values = dict(zip(columns, row, strict=True))
    stamp = values["write_date"]
    if is_refused({"write_date": stamp}):
        return "write_date"
    # With the row's own stamp: a row without one would be too old to be written.
    name = first(
        columns, lambda some: {"write_date": stamp, **{column: values[column] for column in some}}
    )
    if name != "extra":
        return name
    extra = values["extra"]
    key = first(
        list(extra),
        lambda some: {"write_date": stamp, "extra": {each: extra[each] for each in some}},
    )
    return f"extra.{key}" if key else "extra"


def _empty(field: "models.Field[Any, Any]") -> Any:
    """What a column holds if Odoo's field is empty."""
    if field.null:
        return None
    if isinstance(field, models.JSONField):
        return field.get_default()
    return "" if _is_text(field) else 0


@dataclass(frozen=True)
class _Statements:
    neighbours: str
    copy_new: str
    make_incoming: str
    empty_incoming: str
    copy_incoming: str
    merge: str


@lru_cache(maxsize=16)
def _statements(model: type[MirroredModel], columns: tuple[str, ...]) -> _Statements:
    """The SQL statements for each page, built once."""
    names = [sql.Identifier(name) for name in columns]
    ours = [sql.Identifier(name) for name in ("gone_at", "change_seq", "stored_at")]
    content = [sql.Identifier(name) for name in columns if name not in ("odoo_id", "write_date")]
    table = sql.Identifier(model._meta.db_table)
    incoming = sql.Identifier("incoming_" + model._meta.db_table)
    parts = {
        "table": table,
        "incoming": incoming,
        "columns": sql.SQL(", ").join(names),
        "incoming_columns": _of("i", names),
        "stored_content": _of("t", content),
        "incoming_content": _of("i", content),
        "assignments": sql.SQL(", ").join(
            [
                *(sql.SQL("{0} = EXCLUDED.{0}").format(name) for name in [*names[1:], *ours]),
                *([_KEEP_MAKER.format(table=table)] if _has_maker(model) else []),
            ]
        ),
    }
    make_incoming = sql.SQL(
        "CREATE TEMP TABLE IF NOT EXISTS {incoming} ON COMMIT DELETE ROWS AS "
        "SELECT {columns} FROM {table} WITH NO DATA"
    )
    return _Statements(
        neighbours=_NEIGHBOURS.format(**parts).as_string(),
        copy_new=_copy_into(table, model, [*columns, "change_seq", "stored_at"]),
        make_incoming=make_incoming.format(**parts).as_string(),
        empty_incoming=sql.SQL("TRUNCATE {incoming}").format(**parts).as_string(),
        copy_incoming=_copy_into(incoming, model, columns),
        merge=_MERGE.format(**parts).as_string(),
    )


# After a backup of Odoo was restored, an id may belong to another record, which somebody else made.
_KEEP_MAKER = sql.SQL(
    "created_by_id = CASE WHEN {table}.create_date IS NOT DISTINCT FROM EXCLUDED.create_date"
    " THEN {table}.created_by_id END"
)
_NEIGHBOURS = sql.SQL(
    "SELECT EXISTS (SELECT 1 FROM {table} WHERE odoo_id BETWEEN %(first)s AND %(last)s),"
    " clock_timestamp()"
)

# ASCII's separators. A value that contains one nevertheless is quoted.
_DELIMITER, _QUOTE = "\x1f", "\x1e"


def _copy_into(table: sql.Composable, model: type[MirroredModel], columns: Sequence[str]) -> str:
    texts = [name for name in columns if _is_text(_field(model, name))]
    return (
        sql.SQL(
            "COPY {} ({}) FROM STDIN "
            "(FORMAT csv, DELIMITER {}, QUOTE {}, NULL 'null', FORCE_NOT_NULL ({}))"
        )
        .format(
            table,
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.Literal(_DELIMITER),
            sql.Literal(_QUOTE),
            sql.SQL(", ").join(map(sql.Identifier, texts)),
        )
        .as_string()
    )


def _copy_in(
    cursor: CursorWrapper,
    statement: str,
    model: type[MirroredModel],
    columns: Sequence[str],
    values: Iterable[Sequence[Any]],
) -> None:
    """COPY ``values``, a sequence for each of ``columns``.

    A column at a time: psycopg's adapters convert each value on its own, which costs several times as
    much.
    """
    fields = [_field(model, name) for name in columns]
    lines = map(_DELIMITER.join, zip(*map(_spelled, fields, values), strict=True))
    with cursor.copy(statement) as copy:
        copy.write("\n".join(lines))


def _is_text(field: "models.Field[Any, Any]") -> bool:
    return isinstance(field, models.TextField | models.CharField)


def _spelled(field: "models.Field[Any, Any]", values: Sequence[Any]) -> Sequence[str]:
    """``values`` of ``field`` as COPY reads them. ``null`` is NULL, except for text."""
    if _is_text(field):
        return _quoted(values)
    if isinstance(field, models.JSONField):
        # Most are empty, and their text is known.
        return _quoted([_json(value) if value else _EMPTY_JSON[type(value)] for value in values])
    try:
        # PostgreSQL reads numbers, booleans and ISO moments in JSON's notation, and one call writes
        # them all.
        return orjson.dumps(values).decode()[1:-1].replace('"', "").split(",")
    except TypeError:  # decimals, and integers too large for any column
        return ["null" if value is None else str(value) for value in values]


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half a surrogate pair, a number beyond 64 bits
        return json.dumps(value)


def _quoted(values: Sequence[str]) -> Sequence[str]:
    """``values``, with quotes around those that contain a special character of COPY. Checking all of
    them at once is cheap."""
    together = _DELIMITER.join(values)
    marks = [mark for mark in ("\n", "\r", _QUOTE) if mark in together]
    if together.count(_DELIMITER) != len(values) - 1:
        marks.append(_DELIMITER)
    if not marks:
        return values
    return [
        _QUOTE + value.replace(_QUOTE, 2 * _QUOTE) + _QUOTE
        if any(mark in value for mark in marks)
        else value
        for value in values
    ]


# The stored rows are fetched by id first: the planner has no statistics of the temporary table, and
# would read the whole of a large table.
_MERGE = sql.SQL("""
WITH stored AS (
    SELECT * FROM {table} WHERE odoo_id = ANY(%(ids)s)
), compared AS (
    SELECT {incoming_columns},
           t.odoo_id IS NULL AS is_new,
           t.gone_at IS NOT NULL AS is_back,
           t.odoo_id IS NULL OR t.gone_at IS NOT NULL
               OR ({stored_content}) IS DISTINCT FROM ({incoming_content}) AS is_changed,
           t.write_date AS stored_stamp, t.stored_at AS stored_at, t.change_seq AS stored_seq
    FROM {incoming} i LEFT JOIN stored t USING (odoo_id)
), differing AS (
    SELECT * FROM compared
    WHERE (is_changed OR stored_stamp IS DISTINCT FROM write_date)
      AND (stored_stamp IS NULL OR stored_stamp <= write_date OR stored_at < %(since)s)
), merged AS (
    INSERT INTO {table} ({columns}, gone_at, change_seq, stored_at)
    SELECT {columns}, NULL,
           CASE WHEN is_changed
                THEN %(seq)s + row_number() OVER (PARTITION BY is_changed ORDER BY odoo_id)
                ELSE stored_seq END,
           clock_timestamp()
    FROM differing
    ON CONFLICT (odoo_id) DO UPDATE SET {assignments}
)
SELECT count(*) FILTER (WHERE is_new),
       count(*) FILTER (WHERE is_changed AND NOT is_new),
       count(*) FILTER (WHERE is_back),
       count(*) FILTER (WHERE is_changed)
FROM differing
""")


def _of(alias: str, names: Sequence[sql.Identifier]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{}.{}").format(sql.Identifier(alias), n) for n in names)


def _bulk_upsert(
    model: type[MirroredModel],
    columns: Sequence[str],
    rows: Sequence[Row],
    state: SyncState,
    since: datetime,
) -> Stored:
    stamp_at = columns.index("write_date")
    kept = ["gone_at", "change_seq", "stored_at"]
    before = {
        values[0]: values
        for values in model._default_manager.filter(pk__in=[row[0] for row in rows]).values_list(
            *columns, *kept
        )
    }
    stored, objects, now = Stored(), [], _now()
    created_at = columns.index("create_date")
    reused: list[int] = []
    for row in sorted(rows, key=lambda row: row[0]):
        old = before.get(row[0])
        if old is None:
            stored.created += 1
        else:
            gone_at, change_seq, stored_at = old[-3:]
            stamp, old_stamp = row[stamp_at], old[stamp_at]
            changed = gone_at is not None or any(
                new != value
                for index, (new, value) in enumerate(zip(row, old, strict=False))
                if index != stamp_at
            )
            too_old = old_stamp is not None and (stamp is None or stamp < old_stamp)
            if (not changed and stamp == old_stamp) or (too_old and stored_at >= since):
                stored.unchanged += 1
                continue
            stored.restored += gone_at is not None
            if changed:
                stored.updated += 1
            else:
                stored.unchanged += 1
        if old is not None and old[created_at] != row[created_at]:
            reused.append(row[0])
        if old is None or changed:
            state.change_seq += 1
            change_seq = state.change_seq
        objects.append(
            model(
                **dict(zip(columns, row, strict=True)),
                gone_at=None,
                change_seq=change_seq,
                stored_at=now,
            )
        )
    model._default_manager.bulk_create(
        objects,
        update_conflicts=True,
        unique_fields=["odoo_id"],
        update_fields=[
            *(_field(model, name).name for name in columns if name != "odoo_id"),
            *kept,
        ],
    )
    if reused and _has_maker(model):
        # See _KEEP_MAKER.
        made: Any = model._default_manager.filter(pk__in=reused)
        made.update(created_by=None)
    return stored


def mark_gone(model: type[MirroredModel], ids: Sequence[int], state: SyncState) -> int:
    """Mark the rows of ``ids`` gone, and return how many were present. Never deletes."""
    now = _now()
    rows = list(
        model._default_manager.filter(pk__in=list(ids), gone_at=None)
        .order_by("pk")
        .only("pk", "gone_at", "change_seq", "stored_at")
    )
    for row in rows:
        state.change_seq += 1
        row.gone_at = row.stored_at = now
        row.change_seq = state.change_seq
    model._default_manager.bulk_update(
        rows, ["gone_at", "change_seq", "stored_at"], batch_size=1000
    )
    return len(rows)


def _now() -> datetime:
    """The database's clock."""
    return SyncState.objects.values_list(Now(), flat=True)[0]


def _has_maker(model: type[MirroredModel]) -> bool:
    return any(field.name == "created_by" for field in model._meta.fields)


def _field(model: type[MirroredModel], name: str) -> "models.Field[Any, Any]":
    """The field behind an attribute: ``parent`` for ``parent_id``."""
    for field in model._meta.concrete_fields:
        if field.attname == name:
            return field
    raise LookupError(f"{model.__name__} has no column {name}")
