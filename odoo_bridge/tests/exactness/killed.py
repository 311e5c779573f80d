"""``kill -9`` inside a run, at a place that can be chosen and found again.

A forked child does the work on a database connection of its own and counts the statements it
sends; at the chosen one it kills itself, as the kernel would: nothing is rolled back, released or
written by it any more. So no line of the engine knows that it is tested, and no place is left out.
"""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from odoo_bridge.models import Reference, SyncIssue, SyncRun, SyncState
from odoo_bridge.odoo import gateway
from odoo_bridge.sync.lease import close_interrupted
from odoo_bridge.sync.streams import all_streams


def killed(work: Callable[[], Any], place: int) -> bool:
    """Do ``work`` in a child that dies at ``place``; return whether it got that far.

    ``place`` 2k is just before the k-th statement (the transaction before it has committed), 2k+1
    just after it (its own transaction has not).
    """
    child = _in_a_child(work, _Killer(place))
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed by itself; see its traceback"
    return False


@contextmanager
def frozen(work: Callable[[], Any], text: str, nth: int, *, sent: bool) -> Iterator[None]:
    """Do ``work`` in a child that stands still (SIGSTOP) at the ``nth`` statement with ``text``: just
    before it is sent, or once it was answered. After the block it goes on (SIGCONT) to its end."""
    child = _in_a_child(work, _Freezer(text, nth, sent))
    _pid, status = os.waitpid(child, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "the child never came to that statement"
    try:
        yield
    finally:
        os.kill(child, signal.SIGCONT)
        os.waitpid(child, 0)


def _in_a_child(work: Callable[[], Any], watch: Callable[..., Any]) -> int:
    connection.close()  # a connection must not be shared with a child
    gateway.disconnect()
    with warnings.catch_warnings():
        # The other threads only serve the demo Odoo; the child speaks to it over the network.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    try:
        with connection.execute_wrapper(watch):
            work()
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


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
    # A run that was killed before it had its lease.
    SyncRun.objects.filter(status=SyncRun.Status.RUNNING).update(started_at="2000-01-01T00:00Z")
    close_interrupted()


def empty_mirror() -> None:
    """As before the first run."""
    for stream in all_streams().values():
        stream.model._default_manager.all().delete()
    for model in (SyncIssue, SyncRun, SyncState, Reference):
        model._default_manager.all().delete()
