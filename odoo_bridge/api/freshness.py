"""How fresh a response is: when it last changed, and how to read it from Odoo again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, cast

from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django.utils.http import http_date, quote_etag
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from odoo_bridge.api import waiting
from odoo_bridge.models import SyncRun
from odoo_bridge.sync.run import run

# HTTP's dates are whole seconds, and a page that is being stored shows up seconds after its stamp:
# two states of a row could have the same date. Only what has rested so long gets one.
_REST = timedelta(minutes=1)


class TooOld(APIException):
    """The copy is older than the client accepts, and could not be read from Odoo again."""

    status_code = 503
    default_code = "too_old"
    wait = 30  # becomes Retry-After


class NotCopied(TooOld):
    """The record was read from Odoo but could not be copied."""


@dataclass(frozen=True)
class Marks:
    """``synced_at``: all that was written in Odoo up to then, on its clock, is here; None before
    the first whole copy. ``now``: the database's clock, by which rows are stamped. ``content``:
    another one after each change of content, of whichever stream; empty before the first.
    ``named_at``: when a reference last changed."""

    synced_at: datetime | None
    now: datetime
    named_at: datetime | None
    content: tuple[Any, ...]

    @property
    def age(self) -> timedelta | None:
        return None if self.synced_at is None else self.now - self.synced_at

    def younger_than(self, seconds: int) -> bool:
        return self.age is not None and self.age <= timedelta(seconds=seconds)


# Written by hand: asked in every request, and Django takes longer to build it than PostgreSQL to
# answer.
_MARKS = """
SELECT stream, watermark, change_seq, feed, {now},
  (SELECT max(stored_at) FROM odoo_bridge_reference)
FROM odoo_bridge_syncstate ORDER BY stream
"""
# CURRENT_TIMESTAMP is to the microsecond on PostgreSQL, to the second on SQLite.
_NOW = {"postgresql": "CURRENT_TIMESTAMP", "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')"}


def marks_of(streams: Sequence[str]) -> Marks:
    """Of the least fresh of ``streams``."""
    with connection.cursor() as cursor:
        cursor.execute(_MARKS.format(now=_NOW[connection.vendor]))
        known = cursor.fetchall()
    marks = [_moment(mark) for stream, mark, *_rest in known if stream in streams]
    dated = [mark for mark in marks if mark is not None]
    complete = len(dated) == len(streams)
    now, named_at = known[0][-2:] if known else (timezone.now(), None)
    content = tuple((seq, feed) for _stream, _mark, seq, feed, *_rest in known if seq)
    return Marks(
        min(dated) if complete else None, _moment(now) or timezone.now(), _moment(named_at), content
    )


def _moment(value: datetime | str | None) -> datetime | None:
    """SQLite has moments in UTC without saying so, and what is no column as a text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


def read_again(
    stream: str, ids: Sequence[int], user: Any, age: timedelta | None, give_up_at: float
) -> datetime:
    """Read the records ``ids`` from Odoo now, and return when that began.

    Raises Busy, at once, or TooOld, no later than at ``give_up_at`` on the monotonic clock.
    """
    with waiting.for_odoo():
        done = run(
            stream,
            SyncRun.Kind.RECORDS,
            trigger=SyncRun.Trigger.API,
            requested_by=user,
            ids=ids,
            give_up_at=give_up_at,
        )
    if done.status != SyncRun.Status.SUCCEEDED or done.started_at is None:
        # With issues too: then the record itself could not be copied.
        issues = done.status == SyncRun.Status.SUCCEEDED_WITH_ISSUES
        old = "was never complete" if age is None else f"is {age.total_seconds():.0f} seconds old"
        raise (NotCopied if issues else TooOld)(
            f"The copy {old}, and the record could not be read from Odoo now."
        )
    return done.started_at


def conditional(
    request: HttpRequest, response: Response, marks: Marks, modified_at: datetime | None
) -> HttpResponseBase:
    """``response`` with its ETag and its date, or 304 if the client has the same.

    The ETag is of the bytes: nothing that shows in an answer, be it the name of a journal or a
    change of rights, can leave it as it was. A page has none: it is another one each time.
    """
    if response.accepted_renderer.media_type == "text/html":
        return response
    response["ETag"] = quote_etag(blake2b(response.content, digest_size=16).hexdigest())
    patch_cache_control(response, private=True, no_cache=True)
    patch_vary_headers(response, ["Authorization", "Cookie"])
    date = None
    if modified_at is not None and marks.now - modified_at > _REST:
        date = int(modified_at.timestamp())
        response["Last-Modified"] = http_date(date)
    answer: Any = get_conditional_response(
        request, etag=response["ETag"], last_modified=date, response=response
    )
    if answer is not response and response.has_header("X-Odoo-Synced-At"):
        answer["X-Odoo-Synced-At"] = response["X-Odoo-Synced-At"]
    return cast(HttpResponseBase, answer)
