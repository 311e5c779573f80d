"""A page into its table: created, updated, unchanged.

Always inside the transaction that locked the stream's state row, so a stream has one writer at a
time and its ``change_seq`` follow the order of its commits.

Rows are compared before they are written: an unchanged row is not touched, a row whose stamp
alone moved keeps its ``change_seq``. A row is not replaced by one with an older stamp if it was
stored after the run began (``since``): then the older one is a page on its way while a ``records``
run was faster. Otherwise the older stamp is the truth: Odoo's clock was set back.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.db.models.functions import Now
from psycopg import sql

from odoo_bridge.models import MirroredModel, SyncState

Row = Sequence[Any]
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
    table = sql.Identifier(model._meta.db_table)
    incoming = sql.Identifier("incoming_" + model._meta.db_table)
    names = [sql.Identifier(_field(model, name).attname) for name in columns]
    content = [
        sql.Identifier(_field(model, name).attname)
        for name in columns
        if name not in ("odoo_id", "write_date")
    ]
    parts = {
        "table": table,
        "incoming": incoming,
        "columns": sql.SQL(", ").join(names),
        "incoming_columns": _of("i", names),
        "stored_content": _of("t", content),
        "incoming_content": _of("i", content),
        "assignments": sql.SQL(", ").join(
            sql.SQL("{0} = EXCLUDED.{0}").format(name)
            for name in [
                *names[1:],
                *map(sql.Identifier, ("gone_at", "change_seq", "stored_at")),
            ]
        ),
    }
    # copy() is psycopg's own: its errors become Django's here, like those of execute().
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "CREATE TEMP TABLE IF NOT EXISTS {incoming} ON COMMIT DELETE ROWS AS "
                "SELECT {columns} FROM {table} WITH NO DATA"
            ).format(**parts)
        )
        cursor.execute(sql.SQL("TRUNCATE {incoming}").format(**parts))
        json_at = _json_positions(model, columns)
        statement = sql.SQL("COPY {incoming} ({columns}) FROM STDIN").format(**parts)
        with cursor.copy(statement) as copy:
            for row in rows:
                values = list(row)
                for index in json_at:
                    # Most are empty: their text is known, and each adapter would cost a row dear.
                    value = values[index]
                    values[index] = json.dumps(value) if value else _EMPTY_JSON[type(value)]
                copy.write_row(values)
        cursor.execute(
            _MERGE.format(**parts),
            {"ids": [row[0] for row in rows], "seq": state.change_seq, "since": since},
        )
        created, updated, restored, changed = cursor.fetchone()
    state.change_seq += changed
    return Stored(created, updated, len(rows) - created - updated, restored)


# The rows in question are fetched by id first: the planner knows nothing of the temporary table,
# and would read the whole of a large one.
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
    return stored


def mark_gone(model: type[MirroredModel], ids: Sequence[int], state: SyncState) -> int:
    """Mark the rows of ``ids`` gone and return how many were not yet. Never deletes."""
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


def _field(model: type[MirroredModel], name: str) -> "models.Field[Any, Any]":
    """The field behind an attribute: ``parent`` for ``parent_id``."""
    for field in model._meta.concrete_fields:
        if field.attname == name:
            return field
    raise LookupError(f"{model.__name__} has no column {name}")


def _json_positions(model: type[MirroredModel], columns: Sequence[str]) -> list[int]:
    return [
        index
        for index, name in enumerate(columns)
        if _field(model, name).get_internal_type() == "JSONField"
    ]
