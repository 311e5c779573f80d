"""Contacts as the API spells them."""

from contacts.models import names_within
from contacts.serializers import ContactSerializer
from odoo_bridge.mirror.rows import MADE_BY, Rows, name_of
from odoo_bridge.models import Reference

CONTACT_ROWS = Rows(
    ContactSerializer.Meta.fields,
    {
        "state_name": name_of("state_id", Reference.Kind.STATE),
        "country_name": name_of("country_id", Reference.Kind.COUNTRY),
        "odoo_company_name": name_of("company_id", Reference.Kind.COMPANY),
        "created_by": MADE_BY,
        "salesperson_name": name_of("salesperson_id", Reference.Kind.USER),
    },
    lent=names_within,
)
