"""Who logged in, and who exported what."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """A login that was tried, or an export that was sent: who, when, from where, what. Never a
    password, a code, a token or a key."""

    class Event(models.TextChoices):
        LOGIN = "login"
        EXPORT = "export"

    at = models.DateTimeField("at (UTC)", db_default=Now(), editable=False)
    event = models.CharField(max_length=16, choices=Event)
    succeeded = models.BooleanField(
        null=True, help_text="Of an export: whether it was sent to its end; empty before that."
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    username = models.CharField(
        max_length=150,
        blank=True,
        help_text="Kept when the user is deleted. Empty when a login named no account.",
    )
    address = models.CharField(max_length=45, help_text="The client's IP address.")
    route = models.CharField(max_length=200, help_text="The path of the request.")
    rows = models.BigIntegerField(
        null=True, help_text="Of an export: rows written; empty while it is being sent."
    )
    detail = models.JSONField(
        default=dict,
        help_text="Of a login: how, for a token or a session, why it failed. Of an export: format "
        "and filters.",
    )

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["at"], name="audit_at")]
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.event} by {self.username or 'nobody we know'}"
