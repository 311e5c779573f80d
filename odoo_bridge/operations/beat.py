"""Beat's scheduler: it saves only its own columns of a schedule, and survives a clock that was wrong."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from odoo_bridge.operations.schedules import past


class Entry(ModelEntry):
    def __init__(self, model: PeriodicTask, app: Any = None) -> None:
        # A clock that was ahead leaves moments in the future. Counting from them, beat would send
        # nothing until then.
        now = timezone.now()
        model.last_run_at = past(model.last_run_at, now)
        model.date_changed = past(model.date_changed, now)
        super().__init__(model, app=app)

    def save(self) -> None:
        """Note the last tick. The original reads the row and writes all of it back: an interval or
        a pause that staff save in between would be lost without a word."""
        row = PeriodicTask.objects.get(pk=self.model.pk)
        row.last_run_at = self.model.last_run_at
        row.total_run_count = self.model.total_run_count
        # It is beat that changes it: nothing to read again.
        row.no_changes = True
        row.save(update_fields=["last_run_at", "total_run_count"])


class Scheduler(DatabaseScheduler):
    Entry = Entry
    _looked_at: datetime | None = None

    def schedule_changed(self) -> bool:
        """Whether to read all rows again: after any change, and when the clock was set back."""
        before, looked_at = self._last_timestamp, self._looked_at
        self._looked_at = timezone.now()
        changed = bool(super().schedule_changed())
        # The original waits for a later moment. Whoever saves a row may have a clock behind ours.
        different = before is not None and self._last_timestamp != before
        # Ticks of the hour that comes twice are in the future now, in memory too.
        return changed or different or (looked_at is not None and self._looked_at < looked_at)
