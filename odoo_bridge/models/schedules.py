"""Schedules, and the heartbeat of the workers."""

from django.db import models
from django_celery_beat.models import PeriodicTask

from odoo_bridge.models.runs import SyncRun


class Heartbeat(models.Model):
    """When a worker last carried out the sweep, which shows that ticks arrive."""

    name = models.CharField(max_length=16, primary_key=True)
    seen_at = models.DateTimeField(help_text="On the database's clock.")
    holder = models.CharField(max_length=200, help_text="Host and process.")

    def __str__(self) -> str:
        return f"{self.name} at {self.seen_at}"


class Schedule(PeriodicTask):
    """A schedule in the admin: one of our tasks, and when it runs. The rows belong to beat."""

    # The latest run of its stream and kind, set by pages that need it.
    latest: SyncRun | None = None

    class Meta:
        proxy = True
        default_permissions = ("change", "view")
        ordering = ["pk"]  # The order in which they were seeded: by stream, the bridge's own last.
        verbose_name = "schedule"

    def __str__(self) -> str:
        return str(self.name)
