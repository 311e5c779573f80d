"""Heartbeats: whether beat sends ticks, and whether a worker carries them out.

The sweep, which runs every minute, shows both: beat stores its last tick in the schedule's row, and
the worker that carries it out writes a row of its own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from odoo_bridge.models import Heartbeat
from odoo_bridge.odoo.remedies import remedy
from odoo_bridge.sync.lease import holder_name

SWEEP = "bridge: sweep"
WORKER = "worker"
# Three ticks, because a restart may delay one.
PATIENCE = timedelta(minutes=3)


@dataclass(frozen=True)
class Silence:
    """A missing heartbeat. ``since`` is the last one, None if there never was one."""

    code: str
    since: datetime | None
    # The last tick, if it lies in the future: then it proves nothing.
    ahead: datetime | None = None

    @property
    def message(self) -> str:
        if self.ahead:
            name = "beat" if self.code == "beat_silent" else "a worker"
            return (
                f"The last tick of {name} is dated {self.ahead:%Y-%m-%d %H:%M} UTC, in the future: "
                "the clock of its machine is or was wrong."
            )
        heard = f"since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else "yet"
        if self.code == "beat_silent":
            return f"Beat has sent nothing {heard}: nothing runs on schedule."
        return f"No worker has carried out a tick {heard}: runs are waiting."

    @property
    def remedy(self) -> str:
        return remedy(self.code)


def record_worker_heartbeat() -> None:
    """Store, in a worker, that the sweep was carried out."""
    Heartbeat.objects.update_or_create(
        name=WORKER, defaults={"seen_at": Now(), "holder": holder_name()}
    )


def silences(now: datetime) -> list[Silence]:
    """The missing heartbeats. While beat is silent, nothing is known about the workers.

    A tick that lies further in the future than two clocks may differ is ignored.
    """
    ticked_at = (
        PeriodicTask.objects.filter(name=SWEEP).values_list("last_run_at", flat=True).first()
    )
    if silence := _silence("beat_silent", ticked_at, now):
        return [silence]
    seen_at = Heartbeat.objects.filter(name=WORKER).values_list("seen_at", flat=True).first()
    silence = _silence("worker_silent", seen_at, now)
    return [silence] if silence else []


def _silence(code: str, heard_at: datetime | None, now: datetime) -> Silence | None:
    if heard_at is None or heard_at < now - PATIENCE:
        return Silence(code, heard_at)
    return Silence(code, None, ahead=heard_at) if heard_at > now + PATIENCE else None
