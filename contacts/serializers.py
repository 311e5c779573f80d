"""A mirrored contact, described."""

from rest_framework import serializers

from contacts.models import Contact
from odoo_bridge.api.changes import ChangesSerializer
from odoo_bridge.api.serializers import RowSerializer, ids, made_by, name, odoo_id


class ContactSerializer(RowSerializer):
    """Odoo's names; ``*_id`` are Odoo's ids, also of records that are not mirrored (yet)."""

    parent_id = odoo_id()
    commercial_contact_id = odoo_id()
    state_name = name()
    country_name = name()
    odoo_company_name = name()
    salesperson_name = name()
    tag_ids = ids()
    extra = serializers.DictField(read_only=True)
    created_by = made_by()

    class Meta:
        model = Contact
        fields = [
            "odoo_id",
            "name",
            "complete_name",
            "email",
            "phone",
            "mobile",
            "is_company",
            "type",
            "parent_id",
            "commercial_contact_id",
            "company_name",
            "function",
            "vat",
            "ref",
            "company_registry",
            "website",
            "street",
            "street2",
            "city",
            "zip",
            "state_id",
            "state_name",
            "country_id",
            "country_code",
            "country_name",
            "lang",
            "tz",
            "active",
            "company_id",
            "odoo_company_name",
            "tag_ids",
            "salesperson_id",
            "salesperson_name",
            "customer_rank",
            "supplier_rank",
            "extra",
            "created_by",
            "create_date",
            "write_date",
            "gone_at",
            "change_seq",
            "stored_at",
        ]
        read_only_fields = fields


class ContactChangesSerializer(ChangesSerializer):
    results = ContactSerializer(many=True)
