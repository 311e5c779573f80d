"""``res.partner`` into Contact."""

from odoo_bridge.odoo import values
from odoo_bridge.sync.streams import Stream, code, copy

CONTACTS = Stream(
    name="contacts",
    model_label="contacts.Contact",
    odoo_model="res.partner",
    columns={
        "name": copy(values.text, "name"),
        # Stored as complete_name from 17 on; before that display_name is the stored one.
        "complete_name": copy(values.text, "complete_name", "display_name"),
        "email": copy(values.text, "email"),
        "phone": copy(values.text, "phone"),
        "mobile": copy(values.text, "mobile"),
        "is_company": copy(values.boolean, "is_company"),
        "type": copy(values.text, "type"),
        "parent_id": copy(values.many2one, "parent_id"),
        "commercial_contact_id": copy(values.many2one, "commercial_partner_id"),
        "company_name": copy(values.text, "commercial_company_name"),
        "function": copy(values.text, "function"),
        "vat": copy(values.text, "vat"),
        "ref": copy(values.text, "ref"),
        "company_registry": copy(values.text, "company_registry"),
        "website": copy(values.text, "website"),
        "street": copy(values.text, "street"),
        "street2": copy(values.text, "street2"),
        "city": copy(values.text, "city"),
        "zip": copy(values.text, "zip"),
        "state_id": copy(values.many2one, "state_id"),
        "country_id": copy(values.many2one, "country_id"),
        "country_code": code("res.country", "country_id"),
        "lang": copy(values.text, "lang"),
        "tz": copy(values.text, "tz"),
        "active": copy(values.boolean, "active"),
        "company_id": copy(values.many2one, "company_id"),
        "tag_ids": copy(values.ids, "category_id"),
        "salesperson_id": copy(values.many2one, "user_id"),
        "customer_rank": copy(values.integer, "customer_rank"),
        "supplier_rank": copy(values.integer, "supplier_rank"),
        "create_date": copy(values.moment, "create_date"),
        "write_date": copy(values.moment, "write_date"),
    },
    references=(
        "res.country",
        "res.country.state",
        "res.company",
        "res.partner.category",
        "res.users",
    ),
    points_to={"contacts": ("parent_id", "commercial_contact_id")},
)
STREAMS = (CONTACTS,)
