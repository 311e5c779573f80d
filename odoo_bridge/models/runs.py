"""What each run did, which records it could not copy, and what it asked a person."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from odoo_bridge.odoo.remedies import remedy


class SyncRun(models.Model):
    """One execution of a stream: what it was asked, what it did, how it ended."""

    class Kind(models.TextChoices):
        CHANGES = "changes"
        RECONCILE = "reconcile"
        FULL = "full"
        RECORDS = "records"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        COMMAND = "command"
        ADMIN = "admin"
        API = "api", "API"
        HINT = "hint"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        SUCCEEDED_WITH_ISSUES = "succeeded_with_issues", "succeeded with issues"
        NEEDS_CONFIRMATION = "needs_confirmation", "needs confirmation"
        FAILED = "failed"
        SKIPPED = "skipped"
        CANCELLED = "cancelled"
        INTERRUPTED = "interrupted"

    class Phase(models.TextChoices):
        INVENTORY = "inventory", "asking Odoo what there is"
        READING = "reading", "reading and storing"
        GONE = "gone", "looking for what is gone"
        INDEXES = "indexes", "building indexes"

    stream = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=Kind)
    trigger = models.CharField(max_length=16, choices=Trigger)
    status = models.CharField(max_length=24, choices=Status, default=Status.QUEUED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    requested_ids = models.JSONField(
        default=list, blank=True, help_text="The ids of a records run."
    )
    confirm_gone = models.BooleanField(default=False)
    holder = models.CharField(max_length=200, blank=True, help_text="Host and process that ran it.")
    lease_token = models.BigIntegerField(null=True)
    alive_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="The last sign of life of a run that needs no lease, on the database's clock.",
    )
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    watermark_before = models.DateTimeField(null=True)
    watermark_after = models.DateTimeField(null=True)
    # read = created + updated + unchanged + issues
    inventoried_count = models.PositiveIntegerField("inventoried", default=0)
    planned_count = models.PositiveIntegerField("planned", default=0)
    read_count = models.PositiveIntegerField("read", default=0)
    created_count = models.PositiveIntegerField("created", default=0)
    updated_count = models.PositiveIntegerField("updated", default=0)
    unchanged_count = models.PositiveIntegerField("unchanged", default=0)
    gone_count = models.PositiveIntegerField("gone", default=0)
    restored_count = models.PositiveIntegerField("restored", default=0)
    issue_count = models.PositiveIntegerField("issues", default=0)
    odoo_calls = models.PositiveIntegerField(default=0)
    odoo_seconds = models.FloatField(default=0, help_text="Summed over the connections.")
    phase = models.CharField(
        max_length=16, choices=Phase, blank=True, help_text="The last one it was in."
    )
    phase_seconds = models.JSONField(
        default=dict,
        blank=True,
        help_text="inventory, reading (waiting for Odoo), storing, gone, indexes -> seconds.",
    )
    left_out_fields = models.JSONField(
        default=dict,
        # Workers of the version before insert rows beside those of this one.
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text="ODOO_EXTRA_FIELDS that it did not copy, each with the reason.",
    )
    cancel_requested_at = models.DateTimeField(null=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    gone_review = models.ForeignKey(
        "GoneReview",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="runs",
        help_text="The question this run asks, or whose answer it carries out.",
    )
    error = models.TextField(blank=True, help_text="Why it failed, was skipped, or waits.")
    error_code = models.CharField(max_length=32, blank=True, help_text="The kind of error.")
    note = models.TextField(
        blank=True,
        default="",
        # Workers of the version before insert runs beside those of this one.
        db_default="",
        help_text="What it noticed about Odoo: moved, or restored from a backup.",
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["stream", "-id"]),
            models.Index(fields=["status"]),
            models.Index(fields=["started_at"]),
        ]
        permissions = [
            ("run_sync", "Can start, cancel and retry runs"),
            ("confirm_gone", "Can say whether rows that vanished are gone"),
        ]
        verbose_name = "run"

    def __str__(self) -> str:
        return f"{self.stream} {self.kind} #{self.pk}"

    @property
    def is_open(self) -> bool:
        """It waits or runs; everything else is an ending."""
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def remedy(self) -> str:
        """What a person can do about the error; empty when there is nothing to do."""
        return remedy(self.error_code)


class GoneReviewQuerySet(models.QuerySet["GoneReview"]):
    def in_force(self) -> Self:
        """Asked, or answered and not yet settled: at most one per stream."""
        return self.filter(status__in=GoneReview.IN_FORCE)


class GoneReview(models.Model):
    """So many rows vanished from Odoo at once that a person must say whether they are gone.

    ``ids`` never change: who answers, answers about the rows they looked at.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        CONFIRMED = "confirmed"
        REJECTED = "rejected"
        # A later run found more; that one's question stands instead.
        REPLACED = "replaced"
        # Nothing is left of it: marked gone, or seen in Odoo again.
        SETTLED = "settled"

    IN_FORCE = (Status.OPEN, Status.CONFIRMED, Status.REJECTED)

    stream = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    ids = models.JSONField(help_text="The rows that Odoo did not show, ascending.")
    gone_count = models.PositiveIntegerField("rows", help_text="How many ids there are.")
    present_count = models.PositiveIntegerField("of", help_text="Rows here when it was asked.")
    recent_count = models.PositiveIntegerField(
        default=0, help_text="Rows marked gone unasked in the 24 hours before."
    )
    asked_at = models.DateTimeField(db_default=Now())
    last_asked_at = models.DateTimeField(db_default=Now(), help_text="By the latest run.")
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = GoneReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stream"],
                condition=models.Q(status__in=["open", "confirmed", "rejected"]),
                name="one_gone_review_in_force_per_stream",
            )
        ]
        verbose_name = "question about vanished rows"
        verbose_name_plural = "vanished rows"

    def __str__(self) -> str:
        return f"{self.gone_count} {self.stream} that vanished (#{self.pk})"


class SyncIssue(models.Model):
    """A record that could not be copied, with the reason. Tried again by every run."""

    stream = models.CharField(max_length=64)
    odoo_id = models.BigIntegerField()
    reason = models.TextField()
    column = models.CharField(
        max_length=64, blank=True, help_text="The column that did not take its value, if it is one."
    )
    record = models.JSONField(
        default=dict, help_text="What Odoo sent, if it sent anything, as Python spells it."
    )
    attempts = models.PositiveIntegerField(default=1)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ["-last_seen_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "odoo_id"],
                condition=models.Q(resolved_at=None),
                name="one_open_issue_per_record",
            )
        ]
        verbose_name = "issue"

    def __str__(self) -> str:
        return f"{self.stream} {self.odoo_id}: {self.reason}"
