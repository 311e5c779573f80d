"""What Celery runs: each task reads its arguments and makes one call.

A message is a hint that may be lost or doubled. What must happen is a row: a queued ``SyncRun``
that ``sweep`` finds, a watermark the next tick goes on from.
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
from odoo_bridge.operations.heartbeat import worker_was_here
from odoo_bridge.sync import run as engine
from odoo_bridge.sync.lease import close_interrupted
from odoo_bridge.writing import requests

logger = logging.getLogger(__name__)

# A hint that has not led to a run for this long is taken for lost.
HINT_PATIENCE = timedelta(seconds=30)


@shared_task
def sync_stream(stream: str, kind: str) -> int:
    """Run a stream because its schedule says so."""
    return engine.run(stream, kind, trigger=SyncRun.Trigger.SCHEDULE).pk


@shared_task
def run_queued(run_id: int) -> int | None:
    """Carry out a run that somebody asked for, unless another hint did already."""
    done = engine.run_queued(run_id)
    return None if done is None else done.pk


@shared_task
def sweep() -> None:
    """Close the runs whose worker is gone, and hint again at queued runs nobody took."""
    worker_was_here()
    close_interrupted()
    forgotten = SyncRun.objects.filter(
        status=SyncRun.Status.QUEUED, queued_at__lt=Now() - HINT_PATIENCE
    )
    for run_id in forgotten.order_by("pk").values_list("pk", flat=True):
        try:
            # The next sweep hints again, so this one need not outlive it: a busy worker must not
            # find a hundred hints at the same run.
            run_queued.apply_async((run_id,), expires=60, retry=False)
        except OperationalError as exc:
            logger.warning("The broker cannot be reached; queued runs wait: %s", exc)
            return


@shared_task
def prune_runs(days: int = 30) -> None:
    """Forget runs that ended, issues that were resolved and questions that were settled, more than
    ``days`` days ago.

    The last run of each stream and status stays: "last succeeded in March" must remain sayable.
    """
    before = Now() - timedelta(days=days)
    latest = SyncRun.objects.order_by().values("stream", "status").annotate(pk_max=Max("pk"))
    SyncRun.objects.filter(finished_at__lt=before).exclude(
        pk__in=list(latest.values_list("pk_max", flat=True))
    ).delete()
    SyncIssue.objects.filter(resolved_at__lt=before).delete()
    settled = GoneReview.objects.exclude(status__in=GoneReview.IN_FORCE)
    settled.filter(last_asked_at__lt=before).delete()


@shared_task
def settle_writes() -> None:
    """Find out what became of writes to Odoo that were left without an answer."""
    requests.settle_all()


@shared_task
def prune_writes(days: int = 365) -> None:
    """Forget the writes that ended more than ``days`` days ago, and with them their keys."""
    requests.forget(timedelta(days=days))


@shared_task
def prune_audit(days: int = 180) -> None:
    """Forget logins and exports of more than ``days`` days ago."""
    audit.forget(timedelta(days=days))


@shared_task
def flush_expired_tokens() -> None:
    """Delete refresh tokens and sessions that no longer open anything."""
    call_command("flushexpiredtokens")
    call_command("clearsessions")
