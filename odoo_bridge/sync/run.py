"""Runs: how a run begins, how it ends, and what follows from it.

A run killed anywhere needs no repair: what it stored is right, the watermark has not moved, and the
next run finds what is missing by comparing.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from django.db import Error, close_old_connections, transaction
from django.db.models.functions import Now

from odoo_bridge.models import GoneReview, SyncRun
from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.odoo.redaction import redact
from odoo_bridge.runtime.postgres import no_statement_timeout
from odoo_bridge.sync import gone, lease, rereads, stopping
from odoo_bridge.sync.lease import LeaseHeld, holder_name
from odoo_bridge.sync.session import Cancelled, FollowUps, Progress, opened
from odoo_bridge.sync.steps import copy_records, copy_stream
from odoo_bridge.sync.streams import all_streams

logger = logging.getLogger(__name__)

Kind, Status, Trigger = SyncRun.Kind, SyncRun.Status, SyncRun.Trigger
_LISTENS_SECONDS = 1.0
_STARTED = ("status", "holder", "error", "error_code")

# How a run ends that an exception stopped: the first class that fits decides.
ENDINGS: dict[type[BaseException], SyncRun.Status] = {
    LeaseHeld: Status.SKIPPED,
    gone.NeedsConfirmation: Status.NEEDS_CONFIRMATION,
    Cancelled: Status.CANCELLED,
    stopping.Stopped: Status.INTERRUPTED,
    KeyboardInterrupt: Status.INTERRUPTED,
    SystemExit: Status.INTERRUPTED,
    BaseException: Status.FAILED,
}
# What staff must know of these is on the row. Others are errors of our own code, or end the program.
_EXPECTED = (BridgeError, Error)


def run(
    stream: str,
    kind: str,
    *,
    trigger: str,
    requested_by: Any = None,
    ids: Sequence[int] | None = None,
    confirm_gone: bool = False,
    progress: Progress | None = None,
    give_up_at: float | None = None,
) -> SyncRun:
    """Run ``stream`` now and return its finished SyncRun, however it ended.

    ``kind``: changes, reconcile, full, or records with ``ids``. For the other arguments see
    ``carry_out``. A run that a command started is not queued again when the program must stop: its user
    decides what comes next.
    """
    row = begin(
        stream,
        kind,
        trigger=trigger,
        requested_by=requested_by,
        ids=ids,
        confirm_gone=confirm_gone,
    )
    return carry_out(
        row,
        progress=progress,
        give_up_at=give_up_at,
        queue_rest=trigger != Trigger.COMMAND,
    )


def begin(stream: str, kind: str, **options: Any) -> SyncRun:
    """Return the row of a new run, which is running from now on. ``options`` as for ``run``."""
    return start(_new_row(stream, kind, **options))


@no_statement_timeout()
def carry_out(
    row: SyncRun,
    *,
    progress: Progress | None = None,
    give_up_at: float | None = None,
    queue_rest: bool = True,
) -> SyncRun:
    """Do what a running ``row`` asks for, and record in it how that ended.

    Only errors of our own code raise. ``progress`` is called with the row after each page.
    ``give_up_at``, on the monotonic clock: from then on the run does not wait for Odoo, and fails.
    If the program must stop, the run ends ``interrupted`` after the current page; with ``queue_rest``
    another run is queued, which goes on from there.
    """
    follow_ups = FollowUps()
    try:
        with opened(row, follow_ups, progress, give_up_at) as session:
            if row.kind == Kind.RECORDS:
                copy_records(session)
            else:
                copy_stream(session)
    except stopping.Stopped as exc:
        with transaction.atomic():
            _end(row, exc)
            # Before another worker learns of the rest: it must not find the stream taken.
            lease.release(row)
            if queue_rest:
                _request_rest(row)
        return row
    except BaseException as exc:
        _end(row, exc)
        if not isinstance(exc, _EXPECTED):
            raise
    else:
        _finish(row, Status.SUCCEEDED_WITH_ISSUES if row.issue_count else Status.SUCCEEDED)
    finally:
        lease.release(row)
    _follow_up(row, follow_ups, give_up_at)
    return row


def _new_row(stream: str, kind: str, *, ids: Sequence[int] | None = None, **fields: Any) -> SyncRun:
    if stream not in all_streams():
        raise ValueError(f"no stream is called {stream!r}")
    return SyncRun(stream=stream, kind=kind, requested_ids=list(ids or []), **fields)


def start(row: SyncRun) -> SyncRun:
    """Mark ``row`` as running, in this thread and from now on."""
    row.status, row.holder, row.error, row.error_code = Status.RUNNING, holder_name(), "", ""
    row.save(update_fields=_STARTED if row.pk else None)
    SyncRun.objects.filter(pk=row.pk).update(started_at=Now())
    row.refresh_from_db(fields=["started_at"])
    return row


# Endings ----------------------------------------------------------------------------------------


def _end(row: SyncRun, exc: BaseException) -> None:
    """Close ``row``, which ``exc`` stopped."""
    if isinstance(exc, Error):
        # The connection may be dead: with a new one the row can still say what happened.
        close_old_connections()
    status = next(status for kind, status in ENDINGS.items() if isinstance(exc, kind))
    _finish(row, status, *_reason(exc))


def _reason(exc: BaseException) -> tuple[str, str]:
    """What the row says about ``exc``, and its code."""
    if isinstance(exc, BridgeError):
        return str(exc), exc.code
    if isinstance(exc, Error):
        return f"database: {str(exc).strip().splitlines()[0]}", "database"
    if isinstance(exc, KeyboardInterrupt | SystemExit):
        return "Stopped by hand; the next run goes on from here.", "interrupted"
    return f"{type(exc).__name__}: see the log", "internal"


def _finish(row: SyncRun, status: str, error: str = "", code: str = "") -> None:
    """Close ``row``, unless it was closed as interrupted meanwhile: then another run has the stream."""
    SyncRun.objects.filter(pk=row.pk).exclude(status=Status.INTERRUPTED).update(
        status=status,
        error=redact(error).replace("\x00", ""),
        error_code=code,
        phase_seconds=row.phase_seconds,
        finished_at=Now(),
    )
    # What was counted here may have been rolled back: the row in the database is what happened.
    row.refresh_from_db()
    level = logging.INFO if status in (Status.SUCCEEDED, Status.SKIPPED) else logging.WARNING
    logger.log(level, "%s: %s %s", row, status, error)


# What follows from a run ------------------------------------------------------------------------


def _follow_up(row: SyncRun, follow_ups: FollowUps, give_up_at: float | None) -> None:
    if follow_ups.odoo_went_back and row.trigger != Trigger.HINT:
        _reconcile_others(row)
    # If one of these fails, its queue stays, and the next run of that stream reads it.
    for stream in sorted(follow_ups.streams):
        ids = sorted(rereads.queued(stream))
        if ids:
            run(stream, Kind.RECORDS, trigger=Trigger.HINT, ids=ids, give_up_at=give_up_at)


def _reconcile_others(row: SyncRun) -> None:
    """Odoo lost changes: have the other streams compared at once, each by its own run.

    A run that was requested for that requests no others.
    """
    for name in all_streams():
        waiting = SyncRun.objects.filter(
            stream=name, kind__in=(Kind.RECONCILE, Kind.FULL), status=Status.QUEUED
        )
        if name != row.stream and not waiting.exists():
            request(name, Kind.RECONCILE, trigger=Trigger.HINT)


def _request_rest(row: SyncRun) -> None:
    """Queue a run for what ``row`` did not finish."""
    other = request(
        row.stream,
        row.kind,
        trigger=row.trigger,
        requested_by=row.requested_by,
        ids=row.requested_ids,
        confirm_gone=row.confirm_gone,
        gone_review=row.gone_review,
    )
    row.error += f" Run {other.pk} goes on from there."
    row.save(update_fields=["error"])


# The queue --------------------------------------------------------------------------------------


def request(
    stream: str,
    kind: str,
    *,
    trigger: str,
    requested_by: Any = None,
    ids: Sequence[int] | None = None,
    confirm_gone: bool = False,
    gone_review: GoneReview | None = None,
) -> SyncRun:
    """Queue a run: its row first, then a message to the workers once the row is committed.

    The message may be lost, with Redis or without: the sweeper finds the row.
    """
    row = _new_row(
        stream,
        kind,
        trigger=trigger,
        requested_by=requested_by,
        ids=ids,
        confirm_gone=confirm_gone,
        gone_review=gone_review,
    )
    row.save()
    transaction.on_commit(lambda: _hint(row.pk), robust=True)
    return row


def _hint(run_id: int) -> None:
    from celery import current_app

    try:
        current_app.send_task("odoo_bridge.tasks.run_queued", args=[run_id], retry=False)
    except Exception as exc:
        logger.warning(
            "run %s waits for the sweeper: the broker cannot be reached: %s", run_id, exc
        )


def run_queued(run_id: int) -> SyncRun | None:
    """Run a queued row, unless another worker already took it or this one must stop."""
    if stopping.is_requested():
        # Leave it to another worker. Not at once: this one may take messages for a moment longer.
        time.sleep(_LISTENS_SECONDS)
        _hint(run_id)
        return None
    if not SyncRun.objects.filter(pk=run_id, status=Status.QUEUED).update(
        status=Status.RUNNING, started_at=Now()
    ):
        return None
    return carry_out(start(SyncRun.objects.get(pk=run_id)))
