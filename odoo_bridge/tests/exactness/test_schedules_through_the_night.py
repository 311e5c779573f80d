"""Beat's own scheduler, walked through nights when the clocks change, and through a worker's absence."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from odoo_bridge.celery import app
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.models import SyncRun
from odoo_bridge.tests.exactness.checker import Checker
from odoo_bridge.tests.exactness.test_processes_killed import ticking_every
from odoo_bridge.tests.programs import a_beat, a_worker, eventually
from odoo_bridge.tests.runs import sync

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
Sent = list[tuple[str, datetime]]


class Walker(DatabaseScheduler):
    """The scheduler of the settings, but for the sending: what it would send is noted."""

    producer = None
    max_interval = 240  # of the fake clock, between two looks

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        super().__init__(app=app, max_interval=self.max_interval)

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **_: Any) -> None:
        self._sent.append((entry.name, datetime.now(UTC)))
        self._tasks_since_sync += 1
        if self.should_sync():
            self._do_sync()


@pytest.fixture(autouse=True)
def _one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beat looks thousands of times a day; the tests' connections are closed after each look."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    connection.close()


def walk(start: datetime, hours: int, overdue: timedelta = timedelta()) -> Sent:
    """Let beat tick from ``start`` on, and return what it sent when. ``overdue``: for how long it
    had been down."""
    sent: Sent = []
    end = start + timedelta(hours=hours)
    with time_machine.travel(start, tick=False) as clock:
        last = timezone.now() - overdue
        PeriodicTask.objects.update(last_run_at=last, date_changed=last)
        walker = Walker(sent)
        while datetime.now(UTC) < end:
            wait = walker.tick()
            clock.shift(timedelta(seconds=min(max(wait, 1), walker.max_interval)))
    return sent


def scheduled(name: str, hour: int, minute: int, zone: str) -> None:
    when = CrontabSchedule.objects.create(hour=str(hour), minute=str(minute), timezone=zone)
    PeriodicTask.objects.create(name=name, task="odoo_bridge.tasks.sweep", crontab=when)


NIGHTS = {
    # The hour from 2 to 3 is missing, or comes twice.
    "Brussels, spring": ("Europe/Brussels", datetime(2026, 3, 28, 12, tzinfo=UTC)),
    "Brussels, autumn": ("Europe/Brussels", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    "New York, spring": ("America/New_York", datetime(2026, 3, 7, 17, tzinfo=UTC)),
    "New York, autumn": ("America/New_York", datetime(2026, 10, 31, 17, tzinfo=UTC)),
}


@pytest.mark.parametrize("night", NIGHTS)
def test_every_schedule_fires_in_a_night_when_the_clocks_change(night: str) -> None:
    zone, start = NIGHTS[night]
    PeriodicTask.objects.exclude(name__in=["contacts: reconcile", "contacts: full"]).delete()
    for hour, minute in ((2, 30), (3, 0), (9, 15)):
        scheduled(f"{hour}:{minute:02} local", hour, minute, zone)
    sent = walk(start, 24)

    def local(name: str) -> list[str]:
        return [
            at.astimezone(ZoneInfo(zone)).strftime("%H:%M") for sent_, at in sent if sent_ == name
        ]

    # Intervals and UTC do not know that the clocks change.
    hourly = [at for name, at in sent if name == "contacts: reconcile"]
    gaps = {round((b - a).total_seconds() / 60) for a, b in itertools.pairwise(hourly)}
    assert len(hourly) in (23, 24)
    assert gaps <= {60, 61}
    assert [at.strftime("%H:%M") for name, at in sent if name == "contacts: full"] == ["01:30"]
    assert local("9:15 local") == ["09:15"]
    assert local("3:00 local") == ["03:00"]
    # Where 2:30 does not exist it is half past three; where it comes twice, it fires once.
    assert local("2:30 local") == ["03:30" if "spring" in night else "02:30"]


@pytest.mark.parametrize(
    ("back_at", "made_up_for"),
    [
        (datetime(2026, 6, 1, 3, tzinfo=UTC), "03:0"),
        # Beat looks at the times of day within two hours of now, and no further.
        (datetime(2026, 6, 1, 12, tzinfo=UTC), "23:0"),
    ],
)
def test_a_nightly_run_that_was_missed_is_made_up_for_once(
    back_at: datetime, made_up_for: str
) -> None:
    PeriodicTask.objects.exclude(name="contacts: full").delete()
    sent = walk(back_at, 36, overdue=timedelta(days=3))
    times = [at.strftime("%H:%M") for name, at in sent if name == "contacts: full"]
    assert times[0].startswith(made_up_for)
    assert times[1:] == ["01:30"]


@pytest.mark.processes
@pytest.mark.redis
def test_ticks_that_found_no_worker_do_not_pile_up(
    demo: DemoOdoo, check: Checker, tmp_path: Path
) -> None:
    logs = [tmp_path / "beat.log", tmp_path / "worker.log"]
    check.journal.files += logs
    ticking_every(1)
    task = PeriodicTask.objects.get(name="contacts: changes")
    with a_beat(logs[0]):

        def ticked_five_times() -> bool:
            task.refresh_from_db()
            return task.total_run_count >= 5

        eventually(ticked_five_times, 60, logs[0])
    with a_worker(logs[1]):
        asked = SyncRun.objects.create(stream="contacts", kind="changes", trigger="api")
        app.send_task("odoo_bridge.tasks.run_queued", args=[asked.pk])
        eventually(lambda: SyncRun.objects.filter(status="succeeded").exists(), 60, logs[1])
    # Behind the five in the queue, and the first to be carried out.
    assert SyncRun.objects.filter(trigger="schedule").count() <= 1
    sync("contacts")
    check("contacts")


def test_the_walk_takes_beat_at_its_word() -> None:
    """A schedule switched off is not sent, so the walks above show more than a calendar."""
    PeriodicTask.objects.exclude(name="contacts: reconcile").delete()
    every = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.MINUTES)
    PeriodicTask.objects.update(interval=every, enabled=False)
    assert walk(datetime(2026, 6, 1, tzinfo=UTC), 2) == []
    PeriodicTask.objects.update(enabled=True)
    assert len(walk(datetime(2026, 6, 1, tzinfo=UTC), 2)) in (11, 12)
