"""Pages of records over several connections, each read by its ids.

Pages are cut as they are asked for, so their size can follow how fast Odoo answers. A page that
fails is halved until the record that fails stands alone.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.conf import settings

from odoo_bridge.odoo.calls import Record
from odoo_bridge.odoo.errors import (
    BridgeError,
    FieldUnreadable,
    OdooForbidden,
    OdooMissing,
    OdooRejected,
    OdooTimeout,
    OdooTooLarge,
    OdooUnavailable,
)
from odoo_bridge.odoo.gateway import Gateway

T = TypeVar("T")
SLOW_SECONDS, FAST_SECONDS = 10.0, 2.0
# Between two signs of life to the lease, which lasts several times as long.
ATTEND_SECONDS = 15.0
# Between two looks whether to stop, which cost nothing.
HEED_SECONDS = 0.5


@dataclass
class Page:
    """``ids`` were asked for; ``records`` came; ``failed`` could not be read. Ids in neither do
    not exist any more. ``left_out``: fields that Odoo fails to read, whatever the record, and why."""

    ids: Sequence[int]
    records: list[Record] = field(default_factory=list)
    failed: dict[int, BridgeError] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


class Fetcher:
    """Reads one Odoo with threads of its own, while the caller's thread owns the database.

    ``attend`` is called in the caller's thread every few seconds of waiting: it extends the lease,
    and may raise to give up. So may ``heed``, which is called more often.
    """

    def __init__(
        self, gateway: Gateway, attend: Callable[[], None], heed: Callable[[], None]
    ) -> None:
        self._gateway = gateway
        self._attend, self._heed = attend, heed
        self._attended = time.monotonic()
        self._connections = settings.ODOO_CONNECTIONS
        self._size = settings.ODOO_PAGE_SIZE
        self._largest = 2 * settings.ODOO_PAGE_SIZE
        self._threads = ThreadPoolExecutor(self._connections, thread_name_prefix="odoo")
        # What one page found out serves the others.
        self._left_out: dict[str, str] = {}

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def ask(self, question: Callable[..., T], *args: Any) -> T:
        """Ask one thing of Odoo, attending to the lease while it takes its time."""
        return self.answer(self.begin(question, *args))

    def begin(self, question: Callable[..., T], *args: Any) -> Future[T]:
        """Ask one thing of Odoo while the caller goes on; ``answer`` has what it said."""
        return self._threads.submit(question, *args)

    def answer(self, future: Future[T]) -> T:
        self._first_of({future})
        return future.result()

    def each(self, pages: Iterator[T]) -> Iterator[T]:
        """The pages of a listing, the next one asked for while the last is looked at."""
        end: Any = object()
        future: Future[Any] = self._threads.submit(next, pages, end)
        while True:
            self._first_of({future})
            page = future.result()
            if page is end:
                return
            future = self._threads.submit(next, pages, end)
            yield page

    def pages(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> Iterator[Page]:
        """Read ``ids``, in pages, in whatever order they arrive."""
        position = 0
        under_way: set[Future[tuple[Page, float]]] = set()
        while position < len(ids) or under_way:
            # One page more than connections is ready when a connection falls idle; with the one
            # being stored that bounds what is held in memory.
            while position < len(ids) and len(under_way) <= self._connections:
                part = list(ids[position : position + self._size])
                position += len(part)
                under_way.add(
                    self._threads.submit(_timed, self._gateway, model, part, fields, self._left_out)
                )
            # One, even if several are there: the next is asked for before another is stored.
            future = self._first_of(under_way).pop()
            under_way.discard(future)
            page, seconds = future.result()
            self._adapt(len(page.ids), seconds)
            yield page

    def _first_of(self, futures: set[Future[T]]) -> set[Future[T]]:
        while True:
            patience = min(HEED_SECONDS, ATTEND_SECONDS)
            done, _pending = wait(futures, timeout=patience, return_when=FIRST_COMPLETED)
            # Also when there is an answer: many short ones together outlast a lease.
            self.keep_alive()
            if done:
                return done

    def keep_alive(self) -> None:
        """Look whether to stop, and attend if it is time. Between any two steps of a run."""
        self._heed()
        if time.monotonic() - self._attended >= ATTEND_SECONDS:
            self._attend()
            self._attended = time.monotonic()

    def _adapt(self, size: int, seconds: float) -> None:
        if seconds > SLOW_SECONDS:
            self._size = max(1, size // 2)
        elif seconds < FAST_SECONDS and size >= self._size:
            self._size = min(self._largest, self._size * 2)


def _timed(
    gateway: Gateway,
    model: str,
    ids: Sequence[int],
    fields: Sequence[str],
    left_out: dict[str, str],
) -> tuple[Page, float]:
    started = time.monotonic()
    page = read_page(gateway, model, ids, fields, left_out)
    return page, time.monotonic() - started


def read_page(
    gateway: Gateway,
    model: str,
    ids: Sequence[int],
    fields: Sequence[str],
    left_out: dict[str, str] | None = None,
) -> Page:
    """Read ``ids``; what fails alone is in ``failed``, what fails as a whole raises.

    A field that fails whatever the record is not asked for again, and added to ``left_out``.
    """
    left_out = {} if left_out is None else left_out
    # Asked for no field, Odoo reads them all.
    asked = [name for name in fields if name not in left_out] or ["id"]
    try:
        return _read(gateway, model, ids, asked, left_out)
    except _FAILED as exc:
        gateway.forget_fields(model)
        lost = set(asked) - set(gateway.fields(model)) - {"id"}
        if lost:
            raise OdooUnavailable(
                f"{model} lost {', '.join(sorted(lost))} while it was read; the next run knows"
            ) from exc
        found = _unreadable(gateway, model, ids, asked)
        if found:
            left_out.update(found)
            return read_page(gateway, model, ids, fields, left_out)
        return _read_halves(gateway, model, ids, asked, left_out, exc)
    except OdooTimeout as exc:
        return _read_halves(gateway, model, ids, asked, left_out, exc)


# What may be wrong with one record, or one of its fields.
_FAILED = (OdooRejected, OdooMissing, OdooForbidden)


def _read(
    gateway: Gateway,
    model: str,
    ids: Sequence[int],
    fields: Sequence[str],
    left_out: Mapping[str, str],
) -> Page:
    try:
        return Page(ids, gateway.read(model, ids, fields), left_out=dict(left_out))
    except OdooForbidden:
        # One record we may not see fails the read of all. The search shows what we may see, and
        # raises itself when it is the model that is forbidden.
        visible = gateway.search(model, [("id", "in", list(ids))])
        if len(visible) == len(ids):
            raise
        if not visible:
            return Page(ids, left_out=dict(left_out))
        page = read_page(gateway, model, visible, fields, dict(left_out))
        return Page(ids, page.records, page.failed, {**page.left_out, **left_out})


def _read_halves(
    gateway: Gateway,
    model: str,
    ids: Sequence[int],
    fields: Sequence[str],
    left_out: Mapping[str, str],
    error: BridgeError,
) -> Page:
    """Read what failed with ``error`` in two parts, down to the record that fails alone."""
    if len(ids) == 1 and isinstance(error, OdooTooLarge):
        return Page(ids, failed={ids[0]: error}, left_out=dict(left_out))
    if len(ids) == 1:
        if isinstance(error, OdooTimeout):
            raise error
        for name, why in _failing_fields(gateway, model, ids[0], fields).items():
            error = FieldUnreadable(why, name)
            break
        return Page(ids, failed={ids[0]: error}, left_out=dict(left_out))
    middle = len(ids) // 2
    halves = []
    for part in (ids[:middle], ids[middle:]):
        try:
            halves.append(_read(gateway, model, part, fields, left_out))
        except (*_FAILED, OdooTimeout) as exc:
            halves.append(_read_halves(gateway, model, part, fields, left_out, exc))
    return Page(
        ids,
        [record for half in halves for record in half.records],
        {odoo_id: reason for half in halves for odoo_id, reason in half.failed.items()},
        dict(left_out),
    )


def _unreadable(
    gateway: Gateway, model: str, ids: Sequence[int], fields: Sequence[str]
) -> dict[str, str]:
    """The fields that fail for each of several records, and why: it is the field then.

    One bad record is ruled out by one or two calls.
    """
    some = list(dict.fromkeys((ids[0], ids[-1])))
    some += gateway.search(model, [("id", "not in", some)], limit=_SAMPLE - len(some))
    suspects: dict[str, str] | None = None
    for odoo_id in some if len(some) > 1 else []:
        asked = fields if suspects is None else list(suspects)
        suspects = _failing_fields(gateway, model, odoo_id, asked)
        if not suspects:
            return {}
    return suspects or {}


_SAMPLE = 4
_PLAIN = ("create_date", "write_date")


def _failing_fields(
    gateway: Gateway, model: str, odoo_id: int, fields: Sequence[str]
) -> dict[str, str]:
    """The fields of a record that cannot be read, and why; none if it cannot be read at all."""

    def why(some: Sequence[str]) -> str:
        try:
            gateway.read(model, [odoo_id], some)
        except _FAILED as exc:
            return getattr(exc, "reason", "") or str(exc)
        return ""

    # Beside a plain column: asked for none, as for lines alone, Odoo fetches all there are.
    plain = next((name for name in _PLAIN if not why([name])), None)
    if plain is None or not fields:
        return {}
    failing: dict[str, str] = {}
    left = [list(fields)]
    while left:
        some = left.pop()
        reason = why([*some, plain])
        if reason and len(some) == 1:
            failing[some[0]] = f"cannot be read: {reason.splitlines()[0]}"
        elif reason:
            left += [some[: len(some) // 2], some[len(some) // 2 :]]
    return failing
