"""The schedules a new installation starts with. After that they belong to staff."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from odoo_bridge.models import SyncRun
from odoo_bridge.sync.streams import all_streams

MINUTE, HOUR, DAY = 60, 3600, 86_400
# The nightly runs start at 01:30 UTC, ten minutes apart: they ask the same Odoo.
FIRST_FULL_MINUTE, FULL_GAP_MINUTES = 90, 10


@dataclass(frozen=True)
class Schedule:
    name: str
    task: str
    # A tick is worth nothing once the next one is due. Without an expiry a stopped worker would
    # find one message per missed tick.
    every_seconds: int
    at_minute: int | None = None  # of the day, UTC; None: counted from the last tick
    args: list[Any] = field(default_factory=list)


def defaults() -> list[Schedule]:
    """The schedules of every stream, then those of the bridge itself."""
    found = []
    for number, stream in enumerate(all_streams()):
        sync = "odoo_bridge.tasks.sync_stream"
        full_at = FIRST_FULL_MINUTE + number * FULL_GAP_MINUTES
        for kind, seconds, minute in (
            (SyncRun.Kind.CHANGES, MINUTE, None),
            (SyncRun.Kind.RECONCILE, HOUR, None),
            (SyncRun.Kind.FULL, DAY, full_at),
        ):
            found.append(
                Schedule(f"{stream}: {kind.value}", sync, seconds, minute, [stream, kind.value])
            )
    return [
        *found,
        Schedule("bridge: sweep", "odoo_bridge.tasks.sweep", MINUTE),
        Schedule("bridge: prune runs", "odoo_bridge.tasks.prune_runs", DAY, 30),
        Schedule("bridge: expired tokens", "odoo_bridge.tasks.flush_expired_tokens", DAY, 45),
    ]


def seed(using: str = "default") -> None:
    """Add the schedules that are missing. The interval staff chose, and "disabled", survive."""
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


def _when(schedule: Schedule, using: str) -> dict[str, Any]:
    # first() and not get(): nothing keeps staff from making the same interval twice.
    if schedule.at_minute is None:
        interval = {"every": schedule.every_seconds, "period": IntervalSchedule.SECONDS}
        intervals = IntervalSchedule.objects.using(using)
        return {"interval": intervals.filter(**interval).first() or intervals.create(**interval)}
    hour, minute = divmod(schedule.at_minute % 1440, 60)
    crontab = {
        "minute": str(minute),
        "hour": str(hour),
        "day_of_week": "*",
        "day_of_month": "*",
        "month_of_year": "*",
        "timezone": "UTC",
    }
    crontabs = CrontabSchedule.objects.using(using)
    return {"crontab": crontabs.filter(**crontab).first() or crontabs.create(**crontab)}
