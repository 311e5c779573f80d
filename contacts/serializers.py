"""A mirrored contact as JSON."""

from rest_framework import serializers

from contacts.models import Contact


class ContactSerializer(serializers.ModelSerializer):
    """Odoo's names; ``*_id`` are Odoo's ids, also of records that are not mirrored (yet)."""

    parent_id = serializers.IntegerField(read_only=True, allow_null=True)
    commercial_contact_id = serializers.IntegerField(read_only=True, allow_null=True)
    tag_ids = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    extra = serializers.DictField(read_only=True)

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
            "country_id",
            "country_code",
            "lang",
            "tz",
            "active",
            "company_id",
            "tag_ids",
            "salesperson_id",
            "customer_rank",
            "supplier_rank",
            "extra",
            "create_date",
            "write_date",
            "gone_at",
            "change_seq",
            "stored_at",
        ]
        read_only_fields = fields
