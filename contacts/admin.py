from django.contrib import admin

from contacts.models import Contact
from odoo_bridge.admin.base import RECORDS, ReadOnlyAdmin


@admin.register(Contact)
class ContactAdmin(ReadOnlyAdmin):
    section, icon = RECORDS, "contacts"
    list_display = [
        "odoo_id",
        "__str__",
        "email",
        "phone",
        "city",
        "country_code",
        "is_company",
        "active",
        "write_date",
        "gone_at",
    ]
    list_display_links = ["odoo_id", "__str__"]
    list_filter = [
        ("gone_at", admin.EmptyFieldListFilter),
        "active",
        "is_company",
        "type",
        "country_code",
    ]
    search_fields = ["odoo_id__exact", "complete_name", "name", "email", "phone", "vat", "ref"]
