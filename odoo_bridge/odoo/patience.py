"""How long this thread may wait for Odoo, over all calls, retries and connection attempts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_of_thread = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit the wait for Odoo in this block to ``seconds``. A shorter limit of an outer block stays."""
    before = give_up_at()
    ends = time.monotonic() + seconds
    _of_thread.give_up_at = ends if before is None else min(before, ends)
    try:
        yield
    finally:
        _of_thread.give_up_at = before


def give_up_at() -> float | None:
    """The end of the wait on the monotonic clock; None without a limit."""
    return getattr(_of_thread, "give_up_at", None)


def at_most(seconds: float) -> float:
    """``seconds``, or the remaining time if it is shorter; 0 if no time remains."""
    end = give_up_at()
    return seconds if end is None else max(0.0, min(seconds, end - time.monotonic()))
