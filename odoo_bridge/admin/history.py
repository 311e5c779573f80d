"""The history of a record and of its copy."""

import datetime
from typing import Any

from django.db.models import Q
from django.utils.safestring import SafeString

from odoo_bridge.admin.page import Line, Panel, link_to, moment
from odoo_bridge.models import SyncIssue, SyncRun
from odoo_bridge.sync.streams import Stream

# Celery ends a task after six hours and some minutes.
_LONGEST_RUN = datetime.timedelta(hours=7)


def history(stream: Stream, row: Any) -> Panel:
    """The events of the record and its copy, latest first, and the run of each."""
    events: list[tuple[datetime.datetime, str, Any]] = []
    if row.create_date:
        events.append((row.create_date, "Created in Odoo", ""))
    if row.write_date and row.write_date != row.create_date:
        events.append((row.write_date, "Last updated in Odoo", ""))
    events.append((row.stored_at, "Last updated here", _run_at(stream.name, row.pk, row.stored_at)))
    if row.gone_at:
        seen = _run_at(stream.name, row.pk, row.gone_at)
        events.append((row.gone_at, "Not seen in Odoo any more", seen))
    for issue in SyncIssue.objects.filter(stream=stream.name, odoo_id=row.pk)[:10]:
        events.append((issue.last_seen_at, f"Could not be copied: {issue.reason}", link_to(issue)))
        if issue.resolved_at:
            events.append((issue.resolved_at, "Copied again", link_to(issue)))
    events.sort(key=lambda event: event[0], reverse=True)
    return Panel(
        "History",
        ("When (UTC)", "Event", "By"),
        [Line((moment(at), what, by)) for at, what, by in events],
        note=f"Change {row.change_seq:,} of {stream.name.replace('_', ' ')}.",
    )


def _run_at(stream: str, odoo_id: int, at: datetime.datetime) -> str | SafeString:
    """The run that wrote the row at that time. A records run may run at the same time as another
    kind."""
    runs = SyncRun.objects.filter(
        stream=stream, started_at__lte=at, started_at__gte=at - _LONGEST_RUN
    ).exclude(status=SyncRun.Status.SKIPPED)
    runs = runs.filter(Q(finished_at__gte=at) | Q(finished_at=None))
    for run in runs.order_by("-pk")[:5]:
        if run.kind != SyncRun.Kind.RECORDS or odoo_id in run.requested_ids:
            return link_to(run, f"{run.kind} run #{run.pk}")
    return "a run that has been deleted since"
