"""Live reads of contacts from Odoo."""

from typing import Any

from rest_framework import serializers

from accounts.models import Access
from odoo_bridge.api.arguments import Codes, Several, odoo_id
from odoo_bridge.api.live import Domain, LiveQuerySerializer, any_of
from odoo_bridge.models import Reference

MODEL = "res.partner"
FIELDS = (
    "name",
    "email",
    "phone",
    "is_company",
    "type",
    "parent_id",
    "commercial_partner_id",
    "vat",
    "ref",
    "street",
    "street2",
    "city",
    "zip",
    "country_id",
    "lang",
    "company_id",
    "customer_rank",
    "supplier_rank",
    "active",
    "create_date",
    "write_date",
)
_SEARCHED = ("complete_name", "name", "email", "phone", "vat", "ref", "city")
# Customers and vendors: Odoo counts their invoices.
PARTNERS: Domain = any_of([("customer_rank", ">", 0), ("supplier_rank", ">", 0)])


class LiveContactsSerializer(LiveQuerySerializer):
    is_company = serializers.BooleanField(required=False)
    active = serializers.BooleanField(required=False, help_text="False: archived in Odoo.")
    type = Several(help_text="contact, invoice, delivery, other ...; separate several with commas.")
    parent = odoo_id()  # type: ignore[assignment]  # DRF takes fields out of the class
    commercial = odoo_id(help_text="The contact that owes the invoices.")
    country = Codes(Reference.Kind.COUNTRY, help_text="ISO codes: BE,FR")
    email = serializers.CharField(required=False, max_length=254)
    vat = serializers.CharField(required=False, max_length=64)
    ref = serializers.CharField(required=False, max_length=200)
    company = odoo_id(help_text="The Odoo company, not the employer.")
    tag = odoo_id()

    conditions = {
        "is_company": ("is_company", "="),
        "active": ("active", "="),
        "type": ("type", "in"),
        "parent": ("parent_id", "="),
        "commercial": ("commercial_partner_id", "="),
        "country": ("country_id", "in"),
        "email": ("email", "=ilike"),
        "vat": ("vat", "=ilike"),
        "ref": ("ref", "=ilike"),
        "company": ("company_id", "="),
        "tag": ("category_id", "in"),
    }


def in_scope(user: Any, via: str = "") -> Domain:
    """``Contact.objects.visible_to`` as Odoo's conditions, on the contact in Odoo's field ``via``,
    or on the record itself."""
    found: Domain = []
    access: Access = user.access
    company = f"{via}.company_id" if via else "company_id"
    if access.company_ids:
        found += any_of([(company, "in", sorted(access.company_ids)), (company, "=", False)])
    if access.contact_ids:
        found.append((via or "id", "child_of", sorted(access.contact_ids)))
    return found


def searched(user: Any) -> dict[str, Domain]:
    """For ``live_list``. A complete name contains the names of parents, which a scope may hide."""
    places: dict[str, Domain] = {place: [] for place in _SEARCHED}
    if user.access.is_scoped:
        del places["complete_name"]
    return places
