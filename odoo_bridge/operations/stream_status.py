"""The status of every stream: how far it is copied, what its last run did, when the next one starts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from odoo_bridge.models import SyncIssue, SyncRun, SyncState
from odoo_bridge.operations import schedules
from odoo_bridge.sync.streams import all_streams

_WAITING = (SyncRun.Status.QUEUED, SyncRun.Status.RUNNING)


@dataclass
class StreamStatus:
    """The status of one stream. Counts are from the moment when the watermark last moved."""

    stream: str
    watermark: datetime | None = None
    lag_seconds: int | None = None
    row_count: int | None = None
    odoo_row_count: int | None = None
    odoo_version: str = ""
    unavailable_fields: list[str] = field(default_factory=list)
    left_out_fields: dict[str, str] = field(default_factory=dict)
    open_issues: int = 0
    current_run: SyncRun | None = None
    last_run: SyncRun | None = None
    # Next start by kind of run; a kind without an active schedule is absent.
    next_runs: dict[str, datetime] = field(default_factory=dict)


def all_statuses() -> list[StreamStatus]:
    """The status of every stream, in the order in which they are copied; always four queries.

    ``last_run`` is the last run over the whole stream that did something. Runs that were skipped
    because another was running, and runs of single records, do not count.
    """
    statuses = {name: StreamStatus(name) for name in all_streams()}
    for stream, values in _states():
        if stream in statuses:
            statuses[stream] = StreamStatus(stream, **values)
    open_issues = SyncIssue.objects.filter(resolved_at=None).order_by().values("stream")
    for row in open_issues.annotate(count=Count("pk")):
        if row["stream"] in statuses:
            statuses[row["stream"]].open_issues = row["count"]
    now = timezone.now()
    tasks = PeriodicTask.objects.filter(task=schedules.SYNC_TASK)
    for task in tasks.select_related("interval", "crontab"):
        sync, at = schedules.sync_of(task), schedules.next_run(task, now)
        if sync and at:
            statuses[sync[0]].next_runs[sync[1].value] = at
    return list(statuses.values())


def _states() -> Iterator[tuple[str, dict[str, Any]]]:
    runs = SyncRun.objects.filter(stream=OuterRef("stream")).order_by("-pk").values("pk")
    current = runs.filter(status=SyncRun.Status.RUNNING)
    last = runs.exclude(status__in=(*_WAITING, SyncRun.Status.SKIPPED))
    last = last.exclude(kind=SyncRun.Kind.RECORDS)
    columns = (
        "watermark",
        "row_count",
        "odoo_row_count",
        "odoo_version",
        "unavailable_fields",
        "left_out_fields",
    )
    states = list(
        SyncState.objects.annotate(
            now=Now(), current=Subquery(current[:1]), last=Subquery(last[:1])
        ).values("stream", "now", "current", "last", *columns)
    )
    ids = {row[name] for row in states for name in ("current", "last")} - {None}
    known = SyncRun.objects.select_related("requested_by").in_bulk(ids)
    for row in states:
        lag = row["now"] - row["watermark"] if row["watermark"] else None
        yield (
            row["stream"],
            {
                **{name: row[name] for name in columns},
                "lag_seconds": lag and max(0, round(lag.total_seconds())),
                "current_run": known.get(row["current"]),
                "last_run": known.get(row["last"]),
            },
        )
