"""One run under way: the order of its effects.

Lease, Odoo's clock, inventory, plan, fetch and store, mark gone, move the watermark.
"""

import logging
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from odoo_bridge.models import MirroredModel, MirroredQuerySet, SyncRun, SyncState
from odoo_bridge.odoo.calls import Record
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import BridgeError, FieldUnreadable, OdooTimeout, RecordRejected
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.sync import (
    backfill,
    gone,
    identity,
    issues,
    references,
    rereads,
    slices,
    stopping,
    undone,
)
from odoo_bridge.sync.faults import is_of_a_row
from odoo_bridge.sync.fetch import Fetcher, Page, read_page
from odoo_bridge.sync.lease import Lease, locked_state, note_life
from odoo_bridge.sync.plan import (
    Plan,
    Scope,
    Situation,
    Stamp,
    choose,
    compare,
    totals_agree,
    union,
)
from odoo_bridge.sync.references import References, UnknownReference
from odoo_bridge.sync.store import Stored, mark_gone, refused_column, store
from odoo_bridge.sync.streams import Row, Stream, all_streams
from odoo_bridge.sync.unstamped import Unstamped

logger = logging.getLogger(__name__)

T = TypeVar("T")
Progress = Callable[[SyncRun], None]
Kind, Phase = SyncRun.Kind, SyncRun.Phase
_IDS_PER_QUERY = 10_000
# Where a row has the id of a reference, and where its code.
_CODES = {
    "res.country": ("country_id", "country_code"),
    "res.currency": ("currency_id", "currency_code"),
}
# What a run writes of itself while it runs. Not the whole row: a request to cancel may arrive.
_PROGRESS = (
    "inventoried_count",
    "planned_count",
    "read_count",
    "created_count",
    "updated_count",
    "unchanged_count",
    "gone_count",
    "restored_count",
    "issue_count",
    "odoo_calls",
    "odoo_seconds",
    "watermark_before",
    "watermark_after",
    "phase",
    "phase_seconds",
    "left_out_fields",
)


class Cancelled(BridgeError):
    """A person asked the run to stop."""

    code = "cancelled"


class _Watch:
    """Where a run's time goes: seconds by name, kept in the run's own dict."""

    def __init__(self, row: SyncRun) -> None:
        self._row, self._name, self._since = row, "", time.monotonic()

    def turn(self, name: str) -> str:
        """Charge the time since the last turn to what was going on, and return what that was."""
        before, now = self._name, time.monotonic()
        if before:
            seconds = self._row.phase_seconds
            seconds[before] = round(seconds.get(before, 0) + now - self._since, 3)
        self._name, self._since = name, now
        return before


class Execution:
    """A run's row, its lease, its connections to Odoo, and its steps."""

    def __init__(
        self,
        stream: Stream,
        row: SyncRun,
        progress: Progress | None,
        give_up_at: float | None = None,
    ) -> None:
        self._give_up_at = give_up_at
        self.stream, self.row, self._progress = stream, row, progress
        self.model: type[MirroredModel] = stream.model
        self._lease: Lease | None = None
        self._vanished: set[int] = set()
        # Streams with rows to read again for what this run found.
        self._to_follow: set[str] = set()
        self._watch = _Watch(row)
        self._refreshed = False
        self._reads_all = self._is_first_copy = False
        # What a look for changes counted before it began, and what Odoo has.
        self._rows_before: int | None = None
        self._odoo_row_count = 0
        # Odoo has older versions of what is here.
        self.went_back = False
        # Rows stored from here on may be newer than a page that is on its way.
        self._since: Any = row.started_at
        self.gateway: Gateway

    # The two shapes of a run -------------------------------------------------------------------

    def window(self) -> None:
        """changes, reconcile, full: under the lease, from an inventory to a new watermark."""
        self._lease = Lease.take(self.stream.name, self.row)
        with self._connected():
            self._enter(Phase.INVENTORY)
            self._check_identity()
            if self.row.kind != Kind.CHANGES:
                self.gateway.forget_fields(self.stream.odoo_model)
            state = SyncState.objects.get(stream=self.stream.name)
            self.row.watermark_before = state.watermark
            # Before the inventory, on Odoo's clock: what is written from here on is for next time.
            odoo_now = self.fetcher.ask(self.gateway.server_time)
            self._look_back(state.watermark, odoo_now)
            self._bind()
            # Of the whole bridge, not of a stream: the first asks for all.
            asks_for_key = self.row.kind != Kind.CHANGES and self.stream is _first_stream()
            if asks_for_key:
                key_expires_at = self.fetcher.ask(self.gateway.key_expires_at)
            try:
                plan = self._plan(state, odoo_now)
                self._copy_all(plan)
            finally:
                self._build_indexes(self._lease)
            # Before the transaction: of a large table it takes a while.
            row_count = self._row_count()
            with self._lease.held() as state:
                if state.watermark is None or odoo_now > state.watermark:
                    state.watermark = odoo_now
                self.row.watermark_after = state.watermark
                if self._reads_all:
                    state.copied_fields = self._mapper.copies
                # Once Odoo can read them again, they are new to every row.
                lost = self._mapper.left_out
                state.copied_fields = [name for name in state.copied_fields if name not in lost]
                state.row_count, state.odoo_row_count = row_count, self._odoo_row_count
                state.odoo_version = self.gateway.version().text
                if asks_for_key:
                    state.key_expires_at = key_expires_at
                self._save_row()
                gone.settle(self.row)

    def records(self) -> None:
        """The ids that were asked for; what Odoo does not show of them is gone."""
        ids = union(self.row.requested_ids)
        with self._connected():
            self._enter(Phase.INVENTORY)
            self._check_identity()
            self._bind()
            domain = self._domain
            visible = self._visible(ids, domain)
            self.row.inventoried_count = len(visible)
            self._settle_references()
            missing = sorted(set(ids) - set(visible))
            self._copy_all(Plan(visible, array("q", missing), len(visible)))
            rereads.strike_off(self._rereads, missing, self._between)
            gone.settle(self.row)

    def to_follow(self) -> Iterator[tuple[str, list[int]]]:
        """What to read again for what this run found: what points to rows that went, and lines their
        invoice no longer lists. By stream, the ids."""
        for name in sorted(self._to_follow):
            ids = sorted(rereads.noted(name))
            if ids:
                yield name, ids

    def release(self) -> None:
        if self._lease is not None:
            try:
                self._lease.release()
            except DatabaseError:
                logger.warning("%s: the lease was not released; it will run out", self.row)

    # Steps ----------------------------------------------------------------------------------------

    def _connected(self) -> AbstractContextManager[Fetcher]:
        self.gateway = connect() if self._give_up_at is None else self._connect_in_time()
        self._usage_before = self.gateway.usage()
        self.fetcher = Fetcher(self.gateway, self._attend, self._heed_stop)
        return self.fetcher

    def _connect_in_time(self) -> Gateway:
        thread = ThreadPoolExecutor(1, thread_name_prefix="odoo-connect")
        try:
            left = (self._give_up_at or 0) - time.monotonic()
            return thread.submit(connect).result(max(0, left))
        except FutureTimeout:
            self._heed_patience()
            raise
        finally:
            thread.shutdown(wait=False)

    def _attend(self) -> None:
        if self._lease is not None:
            self._lease.extend()
        else:
            note_life(self.row)
        self._heed_cancel()

    def _between(self) -> None:
        """Between two slices of our own rows. Each is short; together they outlast a lease."""
        self.fetcher.keep_alive()

    def _heed_stop(self) -> None:
        """Stop if the program was told to. Anywhere between two transactions: what was found out
        about other rows is noted."""
        if stopping.is_told():
            raise stopping.Stopped(
                f"Its program was told to stop, after {self.row.read_count} of "
                f"{self.row.planned_count} records."
            )
        self._heed_patience()

    def _heed_patience(self) -> None:
        """Whoever waits has waited long enough. A call under way ends by itself, unheard."""
        if self._give_up_at is not None and time.monotonic() >= self._give_up_at:
            raise OdooTimeout("Odoo did not answer while somebody waited for it.")

    def _heed_cancel(self) -> None:
        """Stop if a person asked for it. Not while rows are marked gone: what points to them is
        read again in the same run, and that is short."""
        if self.row.phase == Phase.GONE:
            return
        asked = SyncRun.objects.filter(pk=self.row.pk, cancel_requested_at__isnull=False)
        if asked.exists():
            by = asked.select_related("cancelled_by").get().cancelled_by
            raise Cancelled(
                f"Cancelled by {by or 'nobody known'} after "
                f"{self.row.read_count} of {self.row.planned_count} records."
            )

    def _enter(self, phase: SyncRun.Phase) -> None:
        self._watch.turn(phase)
        self._heed_cancel()
        self.row.phase = phase
        self._save_row()

    def _check_identity(self) -> None:
        """Before anything is stored, references included: is this the Odoo that we copy?"""
        thorough = self.row.kind in (Kind.RECONCILE, Kind.FULL)
        self._note_of_odoo(identity.check(self.gateway, self.fetcher.ask, thorough=thorough))

    def _look_back(self, watermark: datetime | None, odoo_now: datetime) -> None:
        """Look whether Odoo undid what is copied here: then every stamp is compared."""
        if watermark is None:
            return
        known = issues.open_ids(self.stream.name)
        back = undone.find(self.gateway, self.stream, self.fetcher.ask, known)
        if back is None:
            return
        if back.reused:
            identity.check_rows(self.gateway, self.fetcher.ask)
        self.went_back = True
        clock = "Its clock was set back" if odoo_now < watermark else "A backup was restored there"
        self._note_of_odoo(f"{back} {clock}: every stamp is compared.")

    def _note_of_odoo(self, note: str) -> None:
        """Keep on the run what it noticed about Odoo."""
        if note:
            logger.warning("%s: %s", self.row, note)
            self.row.note = f"{self.row.note} {note}".strip()
            self.row.save(update_fields=["note"])

    def _bind(self) -> None:
        """Fit the mapping to what this Odoo has and our user may read."""
        self._rereads = rereads.noted(self.stream.name, self._between)
        self._references = References()
        self._coming: Future[references.Found] | None = None
        if self.row.kind in (Kind.RECONCILE, Kind.FULL):
            # On a connection of its own while the inventory is taken on another.
            self._coming = self.fetcher.begin(references.read, self.gateway, self.stream.references)
        available = self.fetcher.ask(self.gateway.fields, self.stream.odoo_model)
        self._mapper = self.stream.bind(available, self._references)
        self._domain = self.stream.domain(available)
        self._leave_out_again()

    def _leave_out_again(self) -> None:
        """Do without the extra fields that Odoo failed to read in the last run; a comparison of
        everything asks whether it can by now, and if so reads them for every row."""
        state = SyncState.objects.filter(stream=self.stream.name).first()
        broken = {
            name: why
            for name, why in (state.left_out_fields if state else {}).items()
            if name in self._mapper.extra_fields
        }
        if broken and self.row.kind in (Kind.RECONCILE, Kind.FULL):
            model = self.stream.odoo_model
            some = self.fetcher.ask(self.gateway.search, model, self._domain, 1)
            page = self.fetcher.ask(read_page, self.gateway, model, some, list(broken))
            still = {*page.left_out} | {
                exc.field for exc in page.failed.values() if isinstance(exc, FieldUnreadable)
            }
            broken = {name: why for name, why in broken.items() if name in still}
        self._mapper.leave_out(broken)

    def _report_left_out(self) -> None:
        """Keep in the run and the stream which extra fields are not copied, and why."""
        left_out = {**self._mapper.refused, **self._mapper.left_out}
        self.row.left_out_fields = left_out
        state, _made = SyncState.objects.get_or_create(stream=self.stream.name)
        if state.left_out_fields == left_out:
            return
        SyncState.objects.filter(pk=state.pk).update(left_out_fields=left_out)
        for name, why in left_out.items():
            logger.warning("%s: %s is left out: it %s", self.stream.name, name, why)

    def _settle_references(self) -> None:
        """Keep the names of ids that ``_bind`` asked for, and say what we may not read."""
        state, _made = SyncState.objects.get_or_create(stream=self.stream.name)
        if self._coming is None:
            # References are looked at by reconcile and full; what they found stands until then.
            unreadable = set(self.stream.references).intersection(state.unavailable_fields)
        else:
            unreadable = self._keep_references(self.fetcher.answer(self._coming))
        unavailable = sorted({*self._mapper.unavailable, *unreadable})
        if state.unavailable_fields != unavailable:
            SyncState.objects.filter(pk=state.pk).update(unavailable_fields=unavailable)
            if unavailable:
                logger.warning(
                    "%s: left empty, not there or not ours to read in %s: %s",
                    self.stream.name,
                    self.stream.odoo_model,
                    ", ".join(unavailable),
                )

    def _keep_references(self, found: references.Found) -> set[str]:
        references.save(found, self._since)
        self._references.load()
        self._refreshed = True
        return {kind for kind, records in found.items() if records is None}

    def _plan(self, state: SyncState, odoo_now: datetime) -> Plan:
        model, domain, gateway = self.stream.odoo_model, self._domain, self.gateway
        known = issues.open_ids(self.stream.name)
        plan, totals, astray, digests = Plan(), None, set[int](), None
        choice = choose(
            Situation(
                kind=self.row.kind,
                odoo_now=odoo_now,
                watermark=state.watermark,
                overlap=settings.ODOO_OVERLAP,
                has_rows=self._present().exists(),
                copy_began_at=None if state.watermark else self._copy_began_at(odoo_now),
                odoo_went_back=self.went_back,
                fields_then=state.copied_fields,
                fields_now=self._mapper.copies,
            )
        )
        since = choice.since
        self._reads_all = choice.scope is Scope.ALL
        if self._reads_all:
            theirs = self.fetcher.ask(gateway.search, model, domain)
            swept = compare(((i, "") for i in theirs), self._our_ids())
            plan = Plan(theirs, swept.absent, len(theirs))
        elif choice.scope is Scope.FIRST_COPY:
            self._is_first_copy = True
            self._begin_copy()
            # Nothing to compare stamps with: ids alone cost Odoo a fifth.
            theirs = self.fetcher.ask(gateway.search, model, domain)
            plan = Plan(theirs, array("q"), len(theirs))
            self._make_way(len(theirs))
        elif choice.scope is Scope.DIFFERENT:
            digests = Unstamped(
                self.stream, self._mapper, domain, self._present(), gateway, self.fetcher
            )
            plan = compare(self._their_stamps(), self._our_stamps(), since)
            astray = self._pointing_to_nothing()
        else:
            # One operator, whole seconds: >= is the only one that means the same on every version.
            changed = self.fetcher.ask(
                gateway.search,
                model,
                [*domain, ("write_date", ">=", since)],
            )
            totals = self.fetcher.ask(gateway.totals, model, domain)
            ours = slices.totals(self._present(), self._between)
            self._rows_before = ours[0]
            expected = {*changed, *known} - self._here({*changed, *known})
            plan = Plan(changed, array("q"), len(changed))
            if not totals_agree(totals, ours, expected):
                # A delete, a late commit, a row that came back: the ids alone tell which.
                theirs = self.fetcher.ask(gateway.search, model, domain)
                swept = compare(((i, "") for i in theirs), self._our_ids())
                plan = Plan(union(changed, swept.read), swept.absent, len(theirs))
        self._odoo_row_count = plan.inventoried if totals is None else totals.rows
        self._settle_references()
        extra = [*known, *astray, *self._rereads, *self._with_another_code()]
        if extra:
            plan.read = union(plan.read, extra)
        if digests is not None and (drifted := digests.different(union(plan.read, plan.absent))):
            plan.read = union(plan.read, drifted)
        return plan

    def _begin_copy(self) -> None:
        """Remember with which fields it begins: if it is killed, the next run goes on with the same
        ones, or begins anew."""
        with self._locked() as state:
            state.copied_fields = self._mapper.copies

    def _copy_began_at(self, odoo_now: datetime) -> datetime:
        """When the first of our rows was stored, on Odoo's clock."""
        first = slices.first_stored_at(self._present(), self._between)
        if first is None:
            return odoo_now
        return odoo_now - (SyncState.objects.values_list(Now(), flat=True)[0] - first)

    def _make_way(self, rows: int) -> None:
        if (
            self._lease
            and rows >= backfill.WORTH_IT_ROWS
            and not self.model._default_manager.exists()
        ):
            backfill.set_aside(self.model, self._lease)

    def _build_indexes(self, lease: Lease) -> None:
        """Build what a first copy, this or one that was killed, did without."""
        if backfill.is_due(self.stream.name):
            self._watch.turn(Phase.INDEXES)
            self.row.phase = Phase.INDEXES
            self._save_row()
            backfill.restore(self.model, lease)
        self._watch.turn("")

    def _copy_all(self, plan: Plan) -> None:
        """Fetch and store what is planned, then decide what is gone."""
        self.row.inventoried_count = plan.inventoried
        self.row.planned_count = len(plan.read)
        self._enter(Phase.READING)
        self._copy(plan.read)
        self._enter(Phase.GONE)
        absent = set(plan.absent) | self._here(self._vanished)
        if absent:
            # Not in the inventory may also mean new, or just unarchived: ask by id once more.
            visible = self._visible(sorted(absent), self._domain)
            self._copy(visible)
            self._mark_gone(sorted(absent - set(visible)))
        issues.resolve(self.stream.name, self._vanished)
        self._report_left_out()

    def _copy(self, ids: Sequence[int]) -> None:
        if not len(ids):
            return
        for page in self.fetcher.pages(self.stream.odoo_model, ids, self._mapper.fields):
            before = self._watch.turn("storing")
            self._store(page)
            self._watch.turn(before)
            self._heed_cancel()

    def _store(self, page: Page) -> None:
        self._mapper.leave_out(page.left_out)
        # Of a column that cannot be read we know no value: each record is an issue that says so.
        lost = {name: why for name, why in page.left_out.items() if name in self._mapper.fields}
        for name, why in lost.items():
            lost_one = FieldUnreadable(why, name)
            page.failed |= {record["id"]: lost_one for record in page.records}
        rows, rejected = self._map([] if lost else page.records)
        with self._locked() as state:
            stored, unstorable = self._store_rows(rows, state)
            rejected |= unstorable
            records = {record["id"]: record for record in page.records}
            unread = {odoo_id: self._named(odoo_id, exc) for odoo_id, exc in page.failed.items()}
            failed = {**rejected, **unread}
            for odoo_id, error in failed.items():
                issues.note(self.stream.name, odoo_id, error, records.get(odoo_id, {}))
            issues.resolve(self.stream.name, set(records) - set(failed))
            rereads.strike_off(self._rereads, page.ids)
            self._note_orphans(rows)
            self._note_owners(rows)
            self._note_pointers_to_gone(rows)
            row = self.row
            row.read_count += len({*records, *failed})
            row.created_count += stored.created
            row.updated_count += stored.updated
            row.unchanged_count += stored.unchanged
            row.restored_count += stored.restored
            row.issue_count += len(failed)
            self._save_row()
        self._vanished |= set(page.ids) - set(records) - set(page.failed)
        if self._progress:
            self._progress(self.row)

    def _named(self, odoo_id: int, error: BridgeError) -> BridgeError:
        if not isinstance(error, FieldUnreadable):
            return error
        column = self._mapper.column_of(error.field)
        named = f"{self.stream.odoo_model} {odoo_id}"
        return RecordRejected(self._mapper.sentence(named, column, error), column)

    def _map(self, records: Sequence[Record]) -> tuple[list[Row], dict[int, BridgeError]]:
        try:
            return self._mapper.to_rows(records), {}
        except RecordRejected as exc:
            if isinstance(exc, UnknownReference) and not self._refreshed:
                # A currency or country made since the last look.
                self._keep_references(
                    self.fetcher.ask(references.read, self.gateway, self.stream.references)
                )
                return self._map(records)
            if len(records) == 1:
                return [], {records[0]["id"]: exc}
        # One of them is to blame, and will stand alone.
        rows: list[Row] = []
        rejected: dict[int, BridgeError] = {}
        for half in _halves(records):
            mapped, failed = self._map(half)
            rows += mapped
            rejected |= failed
        return rows, rejected

    def _store_rows(
        self, rows: list[Row], state: SyncState
    ) -> tuple[Stored, dict[int, BridgeError]]:
        """Store ``rows``; where the database takes one of them not, all but that one."""
        before = state.change_seq
        try:
            with transaction.atomic():
                stored = store(self.model, self._mapper.columns, rows, state, self._since)
            return stored, {}
        except Exception as exc:
            if not is_of_a_row(exc):
                raise  # the database is in trouble, not the row
            state.change_seq = before
            if len(rows) == 1:
                odoo_id = rows[0][0]
                column = refused_column(self.model, self._mapper.columns, rows[0], self._since)
                named = f"{self.stream.odoo_model} {odoo_id}"
                sentence = self._mapper.sentence(named, column, exc)
                return Stored(), {odoo_id: RecordRejected(sentence, column)}
        stored = Stored()
        rejected: dict[int, BridgeError] = {}
        for half in _halves(rows):
            part, failed = self._store_rows(half, state)
            stored.add(part)
            rejected |= failed
        return stored, rejected

    def _mark_gone(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        present, _ids = slices.totals(self._present(), self._between)
        here = sorted(self._here(set(ids)))
        with self._locked() as state:
            sure, review = gone.judge(self.row, here, present)
            parts = list(_parts(sure))
            # In one transaction with the judgement, unless they are more than a lease can wait for.
            self._mark_part(parts[:1], state)
        for part in parts[1:]:
            with self._locked() as state:
                self._mark_part([part], state)
        if self.stream.name in self._to_follow:
            self._to_follow.discard(self.stream.name)
            self._rereads = rereads.noted(self.stream.name, self._between)
            again = self._visible(sorted(self._rereads), self._domain)
            rereads.strike_off(self._rereads, set(self._rereads) - set(again), self._between)
            self._copy(again)
        if review:
            SyncRun.objects.filter(pk=self.row.pk).update(gone_review=review)
            raise gone.question(review)

    def _mark_part(self, parts: list[list[int]], state: SyncState) -> None:
        for part in parts:
            self.row.gone_count += mark_gone(self.model, part, state)
            self._save_row()
            self._note_pointers(part)
            self._note_owners_of_gone(part)

    def _note_pointers(self, ids: Sequence[int]) -> None:
        """Have the rows read again that point to ``ids``, which went: Odoo merges contacts in SQL,
        and what pointed to them keeps its stamp."""
        for other in all_streams().values():
            columns = other.points_to.get(self.stream.name)
            if not columns or not ids:
                continue
            # A page of theirs is stored before this, and seen here, or after it, and sees who went.
            # Locks are taken in the order of the streams.
            SyncState.objects.select_for_update().get_or_create(stream=other.name)
            pointing = _pointing(other, columns, ids)
            if other.name == self.stream.name:
                pointing -= set(ids)
            self._note(other.name, pointing)

    def _note_pointers_to_gone(self, rows: list[Row]) -> None:
        """Have those of ``rows`` read again that point to what went while they were on their way."""
        for name, columns in self.stream.points_to.items():
            marked = Q(finished_at=None) | Q(finished_at__gte=self._since)
            if not SyncRun.objects.filter(marked, stream=name, gone_count__gt=0).exists():
                continue
            places = [self._mapper.columns.index(column) for column in columns]
            named = {row[at] for row in rows for at in places if row[at] is not None}
            targets = all_streams()[name].model._default_manager
            went = set(
                targets.filter(pk__in=named, gone_at__gte=self._since).values_list("pk", flat=True)
            )
            if went:
                self._note(
                    self.stream.name,
                    {row[0] for row in rows if any(row[at] in went for at in places)},
                )

    def _note_orphans(self, rows: list[Row]) -> None:
        """Have the rows of another stream read again that their owner, just read, does not list."""
        for name, (listed, owner) in self.stream.owns.items():
            other = all_streams()[name].model._default_manager
            if not other.exists():
                continue
            at = self._mapper.columns.index(listed)
            lists = {row[0]: set(row[at]) for row in rows}
            owned = other.filter(**{f"{owner}__in": list(lists), "gone_at": None})
            self._note(
                name,
                {
                    pk
                    for pk, owner_id in owned.values_list("pk", owner)
                    if pk not in lists[owner_id]
                },
            )

    def _note_owners(self, rows: list[Row]) -> None:
        """Have the rows of another stream read again that do not list one of ``rows``, which is
        theirs: a note that is added to an invoice of Odoo 14 or 15 leaves no stamp on it."""
        # What follows from an owner that was just read must not send it round again.
        if self._is_first_copy or self.row.trigger == SyncRun.Trigger.HINT:
            return
        for other, listed, owner in self._owners():
            at = self._mapper.columns.index(owner)
            lists = self._lists(other, listed, {row[at] for row in rows})
            missing = {row[at] for row in rows if row[0] not in lists.get(row[at], {row[0]})}
            self._note(other.name, missing)

    def _note_owners_of_gone(self, ids: Sequence[int]) -> None:
        """Have the rows of another stream read again that still list one of ``ids``, which went."""
        for other, listed, owner in self._owners():
            for part in _parts(ids):
                rows = self.model._default_manager.filter(pk__in=part).exclude(**{owner: None})
                of = dict(rows.values_list("pk", owner))
                lists = self._lists(other, listed, set(of.values()))
                self._note(other.name, {of[pk] for pk in of if pk in lists.get(of[pk], ())})

    def _owners(self) -> Iterator[tuple[Stream, str, str]]:
        """The streams that list the rows of this one: in which column, and by which of ours."""
        for other in all_streams().values():
            if self.stream.name in other.owns:
                yield other, *other.owns[self.stream.name]

    @staticmethod
    def _lists(other: Stream, listed: str, ids: set[Any]) -> dict[int, set[int]]:
        rows = other.model.objects.present().filter(pk__in=ids - {None}).order_by()
        return {pk: set(held) for pk, held in rows.values_list("pk", listed)}

    def _note(self, stream: str, ids: set[int]) -> None:
        if ids:
            rereads.note(stream, ids)
            self._to_follow.add(stream)

    # Looking ------------------------------------------------------------------------------------

    def _present(self) -> MirroredQuerySet:
        return self.model.objects.present()

    def _row_count(self) -> int:
        row = self.row
        if self._rows_before is None or row.created_count + row.restored_count + row.gone_count:
            return slices.totals(self._present(), self._between)[0]
        # Nothing came and nothing went: no need to count a large table once more.
        return self._rows_before

    def _our_stamps(self) -> Iterator[Stamp]:
        return slices.stamps(self._present(), self._between)

    def _our_ids(self) -> Iterator[Stamp]:
        return ((pk, "") for pk in slices.ids(self._present(), self._between))

    def _their_stamps(self) -> Iterator[Stamp]:
        pages = self.gateway.stamps(self.stream.odoo_model, self._domain)
        for page in self.fetcher.each(pages):
            self._attend()
            yield from zip(page.ids, page.write_dates, strict=True)

    def _here(self, ids: set[int]) -> set[int]:
        """Those of ``ids`` that are present in the mirror."""
        found: set[int] = set()
        for part in _parts(sorted(ids)):
            found.update(self._present().filter(pk__in=part).values_list("pk", flat=True))
            self._between()
        return found

    def _visible(self, ids: Sequence[int], domain: list[Any]) -> Sequence[int]:
        """Those of ``ids`` that Odoo shows as records of this stream."""
        found = array("q")
        for part in _parts(ids):
            found.extend(
                self.fetcher.ask(
                    self.gateway.search, self.stream.odoo_model, [*domain, ("id", "in", list(part))]
                )
            )
        return found

    def _pointing_to_nothing(self) -> set[int]:
        """Rows that name one that is not here, or gone. It may have been merged while our user had no
        right to see it: then nobody noticed, and they have no new stamp."""
        found: set[int] = set()
        for name, columns in self.stream.points_to.items():
            targets = all_streams()[name].model.objects.present()
            for column in columns:
                # A query for each: joined by OR, PostgreSQL would look up every row by itself.
                here = Exists(targets.filter(pk=OuterRef(column)))
                naming = self._present().filter(**{f"{column}__isnull": False})
                found.update(slices.without(naming, here, self._between))
        return found

    def _with_another_code(self) -> set[int]:
        """Rows with another code than their currency or country has by now."""
        found: set[int] = set()
        if self._coming is None:
            return found
        for kind, (column, code) in _CODES.items():
            if code not in self.stream.columns:
                continue
            named = self._present().exclude(**{column: None}).order_by()
            for part in slices.slices(named, self._between):
                for odoo_id, ours in part.values_list(column, code).distinct():
                    with suppress(UnknownReference):
                        if self._references.code(kind, odoo_id) != ours:
                            rows = part.filter(**{column: odoo_id, code: ours})
                            found.update(rows.values_list("pk", flat=True))
        return found

    # Writing ------------------------------------------------------------------------------------

    def _locked(self) -> AbstractContextManager[SyncState]:
        return self._lease.held() if self._lease else locked_state(self.row)

    def _save_row(self) -> None:
        calls, seconds = self.gateway.usage()
        self.row.odoo_calls = calls - self._usage_before[0]
        self.row.odoo_seconds = round(seconds - self._usage_before[1], 3)
        self.row.save(update_fields=_PROGRESS)


def _first_stream() -> Stream:
    return next(iter(all_streams().values()))


def _pointing(stream: Stream, columns: Sequence[str], ids: Sequence[int]) -> set[int]:
    """The present rows of ``stream`` that name one of ``ids``."""
    found: set[int] = set()
    for part in _parts(ids):
        named = Q()
        for column in columns:
            named |= Q(**{f"{column}__in": part})
        rows = stream.model._default_manager.filter(named, gone_at=None)
        found.update(rows.values_list("pk", flat=True))
    return found


def _halves(items: Sequence[T]) -> tuple[list[T], list[T]]:
    middle = len(items) // 2
    return list(items[:middle]), list(items[middle:])


def _parts(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _IDS_PER_QUERY):
        yield list(ids[start : start + _IDS_PER_QUERY])
