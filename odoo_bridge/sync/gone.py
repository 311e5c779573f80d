"""Rows that vanish from Odoo: how many a run may mark gone by itself, and what a person answered.

A login that lost rights looks like a mass deletion. So a run that would mark too many rows marks none
of them and asks; the question keeps the ids, and the answer is valid for those ids only.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import Now

from odoo_bridge.models import GoneReview, SyncRun
from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.sync.plan import too_many_gone, union

Status = GoneReview.Status
# Rights that are lost record by record must not look like many small deletions: rows that were marked
# in this time without a person's answer are added to those that would be marked now.
WINDOW = timedelta(hours=24)
_EXAMPLES = 10


class NeedsConfirmation(BridgeError):
    """So many rows would be marked gone that a person must confirm it."""

    code = "needs_confirmation"


class GoneRejected(BridgeError):
    """Odoo still hides rows of which a person answered that they exist."""

    code = "gone_rejected"


def judge(
    run: SyncRun, ids: Sequence[int], present: int
) -> tuple[Sequence[int], GoneReview | None]:
    """Return which of ``ids`` the run may mark gone, and the question about the others, if there is one.

    ``ids``: rows of ours that Odoo does not show. ``present``: how many rows are present. To be called
    in the transaction that locks the stream's state row: two runs must not ask twice.
    """
    if run.confirm_gone:
        return ids, None
    review = GoneReview.objects.in_force().filter(stream=run.stream).first()
    confirmed = set(review.ids) if review and review.status == Status.CONFIRMED else set()
    unsure = [pk for pk in ids if pk not in confirmed]
    recent = _marked_lately(run.stream)
    if not unsure or not too_many_gone(
        recent + len(unsure), recent + present, settings.ODOO_MAX_GONE_PERCENT
    ):
        return ids, None
    return [pk for pk in ids if pk in confirmed], _ask(run, unsure, present, recent, review)


def _marked_lately(stream: str) -> int:
    """Rows that runs marked gone by themselves since the window began or a person last confirmed."""
    runs = SyncRun.objects.filter(stream=stream, gone_count__gt=0, started_at__gt=Now() - WINDOW)
    confirmed = runs.filter(confirm_gone=True).order_by("-started_at").first()
    unconfirmed = runs.filter(confirm_gone=False)
    if confirmed:
        unconfirmed = unconfirmed.filter(started_at__gt=confirmed.started_at)
    return unconfirmed.aggregate(rows=Sum("gone_count"))["rows"] or 0


def _ask(
    run: SyncRun, ids: Sequence[int], present: int, recent: int, review: GoneReview | None
) -> GoneReview:
    """The question about ``ids``: the open one, if it names them all, or else a new one."""
    if review and review.status != Status.CONFIRMED:
        if set(ids) <= set(review.ids):
            GoneReview.objects.filter(pk=review.pk).update(last_asked_at=Now())
            return review
        if run.kind == SyncRun.Kind.RECORDS:
            # The run looked at a few ids only: the question about the others stays open.
            ids = union(ids, review.ids)
    if review:
        end = Status.SETTLED if review.status == Status.CONFIRMED else Status.REPLACED
        GoneReview.objects.filter(pk=review.pk).update(status=end)
    return GoneReview.objects.create(
        stream=run.stream,
        ids=list(ids),
        gone_count=len(ids),
        present_count=present,
        recent_count=recent,
    )


def question(review: GoneReview) -> BridgeError:
    """The error that ends a run which asks ``review``."""
    these = (
        f"Odoo no longer shows {review.gone_count} of {review.present_count} {review.stream} "
        f"(such as {', '.join(map(str, review.ids[:_EXAMPLES]))})"
    )
    if review.recent_count:
        these += f", after {review.recent_count} that were marked gone in the last 24 hours"
    if review.status == Status.REJECTED:
        return GoneRejected(
            f"{these}, and {review.answered_by or 'a person'} answered that they still exist. Nothing "
            "was marked gone: give the Odoo user its rights back."
        )
    return NeedsConfirmation(
        f"{these}. Nothing was marked gone: check the rights of the Odoo user, then confirm if "
        "they are really gone."
    )


def settle(run: SyncRun) -> None:
    """Close the question of the stream: its rows are marked gone, or Odoo shows them again."""
    reviews = GoneReview.objects.in_force().filter(stream=run.stream)
    if run.kind == SyncRun.Kind.RECORDS:
        # The run looked at its own ids only.
        reviews = reviews.filter(runs=run)
    reviews.update(status=Status.SETTLED)


class NotAsked(BridgeError):
    """The question is answered, replaced or settled already."""


def answer(review_id: int, status: str, by: Any) -> GoneReview:
    """Record a person's answer, ``confirmed`` or ``rejected``, inside a transaction.

    A rejected question can still be confirmed: somebody looked again. Raises NotAsked.
    """
    open_to = {Status.CONFIRMED: (Status.OPEN, Status.REJECTED), Status.REJECTED: (Status.OPEN,)}
    review = GoneReview.objects.select_for_update().get(pk=review_id)
    if review.status not in open_to[Status(status)]:
        raise NotAsked(_WHY_NOT[Status(review.status)])
    GoneReview.objects.filter(pk=review_id).update(status=status, answered_by=by, answered_at=Now())
    review.refresh_from_db()
    return review


_WHY_NOT = {
    Status.CONFIRMED: "This was confirmed already.",
    Status.REJECTED: "This was rejected already.",
    Status.REPLACED: "More rows have vanished since: answer the newer question.",
    Status.SETTLED: "Nothing is left to answer: the rows are marked gone, or Odoo shows them again.",
}
