"""Being told to stop: a run then ends between two pages, long before anybody loses patience.

A deployment kills what has not stopped within seconds; a first copy takes minutes. What a run has
stored stays, its lease is let go, and what it lacks is for the next one.
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

# Memory that a process shares with those forked from it: a worker's main process is told, the runs
# are in its children. One byte, so it is written at once or not at all.
_told = mmap.mmap(-1, 1)


class Stopped(BridgeError):
    """The program that runs it was told to stop."""

    code = "stopped"


def stop() -> None:
    """Have the runs of this process, and of those forked from it, end after the page at hand."""
    _told[0] = 1


def go_on() -> None:
    """As if nobody had said anything."""
    _told[0] = 0


def is_told() -> bool:
    return bool(_told[0])


@dataclass
class Signals:
    """``number``: the signal that told the program to stop, once one did."""

    number: int | None = None

    def leave(self, code: int | None = None) -> NoReturn:
        """End the program, with 128 + the signal's number unless ``code`` says otherwise. At once:
        threads that wait for Odoo would keep the interpreter for as long as Odoo takes."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(128 + (self.number or 0) if code is None else code)


@contextmanager
def by_signals() -> Iterator[Signals]:
    """Within, SIGINT and SIGTERM stop runs gently; a second one does what it does elsewhere."""
    signals = Signals()
    before: dict[int, Any] = {}

    def told(number: int, _frame: FrameType | None) -> None:
        signals.number = number
        stop()
        for other, handler in before.items():
            signal.signal(other, handler)

    # Python hears signals in its main thread alone.
    if threading.current_thread() is threading.main_thread():
        for heard in (signal.SIGINT, signal.SIGTERM):
            before[heard] = signal.signal(heard, told)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        go_on()
