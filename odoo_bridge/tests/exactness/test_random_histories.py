"""Random histories: what people do in Odoo, interleaved with runs, crashes and faults.

Every history ends with a quiet hour (one ``changes`` and one ``reconcile`` of every stream) and the
checker. One that fails is shrunk and printed as its steps; the seed printed beside it replays all
of them: ``HISTORY_SEED=... pytest odoo_bridge/tests/exactness/test_random_histories.py``.
"""

import os
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, seed
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contacts.models import Contact
from odoo_bridge.demo import ConcurrentUpdate, DemoOdoo, Fault
from odoo_bridge.models import SyncRun
from odoo_bridge.odoo.connect import disconnect
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.connection import settings_for
from odoo_bridge.tests.exactness.checker import Checker, DemoTruth, Journal
from odoo_bridge.tests.exactness.conftest import API_KEY, PASSWORD
from odoo_bridge.tests.exactness.killed import empty_mirror, killed, let_leases_run_out
from odoo_bridge.tests.exactness.worlds import CHANGES, Change, DemoWorld
from odoo_bridge.tests.runs import SEED, carry_out_queued, settle, sync

HISTORIES = int(os.environ.get("HISTORIES", "200"))
# Tests of their own, which processes can share out.
PARTS = 4
# Up to 18 Odoo counts the ranks of contacts in SQL; 14 can do least.
VERSIONS = ["14.0", "16.0", "18.0", "19.0"]
MODELS = {name: stream.odoo_model for name, stream in all_streams().items()}

streams = st.sampled_from(list(MODELS))
kinds = st.sampled_from(["changes", "changes", "reconcile", "full"])
small = st.integers(0, 60)
# How far a run gets before something happens: in percent of the statements it sends, or of the calls it
# makes, so that nearly all of these hit.
percent = st.integers(0, 99)
# Merging is what leaves the fewest traces in Odoo.
changes = st.builds(Change, st.sampled_from([*CHANGES, "merge", "merge"]), small, small)
some = st.lists(changes, max_size=4)
faults = st.sampled_from(
    [
        "status",
        "cut",
        "html",
        "busy",
        "reset",
        "no_result",
        "wrong_type",
        "redirect",
        "access_denied",
    ]
)


class DemoHistory(RuleBasedStateMachine):
    """One bridge beside one demo Odoo, whose clock stands still until a step moves it."""

    transport: str
    version: str
    journal: Journal
    finished = 0
    tally: Counter[str]  # what was done to Odoo and to runs, over all histories

    def __init__(self) -> None:
        super().__init__()
        empty_mirror()
        self.journal.lines.clear()
        self.leave = ExitStack()
        self.demo = DemoOdoo(version=self.version, password=PASSWORD, api_key=API_KEY)
        self.demo.clock.freeze()
        self.shown = {self.demo.clock.now()}
        server = self.leave.enter_context(self.demo.serve())
        # Taken back with the history: each layer of overridden settings makes all of them slower.
        address = settings_for(self.demo, server.url, self.transport)
        self.leave.enter_context(override_settings(**address))
        disconnect()
        self.world = DemoWorld(self.demo, made=self.tally)
        self.check = Checker(DemoTruth(self.demo), self.journal)
        # What the last run of a stream and kind did: statements sent, calls made for each model.
        self.statements: dict[tuple[str, str], int] = {}
        self.asked: dict[tuple[str, str], Counter[str]] = {}
        self.open: list[ExitStack] = []
        self.hidden: list[Any] = []

    @initialize(
        first=st.lists(changes, min_size=3, max_size=12),
        copied=st.sampled_from([True, True, False]),
    )
    def begin(self, first: list[Change], copied: bool) -> None:
        self._make(
            [Change("create", 0, 3), Change("create", 0, 4), Change("invoice", 0, 5), *first]
        )
        if copied:
            for stream in MODELS:
                self._sync(stream, "reconcile")
            self.an_hour_passes()

    # What people do -----------------------------------------------------------------------------

    @rule(contact=small, value=small)
    def begin_slow_transaction(self, contact: int, value: int) -> None:
        """Stamped now, seen when it commits, some steps from here."""
        # In a second of its own: what is written twice within one second, and shown later than the
        # overlap, is told apart by nothing but a full run.
        self._pass(1)
        slow = ExitStack()
        tx = slow.enter_context(self.demo.transaction())
        tx.add("res.partner", name=f"Slow {value}")
        if self.world.contacts:
            chosen = self.world.contacts[contact % len(self.world.contacts)]
            tx.write("res.partner", [chosen], name=f"Slowly {value}")
        self.open.append(slow)
        self._pass(1)
        self.tally["slow transactions"] += 1

    @precondition(lambda self: self.open)
    @rule()
    def commit_slow_transaction(self) -> None:
        with suppress(ConcurrentUpdate):
            self.open.pop(0).close()

    @rule(seconds=st.sampled_from([1, 2, 59, 299, 301, 3601, -3, -299, -301, -7201]))
    def move_the_clock(self, seconds: int) -> None:
        self._pass(seconds)

    @rule()
    def an_hour_passes(self) -> None:
        """After it the overlap reaches back to none of what was done so far."""
        self._pass(3601)
        for stream in MODELS:
            self._sync(stream, "changes")
        carry_out_queued()

    @rule(contacts=st.sets(small, min_size=1, max_size=4))
    def take_rights(self, contacts: set[int]) -> None:
        mine = self.world.contacts
        chosen = {mine[number % len(mine)] for number in contacts if mine}
        self.hidden.append(self.demo.hide("res.partner", partial(_is_one_of, chosen)))

    @precondition(lambda self: self.hidden)
    @rule()
    def give_rights_back(self) -> None:
        self.hidden.pop(0).remove()

    # What the bridge does -----------------------------------------------------------------------

    @rule(before=some, stream=streams, kind=kinds)
    def run(self, before: list[Change], stream: str, kind: str) -> None:
        self._make(before)
        row = self._sync(stream, kind)
        if row.status == SyncRun.Status.SUCCEEDED and kind == "changes":
            self._recent_ones_are_equal(stream)
        if row.status == SyncRun.Status.SUCCEEDED and kind in ("full", "reconcile"):
            # Nothing moved meanwhile, so it is true at once.
            assert self.check.differences(all_streams()[stream]) == []

    @rule(before=some, stream=streams, kind=kinds, of=streams, at=percent, then=some)
    def run_while_people_work(
        self, before: list[Change], stream: str, kind: str, of: str, at: int, then: list[Change]
    ) -> None:
        self._make(before)
        after = self._calls_until(at, stream, kind, of)
        hook = Fault("hook", MODELS[of], skip=after, run=partial(self._at_work, then))
        self.demo.faults.add(hook)
        self._sync(stream, kind)

    @rule(
        before=some,
        stream=streams,
        kind=kinds,
        fault=faults,
        of=streams,
        at=percent,
        times=st.sampled_from([1, 4, None]),
    )
    def run_with_a_fault(
        self,
        before: list[Change],
        stream: str,
        kind: str,
        fault: str,
        of: str,
        at: int,
        times: int | None,
    ) -> None:
        """``of``: a run of contacts asks for invoices, too, when contacts were merged."""
        self._make(before)
        self._sync_with(fault, stream, kind, of, self._calls_until(at, stream, kind, of), times)

    @rule(before=some, kind=kinds, contact=small)
    def run_with_a_record_that_cannot_be_read(
        self, before: list[Change], kind: str, contact: int
    ) -> None:
        self._make(before)
        mine = self.world.contacts
        bad = [mine[contact % len(mine)]] if mine else []
        self.demo.faults.add(Fault("poison_record", "res.partner", ids=bad, times=None))
        self._sync("contacts", kind)

    @rule(
        before=some,
        stream=streams,
        kind=kinds,
        at=percent,
        noticed=st.sampled_from([True, True, False]),
    )
    def run_killed(
        self, before: list[Change], stream: str, kind: str, at: int, noticed: bool
    ) -> None:
        self._make(before)
        self._kill(stream, kind, at)
        if noticed:
            let_leases_run_out()

    @rule(
        kind=kinds,
        source=small,
        into=small,
        fault=faults,
        times=st.sampled_from([4, None]),
        at=st.integers(0, 2),
        killed_at=st.none() | st.integers(60, 120),
    )
    def run_that_finds_merged_contacts_and_breaks(
        self,
        kind: str,
        source: int,
        into: int,
        fault: str,
        times: int | None,
        at: int,
        killed_at: int | None,
    ) -> None:
        """Between finding out that a contact has gone, and reading again what pointed to it."""
        self._make([Change("invoice", source, into)])
        self.an_hour_passes()
        self._make([Change("merge", source, into)])
        self.tally["merges"] += 1
        if killed_at is None:
            self._sync_with(fault, "contacts", kind, "invoices", at, times)
        else:
            self._kill("contacts", kind, killed_at)
            let_leases_run_out()

    @rule(kind=kinds, contacts=st.sets(small, min_size=1, max_size=4))
    def run_in_which_rights_come_back(self, kind: str, contacts: set[int]) -> None:
        """After it listed what there is, and before it decides what is gone."""
        mine = [*self.world.contacts]
        chosen = {mine[number % len(mine)] for number in contacts if mine}
        # One that is not hidden, and so is read before anything is decided: then the rights come back.
        self._make([Change("create", 0, 3)])
        present = set(Contact.objects.present().filter(pk__in=chosen).values_list("pk", flat=True))
        hidden = self.demo.hide("res.partner", partial(_is_one_of, chosen))
        back = []

        def give_back() -> None:
            hidden.remove()
            back.append(True)

        self.demo.faults.add(Fault("hook", "res.partner", "read", run=give_back))
        self._sync("contacts", kind)
        if not back:
            hidden.remove()
            return
        self.tally["rights that came back in mid-run"] += 1
        alive = {row["id"] for row in self.check.truth.records("res.partner", [], ["id"])}
        gone = Contact.objects.filter(pk__in=present & alive).exclude(gone_at=None)
        assert not gone.exists(), "marked gone, and alive in Odoo"

    @rule(contact=small, value=small, seconds=st.sampled_from([2, 59, 280]))
    def run_that_a_commit_overtakes(self, contact: int, value: int, seconds: int) -> None:
        """The commit comes after the run, with a stamp from before the run's watermark."""
        self.begin_slow_transaction(contact, value)
        slow = self.open.pop()
        self._pass(seconds)
        self._sync("contacts", "changes")
        with suppress(ConcurrentUpdate):
            slow.close()
        self.run([], "contacts", "changes")

    @rule(stream=streams, ids=st.lists(small, max_size=5))
    def refresh_by_hand(self, stream: str, ids: list[int]) -> None:
        sync(stream, "records", ids=ids)

    @rule()
    def sweep(self) -> None:
        let_leases_run_out()
        carry_out_queued()

    # The quiet hour -----------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            for slow in self.open:
                with suppress(ConcurrentUpdate):
                    slow.close()
            for rule in self.hidden:
                rule.remove()
            let_leases_run_out()
            settle()
            self.check()
            type(self).finished += 1
        finally:
            self.leave.close()

    def _make(self, some: list[Change]) -> None:
        for change in some:
            self.world.make(change)

    def _at_work(self, then: list[Change]) -> None:
        self.tally["while people work"] += 1
        self._make(then)

    def _sync(self, stream: str, kind: str) -> SyncRun:
        """Run, and remember what that took."""
        sent, asked = _Count(), len(self.demo.calls)
        with connection.execute_wrapper(sent):
            row = sync(stream, kind)
        self.statements[stream, kind] = sent.number
        self.asked[stream, kind] = Counter(call.model for call in self.demo.calls[asked:])
        self.demo.faults.clear()
        return row

    def _sync_with(
        self, fault: str, stream: str, kind: str, of: str, after: int, times: int | None
    ) -> None:
        options: dict[str, Any] = {"retry_after": 0} if fault == "busy" else {}
        self.demo.faults.add(Fault(fault, MODELS[of], skip=after, times=times, **options))
        self.tally[self._sync(stream, kind).status] += 1
        self.tally["with a fault"] += 1

    def _kill(self, stream: str, kind: str, at: int) -> None:
        """Run in a child that is killed after ``at`` percent of its statements."""
        # Before a statement and after it: two places.
        place = 2 * self.statements.get((stream, kind), 60) * at // 100
        died = killed(partial(sync, stream, kind), place)
        self.tally["killed" if died else "too short to be killed"] += 1

    def _calls_until(self, at: int, stream: str, kind: str, of: str) -> int:
        """How many calls are let through, for something to happen after ``at`` percent of them."""
        return self.asked.get((stream, kind), Counter())[MODELS[of]] * at // 100

    def _recent_ones_are_equal(self, stream: str) -> None:
        """What was written since the overlap began is read by every look for changes."""
        since = self.demo.clock.now() - timedelta(seconds=300)
        written = ("write_date", ">=", since.strftime("%Y-%m-%d %H:%M:%S"))
        rows = self.check.truth.records(MODELS[stream], [written], ["id"])
        recent = tuple(f"{stream} {row['id']}." for row in rows)
        wrong = self.check.differences(all_streams()[stream])
        assert [line for line in wrong if line.startswith(recent)] == []

    def _pass(self, seconds: int) -> None:
        """Move Odoo's clock; never back to a second it has shown before."""
        self.demo.clock.step(timedelta(seconds=seconds))
        while self.demo.clock.now() in self.shown:
            self.demo.clock.step(timedelta(seconds=1))
        self.shown.add(self.demo.clock.now())


class _Count:
    """Of the statements that are sent."""

    number = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.number += 1
        return execute(sql, params, many, context)


def _is_one_of(ids: set[int], row: Any) -> bool:
    return row["id"] in ids


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.no_cover  # it doubles their time; other tests go every way these go
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("transport", ["jsonrpc", "json2"])
def test_no_history_leaves_the_mirror_different_from_odoo(
    settings: Any, journal: Journal, transport: str, part: int
) -> None:
    # One page at a time, small ones: a history is the same each time it is replayed.
    settings.ODOO_CONNECTIONS, settings.ODOO_PAGE_SIZE = 1, 4
    settings.ODOO_MAX_GONE_PERCENT = 100  # who loses many rows at once is asked: tested elsewhere

    class History(DemoHistory):
        pass

    History.transport, History.journal = transport, journal
    History.version = "19.0" if transport == "json2" else VERSIONS[part]
    History.tally = Counter()
    # Other histories in each part, and over the other transport.
    histories = HISTORIES // (2 * PARTS)
    replay(History, histories, steps=8, first=SEED + 2 * part + (transport == "json2"))
    assert History.finished >= histories
    print(History.finished, "histories:", dict(History.tally))  # noqa: T201 - for pytest -s
    # Changes are deeds, not words: of so many at most a few kinds may not have come up.
    done = set(CHANGES) & History.tally.keys()
    assert histories < 20 or len(done) >= 3 * len(CHANGES) // 4, sorted(set(CHANGES) - done)


def replay(
    history: type[RuleBasedStateMachine], histories: int, steps: int, first: int = SEED
) -> None:
    print(f"HISTORY_SEED={SEED}")  # noqa: T201 - shown by pytest when the test fails
    run_state_machine_as_test(
        seed(first)(history),
        settings=how(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
