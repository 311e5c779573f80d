"""Runs, records that could not be copied, and reviews of vanished rows."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from odoo_bridge.odoo.remedies import remedy


class SyncRun(models.Model):
    """One execution of a stream: what was requested, what it did, how it ended."""

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
        INVENTORY = "inventory", "listing Odoo's records"
        READING = "reading", "reading and storing"
        GONE = "gone", "checking for deleted records"
        INDEXES = "indexes", "building indexes"

    # What a run counts, in the order of its steps.
    COUNTS = (
        "inventoried_count",
        "planned_count",
        "read_count",
        "created_count",
        "updated_count",
        "unchanged_count",
        "gone_count",
        "restored_count",
        "issue_count",
    )

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
        help_text="The last heartbeat of a run without a lease, on the database's clock.",
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
        max_length=16, choices=Phase, blank=True, help_text="The current or last phase."
    )
    phase_seconds = models.JSONField(
        default=dict,
        blank=True,
        help_text="inventory, reading (waiting for Odoo), storing, gone, indexes -> seconds.",
    )
    left_out_fields = models.JSONField(
        default=dict,
        # During a deployment, workers of the previous version insert rows too.
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text="Fields in ODOO_EXTRA_FIELDS that were not copied, each with the reason.",
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
        help_text="The review that this run requested, or whose decision it carries out.",
    )
    error = models.TextField(blank=True, help_text="Why the run failed, was skipped, or waits.")
    error_code = models.CharField(max_length=32, blank=True, help_text="The kind of error.")
    note = models.TextField(
        blank=True,
        default="",
        # During a deployment, workers of the previous version insert runs too.
        db_default="",
        help_text="A finding about Odoo: it moved, or was restored from a backup.",
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
            ("confirm_gone", "Can confirm or reject vanished rows"),
        ]
        verbose_name = "run"

    def __str__(self) -> str:
        return f"{self.stream} {self.kind} #{self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether the run is queued or running."""
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def remedy(self) -> str:
        """What a person can do about the error; empty if there is no error."""
        return remedy(self.error_code)


class GoneReviewQuerySet(models.QuerySet["GoneReview"]):
    def in_force(self) -> Self:
        """Open, or answered and not yet carried out: at most one per stream."""
        return self.filter(status__in=GoneReview.IN_FORCE)


class GoneReview(models.Model):
    """So many rows vanished from Odoo at once that a person must decide whether they are gone.

    ``ids`` never change, so that a decision is about exactly the rows that the person saw.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        CONFIRMED = "confirmed"
        REJECTED = "rejected"
        # A later run found more rows, and its review replaces this one.
        REPLACED = "replaced"
        # Nothing is left to do: all rows were marked gone, or seen in Odoo again.
        SETTLED = "settled", "closed"

    IN_FORCE = (Status.OPEN, Status.CONFIRMED, Status.REJECTED)

    stream = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    ids = models.JSONField(help_text="The ids of the rows missing in Odoo, ascending.")
    gone_count = models.PositiveIntegerField("rows", help_text="The number of ids.")
    present_count = models.PositiveIntegerField("of", help_text="The number of rows here then.")
    recent_count = models.PositiveIntegerField(
        default=0, help_text="Rows marked gone without confirmation in the 24 hours before."
    )
    asked_at = models.DateTimeField(db_default=Now())
    last_asked_at = models.DateTimeField(
        db_default=Now(), help_text="When a run last found these rows missing."
    )
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
        verbose_name = "review of vanished rows"
        verbose_name_plural = "vanished rows"

    def __str__(self) -> str:
        return f"{self.gone_count} vanished {self.stream.replace('_', ' ')} (#{self.pk})"


class SyncIssue(models.Model):
    """A record that could not be copied, with the reason. Every run tries it again."""

    stream = models.CharField(max_length=64)
    odoo_id = models.BigIntegerField()
    reason = models.TextField()
    column = models.CharField(
        max_length=64,
        blank=True,
        help_text="The column that cannot hold the value, if that is the reason.",
    )
    record = models.JSONField(
        default=dict,
        help_text="The record as Odoo sent it, in Python's notation; empty if it sent none.",
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
