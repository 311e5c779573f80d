"""How far each stream is copied, and from which Odoo."""

import secrets

from django.db import models
from django.db.models.functions import Now


def new_feed() -> str:
    return secrets.token_hex(4)


class SyncState(models.Model):
    """Where one stream stands. Locked by every transaction that stores rows of the stream, so
    its commits have an order, and a holder whose lease was taken over is found out."""

    stream = models.CharField(max_length=64, primary_key=True)
    watermark = models.DateTimeField(
        null=True, help_text="All that was written in Odoo up to here, on its clock, is stored."
    )
    change_seq = models.BigIntegerField(default=0, help_text="The last change_seq given to a row.")
    feed = models.CharField(
        max_length=16,
        default=new_feed,
        editable=False,
        help_text="Which count of changes this is: a mirror made anew or restored begins another.",
    )
    unavailable_fields = models.JSONField(
        default=list,
        blank=True,
        help_text="Odoo fields this version lacks or our user may not read.",
    )
    left_out_fields = models.JSONField(
        default=dict,
        # Workers of the version before insert rows beside those of this one.
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text="ODOO_EXTRA_FIELDS that are not copied, each with the reason.",
    )
    copied_fields = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text="The Odoo fields with which every row was last read.",
    )
    row_count = models.PositiveBigIntegerField(
        null=True, help_text="Rows present here when the watermark last moved."
    )
    odoo_row_count = models.PositiveBigIntegerField(
        null=True, help_text="Records that Odoo showed then."
    )
    odoo_version = models.CharField(max_length=32, blank=True, help_text="As Odoo spells it.")
    key_expires_at = models.DateTimeField(
        null=True, help_text="When the first API key of our Odoo user expires."
    )
    indexes_aside = models.JSONField(
        default=list,
        blank=True,
        help_text="Definitions of indexes to be built again: a first copy does without them.",
    )
    lease_token = models.BigIntegerField(default=0, help_text="Grows with each lease.")
    lease_holder = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, help_text="On the database's clock.")

    class Meta:
        ordering = ["stream"]
        verbose_name = "stream"

    def __str__(self) -> str:
        return self.stream


class OdooIdentity(models.Model):
    """Which Odoo this mirror copies: one row, made by the first run. See ``sync/identity.py``."""

    # There is one mirror in a database, and it has one Odoo.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    url = models.CharField(max_length=500, blank=True, help_text="ODOO_URL at the last run.")
    database = models.CharField(
        max_length=200, blank=True, help_text="ODOO_DB at the last run; empty if it names none."
    )
    company = models.TextField(blank=True, help_text="The name of the first company we may see.")
    uuid = models.CharField(
        max_length=64, blank=True, help_text="database.uuid; empty if our user may not read it."
    )
    users = models.JSONField(
        default=dict, help_text="The id of each of the first users -> its create_date."
    )
    known_at = models.DateTimeField(db_default=Now(), help_text="Since when it is this one.")
    other = models.TextField(
        blank=True, help_text="Why the last run refused the Odoo it found; empty if it did not."
    )

    class Meta:
        verbose_name = "mirrored Odoo"
        verbose_name_plural = "mirrored Odoo"

    def __str__(self) -> str:
        return self.company or self.database or self.url


class Reread(models.Model):
    """A row to read again although its own stamp may not tell. See ``sync/rereads.py``."""

    stream = models.CharField(max_length=64, db_index=True)
    # Not unique: a second note may be about something that happened after the first was read.
    odoo_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.stream} {self.odoo_id}"
