"""The base of mirrored rows, and the references that give ids their names."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now

from odoo_bridge.models.fields import ExtraField
from odoo_bridge.models.indexes import has_word


class OdooMoment(Func):
    """A moment in Odoo's format: ``2026-02-01 09:30:00``, naive UTC; the empty string for NULL."""

    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        spelled = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        return self.as_sql(compiler, connection, template=f"coalesce({spelled}, '')")

    def as_sqlite(self, compiler: Any, connection: Any, **_context: Any) -> tuple[str, Any]:
        # Stored as text already.
        template = "coalesce(substr(%(expressions)s, 1, 19), '')"
        return self.as_sql(compiler, connection, template=template)


class MirroredQuerySet(models.QuerySet[Any]):
    # The user whose scope limits these rows, or None. The scope also limits what the rows show of other
    # rows (the name of an invoice's contact), and what a search looks at.
    viewer: Any = None
    # The columns that a search looks at.
    searched: ClassVar[tuple[str, ...]] = ()

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]  # the stubs do not know it
        clone.viewer = self.viewer
        return clone

    def present(self) -> Self:
        """Rows whose record still exists in Odoo, archived ones included."""
        return self.filter(gone_at=None)

    def search(self, text: str, or_id: int | None = None) -> Self:
        """The rows that contain every word of ``text`` (a short word must begin a word), and the
        row with the id ``or_id``.

        Only the first ten words are used: a handful suffices to find a row, and each one costs time.
        """
        return self.with_words(text.split()[:10], or_id)

    def with_words(self, words: Sequence[str], or_id: int | None = None) -> Self:
        """The rows that contain each of ``words`` in the ``searched`` columns or have the id
        ``or_id``."""
        if not self.searched:
            return self.filter(pk=or_id)
        this = Q() if or_id is None else Q(pk=or_id)
        return self.filter(*(Q(has_word(word, *self.searched)) | this for word in words))

    def visible_to(self, user: Any) -> Self:
        """The rows in the user's scope: all rows without a scope, no rows for an anonymous user."""
        if not user.is_authenticated:
            return self.none()
        rows = self.within(user.access) if user.access.is_scoped else self
        return rows.as_seen_by(user)

    def as_seen_by(self, user: Any) -> Self:
        """The same rows, but the user's scope limits what they show of other rows."""
        rows = self.all()
        rows.viewer = user
        return rows

    @property
    def scope(self) -> Any:
        """The ``access`` whose scope limits these rows, or None."""
        access = self.viewer and self.viewer.access
        return access if access and access.is_scoped else None

    def within(self, access: Any) -> Self:
        """The rows in the scope of ``access``.

        These are the rows of its companies or of no company, which all companies share, and the rows of
        its contacts and of all contacts below them. A model without a company, or without a contact, has
        no row in such a scope, unless the noun defines its own ``within``.
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
        null=True, help_text="When a run first found the record missing in Odoo."
    )
    change_seq = models.BigIntegerField(
        db_index=True,
        help_text="Increases with each change of content: the order of the changes feed.",
    )
    stored_at = models.DateTimeField(help_text="When the row was last updated here.")

    objects = MirroredQuerySet.as_manager()

    class Meta:
        abstract = True


def mirrored_key(to: str, related_name: str, **options: Any) -> models.ForeignKey:
    """A reference to a row of another noun, or of the same one (``self``).

    A row may arrive before the row that it references, and outlive it. Odoo's id is kept in both cases.
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
    """The user who created the record through this bridge. No stream has this column, so no sync changes
    it, even if the record is gone for a while and then restored."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        # Almost all rows have none; made_here_index skips those.
        db_index=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who created the record through this bridge's API; empty for all other records.",
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
        blank=True, help_text="ISO code or journal code; empty if there is none."
    )
    active = models.BooleanField(default=True)
    decimal_places = models.PositiveSmallIntegerField(null=True, help_text="For a currency.")
    currency_id = models.BigIntegerField(null=True, help_text="For a company.")
    type = models.TextField(blank=True, help_text="For a journal: sale, purchase, bank ...")
    gone_at = models.DateTimeField(
        null=True,
        help_text="When a run found it missing in Odoo. Its name is no longer shown.",
    )
    stored_at = models.DateTimeField(
        db_default=Now(), help_text="When the row was last updated here."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "odoo_id"], name="reference_once")]
        indexes = [models.Index(fields=["stored_at"], name="reference_stored_at")]
        ordering = ["kind", "odoo_id"]

    def __str__(self) -> str:
        return self.name or f"{self.kind} {self.odoo_id}"
