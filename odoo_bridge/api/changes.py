"""The changes feed: rows of a stream that are new, changed or gone since a client's last request.

Rows come in the order of ``change_seq``, which is the order of the commits: every transaction that
numbers rows holds the stream's state row until it commits. Once a number is seen, all numbers below
it were seen or are not coming, so a client that goes on from ``next_after`` misses nothing.
"""

from typing import Any

from django.db.models import Count, Model, QuerySet, Sum
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException

from odoo_bridge.api.strict import StrictSerializer
from odoo_bridge.mirror.rows import Row, Rows
from odoo_bridge.models import SyncState

MAX_ROWS = 1000
GONE_FIELDS = ("odoo_id", "change_seq", "gone_at")
# They move without a change of content, and therefore without a new change_seq.
_NOT_CONTENT = {"write_date", "stored_at"}


class FeedRestarted(APIException):
    """The client's position belongs to another feed: this mirror was restored or recreated."""

    status_code = status.HTTP_410_GONE
    default_code = "feed_restarted"
    default_detail = (
        "Your position is not in this feed, because the mirror was restored from a backup or recreated. "
        "Delete your copy and start again with after=0."
    )


class ChangesQuerySerializer(StrictSerializer):
    after = serializers.IntegerField(
        min_value=0,
        max_value=2**63 - 1,
        default=0,
        help_text="`next_after` of the last response; 0 to begin.",
    )
    feed = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=16,
        help_text="`feed` of the last response. If the feed was restarted since, the response is a 410.",
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_ROWS, default=MAX_ROWS, help_text="The maximum number of rows."
    )
    totals = serializers.BooleanField(
        default=False, help_text="Request `totals`. An account with a scope always gets them."
    )


class TotalsSerializer(serializers.Serializer):
    count = serializers.IntegerField()
    sum_of_ids = serializers.IntegerField()


class ChangesSerializer(serializers.Serializer):
    """A page of the feed; subclasses define its rows."""

    feed = serializers.CharField(help_text="The feed to which `next_after` belongs. Store both.")
    next_after = serializers.IntegerField(help_text="The position for the next request.")
    more = serializers.BooleanField(help_text="Whether there are more changes to read now.")
    totals = TotalsSerializer(
        allow_null=True,
        help_text="Count and sum of ids of the rows that you should have now, without gone rows. If "
        "yours differ, rows entered or left your scope: start again with after=0. Null before the last "
        "page, while rows are being stored, and for accounts without a scope that did not request it.",
    )


def changes_schema(summary: str, answer: type[ChangesSerializer]) -> Any:
    """The OpenAPI description of a feed."""
    return extend_schema(
        summary=summary,
        parameters=[ChangesQuerySerializer],
        responses={200: answer, 410: OpenApiResponse(description=FeedRestarted.default_detail)},
    )


def changes(
    stream: str,
    rows: QuerySet,
    spelled: Rows,
    *,
    after: int,
    feed: str,
    limit: int,
    totals: bool,
) -> dict[str, Any]:
    """Return the first ``limit`` of ``rows`` that changed after ``after``, gone ones included.

    ``rows`` are those that the client may see. Raises FeedRestarted.
    """
    last, current_feed = _state(stream)
    if after > last or (after and feed not in ("", current_feed)):
        raise FeedRestarted
    changed = rows.filter(change_seq__gt=after).order_by("change_seq")
    found = spelled.page(changed[: limit + 1], content_fields(rows.model, spelled))
    more = len(found) > limit
    del found[limit:]
    next_after = found[-1]["change_seq"] if found else after
    if not more:
        # Also past what this client may not see: not looked through again the next time.
        next_after = max(next_after, last)
    return {
        "results": [_gone(row) if row["gone_at"] else row for row in found],
        "feed": current_feed,
        "next_after": next_after,
        "more": more,
        "totals": _totals(rows, stream, last) if totals and not more else None,
    }


def content_fields(model: type[Model], spelled: Rows) -> tuple[str, ...]:
    """The fields that change_seq speaks for: not the names that other rows lend."""
    columns = {field.attname for field in model._meta.concrete_fields} | {"created_by"}
    return tuple(name for name in spelled.fields if name in columns - _NOT_CONTENT)


def _totals(rows: QuerySet, stream: str, last: int) -> dict[str, int] | None:
    """Of the moment when ``last`` was the last change; None if that is over."""
    present = rows.filter(gone_at=None).aggregate(count=Count("pk"), sum_of_ids=Sum("pk"))
    if last_change(stream) != last:
        return None
    return {"count": present["count"], "sum_of_ids": int(present["sum_of_ids"] or 0)}


def last_change(stream: str) -> int:
    """How far the feed of ``stream`` has come. All rows up to there are stored."""
    return _state(stream)[0]


def _state(stream: str) -> tuple[int, str]:
    # From the state row, not from the rows: its number and the rows it stands for commit together.
    states = SyncState.objects.filter(pk=stream)
    return states.values_list("change_seq", "feed").first() or (0, "")


def _gone(row: Row) -> Row:
    return {name: row[name] for name in GONE_FIELDS}
