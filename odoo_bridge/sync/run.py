"""Runs: the one function behind every door, and how each ends.

A run killed anywhere needs no repair: what it stored is right, the watermark has not moved, and the
next run finds what is missing by comparing.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections, transaction
from django.db.models.functions import Now

from odoo_bridge.models import GoneReview, SyncRun
from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.odoo.redaction import redact
from odoo_bridge.runtime.postgres import no_statement_timeout
from odoo_bridge.sync import gone, stopping
from odoo_bridge.sync.execution import Cancelled, Execution, Progress
from odoo_bridge.sync.lease import LeaseHeld, holder_name
from odoo_bridge.sync.streams import all_streams

logger = logging.getLogger(__name__)

Kind, Status, Trigger = SyncRun.Kind, SyncRun.Status, SyncRun.Trigger
_LISTENS_SECONDS = 1.0
_STARTED = ("status", "holder", "error", "error_code")


@no_statement_timeout()
def run(
    stream: str,
    kind: str,
    *,
    trigger: str,
    requested_by: Any = None,
    ids: Sequence[int] | None = None,
    confirm_gone: bool = False,
    queued: SyncRun | None = None,
    progress: Progress | None = None,
    give_up_at: float | None = None,
) -> SyncRun:
    """Run ``stream`` now and return its finished SyncRun, whatever became of it.

    ``kind``: changes, reconcile, full, or records with ``ids``. ``queued``: the row that asked for
    this run, if one did. ``progress`` is called with the SyncRun after each page. What staff must
    know of a failure is on the row; only errors of our own code raise. ``give_up_at``, on the
    monotonic clock: from then on Odoo is waited for no longer, and the run fails.

    When the program is told to stop the run ends ``interrupted`` after the page at hand. Unless a
    command ran it, whose user decides what comes next, another is queued that goes on from there.
    """
    wanted = all_streams()[stream]
    row = queued or SyncRun(
        stream=stream,
        kind=kind,
        trigger=trigger,
        requested_by=requested_by,
        requested_ids=list(ids or []),
        confirm_gone=confirm_gone,
    )
    row.status, row.holder, row.error, row.error_code = Status.RUNNING, holder_name(), "", ""
    row.save(update_fields=_STARTED if row.pk else None)
    SyncRun.objects.filter(pk=row.pk).update(started_at=Now())
    row.refresh_from_db(fields=["started_at"])
    execution = Execution(wanted, row, progress, give_up_at)
    try:
        if row.kind == Kind.RECORDS:
            execution.records()
        else:
            execution.window()
    except LeaseHeld as exc:
        _finish(row, Status.SKIPPED, exc)
    except gone.NeedsConfirmation as exc:
        _finish(row, Status.NEEDS_CONFIRMATION, exc)
    except Cancelled as exc:
        _finish(row, Status.CANCELLED, exc)
    except stopping.Stopped as exc:
        with transaction.atomic():
            _finish(row, Status.INTERRUPTED, exc)
            # Before the other is heard of: it must not find the stream taken.
            execution.release()
            if queued is not None or trigger != Trigger.COMMAND:
                _go_on_from(row)
        return row
    except BridgeError as exc:
        _finish(row, Status.FAILED, exc)
    except (DatabaseError, InterfaceError) as exc:
        # The connection may be dead: with a new one the row can still say what happened.
        close_old_connections()
        _finish(row, Status.FAILED, f"database: {str(exc).strip().splitlines()[0]}", "database")
    except (KeyboardInterrupt, SystemExit):
        by_hand = "Stopped by hand; the next run goes on from here."
        _finish(row, Status.INTERRUPTED, by_hand, "interrupted")
        raise
    except BaseException as exc:
        _finish(row, Status.FAILED, f"{type(exc).__name__}: see the log", "internal")
        raise
    else:
        _finish(row, Status.SUCCEEDED_WITH_ISSUES if row.issue_count else Status.SUCCEEDED)
    finally:
        execution.release()
    if execution.went_back and row.trigger != Trigger.HINT:
        _reconcile_others(row)
    # If one of these fails the notes stand, and the next run of that stream reads them again.
    for name, noted in execution.to_follow():
        run(name, Kind.RECORDS, trigger=Trigger.HINT, ids=noted, give_up_at=give_up_at)
    return row


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
    """Ask for a run: a queued row first, then a hint to the workers once it is committed.

    The hint may be lost, with Redis or without: the sweeper finds the row.
    """
    if stream not in all_streams():
        raise ValueError(f"no stream is called {stream!r}")
    row = SyncRun.objects.create(
        stream=stream,
        kind=kind,
        trigger=trigger,
        requested_by=requested_by,
        requested_ids=list(ids or []),
        confirm_gone=confirm_gone,
        gone_review=gone_review,
    )
    transaction.on_commit(lambda: _hint(row.pk), robust=True)
    return row


def _reconcile_others(row: SyncRun) -> None:
    """Odoo went back: have the other streams compared at once, each by its own run.

    A run that was requested for that does not request others in its turn.
    """
    for name in all_streams():
        waiting = SyncRun.objects.filter(
            stream=name, kind__in=(Kind.RECONCILE, Kind.FULL), status=Status.QUEUED
        )
        if name != row.stream and not waiting.exists():
            request(name, Kind.RECONCILE, trigger=Trigger.HINT)


def _go_on_from(row: SyncRun) -> None:
    """Queue what ``row`` did not get done, for whoever is there to do it."""
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


def _hint(run_id: int) -> None:
    from celery import current_app

    try:
        current_app.send_task("odoo_bridge.tasks.run_queued", args=[run_id], retry=False)
    except Exception as exc:
        logger.warning("run %s waits for the sweeper, the broker is away: %s", run_id, exc)


def run_queued(run_id: int) -> SyncRun | None:
    """Run a queued row, unless another worker already took it, or this one is about to stop."""
    if stopping.is_told():
        # For another worker. Not at once: this one may listen for a moment longer.
        time.sleep(_LISTENS_SECONDS)
        _hint(run_id)
        return None
    if not SyncRun.objects.filter(pk=run_id, status=Status.QUEUED).update(
        status=Status.RUNNING, started_at=Now()
    ):
        return None
    row = SyncRun.objects.get(pk=run_id)
    return run(row.stream, row.kind, trigger=row.trigger, ids=row.requested_ids, queued=row)


def _finish(row: SyncRun, status: str, why: BridgeError | str = "", code: str = "") -> None:
    """Close ``row``, unless it was closed as interrupted meanwhile: then somebody else runs."""
    SyncRun.objects.filter(pk=row.pk).exclude(status=Status.INTERRUPTED).update(
        status=status,
        error=redact(str(why)).replace("\x00", ""),
        error_code=why.code if isinstance(why, BridgeError) else code,
        phase_seconds=row.phase_seconds,
        finished_at=Now(),
    )
    # Counted here but rolled back there: the row in the database is what happened.
    row.refresh_from_db()
    level = logging.INFO if status in (Status.SUCCEEDED, Status.SKIPPED) else logging.WARNING
    logger.log(level, "%s: %s %s", row, status, why)
