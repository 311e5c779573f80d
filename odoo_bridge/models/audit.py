"""The audit log: who logged in, and who exported what."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """An attempted login or a sent export: who, when, from where, what. It never contains a
    password, a code, a token or a key."""

    class Event(models.TextChoices):
        LOGIN = "login"
        EXPORT = "export"

    at = models.DateTimeField("at (UTC)", db_default=Now(), editable=False)
    event = models.CharField(max_length=16, choices=Event)
    succeeded = models.BooleanField(
        null=True, help_text="For an export: whether it was sent completely; empty until it ends."
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    username = models.CharField(
        max_length=150,
        blank=True,
        help_text="Kept when the user is deleted. Empty if a login named no existing account.",
    )
    address = models.CharField(max_length=45, help_text="The client's IP address.")
    route = models.CharField(max_length=200, help_text="The path of the request.")
    rows = models.BigIntegerField(
        null=True, help_text="For an export: the number of rows sent; empty while it is being sent."
    )
    detail = models.JSONField(
        default=dict,
        help_text="For a login: the method, whether it was for a token or a session, and why it "
        "failed. For an export: format and filters.",
    )

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["at"], name="audit_at")]
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.event} by {self.username or 'an unknown user'}"
