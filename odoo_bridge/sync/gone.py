"""Rows that vanish from Odoo: how many may be marked gone unasked, and what a person said.

A login that lost rights looks like a mass deletion. So a run that would mark too many marks none
of them and asks; the question keeps the ids, and the answer holds for those ids alone.
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
# Losing rights record by record must not pass as many small deletions: what was marked in this
# time without a person's word counts with what is marked now.
WINDOW = timedelta(hours=24)
_EXAMPLES = 10


class NeedsConfirmation(BridgeError):
    """So many rows would be marked gone that a person must say it is true."""

    code = "needs_confirmation"


class GoneRejected(BridgeError):
    """Odoo still hides rows of which a person said that they are not gone."""

    code = "gone_rejected"


def judge(
    run: SyncRun, ids: Sequence[int], present: int
) -> tuple[Sequence[int], GoneReview | None]:
    """Divide ``ids`` (of ours, not in Odoo, of ``present``): which ``run`` may mark gone, and the
    question about the others, if they must not be marked without an answer.

    Inside the transaction that holds the stream's state row: two runs must not ask twice.
    """
    if run.confirm_gone:
        return ids, None
    review = GoneReview.objects.in_force().filter(stream=run.stream).first()
    said = set(review.ids) if review and review.status == Status.CONFIRMED else set()
    unsure = [pk for pk in ids if pk not in said]
    recent = _marked_lately(run.stream)
    if not unsure or not too_many_gone(
        recent + len(unsure), recent + present, settings.ODOO_MAX_GONE_PERCENT
    ):
        return ids, None
    return [pk for pk in ids if pk in said], _ask(run, unsure, present, recent, review)


def _marked_lately(stream: str) -> int:
    """Rows marked gone unasked since the window began, or since a person last said "gone"."""
    runs = SyncRun.objects.filter(stream=stream, gone_count__gt=0, started_at__gt=Now() - WINDOW)
    said = runs.filter(confirm_gone=True).order_by("-started_at").first()
    unasked = runs.filter(confirm_gone=False)
    if said:
        unasked = unasked.filter(started_at__gt=said.started_at)
    return unasked.aggregate(rows=Sum("gone_count"))["rows"] or 0


def _ask(
    run: SyncRun, ids: Sequence[int], present: int, recent: int, review: GoneReview | None
) -> GoneReview:
    """The question about ``ids``: the one that is asked already, if it names them all."""
    if review and review.status != Status.CONFIRMED:
        if set(ids) <= set(review.ids):
            GoneReview.objects.filter(pk=review.pk).update(last_asked_at=Now())
            return review
        if run.kind == SyncRun.Kind.RECORDS:
            # It looked at a few ids only: what is asked about the others stands.
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
    """What a run that met ``review`` ends with."""
    these = (
        f"Odoo no longer shows {review.gone_count} of {review.present_count} {review.stream} "
        f"(such as {', '.join(map(str, review.ids[:_EXAMPLES]))})"
    )
    if review.recent_count:
        these += f", after {review.recent_count} that were marked gone in the last 24 hours"
    if review.status == Status.REJECTED:
        return GoneRejected(
            f"{these}, and {review.answered_by or 'a person'} said that they are not gone. Nothing "
            "was marked gone: give the Odoo user its rights back."
        )
    return NeedsConfirmation(
        f"{these}. Nothing was marked gone: check the rights of the Odoo user, then confirm if "
        "they are really gone."
    )


def settle(run: SyncRun) -> None:
    """Nothing is left to ask: what a question named is marked, or was seen in Odoo again."""
    reviews = GoneReview.objects.in_force().filter(stream=run.stream)
    if run.kind == SyncRun.Kind.RECORDS:
        # It looked at its own ids alone.
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
    Status.REPLACED: "Other rows vanished since: look at the newer question.",
    Status.SETTLED: "There is nothing left to answer: the rows are marked gone, or back in Odoo.",
}
