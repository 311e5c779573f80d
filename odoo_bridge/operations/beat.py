"""Beat's scheduler. It saves only its own columns of a schedule, and tolerates a clock that was
wrong."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from odoo_bridge.operations.schedules import past


class Entry(ModelEntry):
    def __init__(self, model: PeriodicTask, app: Any = None) -> None:
        # A clock that was ahead leaves timestamps in the future. If beat counted from them, it would
        # send nothing until then.
        now = timezone.now()
        model.last_run_at = past(model.last_run_at, now)
        model.date_changed = past(model.date_changed, now)
        super().__init__(model, app=app)

    def save(self) -> None:
        """Store the last tick. The original reads the row and writes all of it back, which would
        silently undo an interval or a pause that staff save in between."""
        row = PeriodicTask.objects.get(pk=self.model.pk)
        row.last_run_at = self.model.last_run_at
        row.total_run_count = self.model.total_run_count
        # Beat itself changes the row, so it need not read its schedules again.
        row.no_changes = True
        row.save(update_fields=["last_run_at", "total_run_count"])


class Scheduler(DatabaseScheduler):
    Entry = Entry
    _checked_at: datetime | None = None

    def schedule_changed(self) -> bool:
        """Whether to read all rows again: after any change, and when the clock was set back."""
        before, checked_at = self._last_timestamp, self._checked_at
        self._checked_at = timezone.now()
        changed = bool(super().schedule_changed())
        # The original requires a later timestamp, but the process that saves a row may have a clock
        # behind ours.
        different = before is not None and self._last_timestamp != before
        # After the clock was set back, the last ticks lie in the future, in memory too.
        return changed or different or (checked_at is not None and self._checked_at < checked_at)
