"""How long this thread may wait for Odoo, whatever it asks: calls, retries and connecting together."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_of_thread = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Wait for Odoo for no longer than ``seconds`` in this block. An outer, shorter limit stays."""
    before = give_up_at()
    ends = time.monotonic() + seconds
    _of_thread.give_up_at = ends if before is None else min(before, ends)
    try:
        yield
    finally:
        _of_thread.give_up_at = before


def give_up_at() -> float | None:
    """The end on the monotonic clock; None without a limit."""
    return getattr(_of_thread, "give_up_at", None)


def at_most(seconds: float) -> float:
    """``seconds``, or what is left if that is less; 0 when nothing is."""
    end = give_up_at()
    return seconds if end is None else max(0.0, min(seconds, end - time.monotonic()))
