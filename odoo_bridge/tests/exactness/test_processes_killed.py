"""``kill -9``, SIGSTOP and crowds: the database alone decides who runs and what is done."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from contacts.models import Contact
from odoo_bridge import tasks
from odoo_bridge.demo import DemoOdoo, Fault
from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.sync import backfill, lease
from odoo_bridge.sync.run import request, run_queued
from odoo_bridge.tests.exactness.checker import Checker
from odoo_bridge.tests.exactness.killed import frozen, killed, let_leases_run_out
from odoo_bridge.tests.exactness.worlds import Change, DemoWorld
from odoo_bridge.tests.programs import (
    a_beat,
    a_worker,
    database_of_the_test,
    ended,
    environment_of_the_test,
    eventually,
)
from odoo_bridge.tests.runs import SEED, sync, sync_all

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
Status, Trigger = SyncRun.Status, SyncRun.Trigger


# At every statement -----------------------------------------------------------------------------------


def places(end: int) -> list[int]:
    """Every place with ``bin/test --long``; one in twelve of them, others each time, without."""
    if os.environ.get("LONG") == "1":
        return list(range(end))
    print(f"HISTORY_SEED={SEED}")  # noqa: T201 - shown by pytest when the test fails
    return sorted(Random(SEED).sample(range(end), end // 12))


@pytest.mark.no_cover  # slow, and what matters of them is in a child
@pytest.mark.parametrize("stream", ["contacts", "invoices"])
def test_a_run_killed_at_any_statement_is_made_good_by_the_next_one(
    demo: DemoOdoo, check: Checker, settings: Any, stream: str
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 4, 1
    settings.ODOO_MAX_GONE_PERCENT = 100  # a day's worth of deletions goes by in a minute
    world = DemoWorld(demo)
    for n in range(12):
        world.make(Change("create", n, n))
        world.make(Change("invoice", n, n))
    sync_all("reconcile")
    died = 0
    for place in places(240):
        demo.clock.step(timedelta(hours=1))
        sync_all()
        for change in ("create", "invoice", "rename", "merge", "remove_line", "delete_invoice"):
            world.make(Change(change, place, place + 1))
        died += killed(partial(sync, stream), place)
        let_leases_run_out()
        sync_all()
        check()
    assert died


@pytest.mark.no_cover
def test_a_first_copy_killed_at_any_statement_goes_on_where_it_was(
    demo: DemoOdoo,
    check: Checker,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also while the indexes are aside, as they are when a large table is filled."""
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 4, 1
    monkeypatch.setattr(backfill, "WORTH_IT_ROWS", 1)
    for n in range(20):
        demo.add("res.partner", name=f"Contact {n}")
    demo.clock.step(timedelta(hours=1))
    died = 0
    for place in places(240):
        Contact.objects.all().delete()
        SyncState.objects.all().delete()
        SyncRun.objects.all().delete()
        died += killed(partial(sync, "contacts", "reconcile"), place)
        let_leases_run_out()
        copied = Contact.objects.count()
        row = sync("contacts", "reconcile")
        assert row.status == Status.SUCCEEDED, row.error
        if SyncRun.objects.filter(status=Status.INTERRUPTED).exists():
            assert row.read_count == row.inventoried_count - copied
        check("contacts")
    assert died


def test_a_request_killed_at_any_statement_is_made_or_was_never_made(
    demo: DemoOdoo, check: Checker
) -> None:
    """The web process, between the click and the answer: a row is enough, the hint may be lost."""
    demo.add("res.partner", name="Acme")
    place = 0
    while killed(partial(request, "contacts", "changes", trigger=Trigger.API), place):
        place += 1
        assert place < 50
    waiting = SyncRun.objects.filter(status=Status.QUEUED)
    assert waiting.exists()
    for row in waiting:
        assert run_queued(row.pk)
    check("contacts")


# Frozen -----------------------------------------------------------------------------------------------


def test_a_frozen_run_that_wakes_up_after_another_writes_nothing(
    demo: DemoOdoo, check: Checker
) -> None:
    acme = demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    demo.write("res.partner", [acme], name="Read by the frozen one")
    # The second lock of its state: it has read its page, and is about to store it.
    with frozen(partial(sync, "contacts"), "FOR UPDATE", 2, sent=False):
        let_leases_run_out()
        demo.write("res.partner", [acme], name="Written since")
        assert sync("contacts").status == Status.SUCCEEDED
        stored = Contact.objects.values("name", "change_seq", "stored_at").get(pk=acme)
        assert stored["name"] == "Written since"
    assert Contact.objects.values("name", "change_seq", "stored_at").get(pk=acme) == stored
    first, second = SyncRun.objects.filter(kind="changes").order_by("pk")
    assert (first.status, second.status) == (Status.INTERRUPTED, Status.SUCCEEDED)
    check("contacts")


def test_a_records_run_that_dies_is_closed_as_soon_as_any_other(
    demo: DemoOdoo, check: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=1))
    acme = demo.add("res.partner", name="Acme")
    work, place = partial(sync, "contacts", "records", ids=[acme]), 12
    assert killed(work, place)
    row = SyncRun.objects.get()
    assert (row.status, row.lease_token) == (Status.RUNNING, None)
    eventually(lambda: lease.close_interrupted() == 1, 10)
    sync("contacts", "reconcile")
    check("contacts")


def test_a_records_run_that_wakes_up_after_it_was_given_up_marks_nothing_gone(
    demo: DemoOdoo, check: Checker
) -> None:
    """What it asked Odoo may be hours old: the record it did not find may be back."""
    acme = demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    hidden = demo.hide("res.partner", lambda record: record["id"] == acme)
    # The first lock: Odoo has said that there is no such contact, and it is about to be marked.
    with frozen(partial(sync, "contacts", "records", ids=[acme]), "FOR UPDATE", 1, sent=False):
        hidden.remove()
        let_leases_run_out()
    woken = SyncRun.objects.get(kind="records")
    assert (woken.status, woken.gone_count) == (Status.INTERRUPTED, 0)
    check("contacts")


def test_a_run_that_freezes_inside_a_transaction_holds_nobody_up_for_longer_than_its_lease(
    demo: DemoOdoo, check: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=2))
    acme = demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    demo.write("res.partner", [acme], name="Changed")
    with frozen(partial(sync, "contacts"), "FOR UPDATE", 2, sent=True):
        eventually(lambda: sync("contacts").status == Status.SUCCEEDED, 15)
        assert Contact.objects.get(pk=acme).name == "Changed"
    check("contacts")


# The worker's processes -------------------------------------------------------------------------------


class Pause:
    """Holds Odoo's answer back until ``go``; ``reached`` once it was asked for."""

    def __init__(self, demo: DemoOdoo, model: str, method: str, after: int = 0) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        demo.faults.add(Fault("hook", model, method, skip=after, run=self._wait))

    def _wait(self) -> None:
        self.reached.set()
        self.go.wait(60)


def queued(kind: str = "changes") -> SyncRun:
    row = SyncRun.objects.create(stream="contacts", kind=kind, trigger=Trigger.API)
    tasks.run_queued.delay(row.pk)
    return row


def process_of(row: SyncRun) -> int:
    """The process that runs ``row``."""
    row.refresh_from_db()
    found = re.search(r"process (\d+)", row.holder)
    assert found, row
    return int(found[1])


@contextmanager
def held(*statements: str) -> Iterator[Callable[[], bool]]:
    """Hold locks on a connection of our own; yields whether somebody waits for them."""
    with psycopg.connect(database_of_the_test()) as ours:
        for statement in statements:
            ours.execute(statement)

        def awaited() -> bool:
            # In this database: tests in other processes have databases and locks of their own. The
            # lock of a row names no database, but its process also has locks of tables that do.
            waiting = ours.execute("""
                SELECT 1 FROM pg_locks WHERE NOT granted AND pid IN (
                    SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
                    WHERE datname = current_database()
                )
            """).fetchone()
            return waiting is not None

        yield awaited


POINTS = ["asking what there is", "reading", "about to store", "storing", "about to finish"]


def bring_to(point: str, demo: DemoOdoo, leave: ExitStack, log: Path) -> SyncRun:
    """Start a run in a worker and return it when it stands still at ``point``."""
    if point in ("asking what there is", "reading"):
        pause = Pause(demo, "res.partner", "search" if point.startswith("asking") else "read")
        leave.callback(pause.go.set)
        row = queued()
        eventually(pause.reached.is_set, 60, log)
        return row
    pause = Pause(demo, "res.partner", "read")
    row = queued()
    eventually(pause.reached.is_set, 60, log)
    locks = {
        "about to store": "SELECT 1 FROM odoo_bridge_syncstate FOR UPDATE",
        "storing": "LOCK TABLE contacts_contact IN SHARE MODE",
        "about to finish": f"SELECT 1 FROM odoo_bridge_syncrun WHERE id = {row.pk} FOR UPDATE",
    }
    awaited = leave.enter_context(held(locks[point]))
    pause.go.set()
    eventually(awaited, 60, log)
    return row


@pytest.mark.processes
@pytest.mark.redis
def test_a_worker_whose_child_is_killed_at_any_point_goes_on(
    demo: DemoOdoo, check: Checker, log: Path
) -> None:
    contacts = [demo.add("res.partner", name=f"Contact {n}") for n in range(20)]
    sync("contacts", "reconcile")
    with a_worker(log) as worker:
        for point in POINTS:
            demo.write("res.partner", contacts[:5], name=f"Killed while {point}")
            with ExitStack() as leave:
                row = bring_to(point, demo, leave, log)
                os.kill(process_of(row), signal.SIGKILL)
            demo.faults.clear()
            let_leases_run_out()
            row.refresh_from_db()
            assert row.status == Status.INTERRUPTED, point
            after = queued()
            eventually(partial(ended, after), 60, log)
            assert (after.status, after.error) == (Status.SUCCEEDED, ""), point
            check("contacts")
        assert worker.poll() is None


@pytest.mark.processes
@pytest.mark.redis
def test_a_worker_and_beat_killed_together_leave_nothing_to_repair(
    demo: DemoOdoo, check: Checker, tmp_path: Path
) -> None:
    logs = [tmp_path / name for name in ("worker.log", "beat.log", "second.log")]
    check.journal.files += logs
    demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    demo.add("res.partner", name="New")
    ticking_every(3600)
    with a_worker(logs[0]) as worker, a_beat(logs[1]) as beat:
        pause = Pause(demo, "res.partner", "read")
        row = queued()
        eventually(pause.reached.is_set, 60, logs[0])
        for program in (worker, beat):
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
        pause.go.set()
    demo.faults.clear()
    waiting = request("contacts", "changes", trigger=Trigger.API)
    SyncRun.objects.filter(pk=waiting.pk).update(queued_at=timezone.now() - timedelta(minutes=1))
    with a_worker(logs[2]):
        let_leases_run_out()
        tasks.sweep()
        eventually(lambda: ended(waiting), 60, logs[2])
    row.refresh_from_db()
    assert (row.status, waiting.status) == (Status.INTERRUPTED, Status.SUCCEEDED)
    check("contacts")


# Crowds -----------------------------------------------------------------------------------------------


def ticking_every(seconds: int) -> None:
    """Leave one schedule: changes of contacts."""
    PeriodicTask.objects.exclude(name="contacts: changes").delete()
    interval = IntervalSchedule.objects.create(every=seconds, period=IntervalSchedule.SECONDS)
    task = PeriodicTask.objects.get(name="contacts: changes")
    task.interval, task.expire_seconds, task.last_run_at = interval, seconds, timezone.now()
    task.save()


def one_at_a_time() -> None:
    """The runs that held the lease ended in the order in which they got it, each with its own."""
    leased = SyncRun.objects.filter(lease_token__isnull=False).order_by("lease_token")
    ends = [row.finished_at for row in leased if row.finished_at]
    assert ends == sorted(ends), "a run ended before the one that held the lease before it"
    assert len({row.lease_token for row in leased}) == len(ends)


@pytest.mark.processes
@pytest.mark.redis
def test_two_beats_double_the_ticks_and_nothing_else(
    demo: DemoOdoo, check: Checker, tmp_path: Path
) -> None:
    logs = [tmp_path / name for name in ("worker.log", "beat1.log", "beat2.log")]
    check.journal.files += logs
    for n in range(10):
        demo.add("res.partner", name=f"Contact {n}")
    ticking_every(1)
    demo.faults.add(Fault("delay", "res.partner", "search", times=None, seconds=0.3))
    with a_worker(logs[0]), a_beat(logs[1]), a_beat(logs[2]):
        ticks = SyncRun.objects.filter(trigger=Trigger.SCHEDULE)
        eventually(lambda: ticks.filter(status=Status.SKIPPED).count() > 1, 60, logs[0])
        PeriodicTask.objects.filter(name="contacts: changes").delete()
    demo.faults.clear()
    assert set(ticks.values_list("status", flat=True)) <= {Status.SUCCEEDED, Status.SKIPPED}
    one_at_a_time()
    sync("contacts")
    check("contacts")


@pytest.mark.processes
@pytest.mark.redis
def test_eight_clicks_a_tick_and_a_command_at_once_are_one_run(
    demo: DemoOdoo, check: Checker, log: Path
) -> None:
    for n in range(10):
        demo.add("res.partner", name=f"Contact {n}")
    pause = Pause(demo, "res.partner", "search")
    with a_worker(log, children=4):
        first = queued("reconcile")
        eventually(pause.reached.is_set, 60, log)
        clicks = [request("contacts", "changes", trigger=Trigger.API) for _ in range(8)]
        tasks.sync_stream.delay("contacts", "changes")
        command = subprocess.run(
            [sys.executable, "manage.py", "sync_odoo", "contacts"],
            cwd=django_settings.BASE_DIR,
            env=environment_of_the_test(),
            capture_output=True,
            timeout=60,
        )
        assert command.returncode == 5, command.stderr
        eventually(lambda: all(ended(row) for row in clicks), 60, log)
        eventually(lambda: SyncRun.objects.filter(trigger=Trigger.SCHEDULE).exists(), 60, log)
        pause.go.set()
        eventually(lambda: ended(first), 60, log)
    assert first.status == Status.SUCCEEDED, first.error
    others = SyncRun.objects.exclude(pk=first.pk)
    assert others.count() == 10
    for row in others:
        assert row.status == Status.SKIPPED
        assert first.holder in row.error
        assert row.started_at and row.finished_at
        assert row.finished_at - row.started_at < timedelta(seconds=5)
    check("contacts")
