"""Filters and orders of contacts."""

from django.db.models import F, QuerySet

from contacts.models import Contact
from odoo_bridge.api.filters import Codes, MirrorFilters, OdooId, OneOf, Ordering, SameText, YesNo
from odoo_bridge.models import Reference
from odoo_bridge.models.indexes import HasId, start_of


class ContactFilters(MirrorFilters):
    is_company = YesNo()
    active = YesNo(help_text="False: archived in Odoo.")
    type = OneOf(help_text="contact, invoice, delivery, other ...; separate several with commas.")
    parent = OdooId(field_name="parent_id")
    commercial = OdooId(
        field_name="commercial_contact_id", help_text="The contact that owes the invoices."
    )
    country = Codes(
        field_name="country_code",
        kind=Reference.Kind.COUNTRY,
        length=2,
        help_text="ISO codes: BE,FR",
    )
    email = SameText()
    vat = SameText()
    ref = SameText()
    company = OdooId(field_name="company_id", help_text="The Odoo company, not the employer.")
    tag = OdooId(method="with_tag")
    ordering = Ordering({"name": start_of("name"), "write_date": F("write_date")})

    class Meta:
        model = Contact
        fields: list[str] = []

    def with_tag(self, rows: QuerySet, _name: str, tag_id: int) -> QuerySet:
        return rows.filter(HasId("tag_ids", int(tag_id)))
