"""Requests to change something in Odoo, and their outcomes."""

import secrets

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


def _marker() -> str:
    return f"odoo_bridge.{secrets.token_hex(16)}"


class OdooWrite(models.Model):
    """One idempotent request to change Odoo: who requested what, and its outcome.

    Stored before Odoo is called. The key lets a client repeat the request without repeating the
    change. The rows are also the log of everything that the bridge wrote to Odoo.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "not in Odoo"
        SENT = "sent", "outcome unknown"
        MADE = "made", "in Odoo, not finished"
        DONE = "done"
        REFUSED = "refused"

    action = models.CharField(max_length=32)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    username = models.CharField(max_length=150, help_text="Kept when the user is deleted.")
    key = models.CharField(max_length=128, help_text="The Idempotency-Key; unique per user.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the request.")
    body = models.JSONField(help_text="The request's body, validated and with Odoo's ids added.")
    marker = models.CharField(
        max_length=64,
        default=_marker,
        unique=True,
        editable=False,
        help_text="The record's external id in Odoo, used to find it again.",
    )
    state = models.CharField(max_length=16, choices=State, default=State.REQUESTED)
    odoo_id = models.BigIntegerField(null=True, help_text="The record's id in Odoo, once known.")
    attempts = models.PositiveIntegerField(
        default=0, help_text="How often the request was sent to Odoo."
    )
    error = models.TextField(
        blank=True, help_text="Why the request was refused or is not finished."
    )
    answer_status = models.PositiveSmallIntegerField(null=True)
    # Text, because PostgreSQL would reorder the keys of a JSON column.
    answer = models.TextField(
        blank=True, help_text="The response; returned again whenever the key is sent again."
    )
    requested_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, help_text="When the request was last sent to Odoo.")
    resolved_at = models.DateTimeField(
        null=True,
        help_text="When the outcome was looked up because no client repeated the request.",
    )
    finished_at = models.DateTimeField(null=True)
    # Which process works on it: a number and an expiry on the database's clock, like a stream's lease.
    claim = models.BigIntegerField(default=0, editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_write_per_key")]
        indexes = [
            models.Index(
                fields=["sent_at"],
                name="write_open",
                condition=models.Q(state__in=["sent", "made"]),
            )
        ]
        verbose_name = "write to Odoo"
        verbose_name_plural = "writes to Odoo"

    def __str__(self) -> str:
        return f"{self.action} #{self.pk} by {self.username}"
