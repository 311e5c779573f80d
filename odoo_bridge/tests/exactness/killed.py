"""``kill -9`` inside a run, at a place that can be chosen and found again.

A child does the work on a database connection of its own and counts the statements it sends; at the
chosen one it kills itself, as the kernel would: nothing is rolled back, released or written by it any
more. So no line of the engine knows that it is tested, and no place is left out.

The child is forked from a server process that has one thread and has Django loaded. Forked from the
tests' own process, whose other threads serve the demo Odoo, it would now and then inherit a lock
that one of them held, and wait for ever.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.process import BaseProcess
from typing import Any

import psutil
from django.conf import settings
from django.db import connection, connections
from django.db.backends.signals import connection_created

from odoo_bridge.models import Reference, SyncIssue, SyncRun, SyncState
from odoo_bridge.sync.lease import close_interrupted
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.programs import eventually

_PATIENCE = 120  # seconds
# What tests shorten, and a child must then know.
_CONSTANTS = [
    ("odoo_bridge.sync.backfill", "WORTH_IT_ROWS"),
    ("odoo_bridge.sync.lease", "LEASE"),
    ("tenacity", "wait_exponential_jitter"),
]

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["odoo_bridge.tests.exactness.loaded"])


def killed(work: Callable[[], Any], place: int) -> bool:
    """Do ``work`` in a child that dies at ``place``; return whether it got that far.

    ``work`` is a function of a module, or a ``partial`` of one: it is sent to the child. ``place`` 2k
    is just before the k-th statement (the transaction before it has committed), 2k+1 just after it
    (its own transaction has not).
    """
    child = _start(work, _Killer(place))
    _await_end(child)
    assert child.exitcode in (0, -signal.SIGKILL), "the child failed by itself; see its traceback"
    return child.exitcode != 0


@contextmanager
def frozen(work: Callable[[], Any], text: str, nth: int, *, sent: bool) -> Iterator[None]:
    """Do ``work`` in a child that stands still (SIGSTOP) at the ``nth`` statement with ``text``: just
    before it is sent, or once it was answered. After the block it goes on (SIGCONT) to its end."""
    child = _start(work, _Freezer(text, nth, sent))
    program = psutil.Process(child.pid)
    try:
        eventually(lambda: program.status() == psutil.STATUS_STOPPED, _PATIENCE)
        yield
    finally:
        program.send_signal(signal.SIGCONT)
        _await_end(child)


def _start(work: Callable[[], Any], watch: "_Killer | _Freezer") -> BaseProcess:
    told = {name: getattr(settings, name) for name in dir(settings) if name.startswith("ODOO_")}
    constants = [(place, name, getattr(import_module(place), name)) for place, name in _CONSTANTS]
    name = connection.settings_dict["NAME"]
    child = _server.Process(target=_do, args=(work, watch, name, told, constants))
    child.start()
    return child


def _await_end(child: BaseProcess) -> None:
    child.join(_PATIENCE)
    if child.exitcode is None:
        child.kill()
        raise AssertionError(f"the child did not end within {_PATIENCE} s")


def _do(
    work: Callable[[], Any],
    watch: "_Killer | _Freezer",
    database: str,
    told: dict[str, Any],
    constants: list[tuple[str, str, Any]],
) -> None:
    """In the child: ``work``, with the settings and on the database of the test."""
    connections.settings["default"]["NAME"] = database
    for name, value in told.items():
        setattr(settings, name, value)
    for place, name, value in constants:
        setattr(import_module(place), name, value)

    def watched(connection: Any, **_: Any) -> None:
        if watch not in connection.execute_wrappers:
            connection.execute_wrappers.append(watch)

    # Not this connection alone: a run may open others.
    connection_created.connect(watched)
    work()


class _Killer:
    def __init__(self, place: int) -> None:
        self._left = place

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self._count()
        answer = execute(sql, params, many, context)
        self._count()
        return answer

    def _count(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


class _Freezer:
    def __init__(self, text: str, nth: int, sent: bool) -> None:
        self._text, self._left, self._sent = text, nth, sent

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self._left -= self._text in str(sql)
        here = self._left == 0 and self._text in str(sql)
        if here and not self._sent:
            os.kill(os.getpid(), signal.SIGSTOP)
        answer = execute(sql, params, many, context)
        if here and self._sent:
            os.kill(os.getpid(), signal.SIGSTOP)
        return answer


def let_leases_run_out() -> None:
    """What ninety seconds do, and then the sweeper."""
    SyncState.objects.filter(lease_until__isnull=False).update(lease_until="2000-01-01T00:00Z")
    # A run that needs none, or was killed before it had it.
    SyncRun.objects.filter(status=SyncRun.Status.RUNNING).update(
        started_at="2000-01-01T00:00Z", alive_at=None
    )
    close_interrupted()


def empty_mirror() -> None:
    """As before the first run."""
    for stream in all_streams().values():
        stream.model._default_manager.all().delete()
    for model in (SyncIssue, SyncRun, SyncState, Reference):
        model._default_manager.all().delete()
