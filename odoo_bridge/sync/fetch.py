"""Pages of records over several connections, each read by its ids.

A page is cut when it is requested, so its size can follow how fast Odoo answers. A page that fails
is halved until the record that fails stands alone.
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
# Between two heartbeats. A lease lasts several times as long.
HEARTBEAT_SECONDS = 15.0
# Between two checks whether to stop, which cost nothing.
CHECK_SECONDS = 0.5


@dataclass
class Page:
    """``ids`` were requested; ``records`` are what Odoo returned; ``failed`` could not be read. Ids in
    neither do not exist any more. ``left_out``: fields that Odoo fails to read in every record, each
    with the reason."""

    ids: Sequence[int]
    records: list[Record] = field(default_factory=list)
    failed: dict[int, BridgeError] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


class Fetcher:
    """Reads one Odoo with threads of its own, while the caller's thread owns the database.

    While it waits, it calls ``heartbeat`` every few seconds, in the caller's thread, to keep the lease
    alive, and ``check`` more often. Either may raise to end the run.
    """

    def __init__(
        self, gateway: Gateway, heartbeat: Callable[[], None], check: Callable[[], None]
    ) -> None:
        self._gateway = gateway
        self._heartbeat, self._check = heartbeat, check
        self._last_heartbeat = time.monotonic()
        self._connections = settings.ODOO_CONNECTIONS
        self._size = settings.ODOO_PAGE_SIZE
        self._largest = 2 * settings.ODOO_PAGE_SIZE
        self._threads = ThreadPoolExecutor(self._connections, thread_name_prefix="odoo")
        # Fields that one page could not read: the other pages do not ask for them.
        self._left_out: dict[str, str] = {}

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def ask(self, question: Callable[..., T], *args: Any) -> T:
        """Ask Odoo one thing, and keep the lease alive until it answers."""
        return self.answer(self.begin(question, *args))

    def begin(self, question: Callable[..., T], *args: Any) -> Future[T]:
        """Ask Odoo one thing while the caller goes on; ``answer`` waits for what it returns."""
        return self._threads.submit(question, *args)

    def answer(self, future: Future[T]) -> T:
        self._first_of({future})
        return future.result()

    def each(self, pages: Iterator[T]) -> Iterator[T]:
        """The pages of a listing; the next one is requested while the caller uses the last."""
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
        """Read ``ids`` in pages, and yield the pages in the order in which they arrive."""
        position = 0
        under_way: set[Future[tuple[Page, float]]] = set()
        while position < len(ids) or under_way:
            # One page more than there are connections, so that no connection is idle. With the page
            # being stored, that bounds what is held in memory.
            while position < len(ids) and len(under_way) <= self._connections:
                part = list(ids[position : position + self._size])
                position += len(part)
                under_way.add(
                    self._threads.submit(_timed, self._gateway, model, part, fields, self._left_out)
                )
            # Only one, even if several have arrived: the next page is requested before another is
            # stored.
            future = self._first_of(under_way).pop()
            under_way.discard(future)
            page, seconds = future.result()
            self._adapt(len(page.ids), seconds)
            yield page

    def _first_of(self, futures: set[Future[T]]) -> set[Future[T]]:
        while True:
            seconds = min(CHECK_SECONDS, HEARTBEAT_SECONDS)
            done, _pending = wait(futures, timeout=seconds, return_when=FIRST_COMPLETED)
            # Also when there is an answer: many quick answers together outlast a lease.
            self.keep_alive()
            if done:
                return done

    def keep_alive(self) -> None:
        """Check whether to stop, and send a heartbeat if one is due. For between two steps of a run."""
        self._check()
        if time.monotonic() - self._last_heartbeat >= HEARTBEAT_SECONDS:
            self._heartbeat()
            self._last_heartbeat = time.monotonic()

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
    """Read ``ids``. Records that fail on their own are in ``failed``; if everything fails, it raises.

    A field that fails in every record is added to ``left_out``, and not requested again.
    """
    left_out = {} if left_out is None else left_out
    # If no field is requested, Odoo reads all of them.
    requested = [name for name in fields if name not in left_out] or ["id"]
    try:
        return _read(gateway, model, ids, requested, left_out)
    except _FAILED as exc:
        gateway.forget_fields(model)
        lost = set(requested) - set(gateway.fields(model)) - {"id"}
        if lost:
            raise OdooUnavailable(
                f"{model} lost {', '.join(sorted(lost))} while it was read; "
                "the next run does not request them"
            ) from exc
        found = _unreadable(gateway, model, ids, requested)
        if found:
            left_out.update(found)
            return read_page(gateway, model, ids, fields, left_out)
        return _read_halves(gateway, model, ids, requested, left_out, exc)
    except OdooTimeout as exc:
        return _read_halves(gateway, model, ids, requested, left_out, exc)


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
        # One record that we may not read makes the read of all fail. A search returns those that we
        # may read, and raises if the whole model is forbidden.
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
    """Read ``ids``, which failed with ``error``, in halves, down to the record that fails alone."""
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
    """The fields that fail in each of several records, with the reason: then the field is to blame.

    If only one record is bad, one or two calls show it.
    """
    some = list(dict.fromkeys((ids[0], ids[-1])))
    some += gateway.search(model, [("id", "not in", some)], limit=_SAMPLE - len(some))
    suspects: dict[str, str] | None = None
    for odoo_id in some if len(some) > 1 else []:
        requested = fields if suspects is None else list(suspects)
        suspects = _failing_fields(gateway, model, odoo_id, requested)
        if not suspects:
            return {}
    return suspects or {}


_SAMPLE = 4
_PLAIN = ("create_date", "write_date")


def _failing_fields(
    gateway: Gateway, model: str, odoo_id: int, fields: Sequence[str]
) -> dict[str, str]:
    """The fields of a record that cannot be read, with the reason; none if nothing can be read."""

    def why(some: Sequence[str]) -> str:
        try:
            gateway.read(model, [odoo_id], some)
        except _FAILED as exc:
            return getattr(exc, "reason", "") or str(exc)
        return ""

    # Always with a plain column: without one, as when only lines are requested, Odoo fetches all
    # fields.
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
