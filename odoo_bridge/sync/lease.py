"""One run of a stream at a time: a lease in the stream's state row, timed by the database's clock.

The lease of a dead worker expires. A worker that was frozen and wakes up finds another token in the
row, in the transaction that would have stored its page, and is refused.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, models, transaction
from django.db.models.functions import Coalesce, Now

from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.odoo.errors import BridgeError

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
_INTERRUPTED = {
    "error": "The process that ran it died or froze; the next run goes on from here.",
    "error_code": "interrupted",
}


class LeaseHeld(BridgeError):
    """Another run of the stream is under way."""

    code = "lease_held"


class LeaseLost(BridgeError):
    """The run was closed as dead while it was frozen; another run may have the stream."""

    code = "lease_lost"


def holder_name() -> str:
    return f"{socket.gethostname()} process {os.getpid()} thread {threading.get_ident()}"


class Lease:
    def __init__(self, stream: str, token: int) -> None:
        self.stream, self.token = stream, token

    @classmethod
    def take(cls, stream: str, run: SyncRun) -> "Lease":
        """Take the lease for ``run``, closing a dead run that held it. Raises LeaseHeld."""
        SyncState.objects.get_or_create(stream=stream)
        with transaction.atomic():
            state = _locked(stream)
            if state.lease_until is not None and state.lease_until > state.now:
                raise LeaseHeld(f"Another run ({state.lease_holder}) is already syncing {stream}.")
            state.lease_token += 1
            state.lease_holder = holder_name()
            state.lease_until = state.now + LEASE
            state.save(update_fields=["lease_token", "lease_holder", "lease_until"])
            _interrupt(SyncRun.objects.filter(stream=stream).exclude(pk=run.pk))
            taken = {"lease_token": state.lease_token, "holder": state.lease_holder}
            SyncRun.objects.filter(pk=run.pk).update(**taken)
        # Once it is committed: ``release`` trusts the token of the row.
        run.lease_token, run.holder = state.lease_token, state.lease_holder
        return cls(stream, state.lease_token)

    @contextmanager
    def held(self) -> Iterator[SyncState]:
        """A transaction that holds the lease: it locks the state row, and extends the lease."""
        with transaction.atomic():
            state = _locked(self.stream)
            if state.lease_token != self.token:
                raise LeaseLost(f"{self.stream}: another run ({state.lease_holder}) took over")
            state.lease_until = state.now + LEASE
            yield state
            state.save()

    def extend(self) -> None:
        with self.held():
            pass

    def release(self) -> None:
        SyncState.objects.filter(stream=self.stream, lease_token=self.token).update(
            lease_until=None, lease_holder=""
        )


def release(run: SyncRun) -> None:
    """Release the lease of ``run``, if it has one still."""
    if run.lease_token is None:
        return
    try:
        Lease(run.stream, run.lease_token).release()
    except DatabaseError:
        logger.warning("%s: the lease was not released; it will expire", run)


def _locked(stream: str) -> Any:
    """The state row, locked until the transaction ends, with the database's ``now``."""
    if connection.vendor == "postgresql":
        # A process that freezes inside its transaction, or a machine that loses its network, would
        # keep the lock forever: PostgreSQL ends such a session when the lease has expired.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, true)",
                [str(int(LEASE.total_seconds() * 1000))],
            )
    return SyncState.objects.select_for_update().annotate(now=Now()).get(stream=stream)


@contextmanager
def locked_state(run: SyncRun) -> Iterator[SyncState]:
    """A transaction that locks the state row of the stream, without a lease: for ``records`` runs,
    which only add newer rows. Counts as a heartbeat. Raises LeaseLost if ``run`` was closed as dead."""
    SyncState.objects.get_or_create(stream=run.stream)
    with transaction.atomic():
        state = _locked(run.stream)
        record_heartbeat(run)
        yield state
        state.save(update_fields=["change_seq"])


def record_heartbeat(run: SyncRun) -> None:
    """Record that a run without a lease is alive. Raises LeaseLost if it was closed as dead: what it
    has read may be hours old."""
    if not SyncRun.objects.filter(pk=run.pk, status=SyncRun.Status.RUNNING).update(alive_at=Now()):
        raise LeaseLost(f"{run.stream}: run {run.pk} was frozen, and closed as dead")


def close_interrupted() -> int:
    """Close the runs whose lease expired, and lock them out. Returns how many."""
    closed = 0
    for stream in SyncState.objects.filter(lease_until__lte=Now()).values_list("stream", flat=True):
        with transaction.atomic():
            state = _locked(stream)
            if state.lease_until is None or state.lease_until > state.now:
                continue
            # A new token: the old holder may be frozen, not dead.
            state.lease_token += 1
            state.lease_until, state.lease_holder = None, ""
            state.save(update_fields=["lease_token", "lease_until", "lease_holder"])
            closed += _interrupt(SyncRun.objects.filter(stream=stream))
    # A records run, which has no lease, or a run that was killed before it took its lease.
    closed += (
        SyncRun.objects.filter(status=SyncRun.Status.RUNNING, lease_token=None)
        .annotate(heard_at=Coalesce("alive_at", "started_at"))
        .filter(heard_at__lt=Now() - LEASE)
        .update(status=SyncRun.Status.INTERRUPTED, finished_at=Now(), **_INTERRUPTED)
    )
    return closed


def _interrupt(runs: models.QuerySet[SyncRun]) -> int:
    return runs.filter(status=SyncRun.Status.RUNNING, lease_token__isnull=False).update(
        status=SyncRun.Status.INTERRUPTED,
        finished_at=Now(),
        **_INTERRUPTED,
    )
