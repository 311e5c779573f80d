"""Running streams, as every test of this folder does: through the one public door."""

import os
from random import SystemRandom
from typing import Any

from odoo_bridge.models import SyncRun
from odoo_bridge.sync.run import run, run_queued
from odoo_bridge.sync.streams import all_streams

Status, Kind = SyncRun.Status, SyncRun.Kind
# What is drawn at random is drawn from it; printed with a failure, and taken from the environment.
SEED = int(os.environ.get("HISTORY_SEED", SystemRandom().randrange(2**32)))
GOOD = (Status.SUCCEEDED, Status.SUCCEEDED_WITH_ISSUES)


def sync(stream: str = "contacts", kind: str = Kind.CHANGES, **options: Any) -> SyncRun:
    return run(stream, kind, trigger=SyncRun.Trigger.COMMAND, **options)


def sync_all(kind: str = Kind.CHANGES) -> list[SyncRun]:
    """Run every stream once; each must succeed."""
    rows = [sync(stream, kind) for stream in all_streams()]
    for row in rows:
        assert row.status == Status.SUCCEEDED, f"{row}: {row.status} {row.error}"
    return rows


def carry_out_queued() -> None:
    """Carry out the runs that wait, as a worker does: a run may have requested others."""
    while waiting := list(SyncRun.objects.filter(status=Status.QUEUED).order_by("pk")):
        for row in waiting:
            run_queued(row.pk)


def settle() -> None:
    """What a quiet hour brings: one ``changes`` and one ``reconcile`` of every stream."""
    carry_out_queued()
    sync_all(Kind.CHANGES)
    sync_all(Kind.RECONCILE)
    carry_out_queued()
