"""What a sync keeps: the shape of a mirrored row, where each stream stands, what each run did."""

import secrets
from collections.abc import Sequence
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Func
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from odoo_bridge.fields import ExtraField
from odoo_bridge.odoo.remedies import remedy


class OdooMoment(Func):
    """A moment as Odoo spells it: ``2026-02-01 09:30:00``, naive UTC; the empty string for NULL."""

    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        spelled = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        return self.as_sql(compiler, connection, template=f"coalesce({spelled}, '')")

    def as_sqlite(self, compiler: Any, connection: Any, **_context: Any) -> tuple[str, Any]:
        # Stored as text already.
        template = "coalesce(substr(%(expressions)s, 1, 19), '')"
        return self.as_sql(compiler, connection, template=template)


class MirroredQuerySet(models.QuerySet[Any]):
    # The user whose scope narrows these rows; None where no scope does. What the rows show of other
    # rows (the name of an invoice's contact), and what a search looks at, is narrowed by it too.
    viewer: Any = None

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]  # the stubs do not know it
        clone.viewer = self.viewer
        return clone

    def present(self) -> Self:
        """Rows whose record Odoo still shows, archived ones included."""
        return self.filter(gone_at=None)

    def search(self, text: str, or_id: int | None = None) -> Self:
        """The rows that have each word of ``text``, or begin a word with it if it is short; and the
        one whose id is ``or_id``.

        Ten words at most: a handful is enough to find something, each one more costs.
        """
        return self.with_words(text.split()[:10], or_id)

    def with_words(self, words: Sequence[str], or_id: int | None = None) -> Self:
        """The rows that have each of ``words``, or the id ``or_id``. Each noun says where."""
        raise NotImplementedError

    def visible_to(self, user: Any) -> Self:
        """The rows in the user's scope: all of them if there is none, and none for nobody."""
        if not user.is_authenticated:
            return self.none()
        rows = self.within(user.access) if user.access.is_scoped else self
        return rows.as_seen_by(user)

    def as_seen_by(self, user: Any) -> Self:
        """The same rows; what they show of others is narrowed by the user's scope."""
        rows = self.all()
        rows.viewer = user
        return rows

    @property
    def scope(self) -> Any:
        """The ``access`` that narrows these rows, None where no scope does."""
        access = self.viewer and self.viewer.access
        return access if access and access.is_scoped else None

    def within(self, access: Any) -> Self:
        """The rows in the scope of ``access``. Each noun defines it."""
        raise NotImplementedError


class MirroredModel(models.Model):
    """A row that is a copy of one Odoo record. Only ``sync/store.py`` writes it."""

    odoo_id = models.BigIntegerField(primary_key=True, help_text="The record's id in Odoo.")
    create_date = models.DateTimeField(null=True)
    write_date = models.DateTimeField(
        null=True, help_text="The record's stamp: Odoo's clock, UTC, whole seconds."
    )
    extra = ExtraField(default=dict, blank=True, help_text="The ODOO_EXTRA_FIELDS.")
    gone_at = models.DateTimeField(
        null=True, help_text="When Odoo was first seen not to show the record."
    )
    change_seq = models.BigIntegerField(
        db_index=True, help_text="Grows with each change of content: the order of the changes feed."
    )
    stored_at = models.DateTimeField(help_text="When the row was last written here.")

    objects = MirroredQuerySet.as_manager()

    class Meta:
        abstract = True


def created_here() -> models.ForeignKey:
    """The user who made the record through this bridge. No stream has this column, so no sync
    touches it: it outlives every copy, and the record's going and coming back."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        # Almost all rows have none: made_here_index leaves those out.
        db_index=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who made the record through this bridge's API; empty for all others.",
    )


def made_here_index(name: str) -> models.Index:
    return models.Index(
        fields=["created_by", "odoo_id"],
        name=name,
        condition=models.Q(created_by__isnull=False),
    )


class Reference(models.Model):
    """A row of one of the small Odoo tables that give ids their names."""

    class Kind(models.TextChoices):
        CURRENCY = "res.currency", "currency"
        COUNTRY = "res.country", "country"
        STATE = "res.country.state", "state"
        COMPANY = "res.company", "company"
        JOURNAL = "account.journal", "journal"
        TAX = "account.tax", "tax"
        TAG = "res.partner.category", "contact tag"
        USER = "res.users", "user"
        UNIT = "uom.uom", "unit of measure"

    kind = models.CharField(max_length=32, choices=Kind)
    odoo_id = models.BigIntegerField()
    name = models.TextField(blank=True)
    code = models.TextField(
        blank=True, help_text="ISO code, journal code; empty where there is none."
    )
    active = models.BooleanField(default=True)
    decimal_places = models.PositiveSmallIntegerField(null=True, help_text="Of a currency.")
    currency_id = models.BigIntegerField(null=True, help_text="Of a company.")
    type = models.TextField(blank=True, help_text="Of a journal: sale, purchase, bank ...")
    gone_at = models.DateTimeField(
        null=True,
        help_text="When a run found that Odoo no longer shows it. Its name is not served.",
    )
    stored_at = models.DateTimeField(
        db_default=Now(), help_text="When the row was last written here."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "odoo_id"], name="reference_once")]
        indexes = [models.Index(fields=["stored_at"], name="reference_stored_at")]
        ordering = ["kind", "odoo_id"]

    def __str__(self) -> str:
        return self.name or f"{self.kind} {self.odoo_id}"


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


class Heartbeat(models.Model):
    """When a worker last carried out the sweep: the sign that ticks arrive."""

    name = models.CharField(max_length=16, primary_key=True)
    seen_at = models.DateTimeField(help_text="On the database's clock.")
    holder = models.CharField(max_length=200, help_text="Host and process.")

    def __str__(self) -> str:
        return f"{self.name} at {self.seen_at}"


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


class Schedule(PeriodicTask):
    """A schedule as staff see it: one of our tasks, and when it runs. The rows are beat's."""

    # The latest run of its stream and kind, where a page has looked it up.
    latest: SyncRun | None = None

    class Meta:
        proxy = True
        default_permissions = ("change", "view")
        ordering = ["pk"]  # as they were seeded: by stream, the bridge's own last
        verbose_name = "schedule"

    def __str__(self) -> str:
        return str(self.name)


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
