"""The random histories again, shorter, beside a real Odoo 19 and over both transports.

What people do goes through Odoo's own client; runs are killed for real. Odoo's clock and network
are left alone: the demo Odoo's histories cover those.
"""

from collections import Counter
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from odoo_bridge.odoo.connect import disconnect
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.exactness.checker import Checker, Journal, RealTruth
from odoo_bridge.tests.exactness.killed import empty_mirror, killed, let_leases_run_out
from odoo_bridge.tests.exactness.test_random_histories import changes, kinds, replay, small, streams
from odoo_bridge.tests.exactness.worlds import Change, RealWorld
from odoo_bridge.tests.real_odoo.client import RealOdoo
from odoo_bridge.tests.runs import settle, sync

HISTORIES = 20
some = st.lists(changes, min_size=1, max_size=3)


class RealHistory(RuleBasedStateMachine):
    odoo: RealOdoo
    settings: Any  # of Django, by pytest-django
    journal: Journal
    finished = 0
    tally: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        empty_mirror()
        self.journal.lines.clear()
        self.settings.ODOO_API_KEY = ""
        self.world = RealWorld(self.odoo, made=self.tally)
        self.check = Checker(RealTruth(self.odoo), self.journal)
        self.open: list[ExitStack] = []

    @initialize(json2=st.booleans(), first=st.lists(changes, max_size=3))
    def begin(self, json2: bool, first: list[Change]) -> None:
        self.settings.ODOO_API_KEY = self.odoo.api_key if json2 else ""
        disconnect()
        self._make(
            [Change("create", 0, 3), Change("create", 0, 4), Change("invoice", 0, 5), *first]
        )
        for stream in all_streams():
            sync(stream, "reconcile")

    @rule(before=some, stream=streams, kind=kinds)
    def run(self, before: list[Change], stream: str, kind: str) -> None:
        self._make(before)
        sync(stream, kind)

    @rule(before=some, stream=streams, kind=kinds, place=st.integers(0, 120))
    def run_killed(self, before: list[Change], stream: str, kind: str, place: int) -> None:
        self._make(before)
        self.tally["killed"] += killed(partial(sync, stream, kind), place)
        let_leases_run_out()

    @rule(value=small)
    def begin_slow_transaction(self, value: int) -> None:
        slow = ExitStack()
        sql = slow.enter_context(self.odoo.late_transaction())
        if not self.open:  # a second one would wait for the first
            sql.execute(
                "update res_partner set name = %s, complete_name = %s, "
                "write_date = now() at time zone 'utc' where id = %s",
                [f"Slow {value}", f"Slow {value}", self.slow],
            )
        self.open.append(slow)

    @precondition(lambda self: self.open)
    @rule()
    def commit_slow_transaction(self) -> None:
        self.open.pop(0).close()

    @initialize()
    def keep_one_for_slow_transactions(self) -> None:
        """A contact of its own: a row that a transaction holds would stop everybody else."""
        self.slow = self.odoo.create("res.partner", name="Slow")

    @rule(stream=streams, ids=st.lists(small, max_size=5))
    def refresh_by_hand(self, stream: str, ids: list[int]) -> None:
        sync(stream, "records", ids=ids)

    def teardown(self) -> None:
        try:
            while self.open:
                self.open.pop(0).close()
            let_leases_run_out()
            settle()
            self.check()
            type(self).finished += 1
        finally:
            for slow in self.open:
                with suppress(Exception):
                    slow.close()

    def _make(self, some: list[Change]) -> None:
        for change in some:
            self.world.make(change)


@pytest.mark.odoo
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_no_history_of_a_real_odoo_leaves_the_mirror_different_from_it(
    settings: Any, journal: Journal, bridge_on_real_odoo: RealOdoo
) -> None:
    settings.ODOO_PAGE_SIZE = 20
    settings.ODOO_MAX_GONE_PERCENT = 100

    class History(RealHistory):
        pass

    History.odoo, History.settings, History.journal = bridge_on_real_odoo, settings, journal
    History.tally = Counter()
    replay(History, HISTORIES, steps=5)
    assert History.finished >= HISTORIES
    print(History.finished, "histories:", dict(History.tally))  # noqa: T201 - for pytest -s
    # Odoo took them: few histories, so not every kind is among them each time.
    assert History.tally["create"] >= 2 * HISTORIES
    assert {"invoice", "killed"} <= History.tally.keys()
