"""Programs that are told to stop while they copy: between two pages, at once, and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from contacts.models import Contact
from odoo_bridge import tasks
from odoo_bridge.demo import DemoOdoo, Fault
from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.sync import backfill, stopping
from odoo_bridge.sync.run import carry_out, request, run_queued, start
from odoo_bridge.tests.exactness.checker import Checker
from odoo_bridge.tests.exactness.test_processes_killed import Pause, queued
from odoo_bridge.tests.programs import (
    a_worker,
    ended,
    environment_of_the_test,
    eventually,
    free_port,
)
from odoo_bridge.tests.runs import sync, sync_all

Status, Trigger = SyncRun.Status, SyncRun.Trigger
PATIENCE = 30  # seconds; Odoo's answer is held back for twice as long


@pytest.fixture
def hundred(demo: DemoOdoo, settings: Any) -> list[int]:
    """Contacts, read a few at a time."""
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 5, 1
    found = [demo.add("res.partner", name=f"Contact {n}") for n in range(100)]
    demo.clock.step(timedelta(hours=1))
    return found


def stopped(row: SyncRun) -> bool:
    """Whether ``row`` ended because its program was stopped, after some of its records."""
    row.refresh_from_db()
    assert (row.status, row.error_code) == (Status.INTERRUPTED, "stopped"), row.error
    assert row.watermark_after is None
    assert f"after {row.read_count} of {row.planned_count} records" in row.error
    return 0 < row.read_count == row.created_count < row.planned_count


@pytest.mark.postgres
@pytest.mark.processes
@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("pool", "tell"), [("prefork", os.kill), ("prefork", os.killpg), ("threads", os.kill)]
)
def test_a_worker_told_to_stop_ends_its_run_between_two_pages_and_the_next_worker_goes_on(
    demo: DemoOdoo,
    check: Checker,
    tmp_path: Path,
    hundred: list[int],
    pool: str,
    tell: Callable[[int, int], None],
) -> None:
    """A rolling deployment: the new worker is there before the old one has gone. Whoever stops that
    one tells its main process, or all of its processes at once."""
    logs = [tmp_path / "old.log", tmp_path / "new.log"]
    check.journal.files += logs
    pause = Pause(demo, "res.partner", "read", after=4)
    with a_worker(logs[0], pool=pool) as old:
        row = queued("reconcile")
        eventually(pause.reached.is_set, 60, logs[0])
        with a_worker(logs[1]):
            eventually(lambda: " ready." in logs[1].read_text(), 60, logs[1])
            tell(old.pid, signal.SIGTERM)
            # Odoo has not answered: nobody waits for the page it is at.
            eventually(partial(ended, row), PATIENCE, logs[0])
            if pool == "prefork":
                old.wait(PATIENCE)
            assert not pause.go.is_set()
            assert stopped(row)
            follower = SyncRun.objects.exclude(pk=row.pk).get()
            assert row.error.endswith(f"Run {follower.pk} goes on from there.")
            pause.go.set()
            eventually(partial(ended, follower), 60, logs[1])
        old.wait(PATIENCE)
        assert old.returncode == 0
    assert (follower.status, follower.error) == (Status.SUCCEEDED, "")
    assert (follower.kind, follower.trigger) == (row.kind, row.trigger)
    assert follower.read_count == row.planned_count - row.read_count
    check("contacts")


def manage(*words: str, **values: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=django_settings.BASE_DIR,
        env={**environment_of_the_test(), **values},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.postgres
@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_told_to_stop_says_so_and_lets_its_lease_go(
    demo: DemoOdoo, check: Checker, hundred: list[int], number: int
) -> None:
    pause = Pause(demo, "res.partner", "read", after=4)
    with manage("sync_odoo", "--kind", "reconcile") as command:
        eventually(pause.reached.is_set, 60)
        command.send_signal(number)
        out, err = command.communicate(timeout=PATIENCE)
        assert not pause.go.is_set()
        pause.go.set()
    assert command.returncode == 128 + number, err
    assert "contacts: Interrupted" in out and "Traceback" not in err, err
    # Whoever stopped it says what comes next: nothing is queued, and the other streams were not begun.
    row = SyncRun.objects.get()
    assert stopped(row)
    assert Contact.objects.count() == row.created_count
    assert SyncState.objects.get(pk="contacts").lease_until is None
    sync_all("reconcile")
    check()


@pytest.mark.processes
def test_the_one_process_mode_told_to_stop_in_its_first_copy_goes_on_at_the_next_start(
    demo: DemoOdoo, tmp_path: Path, hundred: list[int]
) -> None:
    mode = {
        "ONE_PROCESS": "1",
        "DATABASE_URL": f"sqlite:///{tmp_path}/bridge.sqlite3",
        "REDIS_URL": "",
    }
    pause = Pause(demo, "res.partner", "read", after=4)
    with manage("start", "--port", str(free_port()), **mode) as start:
        eventually(pause.reached.is_set, 60)
        start.send_signal(signal.SIGTERM)
        _, err = start.communicate(timeout=PATIENCE)
        assert not pause.go.is_set()
        pause.go.set()
    assert start.returncode == 0 and "Traceback" not in err, err
    with manage("sync_odoo", "--kind", "reconcile", "--json", **mode) as again:
        out, _ = again.communicate(timeout=60)
    rows = {row["stream"]: row for row in json.loads(out)}
    assert rows["contacts"]["status"] == Status.SUCCEEDED
    assert 0 < rows["contacts"]["created_count"] < rows["contacts"]["inventoried_count"]
    with manage("verify_mirror", **mode) as verified:
        out, _ = verified.communicate(timeout=60)
    assert verified.returncode == 0, out


# In this process --------------------------------------------------------------------------------------


@pytest.fixture
def told() -> Iterator[Callable[..., None]]:
    """Tells this process to stop, until the test has ended."""
    with stopping.by_signals():
        yield lambda *_: stopping.stop()


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the workers were told of."""
    found: list[int] = []
    monkeypatch.setattr("odoo_bridge.sync.run._hint", found.append)
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["changes", "reconcile", "full", "records"])
def test_a_run_of_any_kind_that_is_stopped_is_queued_again_as_it_was_asked_for(
    demo: DemoOdoo,
    check: Checker,
    hundred: list[int],
    told: Callable[..., None],
    hints: list[int],
    kind: str,
) -> None:
    sync_all("reconcile")
    demo.write("res.partner", hundred[:50], name="Changed")
    ids = hundred[:50] if kind == "records" else []
    asked = request("contacts", kind, trigger=Trigger.API, ids=ids)
    row = start(SyncRun.objects.get(pk=asked.pk))
    carry_out(row, progress=told)
    row.refresh_from_db()
    assert (row.status, row.error_code) == (Status.INTERRUPTED, "stopped")
    assert 0 < row.read_count < row.planned_count
    again = SyncRun.objects.get(status=Status.QUEUED)
    assert hints == [asked.pk, again.pk]
    assert (again.kind, again.trigger, again.requested_ids) == (kind, Trigger.API, ids)
    # This process, about to end, does not take it, and hands the hint on.
    assert run_queued(again.pk) is None
    assert SyncRun.objects.get(status=Status.QUEUED) == again
    assert hints.pop() == again.pk
    stopping.reset()
    done = run_queued(again.pk)
    assert done and done.status == Status.SUCCEEDED
    sync_all()
    check()


@pytest.mark.django_db(transaction=True)
def test_a_tick_that_reaches_a_worker_about_to_stop_is_left_to_another(
    demo: DemoOdoo, check: Checker, told: Callable[..., None], hints: list[int]
) -> None:
    """A nightly run comes but once."""
    demo.add("res.partner", name="Acme")
    told()
    tasks.sync_stream("contacts", "full")
    stopping.reset()
    [again] = hints
    done = run_queued(again)
    assert done and (done.kind, done.status) == ("full", Status.SUCCEEDED)
    check("contacts")


@pytest.mark.django_db(transaction=True)
def test_what_merged_contacts_leave_to_read_is_read_after_a_stop(
    demo: DemoOdoo, check: Checker, told: Callable[..., None], hints: list[int]
) -> None:
    kept, merged = (demo.add("res.partner", name=name) for name in ("Kept", "Merged"))
    demo.add_invoice(contact=merged, lines=[{"name": "Work", "quantity": 1, "price_unit": 10}])
    sync_all("reconcile")
    demo.clock.step(timedelta(hours=1))
    demo.merge([merged], kept)
    # The third look by id: contacts are marked gone, their invoices about to be read.
    demo.faults.add(Fault("hook", "account.move", "fields_get", run=told))
    sync("contacts")
    assert Contact.objects.get(pk=merged).gone_at
    stopping.reset()
    demo.faults.clear()
    sync_all()
    check()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_first_copy_that_is_stopped_leaves_its_indexes_to_the_run_that_goes_on(
    demo: DemoOdoo,
    check: Checker,
    hundred: list[int],
    told: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Building them takes longer than a deployment waits, and they would be in the way."""
    monkeypatch.setattr(backfill, "WORTH_IT_ROWS", 1)
    assert sync("contacts", "reconcile", progress=told).status == Status.INTERRUPTED
    assert SyncState.objects.get(pk="contacts").indexes_aside
    stopping.reset()
    assert sync("contacts", "reconcile").status == Status.SUCCEEDED
    assert not SyncState.objects.get(pk="contacts").indexes_aside
    check("contacts")
