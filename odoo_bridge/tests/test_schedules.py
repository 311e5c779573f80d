"""Schedules: seeded once, then staff's; what they change is what the real beat uses."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from celery.beat import Service
from celery.schedules import crontab
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from odoo_bridge import schedules
from odoo_bridge.celery import app
from odoo_bridge.sync.streams import all_streams


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
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < limit
        time.sleep(0.1)
    return time.monotonic() - start


def ticks(task: PeriodicTask) -> int:
    return PeriodicTask.objects.values_list("total_run_count", flat=True).get(pk=task.pk)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_changed_interval_is_in_force_within_ten_seconds():
    task = only("contacts: reconcile", last_run_at=timezone.now())
    with beat():
        time.sleep(3)
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
        time.sleep(7)
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
