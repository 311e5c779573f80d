"""Runs of streams for tests, through the one function behind every door."""

import os
from random import SystemRandom
from typing import Any

from odoo_bridge.models import SyncRun
from odoo_bridge.sync.run import run, run_queued
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.sync.verify import verify

Status, Kind = SyncRun.Status, SyncRun.Kind
# The seed of whatever a test draws at random: printed with a failure, and taken from the environment.
SEED = int(os.environ.get("HISTORY_SEED", SystemRandom().randrange(2**32)))
GOOD = (Status.SUCCEEDED, Status.SUCCEEDED_WITH_ISSUES)


def sync(stream: str = "contacts", kind: str = Kind.CHANGES, **options: Any) -> SyncRun:
    """Run ``stream`` and return the finished run, however it ended."""
    return run(stream, kind, trigger=SyncRun.Trigger.COMMAND, **options)


def synced(stream: str = "contacts", kind: str = Kind.CHANGES, **options: Any) -> SyncRun:
    """Run ``stream``, which must succeed without issues."""
    row = sync(stream, kind, **options)
    assert row.status == Status.SUCCEEDED, f"{row}: {row.status} {row.error}"
    assert_counts_add_up(row)
    return row


def sync_all(kind: str = Kind.CHANGES) -> list[SyncRun]:
    """Run every stream once; each must succeed without issues."""
    return [synced(stream, kind) for stream in all_streams()]


def carry_out_queued() -> None:
    """Carry out the runs that wait, as a worker does: a run may have requested others."""
    while waiting := list(SyncRun.objects.filter(status=Status.QUEUED).order_by("pk")):
        for row in waiting:
            run_queued(row.pk)


def settle() -> None:
    """Run what the schedules run in a quiet hour: ``changes`` and ``reconcile`` of every stream."""
    carry_out_queued()
    sync_all(Kind.CHANGES)
    sync_all(Kind.RECONCILE)
    carry_out_queued()


def assert_counts_add_up(row: SyncRun) -> None:
    """Each record that was read is created, updated, unchanged or an issue."""
    assert row.read_count == (
        row.created_count + row.updated_count + row.unchanged_count + row.issue_count
    )


def assert_equal_to_odoo(*streams: str) -> None:
    """Compare every row of ``streams`` (without names: of all streams) with Odoo."""
    for name in streams or all_streams():
        assert verify(all_streams()[name], sample=10_000).differences == []
