"""The state of each stream, and the identity of the mirrored Odoo."""

import secrets

from django.db import models
from django.db.models.functions import Now


def new_feed() -> str:
    return secrets.token_hex(4)


class SyncState(models.Model):
    """The state of one stream. Every transaction that stores rows of the stream locks this row. So the
    commits are ordered, and a process that lost its lease is detected."""

    stream = models.CharField(max_length=64, primary_key=True)
    watermark = models.DateTimeField(
        null=True, help_text="Everything written in Odoo up to this time, on its clock, is stored."
    )
    change_seq = models.BigIntegerField(
        default=0, help_text="The last change_seq assigned to a row."
    )
    feed = models.CharField(
        max_length=16,
        default=new_feed,
        editable=False,
        help_text="Identifies the sequence of changes: a recreated or restored mirror starts a new one.",
    )
    unavailable_fields = models.JSONField(
        default=list,
        blank=True,
        help_text="Odoo fields that this version lacks or our user may not read.",
    )
    left_out_fields = models.JSONField(
        default=dict,
        # During a deployment, workers of the previous version insert rows too.
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text="Fields in ODOO_EXTRA_FIELDS that are not copied, each with the reason.",
    )
    copied_fields = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text="The Odoo fields with which every row was last read.",
    )
    row_count = models.PositiveBigIntegerField(
        null=True, help_text="Rows here when the watermark last moved."
    )
    odoo_row_count = models.PositiveBigIntegerField(
        null=True, help_text="Records in Odoo when the watermark last moved."
    )
    odoo_version = models.CharField(
        max_length=32, blank=True, help_text="Odoo's version, in its own format."
    )
    key_expires_at = models.DateTimeField(
        null=True, help_text="When the first API key of our Odoo user expires."
    )
    indexes_aside = models.JSONField(
        default=list,
        blank=True,
        help_text="Definitions of the indexes that a first copy dropped and must build again.",
    )
    lease_token = models.BigIntegerField(default=0, help_text="Increases with each lease.")
    lease_holder = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, help_text="On the database's clock.")

    class Meta:
        ordering = ["stream"]
        verbose_name = "stream"

    def __str__(self) -> str:
        return self.stream


class OdooIdentity(models.Model):
    """The identity of the mirrored Odoo: one row, created by the first run. See ``sync/identity.py``."""

    # A database has one mirror, of one Odoo.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    url = models.CharField(max_length=500, blank=True, help_text="ODOO_URL at the last run.")
    database = models.CharField(
        max_length=200, blank=True, help_text="ODOO_DB at the last run; may be empty."
    )
    company = models.TextField(
        blank=True, help_text="The name of the first company that our user may see."
    )
    uuid = models.CharField(
        max_length=64, blank=True, help_text="database.uuid; empty if our user may not read it."
    )
    users = models.JSONField(
        default=dict, help_text="The create_date of each of the first users, by id."
    )
    known_at = models.DateTimeField(db_default=Now(), help_text="When this identity was stored.")
    other = models.TextField(
        blank=True,
        help_text="Why the last run refused the Odoo that it found; empty if it did not.",
    )

    class Meta:
        verbose_name = "mirrored Odoo"
        verbose_name_plural = "mirrored Odoo"

    def __str__(self) -> str:
        return self.company or self.database or self.url


class Reread(models.Model):
    """An entry of the re-read queue: a row to read again although its stamp may not have changed."""

    stream = models.CharField(max_length=64, db_index=True)
    # Not unique: a second entry may be about a change that happened after the row was read for the
    # first.
    odoo_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.stream} {self.odoo_id}"
