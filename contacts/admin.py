"""The admin of contacts."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contacts.models import Contact
from contacts.noun import CONTACTS
from odoo_bridge.admin.base import INFO, QUIET, badge
from odoo_bridge.admin.lists import Archived, Choice, InOdoo, by_reference
from odoo_bridge.admin.page import (
    Line,
    Panel,
    Section,
    in_a_row,
    link_to,
    link_to_related,
    named,
    web_link,
)
from odoo_bridge.admin.records import RecordAdmin
from odoo_bridge.mirror.names import Names
from odoo_bridge.models import Reference
from odoo_bridge.models.indexes import start_of

_CHILDREN_SHOWN = 20
_TYPES = {
    "contact": "Person",
    "invoice": "Invoice address",
    "delivery": "Delivery address",
    "other": "Other address",
    "private": "Private address",
    "followup": "Follow-up address",
}


class CompanyOrPerson(Choice):
    title, parameter_name = "kind", "kind"
    choices_of = [("company", "Companies"), ("person", "People and addresses")]
    conditions = {"company": Q(is_company=True), "person": Q(is_company=False)}


def children(request: HttpRequest, contact: Contact, names: Names) -> Panel | None:
    """The people and addresses below the contact."""
    found = list(contact.children.order_by("complete_name")[: _CHILDREN_SHOWN + 1])
    if not found:
        return None
    more = len(found) > _CHILDREN_SHOWN
    everyone = f"{reverse('admin:contacts_contact_changelist')}?parent__exact={contact.pk}"
    return Panel(
        "People and addresses",
        ("Name", "Role", "E-mail", "Phone", "City"),
        [
            Line(
                (
                    named(link_to(child, child.name or _kind(child)), child),
                    child.function or _kind(child),
                    _mail(child.email),
                    child.phone or child.mobile,
                    child.city,
                )
            )
            for child in found[:_CHILDREN_SHOWN]
        ],
        note=f"The first {_CHILDREN_SHOWN}" if more else "",
        link=(everyone, "Show all as a list") if more else None,
    )


@admin.register(Contact)
class ContactAdmin(RecordAdmin):
    icon = "contacts"
    noun = CONTACTS
    search_help_text = "Name, e-mail, phone, VAT number, reference, city or Odoo id"
    panels = (children,)

    list_display = ("record", "email", "phone", "place", "tag_ids", "company_id", "changed_at")
    list_filter = (
        CompanyOrPerson,
        by_reference("country", "country_code", Reference.Kind.COUNTRY, by_code=True),
        by_reference("company", "company_id", Reference.Kind.COMPANY),
        Archived,
        InOdoo,
    )
    sortable_by = ("record", "email", "changed_at")

    @admin.display(description="Name", ordering=start_of("name"))
    def record(self, contact: Any) -> SafeString:
        return super().record(contact)

    @admin.display(description="Place")
    def place(self, contact: Any) -> str:
        return ", ".join(part for part in (contact.city, _country(contact, contact.names)) if part)

    def badges(self, contact: Any, names: Names) -> list[SafeString]:
        return [badge(_kind(contact), INFO), *super().badges(contact, names)]

    def sections(self, contact: Any, names: Names) -> list[Section]:
        kinds = Reference.Kind
        return [
            Section(
                "Contact",
                [
                    ("Belongs to", link_to_related(contact, "parent")),
                    ("Job position", contact.function),
                    ("E-mail", _mail(contact.email)),
                    ("Phone", contact.phone),
                    ("Mobile", contact.mobile),
                    ("Website", web_link(contact.website) if contact.website else ""),
                    ("Language", contact.lang),
                    ("Time zone", contact.tz),
                ],
            ),
            Section(
                "Address",
                [
                    ("Street", contact.street),
                    ("", contact.street2),
                    ("City", " ".join(part for part in (contact.zip, contact.city) if part)),
                    ("State", names.name(kinds.STATE, contact.state_id)),
                    ("Country", _country(contact, names)),
                ],
            ),
            Section(
                "Business details",
                [
                    ("VAT number", contact.vat),
                    ("Reference", contact.ref),
                    ("Registry", contact.company_registry),
                    ("Tags", _tags(contact, names)),
                    ("Salesperson", names.name(kinds.USER, contact.salesperson_id)),
                    (
                        "Invoices go to",
                        link_to_related(contact, "commercial_contact")
                        if contact.commercial_contact_id not in (None, contact.pk)
                        else "",
                    ),
                    ("Company", names.name(kinds.COMPANY, contact.company_id)),
                    ("Odoo id", contact.pk),
                    *contact.extra.items(),
                ],
            ),
        ]


def _kind(contact: Contact) -> str:
    return "Company" if contact.is_company else _TYPES.get(contact.type, contact.type or "Person")


def _country(contact: Contact, names: Names) -> str:
    return names.name(Reference.Kind.COUNTRY, contact.country_id) or contact.country_code


def _tags(contact: Contact, names: Names) -> SafeString | str:
    # Ordered by name, as in Odoo.
    known = sorted(names.name(Reference.Kind.TAG, tag) or f"tag {tag}" for tag in contact.tag_ids)
    return in_a_row(badge(tag, QUIET) for tag in known)


def _mail(address: str) -> str | SafeString:
    if "@" not in address or any(character in address for character in " ?&%\r\n"):
        return address
    return format_html('<a class="ob-link" href="mailto:{}">{}</a>', address, address)
