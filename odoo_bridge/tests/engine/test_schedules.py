"""Schedules: seeded once, then staff's; what they change is what the real beat uses."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from celery.beat import Service
from celery.schedules import crontab
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import ModelEntry

from odoo_bridge.celery import app
from odoo_bridge.mirror.words import interval
from odoo_bridge.models import Heartbeat
from odoo_bridge.operations import schedules
from odoo_bridge.operations.beat import Scheduler
from odoo_bridge.operations.heartbeat import SWEEP, silences
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tasks import sweep


@pytest.mark.django_db
def test_every_stream_gets_its_three_schedules_and_the_bridge_its_own():
    names = set(PeriodicTask.objects.values_list("name", flat=True))
    wanted = {
        f"{stream}: {kind}" for stream in all_streams() for kind in ("changes", "reconcile", "full")
    }
    assert wanted | {"bridge: sweep", "bridge: prune runs", "bridge: expired tokens"} <= names


@pytest.mark.django_db
def test_seeding_again_keeps_what_staff_chose():
    task = PeriodicTask.objects.get(name="contacts: changes")
    task.interval = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.MINUTES)
    task.enabled = False
    task.save()
    count = PeriodicTask.objects.count()
    call_command("migrate", verbosity=0)
    task.refresh_from_db()
    assert (task.interval.every, task.enabled) == (5, False)
    assert PeriodicTask.objects.count() == count


@pytest.mark.django_db
def test_each_tick_expires_when_the_next_is_due():
    found = {task.name: task for task in PeriodicTask.objects.all()}
    for schedule in schedules.defaults():
        assert found[schedule.name].expire_seconds == schedule.every_seconds


@pytest.mark.django_db
def test_the_nightly_runs_are_staggered():
    tasks = PeriodicTask.objects.filter(name__endswith=": full")
    times = {(task.crontab.hour, task.crontab.minute, str(task.crontab.timezone)) for task in tasks}
    assert ("1", "30", "UTC") in times
    assert len(times) == len(all_streams())


@pytest.mark.django_db
def test_every_seeded_task_is_one_the_worker_knows():
    app.loader.import_default_modules()
    seeded = {schedule.task for schedule in schedules.defaults()}
    assert seeded <= set(app.tasks)


@pytest.mark.django_db
def test_a_schedule_without_expiry_is_warned_of():
    PeriodicTask.objects.filter(name="contacts: changes").update(expire_seconds=None)
    found = [found for found in run_checks(databases=["default"]) if found.id == "odoo_bridge.W001"]
    assert [message.msg for message in found] == ['The schedule "contacts: changes" has no expiry.']


# What staff change ----------------------------------------------------------------------------------


@pytest.fixture
def changes():
    return PeriodicTask.objects.get(name="contacts: changes")


NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.mark.django_db
def test_a_schedule_reads_like_a_sentence(changes):
    assert schedules.in_words(changes) == "contacts: check for changes"
    assert schedules.when_in_words(changes) == "every 60 seconds"
    nightly = PeriodicTask.objects.get(name="contacts: full")
    assert schedules.when_in_words(nightly) == "every day at 01:30 UTC"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (60, "60 seconds"),
        (90, "90 seconds"),
        (120, "2 minutes"),
        (3600, "1 hour"),
        (5400, "90 minutes"),
        (86_400, "1 day"),
    ],
)
def test_durations_are_told_in_whole_units(seconds, words):
    assert interval(seconds) == words


@pytest.mark.django_db
def test_every_schedule_of_ours_has_words_and_a_foreign_one_says_so(changes):
    for task in PeriodicTask.objects.exclude(name__startswith="celery."):
        assert "is not a task" not in schedules.in_words(task)
    changes.args = '["contacts", "full"]'
    assert schedules.known(changes) is None
    changes.args, changes.task = "broken", "os.system"
    assert "os.system, which is not a task of the bridge" in schedules.in_words(changes)


@pytest.mark.django_db
def test_the_expiry_follows_the_interval(changes):
    for when, expiry in ((30, 30), (time(4, 15), 86_400), (7200, 7200)):
        schedules.change(changes, when)
        changes.refresh_from_db()
        assert (changes.expire_seconds, changes.expires) == (expiry, None)
    assert schedules.every_seconds(changes) == 7200


@pytest.mark.django_db
def test_an_interval_another_schedule_shares_is_left_alone(changes):
    other = PeriodicTask.objects.get(name="invoices: changes")
    assert other.interval == changes.interval
    schedules.change(changes, 30)
    other.refresh_from_db()
    assert schedules.every_seconds(other) == 60


@pytest.mark.django_db
def test_a_change_does_not_forget_a_tick_of_beat(changes):
    PeriodicTask.objects.filter(pk=changes.pk).update(last_run_at=NOON, total_run_count=7)
    schedules.change(changes, 30)
    changes.refresh_from_db()
    assert (changes.last_run_at, changes.total_run_count) == (NOON, 7)


@pytest.mark.django_db
def test_what_staff_save_while_beat_notes_its_tick_is_kept(changes, monkeypatch):
    entry = Scheduler.Entry(PeriodicTask.objects.get(pk=changes.pk), app=app)
    ticked = next(entry)
    save = PeriodicTask.save

    def staff_first(row, *args, **kwargs):
        monkeypatch.setattr(PeriodicTask, "save", save)
        schedules.change(changes, 30)
        schedules.pause(changes)
        save(row, *args, **kwargs)

    monkeypatch.setattr(PeriodicTask, "save", staff_first)
    ticked.save()
    changes.refresh_from_db()
    assert (schedules.every_seconds(changes), changes.enabled) == (30, False)
    assert (changes.total_run_count, changes.last_run_at) == (1, ticked.last_run_at)


@pytest.mark.django_db
def test_the_next_run_is_when_beat_finds_it_due(changes):
    nightly = PeriodicTask.objects.get(name="contacts: full")
    changes.last_run_at = NOON - timedelta(seconds=20)
    nightly.last_run_at = NOON - timedelta(hours=10)
    for task, seconds in ((changes, 40), (nightly, 13.5 * 3600)):
        due_at = schedules.next_run(task, NOON)
        assert due_at == NOON + timedelta(seconds=seconds)
        for moment, due in ((due_at - timedelta(seconds=1), False), (due_at, True)):
            entry = ModelEntry(task, app=app)
            entry.schedule.nowfun = lambda moment=moment: moment
            assert entry.is_due().is_due is due


@pytest.mark.django_db
def test_an_overdue_run_is_due_now_and_a_paused_one_never(changes):
    changes.last_run_at = NOON - timedelta(hours=1)
    assert schedules.next_run(changes, NOON) == NOON
    schedules.pause(changes)
    assert schedules.next_run(changes, NOON) is None
    changes.refresh_from_db()
    assert (changes.enabled, changes.last_run_at) == (False, None)
    schedules.resume(changes)
    resumed = changes.date_changed
    assert schedules.next_run(changes, resumed) == resumed + timedelta(seconds=60)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "seconds", "lasting", "warned"),
    [
        ("contacts: changes", 60, 2, None),
        ("contacts: changes", 5, None, "very frequent"),
        ("contacts: changes", 60, 200, "longer than the interval"),
        ("contacts: changes", 3600, None, "stale after 15 minutes"),
        ("contacts: reconcile", 60, None, "very frequent"),
        ("contacts: reconcile", 3600, None, None),
        ("contacts: reconcile", 2 * 86_400, None, "very infrequent"),
    ],
)
def test_unwise_intervals_are_warned_of(name, seconds, lasting, warned):
    task = PeriodicTask.objects.get(name=name)
    schedules.change(task, seconds)
    found = schedules.warnings(task, lasting)
    assert [warned in warning for warning in found] == ([True] if warned else [])


# Signs of life --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_beat_that_never_ticked_or_stopped_is_silent():
    assert [silence.code for silence in silences(NOON)] == ["beat_silent"]
    PeriodicTask.objects.filter(name=SWEEP).update(last_run_at=NOON - timedelta(minutes=4))
    (silence,) = silences(NOON)
    assert "since 2026-02-01 11:56 UTC" in silence.message
    assert silence.remedy.startswith("Start the beat process")


@pytest.mark.django_db
def test_a_worker_that_carries_out_no_tick_is_silent():
    PeriodicTask.objects.filter(name=SWEEP).update(last_run_at=NOON)
    assert [silence.code for silence in silences(NOON)] == ["worker_silent"]
    Heartbeat.objects.create(name="worker", seen_at=NOON - timedelta(minutes=4), holder="w1")
    assert [silence.code for silence in silences(NOON)] == ["worker_silent"]
    Heartbeat.objects.update(seen_at=NOON - timedelta(minutes=1))
    assert silences(NOON) == []


@pytest.mark.django_db
def test_the_sweep_is_the_heartbeat():
    now = timezone.now()
    PeriodicTask.objects.filter(name=SWEEP).update(last_run_at=now)
    sweep()
    assert silences(now) == []


AHEAD = [timedelta(hours=1), timedelta(days=1), timedelta(days=3650)]


@pytest.mark.django_db
@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_a_tick_in_the_future_is_a_silence_of_beat_not_of_the_workers(ahead):
    PeriodicTask.objects.filter(name=SWEEP).update(last_run_at=NOON + ahead)
    (silence,) = silences(NOON)
    assert (silence.code, silence.since) == ("beat_silent", None)
    assert f"{NOON + ahead:%Y-%m-%d %H:%M} UTC, in the future" in silence.message
    PeriodicTask.objects.filter(name=SWEEP).update(last_run_at=NOON)
    Heartbeat.objects.create(name="worker", seen_at=NOON + ahead, holder="w1")
    assert [silence.code for silence in silences(NOON)] == ["worker_silent"]


@pytest.mark.django_db
def test_clocks_may_differ_a_little():
    PeriodicTask.objects.filter(name=SWEEP).update(last_run_at=NOON + timedelta(minutes=2))
    Heartbeat.objects.create(name="worker", seen_at=NOON + timedelta(minutes=2), holder="w1")
    assert silences(NOON) == []


# A clock that was wrong ------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("ahead", AHEAD, ids=str)
@pytest.mark.parametrize("name", ["contacts: changes", "contacts: reconcile", "contacts: full"])
@pytest.mark.parametrize("changed_too", [False, True], ids=["ticked", "ticked and changed"])
def test_a_tick_in_the_future_counts_as_none(name, ahead, changed_too):
    now = timezone.now()
    rows = PeriodicTask.objects.filter(name=name)
    rows.update(last_run_at=now + ahead, date_changed=now - timedelta(days=2))
    if changed_too:
        rows.update(date_changed=now + ahead)
    task = rows.get()
    longest = timedelta(days=1) if task.crontab else task.interval.schedule.run_every
    expected = now if not changed_too else None
    next_run = schedules.next_run(task, now)
    assert next_run == expected or now < next_run <= now + longest
    due, again_in = Scheduler.Entry(task, app=app).is_due()
    assert due is not changed_too
    assert again_in <= longest.total_seconds()


@pytest.fixture
def scheduler(monkeypatch) -> Scheduler:
    """The scheduler of the settings, which leaves the connection of the test's transaction open."""
    monkeypatch.setattr("django_celery_beat.schedulers.close_old_connections", lambda: None)
    return Scheduler(app=app, lazy=True)


@pytest.mark.django_db
def test_a_pause_saved_by_a_clock_that_is_behind_is_seen_at_once(changes, scheduler):
    assert changes.name in scheduler.schedule
    assert scheduler.schedule_changed() is False
    PeriodicTasks.objects.update(last_update=timezone.now())
    assert scheduler.schedule_changed() is True
    schedules.pause(changes)
    PeriodicTasks.objects.update(last_update=timezone.now() - timedelta(hours=1))
    assert changes.name not in scheduler.schedule
    assert scheduler.schedule_changed() is False


@pytest.mark.django_db
def test_a_clock_that_is_set_back_silences_nothing_in_memory(changes, scheduler, monkeypatch):
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(hours=3))
    PeriodicTask.objects.filter(pk=changes.pk).update(
        last_run_at=real() + timedelta(hours=3), date_changed=real() - timedelta(days=1)
    )
    assert scheduler.schedule[changes.name].is_due().is_due is False
    scheduler.schedule_changed()
    monkeypatch.setattr(timezone, "now", real)
    assert scheduler.schedule[changes.name].is_due().is_due is True


# The real scheduler -----------------------------------------------------------------------------------


@contextmanager
def beat() -> Iterator[None]:
    """Celery's beat with the scheduler of the settings, in a thread."""
    service = Service(app, scheduler_cls=app.conf.beat_scheduler)

    def work() -> None:
        try:
            service.start()
        finally:
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        service.stop()
        thread.join(15)
        assert not thread.is_alive()


def only(name: str, **changes: Any) -> PeriodicTask:
    """Leave one schedule, as staff changed it."""
    PeriodicTask.objects.exclude(name=name).delete()
    task = PeriodicTask.objects.get(name=name)
    for field, value in changes.items():
        setattr(task, field, value)
    task.save()
    return task


def seconds_until(true: Callable[[], bool], limit: float) -> float:
    start = monotonic()
    while not true():
        assert monotonic() - start < limit
        sleep(0.1)
    return monotonic() - start


def ticks(task: PeriodicTask) -> int:
    return PeriodicTask.objects.values_list("total_run_count", flat=True).get(pk=task.pk)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_changed_interval_is_in_force_within_ten_seconds():
    task = only("contacts: reconcile", last_run_at=timezone.now())
    with beat():
        sleep(3)
        assert ticks(task) == 0
        task.refresh_from_db()
        task.interval = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
        task.save()
        assert seconds_until(lambda: ticks(task) > 0, 20) < 10


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_beat_that_was_down_for_hours_ticks_once():
    task = only("contacts: reconcile", last_run_at=timezone.now() - timedelta(hours=5))
    with beat():
        seconds_until(lambda: ticks(task) > 0, 10)
        sleep(7)
        assert ticks(task) == 1


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_killed_beat_does_not_repeat_its_last_tick():
    task = only("contacts: reconcile", last_run_at=timezone.now() - timedelta(hours=5))
    with beat():
        seconds_until(lambda: ticks(task) > 0, 10)
        # What a beat finds that starts now, while the first has had no time to say goodbye.
        task.refresh_from_db()
        assert timezone.now() - task.last_run_at < timedelta(seconds=10)


@pytest.mark.django_db
def test_a_nightly_run_fires_once_a_day_in_utc():
    row = CrontabSchedule.objects.get(hour="1", minute="30")
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    schedule: crontab = row.schedule
    due = []
    last = midnight
    for minute in range(24 * 60):
        now = midnight + timedelta(minutes=minute)
        schedule.nowfun = lambda now=now: now
        if schedule.is_due(last).is_due:
            due.append((now.hour, now.minute))
            last = now
    assert due == [(1, 30)]
