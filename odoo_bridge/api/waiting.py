"""Limits the requests that wait for Odoo or for clients to half of the web server's threads.

So a frozen Odoo, or clients that do not read their responses, leave threads for all other requests.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.exceptions import APIException, Throttled

from odoo_bridge.odoo import patience

# Seconds after which an export that sends nothing any more does not count. The web server gives a
# client up before (odoo_bridge/runtime/connections.py).
_EXPORT_SECONDS = 120


class Busy(APIException):
    """503: the maximum number of requests is already waiting."""

    status_code = 503
    default_code = "busy"
    default_detail = "Too many requests are waiting for Odoo or for their clients. Try again soon."
    wait = 2  # becomes Retry-After


class ExportRunning(Throttled):
    """429: the account already has an export in progress."""

    default_code = "export_running"
    default_detail = "Another export of this account is being sent. Try again when it is complete."
    extra_detail_singular = extra_detail_plural = ""

    def __init__(self) -> None:
        super().__init__(wait=10)


class Slots:
    """How many requests of this process may wait. ``gunicorn`` sets the number at its start."""

    def __init__(self, number: int) -> None:
        self._lock = threading.Lock()
        self._taken = 0
        self.number = number

    @property
    def is_taken(self) -> bool:
        """Whether a request waits."""
        return self._taken > 0

    def take(self) -> None:
        """Raises Busy, at once."""
        with self._lock:
            if self._taken >= self.number:
                raise Busy
            self._taken += 1

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1


slots = Slots(4)


@contextmanager
def for_odoo() -> Iterator[None]:
    """Wait for Odoo, for ODOO_LIVE_SECONDS in all. Raises Busy."""
    slots.take()
    try:
        with patience.within(settings.ODOO_LIVE_SECONDS):
            yield
    finally:
        slots.give_back()


class Export:
    """The parts of a file, which hold a slot and the account's one export until they are closed.

    ``when_closed`` is called once the web server closes it. Raises Busy or ExportRunning.
    """

    when_closed: Callable[[], None] | None = None

    def __init__(self, user: Any, parts: Callable[[], Iterator[bytes]]) -> None:
        self._key = f"export:{user.pk}"
        self._open = False
        slots.take()
        try:
            # Of all processes. Expires, should this one be killed.
            if not cache.add(self._key, 1, _EXPORT_SECONDS):
                raise ExportRunning
        except BaseException:
            slots.give_back()
            raise
        self._open = True
        try:
            self._parts = parts()
        except BaseException:
            self._give_back()
            raise

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        cache.touch(self._key, _EXPORT_SECONDS)
        return next(self._parts)

    def close(self) -> None:
        self._give_back()
        then, self.when_closed = self.when_closed, None
        if then is not None:
            then()

    def _give_back(self) -> None:
        if self._open:
            self._open = False
            slots.give_back()
            cache.delete(self._key)

    # Not close(): this may happen in any thread, in the middle of its transaction.
    __del__ = _give_back
