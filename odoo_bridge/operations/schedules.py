"""The schedules of a new installation. Staff may then change when a task runs, but not which task it
is."""

import json
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from django.db import connections
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from odoo_bridge.mirror.words import interval
from odoo_bridge.models import SyncRun
from odoo_bridge.operations.heartbeat import SWEEP
from odoo_bridge.sync.streams import all_streams

MINUTE, HOUR, DAY = 60, 3600, 86_400
SYNC_TASK = "odoo_bridge.tasks.sync_stream"
# The nightly runs start at 01:30 UTC, ten minutes apart, because they read from the same Odoo.
FIRST_FULL_MINUTE, FULL_GAP_MINUTES = 90, 10


@dataclass(frozen=True)
class Default:
    name: str
    task: str
    # A tick expires when the next one is due. Otherwise a worker that was stopped would find one
    # message per missed tick.
    every_seconds: int
    at_minute: int | None = None  # of the day, UTC; None: counted from the last tick
    args: list[Any] = field(default_factory=list)


def defaults() -> list[Default]:
    """The schedules of every stream, then those of the bridge itself."""
    found = []
    for number, stream in enumerate(all_streams()):
        full_at = FIRST_FULL_MINUTE + number * FULL_GAP_MINUTES
        for kind, seconds, minute in (
            (SyncRun.Kind.CHANGES, MINUTE, None),
            (SyncRun.Kind.RECONCILE, HOUR, None),
            (SyncRun.Kind.FULL, DAY, full_at),
        ):
            found.append(
                Default(f"{stream}: {kind.value}", SYNC_TASK, seconds, minute, [stream, kind.value])
            )
    return [
        *found,
        Default(SWEEP, "odoo_bridge.tasks.sweep", MINUTE),
        Default("bridge: resolve writes", "odoo_bridge.tasks.resolve_writes", MINUTE),
        Default("bridge: prune runs", "odoo_bridge.tasks.prune_runs", DAY, 30),
        Default("bridge: prune writes", "odoo_bridge.tasks.prune_writes", DAY, 35),
        Default("bridge: prune audit", "odoo_bridge.tasks.prune_audit", DAY, 40),
        Default("bridge: expired tokens", "odoo_bridge.tasks.flush_expired_tokens", DAY, 45),
    ]


def seed(using: str = "default") -> None:
    """Add missing schedules. Intervals that staff chose, and pauses, are kept."""
    if PeriodicTask._meta.db_table not in connections[using].introspection.table_names():
        return
    for schedule in defaults():
        if not PeriodicTask.objects.using(using).filter(name=schedule.name).exists():
            PeriodicTask.objects.using(using).get_or_create(
                name=schedule.name,
                defaults={
                    "task": schedule.task,
                    "args": json.dumps(schedule.args),
                    "expire_seconds": schedule.every_seconds,
                    **_when(schedule, using),
                },
            )


def _when(schedule: Default, using: str) -> dict[str, Any]:
    if schedule.at_minute is None:
        return {"interval": _interval(schedule.every_seconds, using)}
    hour, minute = divmod(schedule.at_minute % 1440, 60)
    return {"crontab": _daily(time(hour, minute), using)}


def _interval(seconds: int, using: str = "default") -> IntervalSchedule:
    # first() and not get(), because two processes may create the same interval at the same time.
    wanted = {"every": seconds, "period": IntervalSchedule.SECONDS}
    intervals = IntervalSchedule.objects.using(using)
    return intervals.filter(**wanted).first() or intervals.create(**wanted)


def _daily(at: time, using: str = "default") -> CrontabSchedule:
    wanted = {
        "minute": str(at.minute),
        "hour": str(at.hour),
        "day_of_week": "*",
        "day_of_month": "*",
        "month_of_year": "*",
        "timezone": "UTC",
    }
    crontabs = CrontabSchedule.objects.using(using)
    return crontabs.filter(**wanted).first() or crontabs.create(**wanted)


# What staff change ----------------------------------------------------------------------------------

# Beat checks its rows every five seconds.
SHORTEST_SECONDS, LONGEST_SECONDS = 5, 31 * DAY
# Usual intervals by kind of run, in seconds. Others cause a warning.
USUAL = {
    SyncRun.Kind.CHANGES: (15, 15 * MINUTE),
    SyncRun.Kind.RECONCILE: (10 * MINUTE, DAY),
    SyncRun.Kind.FULL: (6 * HOUR, 7 * DAY),
}
_IN_WORDS = {
    SyncRun.Kind.CHANGES: "check for changes",
    SyncRun.Kind.RECONCILE: "check every timestamp",
    SyncRun.Kind.FULL: "re-read everything",
    SWEEP: "Housekeeping: start waiting runs, close interrupted ones",
    "bridge: resolve writes": "Housekeeping: find out the outcome of unanswered writes to Odoo",
    "bridge: prune runs": "Housekeeping: delete runs older than 30 days",
    "bridge: prune writes": "Housekeeping: delete writes to Odoo, with their keys, after a year",
    "bridge: prune audit": "Housekeeping: delete logins and exports older than 180 days",
    "bridge: expired tokens": "Housekeeping: delete expired logins",
    "celery.backend_cleanup": "Celery: delete old results",
}


def known(task: PeriodicTask) -> Default | None:
    """The schedule of ours that ``task`` is; None for a task that is not ours."""
    ours = {schedule.name: schedule for schedule in defaults()}.get(task.name)
    if ours is None or ours.task != task.task:
        return None
    try:
        return ours if json.loads(task.args or "[]") == ours.args else None
    except ValueError:
        return None


def changeable(task: PeriodicTask) -> bool:
    """Whether staff may change ``task``. The sweep is excluded: it is the heartbeat of beat and
    workers."""
    return known(task) is not None and task.name != SWEEP


def sync_of(task: PeriodicTask) -> tuple[str, SyncRun.Kind] | None:
    """The stream and the kind of run that ``task`` starts; None if it does not start runs."""
    ours = known(task)
    if ours is None or ours.task != SYNC_TASK:
        return None
    stream, kind = ours.args
    return stream, SyncRun.Kind(kind)


def in_words(task: PeriodicTask) -> str:
    """``contacts: check for changes``."""
    sync = sync_of(task)
    if sync:
        return f"{sync[0].replace('_', ' ')}: {_IN_WORDS[sync[1]]}"
    return _IN_WORDS.get(task.name, f"{task.task}, which is not a task of the bridge")


def every_seconds(task: PeriodicTask) -> int | None:
    """The interval of ``task``; None if it runs at a time of day."""
    return round(task.interval.schedule.run_every.total_seconds()) if task.interval else None


def daily_at(task: PeriodicTask) -> time | None:
    """The time (UTC) at which ``task`` runs every day; None for any other schedule."""
    row = task.crontab
    if row is None or {row.day_of_week, row.day_of_month, row.month_of_year} != {"*"}:
        return None
    if not (row.hour.isdigit() and row.minute.isdigit()) or str(row.timezone) != "UTC":
        return None
    return time(int(row.hour), int(row.minute))


def when_in_words(task: PeriodicTask) -> str:
    """``every 60 seconds``, ``every hour``, ``every day at 01:30 UTC``."""
    seconds, at = every_seconds(task), daily_at(task)
    if seconds:
        return f"every {interval(seconds)}".replace("every 1 ", "every ")
    return f"every day at {at:%H:%M} UTC" if at else str(task.scheduler)


def past(moment: datetime | None, now: datetime) -> datetime | None:
    """``moment``, or None if it lies in the future: then a clock was wrong when it was stored."""
    return moment if moment and moment <= now else None


def next_run(task: PeriodicTask, now: datetime) -> datetime | None:
    """When beat sends ``task`` next, calculated as beat does; ``now`` if it is due, None if paused."""
    if not task.enabled:
        return None
    # If it was not sent since it was changed or resumed, beat counts from that change.
    last = past(task.last_run_at, now) or past(task.date_changed, now) or now
    schedule = task.schedule
    schedule.nowfun = lambda: now
    left: timedelta = schedule.remaining_estimate(last)
    return max(now, now + left)


def warnings(task: PeriodicTask, usual_seconds: float | None = None) -> list[str]:
    """Warnings about the interval of ``task``. ``usual_seconds``: how long its runs usually take."""
    sync, seconds = sync_of(task), every_seconds(task)
    if sync is None or seconds is None:
        return []
    _stream, kind = sync
    shortest, longest = USUAL[kind]
    found = []
    if seconds < shortest:
        found.append(
            f"Every {interval(seconds)} is very frequent: each run costs Odoo some queries."
        )
    if usual_seconds and seconds < usual_seconds:
        found.append(
            f"Its runs take {interval(max(1, round(usual_seconds)))}, longer than the "
            "interval. A run that starts while the previous one is still running is skipped."
        )
    if seconds > longest:
        found.append(
            "The mirror counts as stale after 15 minutes without a run."
            if kind == SyncRun.Kind.CHANGES
            else f"Every {interval(seconds)} is very infrequent: changes that the quicker runs "
            "cannot see are found only that late."
        )
    return found


def change(task: PeriodicTask, when: int | time) -> None:
    """Run ``task`` at an interval in seconds, or every day at a time (UTC), and set its expiry.

    The row is saved with ``save()`` and never with ``update()``, because only ``save()`` notifies beat.
    """
    if isinstance(when, int):
        task.interval, task.crontab = _interval(when), None
        task.expire_seconds = when
    else:
        task.interval, task.crontab = None, _daily(when)
        task.expire_seconds = DAY
    task.expires = None
    _save(task, "interval", "crontab", "expire_seconds", "expires")


def pause(task: PeriodicTask) -> None:
    task.enabled = False
    _save(task, "enabled", "last_run_at")


def resume(task: PeriodicTask) -> None:
    task.enabled = True
    _save(task, "enabled")


def _save(task: PeriodicTask, *names: str) -> None:
    # Only these columns, because beat may write its last tick into the same row at the same time.
    task.save(update_fields=[*names, "date_changed"])
