"""What a run works with: its row, its lease, its connections to Odoo, and when it must stop."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from odoo_bridge.models import MirroredModel, MirroredQuerySet, SyncRun, SyncState
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import BridgeError, OdooTimeout
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.sync import stopping
from odoo_bridge.sync.fetch import Fetcher
from odoo_bridge.sync.lease import Lease, locked_state, record_heartbeat
from odoo_bridge.sync.streams import Stream, all_streams

logger = logging.getLogger(__name__)

T = TypeVar("T")
Progress = Callable[[SyncRun], None]
Kind, Phase = SyncRun.Kind, SyncRun.Phase
# What a run writes of its own row while it runs. Not the whole row: a request to cancel may arrive.
_PROGRESS = (
    *SyncRun.COUNTS,
    "odoo_calls",
    "odoo_seconds",
    "watermark_before",
    "watermark_after",
    "phase",
    "phase_seconds",
    "left_out_fields",
)


class Cancelled(BridgeError):
    """A person cancelled the run."""

    code = "cancelled"


@dataclass
class FollowUps:
    """What a run found that other runs must do, however it ends.

    ``odoo_went_back``: Odoo has older versions of rows that are here, so every stream is compared.
    ``streams``: streams to whose re-read queue the run added rows.
    """

    odoo_went_back: bool = False
    streams: set[str] = field(default_factory=set)


class Stopwatch:
    """Where a run's time goes: seconds by name, kept in the row's ``phase_seconds``."""

    def __init__(self, row: SyncRun) -> None:
        self._row, self._name, self._since = row, "", time.monotonic()

    def switch_to(self, name: str) -> str:
        """Charge the time since the last switch to the name before, and return that name."""
        before, now = self._name, time.monotonic()
        if before:
            seconds = self._row.phase_seconds
            seconds[before] = round(seconds.get(before, 0) + now - self._since, 3)
        self._name, self._since = name, now
        return before


class Session:
    """One run under way. Complete when it is made; ``opened`` makes it.

    ``lease``: None for a ``records`` run, which needs none. ``deadline``, on the monotonic clock: from
    then on nobody waits for the run. ``started_at``, on the database's clock: rows stored from then on
    may be newer than a page that is on its way.
    """

    def __init__(
        self,
        row: SyncRun,
        lease: Lease | None,
        gateway: Gateway,
        follow_ups: FollowUps,
        progress: Progress | None,
        deadline: float | None,
    ) -> None:
        self.row, self.lease, self.gateway, self.follow_ups = row, lease, gateway, follow_ups
        self._progress, self._deadline = progress, deadline
        self.stream: Stream = all_streams()[row.stream]
        self.model: type[MirroredModel] = self.stream.model
        # Filled in from the database by begin().
        self.started_at: datetime = row.started_at  # type: ignore[assignment]
        self.stopwatch = Stopwatch(row)
        self.fetcher = Fetcher(gateway, self.send_heartbeat, self.check_stopped)
        self._usage_before = gateway.usage()

    @property
    def compares_all(self) -> bool:
        """Whether the run looks at every record, and so at all that changes rarely."""
        return self.row.kind in (Kind.RECONCILE, Kind.FULL)

    # Odoo and the tables ------------------------------------------------------------------------

    def ask(self, question: Callable[..., T], *arguments: Any) -> T:
        """Ask Odoo one thing, and keep the lease alive while it takes its time."""
        return self.fetcher.ask(question, *arguments)

    def present(self) -> MirroredQuerySet:
        return self.model.objects.present()

    def locked(self) -> AbstractContextManager[SyncState]:
        """A transaction that holds the stream's state row."""
        return self.lease.held() if self.lease else locked_state(self.row)

    # Staying alive, and stopping ----------------------------------------------------------------

    def keep_alive(self) -> None:
        """Stop if the run must, and send a heartbeat if one is due.

        To be called between two slices of our own rows: each is short, but together they outlast a
        lease.
        """
        self.fetcher.keep_alive()

    def send_heartbeat(self) -> None:
        if self.lease is not None:
            self.lease.extend()
        else:
            record_heartbeat(self.row)
        self.check_cancelled()

    def check_stopped(self) -> None:
        """Raise if the program must stop or the deadline has passed.

        Safe between any two transactions: what the run found out about other rows is stored.
        """
        if stopping.is_requested():
            raise stopping.Stopped(
                f"Its program was stopped after {self.row.read_count} of "
                f"{self.row.planned_count} records."
            )
        _check_deadline(self._deadline)

    def check_cancelled(self) -> None:
        """Raise if a person cancelled the run. Not while rows are marked gone: the rows that
        reference them are read again in the same run, and that is short."""
        if self.row.phase == Phase.GONE:
            return
        cancelled = SyncRun.objects.filter(pk=self.row.pk, cancel_requested_at__isnull=False)
        if cancelled.exists():
            by = cancelled.select_related("cancelled_by").get().cancelled_by
            raise Cancelled(
                f"Cancelled by {by or 'nobody known'} after "
                f"{self.row.read_count} of {self.row.planned_count} records."
            )

    # The run's row ------------------------------------------------------------------------------

    def enter(self, phase: SyncRun.Phase) -> None:
        self.stopwatch.switch_to(phase)
        self.check_cancelled()
        self.row.phase = phase
        self.save_progress()

    def save_progress(self) -> None:
        calls, seconds = self.gateway.usage()
        self.row.odoo_calls = calls - self._usage_before[0]
        self.row.odoo_seconds = round(seconds - self._usage_before[1], 3)
        self.row.save(update_fields=_PROGRESS)

    def report_progress(self) -> None:
        if self._progress:
            self._progress(self.row)

    def add_note(self, note: str) -> None:
        """Keep on the run what it noticed about Odoo."""
        if note:
            logger.warning("%s: %s", self.row, note)
            self.row.note = f"{self.row.note} {note}".strip()
            self.row.save(update_fields=["note"])


@contextmanager
def opened(
    row: SyncRun, follow_ups: FollowUps, progress: Progress | None, deadline: float | None
) -> Iterator[Session]:
    """Take the lease and connect to Odoo; end the session's threads after the block.

    The lease outlives the block: ``run.carry_out`` first records how the run ended. Raises LeaseHeld.
    """
    lease = None if row.kind == Kind.RECORDS else Lease.take(row.stream, row)
    gateway = connect() if deadline is None else _connected_before(deadline)
    session = Session(row, lease, gateway, follow_ups, progress, deadline)
    with session.fetcher:
        yield session


def _connected_before(deadline: float) -> Gateway:
    thread = ThreadPoolExecutor(1, thread_name_prefix="odoo-connect")
    try:
        return thread.submit(connect).result(max(0, deadline - time.monotonic()))
    except FutureTimeout:
        _check_deadline(deadline)
        raise
    finally:
        thread.shutdown(wait=False)


def _check_deadline(deadline: float | None) -> None:
    """A call to Odoo that is under way ends by itself; nobody reads its answer."""
    if deadline is not None and time.monotonic() >= deadline:
        raise OdooTimeout("Odoo did not answer in time for the request that waits for it.")
