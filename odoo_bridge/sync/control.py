"""What a person may do with runs: cancel one, answer about vanished rows, retry records.

Nothing here waits for Odoo: it stores a row, and a worker does the rest.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from odoo_bridge.models import GoneReview, SyncIssue, SyncRun
from odoo_bridge.sync import gone
from odoo_bridge.sync.run import request
from odoo_bridge.sync.session import Cancelled

Status, Trigger = SyncRun.Status, SyncRun.Trigger


def ask_once(stream: str, kind: str, *, by: Any, ids: Sequence[int] = ()) -> SyncRun:
    """Queue a run for the API, or return a queued run that would do the same."""
    wanted = sorted(set(ids))
    waiting = SyncRun.objects.filter(
        stream=stream, kind=kind, status=Status.QUEUED, requested_ids=wanted, confirm_gone=False
    ).first()
    return waiting or request(stream, kind, trigger=Trigger.API, requested_by=by, ids=wanted)


def cancel(run_id: int, by: Any) -> bool:
    """Cancel a run: a queued one never starts, a running one stops after its current page.

    Returns False if it has ended already. What it stored stays; the next run goes on from there.
    """
    runs = SyncRun.objects.filter(pk=run_id, cancel_requested_at=None)
    if runs.filter(status=Status.QUEUED).update(
        status=Status.CANCELLED,
        cancel_requested_at=Now(),
        cancelled_by=by,
        finished_at=Now(),
        error=f"Cancelled by {by or 'nobody known'} before it began.",
        error_code=Cancelled.code,
    ):
        return True
    # A worker may have taken it in the meantime: then it is running, and stops at its first check.
    return bool(
        runs.filter(status=Status.RUNNING).update(cancel_requested_at=Now(), cancelled_by=by)
    )


def confirm_gone(review_id: int, by: Any) -> SyncRun:
    """Mark the rows of a review gone, except those that Odoo shows again when the run asks.

    Raises NotAsked if there is nothing to answer any more.
    """
    with transaction.atomic():
        review = gone.answer(review_id, GoneReview.Status.CONFIRMED, by)
        return request(
            review.stream,
            SyncRun.Kind.RECORDS,
            trigger=Trigger.ADMIN,
            requested_by=by,
            ids=review.ids,
            confirm_gone=True,
            gone_review=review,
        )


def reject_gone(review_id: int, by: Any) -> GoneReview:
    """Record that the rows of a review still exist. Until Odoo shows them again, runs that miss only
    these rows fail with that message and do not ask again. Raises NotAsked."""
    with transaction.atomic():
        return gone.answer(review_id, GoneReview.Status.REJECTED, by)


def retry(issues: Iterable[SyncIssue], by: Any) -> list[SyncRun]:
    """Queue a run per stream that reads the records of ``issues`` again."""
    ids: dict[str, list[int]] = {}
    for issue in issues:
        ids.setdefault(issue.stream, []).append(issue.odoo_id)
    return [
        request(
            stream,
            SyncRun.Kind.RECORDS,
            trigger=Trigger.ADMIN,
            requested_by=by,
            ids=sorted(set(found)),
        )
        for stream, found in ids.items()
    ]
