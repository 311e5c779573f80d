"""Mirrored contacts: Odoo's ``res.partner``, archived ones and addresses included."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Case, F, Q, Value, When

from odoo_bridge.models import (
    MirroredModel,
    MirroredQuerySet,
    Reference,
    created_here,
    made_here_index,
    mirrored_key,
)
from odoo_bridge.models.fields import IdsField, ReferenceField
from odoo_bridge.models.indexes import Gin, by_parts, folded, has_word, start_of

if TYPE_CHECKING:
    from accounts.models import Access


SEARCHED = ("complete_name", "name", "email", "phone", "mobile", "vat", "ref", "city")
# Columns that hold names of other contacts, and the searched columns that do not.
LENT = ("complete_name", "company_name")
OWN = tuple(column for column in SEARCHED if column != "complete_name")


class Below(models.Func):
    """A condition: the contact whose id is in ``column`` is one of ``roots`` or is below one of them.

    Below by parent at any depth, or by the company that its invoices are owed by. Both, because a
    row in between may not be mirrored. Parents in a circle, which Odoo refuses, do not hang it.
    """

    output_field = models.BooleanField()
    ids = """
        WITH RECURSIVE below(odoo_id) AS (
            SELECT odoo_id FROM contacts_contact WHERE odoo_id IN ({roots})
            UNION
            SELECT child.odoo_id FROM contacts_contact AS child
            JOIN below ON child.parent_id = below.odoo_id
                OR child.commercial_contact_id = below.odoo_id
        )
        SELECT odoo_id FROM below
    """

    def __init__(self, column: str, roots: Collection[int]) -> None:
        super().__init__(column)
        self.roots = sorted(roots)

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        return self._condition(compiler, "{column} IN ({ids})")

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        # PostgreSQL expects a recursive query to return many ids, and would read the whole table. It
        # expects an array to hold a few ids, and looks them up in the index.
        return self._condition(compiler, "{column} = ANY (ARRAY({ids}))")

    def _condition(self, compiler: Any, template: str) -> tuple[str, tuple[Any, ...]]:
        column, values = compiler.compile(self.source_expressions[0])
        ids = self.ids.format(roots=", ".join(["%s"] * len(self.roots)) or "NULL")
        return template.format(column=column, ids=ids), (*values, *self.roots)


def in_scope(access: "Access", via: str = "") -> Q:
    """A condition: the contact is in the scope of ``access``.

    ``via``: the relation that leads to the contact, empty for the row itself. A contact that is not
    mirrored is outside. A contact of no company is shared by all companies, as in Odoo.
    """
    path = f"{via}__" if via else ""
    found = Q()
    if access.company_ids:
        shared = Q(**{f"{path}company_id": None})
        if via:
            # A contact that is not mirrored has no company either.
            shared &= Q(**{f"{path}change_seq__isnull": False})
        found &= Q(**{f"{path}company_id__in": access.company_ids}) | shared
    if access.contact_ids:
        found &= Q(Below(f"{via}_id" if via else "odoo_id", access.contact_ids))
    return found


def own_names(access: "Access", via: str = "") -> Q:
    """A condition: the names of the contact contain no name of a contact outside the scope.

    Odoo puts the names of the parent and of the commercial contact into ``complete_name`` and
    ``company_name``.
    """
    path = f"{via}__" if via else ""
    parent = Q(**{f"{path}parent_id": None}) | in_scope(access, f"{path}parent")
    commercial = (
        Q(**{f"{path}commercial_contact_id": None})
        | Q(**{f"{path}commercial_contact_id": F(f"{path}odoo_id")})
        | in_scope(access, f"{path}commercial_contact")
    )
    return parent & commercial


def names_within(access: "Access", via: str = "") -> dict[str, Case]:
    """The name columns of a contact, limited to what a user with this scope may read."""
    path = f"{via}__" if via else ""
    seen = in_scope(access, via) if via else ~Q(pk=None)
    whole = seen & own_names(access, via)
    empty: Any = {"default": Value(""), "output_field": models.TextField()}
    return {
        f"{path}name": Case(When(seen, then=F(f"{path}name")), **empty),
        f"{path}complete_name": Case(
            When(whole, then=F(f"{path}complete_name")),
            When(seen, then=F(f"{path}name")),
            **empty,
        ),
        f"{path}company_name": Case(When(whole, then=F(f"{path}company_name")), **empty),
    }


class ContactQuerySet(MirroredQuerySet):
    searched = SEARCHED

    def with_words(self, words: Sequence[str], or_id: int | None = None) -> Self:
        this = Q() if or_id is None else Q(pk=or_id)
        return self.filter(*(self.has_word(word) | this for word in words))

    def has_word(self, word: str, via: str = "") -> Q:
        """A condition: ``word`` is in the contact of ``via``, in a text that the viewer may read."""
        path = f"{via}__" if via else ""
        found = Q(has_word(word, *(f"{path}{column}" for column in SEARCHED)))
        if self.scope:
            own = Q(has_word(word, *(f"{path}{column}" for column in OWN)))
            # Keep both conditions: only the first one has an index.
            found &= own_names(self.scope, via) | own
            if via:
                found &= in_scope(self.scope, via)
        return found

    def within(self, access: "Access") -> Self:
        return self.filter(in_scope(access))


class Contact(MirroredModel):
    """One ``res.partner``. Fields keep Odoo's names; ``*_id`` without a relation are Odoo's ids."""

    name = models.TextField(blank=True)
    complete_name = models.TextField(blank=True, help_text="With the parent: 'Acme, Jane Doe'.")
    email = models.TextField(blank=True)
    phone = models.TextField(blank=True)
    mobile = models.TextField(blank=True, help_text="Up to Odoo 18.")
    is_company = models.BooleanField(default=False)
    type = models.TextField(blank=True, help_text="contact, invoice, delivery, other ...")
    parent = mirrored_key("self", "children")
    commercial_contact = mirrored_key(
        "self",
        "commercial_children",
        help_text="The company that invoices are owed by: the contact itself if it has none.",
    )
    company_name = models.TextField(blank=True, help_text="Odoo's commercial_company_name.")
    function = models.TextField(blank=True, help_text="Job position.")
    vat = models.TextField(blank=True)
    ref = models.TextField(blank=True)
    company_registry = models.TextField(blank=True)
    website = models.TextField(blank=True)
    street = models.TextField(blank=True)
    street2 = models.TextField(blank=True)
    city = models.TextField(blank=True)
    zip = models.TextField(blank=True)
    state_id = ReferenceField(Reference.Kind.STATE, null=True)
    country_id = ReferenceField(Reference.Kind.COUNTRY, null=True)
    country_code = models.TextField(blank=True, help_text="ISO 3166-1, two letters.")
    lang = models.TextField(blank=True)
    tz = models.TextField(blank=True)
    active = models.BooleanField(default=True, help_text="False: archived in Odoo.")
    company_id = ReferenceField(
        Reference.Kind.COMPANY, null=True, help_text="Empty: shared by all companies."
    )
    tag_ids = IdsField(Reference.Kind.TAG, default=list, blank=True)
    salesperson_id = ReferenceField(Reference.Kind.USER, null=True)
    customer_rank = models.IntegerField(default=0)
    supplier_rank = models.IntegerField(default=0)
    created_by = created_here()

    objects = ContactQuerySet.as_manager()  # type: ignore[misc]  # a ClassVar in the stubs

    class Meta:
        ordering = ["odoo_id"]
        # With the id as its last column an index also gives the order of a list and the start of a
        # page. Values that most contacts have are left out, which keeps the first copy fast.
        indexes = [
            models.Index(start_of("name"), "odoo_id", name="contact_name"),
            models.Index(folded("email"), name="contact_email", condition=~models.Q(email="")),
            models.Index(folded("vat"), name="contact_vat", condition=~models.Q(vat="")),
            models.Index(folded("ref"), name="contact_ref", condition=~models.Q(ref="")),
            models.Index(fields=["is_company", "odoo_id"], name="contact_is_company"),
            models.Index(
                fields=["odoo_id"], name="contact_archived", condition=models.Q(active=False)
            ),
            models.Index(
                fields=["type", "odoo_id"], name="contact_type", condition=~models.Q(type="contact")
            ),
            models.Index(fields=["country_code", "odoo_id"], name="contact_country"),
            models.Index(
                fields=["company_id", "odoo_id"],
                name="contact_company",
                condition=models.Q(company_id__isnull=False),
            ),
            models.Index(fields=["write_date", "odoo_id"], name="contact_write_date"),
            Gin(fields=["tag_ids"], name="contact_tags", opclasses=["jsonb_path_ops"]),
            by_parts("contact_search", *SEARCHED),
            made_here_index("contact_created_by"),
        ]

    def __str__(self) -> str:
        return self.complete_name or self.name or f"contact {self.odoo_id}"
