"""The demo Odoo's tables, its clock, and transactions that nobody sees before they commit."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]  # never changed in place: a new value is a new dict
# The rows of each model by id, and the last id that each model has drawn.
Backup = tuple[dict[str, dict[int, Row]], dict[str, int]]
Links = dict[Any, dict[int, None]]  # the ids that hold a value, in the order they took it


class ConcurrentUpdate(RuntimeError):
    """Another transaction committed a row that this one also changed."""


class Clock:
    """The server's clock. It follows real time until told otherwise."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        if self._frozen is not None:
            return self._frozen
        return datetime.now(UTC) + self._offset

    def set(self, moment: datetime) -> None:
        """Show ``moment`` now. A running clock goes on from there, a frozen one stays on it."""
        if self._frozen is not None:
            self._frozen = moment.astimezone(UTC)
        else:
            self._offset = moment.astimezone(UTC) - datetime.now(UTC)

    def step(self, duration: timedelta) -> None:
        self.set(self.now() + duration)

    def freeze(self, moment: datetime | None = None) -> None:
        self._frozen = (moment or self.now()).astimezone(UTC)


def _key(value: Any) -> Any:
    """The value as an index key: a row made wrong on purpose may hold anything."""
    return value if isinstance(value, int | str) else repr(value)


class Table:
    """Rows by id, and for each indexed field the ids that hold a value."""

    def __init__(self, indexed: tuple[str, ...]) -> None:
        self.rows: dict[int, Row] = {}
        self.links: dict[str, Links] = {name: {} for name in indexed}

    def put(self, record_id: int, row: Row) -> None:
        old = self.rows.get(record_id)
        for name, links in self.links.items():
            value = row[name]
            if old is not None:
                if old[name] == value:
                    continue
                self._unlink(links, old[name], record_id)
            links.setdefault(_key(value), {})[record_id] = None
        self.rows[record_id] = row

    def drop(self, record_id: int) -> None:
        row = self.rows.pop(record_id)
        for name, links in self.links.items():
            self._unlink(links, row[name], record_id)

    @staticmethod
    def _unlink(links: Links, value: Any, record_id: int) -> None:
        holders = links[_key(value)]
        del holders[record_id]
        if not holders:
            del links[_key(value)]


class Database:
    """Committed rows. ``lock`` is held for each call, so a call sees one state."""

    def __init__(self, clock: Clock, indexed: Mapping[str, tuple[str, ...]]) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.tables = {model: Table(names) for model, names in indexed.items()}
        self._last_ids = dict.fromkeys(indexed, 0)

    def add_table(self, model: str) -> None:
        self.tables[model] = Table(())
        self._last_ids[model] = 0

    def next_id(self, model: str, wanted: int | None = None) -> int:
        """Draw an id. Like PostgreSQL's sequences, a rollback does not give it back."""
        with self.lock:
            drawn = wanted or self._last_ids[model] + 1
            self._last_ids[model] = max(drawn, self._last_ids[model])
            return drawn

    def backup(self) -> Backup:
        with self.lock:
            rows = {model: dict(table.rows) for model, table in self.tables.items()}
            return rows, dict(self._last_ids)

    def restore(self, backup: Backup) -> None:
        rows, last_ids = backup
        with self.lock:
            for model, table in self.tables.items():
                for record_id in list(table.rows):
                    table.drop(record_id)
                for record_id, row in rows[model].items():
                    table.put(record_id, row)
            self._last_ids = dict(last_ids)


class Transaction:
    """Changes kept apart until ``commit``. All its stamps are the moment it started."""

    def __init__(self, database: Database, stamp: datetime | None = None) -> None:
        self.database = database
        self.stamp = stamp or database.clock.now()
        self._written: dict[str, Table] = {}
        self._dropped: dict[str, set[int]] = {}
        self._origins: dict[tuple[str, int], Row | None] = {}

    def get(self, model: str, record_id: int) -> Row | None:
        if model in self._written:
            if record_id in self._written[model].rows:
                return self._written[model].rows[record_id]
            if record_id in self._dropped[model]:
                return None
        return self.database.tables[model].rows.get(record_id)

    def row(self, model: str, record_id: int) -> Row:
        """Return a row that is known to exist."""
        row = self.get(model, record_id)
        if row is None:
            raise KeyError(f"{model} {record_id}")
        return row

    def rows(self, model: str) -> dict[int, Row]:
        """Return all rows this transaction sees. The caller must not change the dict."""
        committed = self.database.tables[model].rows
        if model not in self._written:
            return committed
        dropped = self._dropped[model]
        seen = {key: row for key, row in committed.items() if key not in dropped}
        seen.update(self._written[model].rows)
        return seen

    def linked(self, model: str, field: str, value: Any) -> list[int]:
        """Return the ids whose ``field`` is ``value``, in the order they took that value."""
        table = self.database.tables[model]
        if field not in table.links:
            return [key for key, row in self.rows(model).items() if row[field] == value]
        committed = table.links[field].get(value, ())
        if model not in self._written:
            return list(committed)
        written, dropped = self._written[model], self._dropped[model]
        answer = [key for key in committed if key not in dropped and key not in written.rows]
        return [*answer, *written.links[field].get(value, ())]

    def newest_linked(self, model: str, field: str, value: Any) -> int | None:
        """Return the id that took ``value`` last, without listing them all."""
        candidates: list[Iterator[int]] = []
        if model in self._written:
            candidates.append(reversed(self._written[model].links[field].get(value, {})))
        candidates.append(reversed(self.database.tables[model].links[field].get(value, {})))
        for ids in candidates:
            for record_id in ids:
                row = self.get(model, record_id)
                if row is not None and row[field] == value:
                    return record_id
        return None

    def put(self, model: str, record_id: int, row: Row) -> None:
        self._remember(model, record_id)
        self._dropped[model].discard(record_id)
        self._written[model].put(record_id, row)

    def drop(self, model: str, record_id: int) -> None:
        self._remember(model, record_id)
        if record_id in self._written[model].rows:
            self._written[model].drop(record_id)
        self._dropped[model].add(record_id)

    def _remember(self, model: str, record_id: int) -> None:
        table = self.database.tables[model]
        if model not in self._written:
            self._written[model] = Table(tuple(table.links))
            self._dropped[model] = set()
        self._origins.setdefault((model, record_id), table.rows.get(record_id))

    def rollback(self) -> None:
        """Forget the changes made so far."""
        self._written.clear()
        self._dropped.clear()
        self._origins.clear()

    def commit(self) -> None:
        """Show the changes to everyone, or raise ConcurrentUpdate and show none."""
        tables = self.database.tables
        with self.database.lock:
            for (model, record_id), origin in self._origins.items():
                if tables[model].rows.get(record_id) is not origin:
                    raise ConcurrentUpdate(f"{model} {record_id} was changed meanwhile")
            for model, written in self._written.items():
                for record_id in self._dropped[model]:
                    if record_id in tables[model].rows:
                        tables[model].drop(record_id)
                for record_id, row in written.rows.items():
                    tables[model].put(record_id, row)
