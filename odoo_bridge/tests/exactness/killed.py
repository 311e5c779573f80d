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
from collections.abc import Callable
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
    connection.close()  # a connection must not be shared with a child
    gateway.disconnect()
    with warnings.catch_warnings():
        # The other threads only serve the demo Odoo; the child speaks to it over the network.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _die_at(work, place)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed by itself; see its traceback"
    return False


def _die_at(work: Callable[[], Any], place: int) -> None:
    sent = 0

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal sent
        if sent == place:
            os.kill(os.getpid(), signal.SIGKILL)
        sent += 1
        answer = execute(sql, params, many, context)
        if sent == place:
            os.kill(os.getpid(), signal.SIGKILL)
        sent += 1
        return answer

    try:
        with connection.execute_wrapper(count):
            work()
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


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
