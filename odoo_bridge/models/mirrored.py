"""Rows that are copies of Odoo's records: what all of them have, and the names that ids stand for."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now

from odoo_bridge.models.fields import ExtraField
from odoo_bridge.models.indexes import has_word


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
    # The columns that a search looks at.
    searched: ClassVar[tuple[str, ...]] = ()

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
        """The rows that have each of ``words`` in what is ``searched``, or the id ``or_id``."""
        if not self.searched:
            return self.filter(pk=or_id)
        this = Q() if or_id is None else Q(pk=or_id)
        return self.filter(*(Q(has_word(word, *self.searched)) | this for word in words))

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
        """The rows in the scope of ``access``.

        Of its companies, or of no company, which all companies share; of its contacts and what is
        below these. A model that names no company, or no contact, has no row in such a scope: a noun
        whose rows are to be seen all the same says so in its own ``within``.
        """
        rows, columns = self, {one.attname for one in self.model._meta.concrete_fields}
        if access.company_ids:
            shared = Q(company_id__in=access.company_ids) | Q(company_id=None)
            rows = rows.filter(shared) if "company_id" in columns else rows.none()
        return rows.filter(access.of_contacts(self.model)) if access.contact_ids else rows


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


def mirrored_key(to: str, related_name: str, **options: Any) -> models.ForeignKey:
    """A reference to a row of another noun, or of the same one (``self``).

    A row may arrive before the row that it names, and outlive it: Odoo's id is kept either way.
    """
    return models.ForeignKey(
        to,
        null=True,
        db_constraint=False,
        on_delete=models.DO_NOTHING,
        related_name=related_name,
        **options,
    )


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
