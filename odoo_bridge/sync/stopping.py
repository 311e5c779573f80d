"""Stopping a program: its runs end between two pages, within seconds.

A deployment kills a program that has not stopped within seconds, and a first copy takes minutes. What
a run has stored stays, its lease is released, and the next run copies the rest.
"""

import mmap
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

from odoo_bridge.odoo.errors import BridgeError

# Memory that a process shares with those forked from it: a worker's main process gets the signal, and
# the runs are in its children. One byte, so that it is never half written.
_requested = mmap.mmap(-1, 1)


class Stopped(BridgeError):
    """The program that runs it must stop."""

    code = "stopped"


def stop() -> None:
    """End the runs of this process, and of those forked from it, after their current page."""
    _requested[0] = 1


def reset() -> None:
    """Withdraw the request to stop."""
    _requested[0] = 0


def is_requested() -> bool:
    return bool(_requested[0])


@dataclass
class Signals:
    """``number``: the signal that stopped the program, once one arrived."""

    number: int | None = None

    def leave(self, code: int | None = None) -> NoReturn:
        """End the program at once, with ``code``, or else with 128 + the number of the signal. Threads
        that wait for Odoo would keep the interpreter alive until Odoo answers."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(128 + (self.number or 0) if code is None else code)


@contextmanager
def by_signals() -> Iterator[Signals]:
    """In this block, a first SIGINT or SIGTERM stops runs after their current page; a second one has
    its usual effect."""
    signals = Signals()
    before: dict[int, Any] = {}

    def received(number: int, _frame: FrameType | None) -> None:
        signals.number = number
        stop()
        for other, handler in before.items():
            signal.signal(other, handler)

    # Python handles signals in its main thread only.
    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGINT, signal.SIGTERM):
            before[each] = signal.signal(each, received)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        reset()
