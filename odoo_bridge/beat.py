"""Beat's scheduler, writing of a schedule's row what is its own."""

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry


class Entry(ModelEntry):
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
