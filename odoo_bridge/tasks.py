"""The Celery tasks: each one reads its arguments and makes one call.

A message is only a hint that may be lost or delivered twice. Work that must be done is a row in the
database: a queued ``SyncRun`` that ``sweep`` finds, or a watermark from which the next run continues.
"""

import logging
from datetime import timedelta

from celery import shared_task
from django.core.management import call_command
from django.db.models import Max
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from odoo_bridge.models import GoneReview, SyncIssue, SyncRun
from odoo_bridge.operations import audit
from odoo_bridge.operations.heartbeat import record_worker_heartbeat
from odoo_bridge.sync import run as engine
from odoo_bridge.sync.lease import close_interrupted
from odoo_bridge.writing import requests

logger = logging.getLogger(__name__)

# A hint that has not started a run after this time counts as lost.
HINT_PATIENCE = timedelta(seconds=30)


@shared_task
def sync_stream(stream: str, kind: str) -> int:
    """Run a stream on schedule."""
    return engine.run(stream, kind, trigger=SyncRun.Trigger.SCHEDULE).pk


@shared_task
def run_queued(run_id: int) -> int | None:
    """Carry out a requested run, unless another message has started it already."""
    done = engine.run_queued(run_id)
    return None if done is None else done.pk


@shared_task
def sweep() -> None:
    """Close the runs whose worker died, and send queued runs that no worker took to the broker again."""
    record_worker_heartbeat()
    close_interrupted()
    forgotten = SyncRun.objects.filter(
        status=SyncRun.Status.QUEUED, queued_at__lt=Now() - HINT_PATIENCE
    )
    for run_id in forgotten.order_by("pk").values_list("pk", flat=True):
        try:
            # The next sweep sends another message, so this one may expire: a worker that was busy
            # must not find a hundred messages for the same run.
            run_queued.apply_async((run_id,), expires=60, retry=False)
        except OperationalError as exc:
            logger.warning("The broker cannot be reached; queued runs wait: %s", exc)
            return


@shared_task
def prune_runs(days: int = 30) -> None:
    """Delete finished runs, resolved issues and closed questions older than ``days`` days.

    The last run of each stream and status stays, so that "last succeeded in March" can still be shown.
    """
    before = Now() - timedelta(days=days)
    latest = SyncRun.objects.order_by().values("stream", "status").annotate(pk_max=Max("pk"))
    SyncRun.objects.filter(finished_at__lt=before).exclude(
        pk__in=list(latest.values_list("pk_max", flat=True))
    ).delete()
    SyncIssue.objects.filter(resolved_at__lt=before).delete()
    closed = GoneReview.objects.exclude(status__in=GoneReview.IN_FORCE)
    closed.filter(last_asked_at__lt=before).delete()


@shared_task
def resolve_writes() -> None:
    """Find out the outcome of writes to which Odoo did not respond."""
    requests.resolve_all()


@shared_task
def prune_writes(days: int = 365) -> None:
    """Delete writes that ended more than ``days`` days ago, and with them their keys."""
    requests.prune(timedelta(days=days))


@shared_task
def prune_audit(days: int = 180) -> None:
    """Delete audit entries older than ``days`` days."""
    audit.prune(timedelta(days=days))


@shared_task
def flush_expired_tokens() -> None:
    """Delete expired refresh tokens and sessions."""
    call_command("flushexpiredtokens")
    call_command("clearsessions")
