"""Tasks: hints at rows. What is lost on the way is found again."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from kombu.exceptions import OperationalError

from odoo_bridge import tasks
from odoo_bridge.demo import Fault
from odoo_bridge.models import GoneReview, OdooWrite, SyncIssue, SyncRun, SyncState
from odoo_bridge.sync.control import cancel
from odoo_bridge.tests.factories import OdooWriteFactory
from odoo_bridge.tests.programs import a_worker, ended, eventually, services

Status = SyncRun.Status


def a_run(**values: Any) -> SyncRun:
    return SyncRun.objects.create(
        **{"stream": "contacts", "kind": "changes", "trigger": "schedule", **values}
    )


def ago(**parts: int) -> Any:
    return timezone.now() - timedelta(**parts)


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the runs that were hinted at; nothing is sent."""
    sent: list[int] = []
    monkeypatch.setattr(tasks.run_queued, "apply_async", lambda args, **_: sent.append(args[0]))
    return sent


@pytest.mark.django_db
def test_sweep_hints_again_at_a_run_nobody_took(hinted: list[int]):
    forgotten = a_run(status=Status.QUEUED, queued_at=ago(seconds=31))
    a_run(status=Status.QUEUED)
    a_run(status=Status.SUCCEEDED, queued_at=ago(seconds=31))
    tasks.sweep()
    assert hinted == [forgotten.pk]


@pytest.mark.django_db
def test_sweep_survives_a_broker_that_is_away(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(tasks.run_queued, "apply_async", refuse)
    waiting = a_run(status=Status.QUEUED, queued_at=ago(seconds=31))
    tasks.sweep()
    waiting.refresh_from_db()
    assert waiting.status == Status.QUEUED


@pytest.mark.django_db
def test_sweep_closes_a_run_whose_lease_ran_out(hinted: list[int]):
    SyncState.objects.create(stream="contacts", lease_token=4, lease_until=ago(seconds=5))
    run = a_run(status=Status.RUNNING, lease_token=4, started_at=ago(minutes=2))
    tasks.sweep()
    run.refresh_from_db()
    assert run.status == Status.INTERRUPTED
    assert run.finished_at is not None


@pytest.mark.django_db
def test_sweep_closes_a_run_that_died_before_it_had_its_lease(hinted: list[int]):
    dead = a_run(status=Status.RUNNING, started_at=ago(minutes=2))
    young = a_run(status=Status.RUNNING, started_at=ago(seconds=30))
    tasks.sweep()
    for run, status in ((dead, Status.INTERRUPTED), (young, Status.RUNNING)):
        run.refresh_from_db()
        assert run.status == status
    assert dead.error_code == "interrupted"


@pytest.mark.django_db
def test_sweep_closes_a_run_without_a_lease_that_gave_no_sign_of_life(hinted: list[int]):
    long_ago = {"status": Status.RUNNING, "kind": "records", "started_at": ago(hours=2)}
    dead = a_run(**long_ago, alive_at=ago(seconds=91))
    never = a_run(**long_ago)
    alive = a_run(**long_ago, alive_at=ago(seconds=60))
    tasks.sweep()
    for run, status in (
        (dead, Status.INTERRUPTED),
        (never, Status.INTERRUPTED),
        (alive, Status.RUNNING),
    ):
        run.refresh_from_db()
        assert run.status == status


@pytest.mark.django_db
def test_sweep_leaves_a_run_alone_that_holds_its_lease(hinted: list[int]):
    later = timezone.now() + timedelta(seconds=60)
    SyncState.objects.create(stream="contacts", lease_token=4, lease_until=later)
    run = a_run(status=Status.RUNNING, lease_token=4, started_at=ago(hours=3))
    tasks.sweep()
    run.refresh_from_db()
    assert run.status == Status.RUNNING


@pytest.mark.django_db
def test_a_second_hint_at_the_same_run_does_nothing():
    done = a_run(status=Status.SUCCEEDED)
    assert tasks.run_queued(done.pk) is None
    assert tasks.run_queued(done.pk + 1) is None
    assert SyncRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_queued_run_is_carried_out_in_its_own_row(demo: Any):
    queued = a_run(status=Status.QUEUED, trigger="api")
    assert tasks.run_queued(queued.pk) == queued.pk
    queued.refresh_from_db()
    assert (queued.status, queued.error) == (Status.SUCCEEDED, "")


@pytest.mark.django_db(transaction=True)
def test_a_scheduled_run_says_that_it_is_one(demo: Any):
    run = SyncRun.objects.get(pk=tasks.sync_stream("contacts", "reconcile"))
    assert (run.trigger, run.status) == ("schedule", Status.SUCCEEDED)


@pytest.mark.django_db
def test_old_runs_are_forgotten_except_the_last_of_each_ending():
    old = [a_run(status=Status.SUCCEEDED, finished_at=ago(days=31 + n)) for n in (2, 1)]
    failed = a_run(status=Status.FAILED, finished_at=ago(days=90))
    recent = a_run(status=Status.SKIPPED, finished_at=ago(days=29))
    waiting = a_run(status=Status.QUEUED, queued_at=ago(days=90))
    tasks.prune_runs()
    kept = set(SyncRun.objects.values_list("pk", flat=True))
    assert kept == {old[1].pk, failed.pk, recent.pk, waiting.pk}


@pytest.mark.django_db
def test_writes_are_forgotten_after_a_year_unless_their_outcome_is_unknown():
    old, recent = ago(days=366), ago(days=364)
    for key, values in {
        "done-long-ago": {"state": "done", "requested_at": old, "finished_at": old},
        "refused-long-ago": {"state": "refused", "requested_at": old, "finished_at": old},
        "never-sent": {"state": "requested", "requested_at": old},
        "unknown": {"state": "sent", "requested_at": old, "sent_at": old},
        "unfinished": {"state": "made", "requested_at": old, "sent_at": old},
        "done": {"state": "done", "requested_at": old, "finished_at": recent},
        "requested": {"state": "requested", "requested_at": recent},
    }.items():
        OdooWriteFactory(key=key, **values)
    tasks.prune_writes()
    kept = set(OdooWrite.objects.values_list("key", flat=True))
    assert kept == {"unknown", "unfinished", "done", "requested"}


@pytest.mark.django_db
def test_resolved_issues_are_forgotten_and_open_ones_stay():
    for odoo_id, resolved_at in ((7, ago(days=31)), (8, None)):
        SyncIssue.objects.create(
            stream="contacts",
            odoo_id=odoo_id,
            reason="no name",
            first_seen_at=ago(days=90),
            last_seen_at=ago(days=60),
            resolved_at=resolved_at,
        )
    tasks.prune_runs()
    assert list(SyncIssue.objects.values_list("odoo_id", flat=True)) == [8]


@pytest.mark.django_db
def test_settled_questions_are_forgotten_and_those_in_force_stay():
    for stream, status in (("contacts", "settled"), ("contacts", "rejected"), ("invoices", "open")):
        GoneReview.objects.create(
            stream=stream,
            status=status,
            ids=[7],
            gone_count=1,
            present_count=1,
            last_asked_at=ago(days=31),
        )
    tasks.prune_runs()
    assert set(GoneReview.objects.values_list("status", flat=True)) == {"rejected", "open"}


@pytest.mark.django_db
def test_expired_sessions_are_deleted():
    Session.objects.create(session_key="old", session_data="", expire_date=ago(days=1))
    Session.objects.create(
        session_key="new", session_data="", expire_date=timezone.now() + timedelta(days=1)
    )
    tasks.flush_expired_tokens()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]


# A real worker and a real Redis ---------------------------------------------------------------------


# Two processes share the database: SQLite's file would do, but nobody runs it so.
@pytest.mark.services
@pytest.mark.processes
@pytest.mark.redis
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_worker_goes_on_after_redis_was_restarted(demo: Any, tmp_path: Path):
    log = tmp_path / "worker.log"
    with a_worker(log) as worker:
        before = a_run(kind="reconcile", status=Status.QUEUED, trigger="api")
        tasks.run_queued.delay(before.pk)
        eventually(lambda: ended(before), 60, log)
        assert (before.status, before.error) == (Status.SUCCEEDED, "")

        services("restart", "redis")
        after = a_run(status=Status.QUEUED, trigger="api")

        def hinted_and_ended() -> bool:
            # As the sweeper does until somebody takes the row.
            if SyncRun.objects.filter(pk=after.pk, status=Status.QUEUED).exists():
                try:
                    tasks.run_queued.apply_async((after.pk,), retry=False)
                except OperationalError:
                    return False
                time.sleep(1)
            return ended(after)

        eventually(hinted_and_ended, 60, log)
        assert (after.status, after.error) == (Status.SUCCEEDED, "")
        assert worker.poll() is None


@pytest.mark.processes
@pytest.mark.redis
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_run_in_a_worker_is_cancelled_from_another_process(
    demo: Any, tmp_path: Path, settings: Any
):
    for number in range(60):
        demo.add("res.partner", name=f"Contact {number}")
    demo.faults.add(Fault("delay", "res.partner", "read", times=None, seconds=0.5))
    settings.ODOO_PAGE_SIZE = 2
    log = tmp_path / "worker.log"
    with a_worker(log):
        run = a_run(kind="reconcile", status=Status.QUEUED, trigger="api")
        tasks.run_queued.delay(run.pk)

        def reads() -> bool:
            run.refresh_from_db()
            return run.read_count > 0

        eventually(reads, 60, log)
        assert cancel(run.pk, None)
        eventually(lambda: ended(run), 20, log)
    assert run.status == Status.CANCELLED
    assert 0 < run.read_count < run.planned_count
    assert SyncState.objects.get(pk="contacts").watermark is None


@pytest.mark.services
@pytest.mark.processes
@pytest.mark.redis
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_request_made_while_redis_is_down_is_carried_out_later(demo: Any, tmp_path: Path):
    from odoo_bridge.sync.run import request

    services("stop", "redis")
    try:
        queued = request("contacts", "reconcile", trigger=SyncRun.Trigger.API)
        assert queued.status == Status.QUEUED
    finally:
        services("start", "redis")
    SyncRun.objects.filter(pk=queued.pk).update(queued_at=ago(seconds=31))
    log = tmp_path / "worker.log"
    with a_worker(log):
        tasks.sweep()
        eventually(lambda: ended(queued), 60, log)
    assert queued.status == Status.SUCCEEDED
