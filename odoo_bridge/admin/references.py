"""References: the small Odoo tables that give ids their names."""

from django.contrib import admin

from odoo_bridge.admin.base import RECORDS, ReadOnlyAdmin
from odoo_bridge.models import Reference


@admin.register(Reference)
class ReferenceAdmin(ReadOnlyAdmin):
    section, icon, rank = RECORDS, "label", 1
    list_display = ("kind", "odoo_id", "name", "code", "active", "gone_at")
    list_filter = ("kind", "active")
    search_fields = ("name", "code", "=odoo_id")
