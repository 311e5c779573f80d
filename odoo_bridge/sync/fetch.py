"""Pages of records over several connections, each read by its ids.

Pages are cut as they are asked for, so their size can follow how fast Odoo answers. A page that
fails is halved until the record that fails stands alone.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.conf import settings

from odoo_bridge.odoo.errors import (
    BridgeError,
    OdooForbidden,
    OdooMissing,
    OdooRejected,
    OdooTimeout,
    OdooUnavailable,
)
from odoo_bridge.odoo.gateway import Gateway, Record

T = TypeVar("T")
SLOW_SECONDS, FAST_SECONDS = 10.0, 2.0
# Between two signs of life to the lease, which lasts several times as long.
ATTEND_SECONDS = 15.0
# Between two looks whether to stop, which cost nothing.
HEED_SECONDS = 0.5


@dataclass
class Page:
    """``ids`` were asked for; ``records`` came; ``failed`` could not be read. Ids in neither do
    not exist any more."""

    ids: Sequence[int]
    records: list[Record] = field(default_factory=list)
    failed: dict[int, BridgeError] = field(default_factory=dict)


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
        self._connections = settings.ODOO_CONNECTIONS
        self._size = settings.ODOO_PAGE_SIZE
        self._largest = 2 * settings.ODOO_PAGE_SIZE
        self._threads = ThreadPoolExecutor(self._connections, thread_name_prefix="odoo")

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
                under_way.add(self._threads.submit(_timed, self._gateway, model, part, fields))
            # One, even if several are there: the next is asked for before another is stored.
            future = self._first_of(under_way).pop()
            under_way.discard(future)
            page, seconds = future.result()
            self._adapt(len(page.ids), seconds)
            yield page

    def _first_of(self, futures: set[Future[T]]) -> set[Future[T]]:
        attended = time.monotonic()
        while True:
            patience = min(HEED_SECONDS, ATTEND_SECONDS)
            done, _pending = wait(futures, timeout=patience, return_when=FIRST_COMPLETED)
            self._heed()
            if done:
                return done
            if time.monotonic() - attended >= ATTEND_SECONDS:
                self._attend()
                attended = time.monotonic()

    def _adapt(self, size: int, seconds: float) -> None:
        if seconds > SLOW_SECONDS:
            self._size = max(1, size // 2)
        elif seconds < FAST_SECONDS and size >= self._size:
            self._size = min(self._largest, self._size * 2)


def _timed(
    gateway: Gateway, model: str, ids: Sequence[int], fields: Sequence[str]
) -> tuple[Page, float]:
    started = time.monotonic()
    page = read_page(gateway, model, ids, fields)
    return page, time.monotonic() - started


def read_page(gateway: Gateway, model: str, ids: Sequence[int], fields: Sequence[str]) -> Page:
    """Read ``ids``; what fails alone is in ``failed``, what fails as a whole raises."""
    try:
        return Page(ids, gateway.read(model, ids, fields))
    except OdooForbidden as exc:
        # One record we may not see fails the read of all. The search shows what we may see, and
        # raises itself when it is the model that is forbidden.
        visible = gateway.search(model, [("id", "in", list(ids))])
        if len(visible) < len(ids):
            page = read_page(gateway, model, visible, fields) if visible else Page([])
            return Page(ids, page.records, page.failed)
        error: BridgeError = exc
    except OdooTimeout as exc:
        error = exc
        if len(ids) == 1:
            raise
    except (OdooRejected, OdooMissing) as exc:
        error = exc
        gateway.forget_fields(model)
        lost = set(fields) - set(gateway.fields(model)) - {"id"}
        if lost:
            raise OdooUnavailable(
                f"{model} lost {', '.join(sorted(lost))} while it was read; the next run knows"
            ) from exc
    if len(ids) == 1:
        return Page(ids, failed={ids[0]: error})
    middle = len(ids) // 2
    halves = [read_page(gateway, model, part, fields) for part in (ids[:middle], ids[middle:])]
    return Page(
        ids,
        [record for half in halves for record in half.records],
        {odoo_id: reason for half in halves for odoo_id, reason in half.failed.items()},
    )
