"""Records from Odoo into our table, page by page. What cannot be copied becomes an issue."""

from collections.abc import Sequence
from typing import TypeVar

from django.db import transaction

from odoo_bridge.models import SyncState
from odoo_bridge.odoo.calls import Record
from odoo_bridge.odoo.errors import BridgeError, FieldUnreadable, RecordRejected
from odoo_bridge.sync import issues, related, rereads
from odoo_bridge.sync.binding import Binding
from odoo_bridge.sync.faults import is_of_a_row
from odoo_bridge.sync.fetch import Page
from odoo_bridge.sync.references import UnknownReference
from odoo_bridge.sync.rereads import Queue
from odoo_bridge.sync.session import Session
from odoo_bridge.sync.store import Stored, refused_column, store
from odoo_bridge.sync.streams import Row

T = TypeVar("T")
Rejected = dict[int, BridgeError]


class Copier:
    """Reads ids and stores their records.

    ``queue``: the re-read queue as it was before the reading began; what is stored is removed from it.
    ``vanished``: ids that were requested, but do not exist in Odoo any more.
    """

    def __init__(
        self, session: Session, binding: Binding, queue: Queue, *, is_first_copy: bool = False
    ) -> None:
        self._session, self._binding, self._mapper = session, binding, binding.mapper
        self._is_first_copy = is_first_copy
        self.queue = queue
        self.vanished: set[int] = set()

    def copy(self, ids: Sequence[int]) -> None:
        if not len(ids):
            return
        session = self._session
        for page in session.fetcher.pages(session.stream.odoo_model, ids, self._mapper.fields):
            before = session.stopwatch.switch_to("storing")
            self._store(page)
            session.stopwatch.switch_to(before)
            session.check_cancelled()

    def _store(self, page: Page) -> None:
        mapped = [] if self._misses_a_column(page) else page.records
        records = {record["id"]: record for record in page.records}
        unread = {odoo_id: self._named(odoo_id, exc) for odoo_id, exc in page.failed.items()}
        rows, unmapped = self._map(mapped)
        with self._session.locked() as state:
            stored, unstorable = self._store_rows(rows, state)
            failed = {**unmapped, **unstorable, **unread}
            self._note_issues(records, failed)
            rereads.remove(self.queue, page.ids)
            self._note_related(rows)
            self._count(stored, len({*records, *failed}), len(failed))
        self.vanished |= set(page.ids) - set(records) - set(page.failed)
        self._session.report_progress()

    def _misses_a_column(self, page: Page) -> bool:
        """Whether Odoo failed to read a field that a column needs. Extra fields are left out instead.

        Of such a column we know no value: each record of the page becomes an issue that says so.
        """
        self._mapper.leave_out(page.left_out)
        lost = {name: why for name, why in page.left_out.items() if name in self._mapper.fields}
        for name, why in lost.items():
            error = FieldUnreadable(why, name)
            page.failed |= {record["id"]: error for record in page.records}
        return bool(lost)

    def _named(self, odoo_id: int, error: BridgeError) -> BridgeError:
        """``error`` with the names of its record and its column, if it is about one."""
        if not isinstance(error, FieldUnreadable):
            return error
        column = self._mapper.column_of(error.field)
        return RecordRejected(self._sentence(odoo_id, column, error), column)

    def _sentence(self, odoo_id: int, column: str, error: Exception) -> str:
        named = f"{self._session.stream.odoo_model} {odoo_id}"
        return self._mapper.sentence(named, column, error)

    # What a stored page brings with it ----------------------------------------------------------

    def _note_issues(self, records: dict[int, Record], failed: Rejected) -> None:
        stream = self._session.stream.name
        for odoo_id, error in failed.items():
            issues.note(stream, odoo_id, error, records.get(odoo_id, {}))
        issues.resolve(stream, set(records) - set(failed))

    def _note_related(self, rows: list[Row]) -> None:
        session, mapper = self._session, self._mapper
        related.note_unlisted(session, mapper, rows)
        if not self._is_first_copy:
            related.note_owners(session, mapper, rows)
        related.note_referencing_gone(session, mapper, rows)

    def _count(self, stored: Stored, read: int, failed: int) -> None:
        row = self._session.row
        row.read_count += read
        row.created_count += stored.created
        row.updated_count += stored.updated
        row.unchanged_count += stored.unchanged
        row.restored_count += stored.restored
        row.issue_count += failed
        self._session.save_progress()

    # Halving, until the record that fails stands alone ------------------------------------------

    def _map(self, records: Sequence[Record]) -> tuple[list[Row], Rejected]:
        try:
            return self._mapper.to_rows(records), {}
        except RecordRejected as exc:
            if isinstance(exc, UnknownReference) and not self._binding.has_fresh_references:
                self._binding.refresh_references()
                return self._map(records)
            if len(records) == 1:
                return [], {records[0]["id"]: exc}
        rows: list[Row] = []
        rejected: Rejected = {}
        for half in _halves(records):
            mapped, failed = self._map(half)
            rows += mapped
            rejected |= failed
        return rows, rejected

    def _store_rows(self, rows: list[Row], state: SyncState) -> tuple[Stored, Rejected]:
        """Store ``rows``; where the database refuses some of them, all but those."""
        before = state.change_seq
        columns, since = self._mapper.columns, self._session.started_at
        try:
            with transaction.atomic():
                return store(self._session.model, columns, rows, state, since), {}
        except Exception as exc:
            if not is_of_a_row(exc):
                raise  # the database is in trouble, not the row
            state.change_seq = before
            if len(rows) == 1:
                return Stored(), self._refused(rows[0], exc)
        stored = Stored()
        rejected: Rejected = {}
        for half in _halves(rows):
            part, failed = self._store_rows(half, state)
            stored.add(part)
            rejected |= failed
        return stored, rejected

    def _refused(self, row: Row, error: Exception) -> Rejected:
        columns, since = self._mapper.columns, self._session.started_at
        column = refused_column(self._session.model, columns, row, since)
        return {row[0]: RecordRejected(self._sentence(row[0], column, error), column)}


def _halves(items: Sequence[T]) -> tuple[list[T], list[T]]:
    middle = len(items) // 2
    return list(items[:middle]), list(items[middle:])
