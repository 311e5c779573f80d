"""Requests to change something in Odoo, and what came of each."""

import secrets

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


def _marker() -> str:
    return f"odoo_bridge.{secrets.token_hex(16)}"


class OdooWrite(models.Model):
    """One wish to change something in Odoo: who wished for what, and what came of it.

    Stored before Odoo is called. The key lets a client ask again without doing it again; the rows
    are the record of all that the bridge ever wrote.
    """

    class State(models.TextChoices):
        ASKED = "asked", "not in Odoo"
        SENT = "sent", "outcome unknown"
        MADE = "made", "in Odoo, not finished"
        DONE = "done"
        REFUSED = "refused"

    action = models.CharField(max_length=32)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    username = models.CharField(max_length=150, help_text="Kept when the user is deleted.")
    key = models.CharField(max_length=128, help_text="The Idempotency-Key, the user's own.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what the request asked for.")
    wish = models.JSONField(help_text="What the request asked for, checked and with Odoo's ids.")
    marker = models.CharField(
        max_length=64,
        default=_marker,
        unique=True,
        editable=False,
        help_text="The record's external id in Odoo, by which it is found again.",
    )
    state = models.CharField(max_length=16, choices=State, default=State.ASKED)
    odoo_id = models.BigIntegerField(null=True, help_text="Of the record, once it is known.")
    attempts = models.PositiveIntegerField(
        default=0, help_text="How often Odoo was asked to do it."
    )
    error = models.TextField(blank=True, help_text="Why it was refused, or is not finished.")
    answer_status = models.PositiveSmallIntegerField(null=True)
    # Text, since PostgreSQL would put the keys of JSON into an order of its own.
    answer = models.TextField(blank=True, help_text="Given again whenever the key comes again.")
    asked_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, help_text="When Odoo was last asked to do it.")
    settled_at = models.DateTimeField(
        null=True, help_text="When its outcome was looked up because nobody came back for it."
    )
    finished_at = models.DateTimeField(null=True)
    # Who works on it: as with the lease of a stream, by number and on the database's clock.
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
