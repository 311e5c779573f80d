"""Issues: the records that could not be copied, with the reason."""

from django.contrib import admin

from odoo_bridge.admin.base import SYNC, ReadOnlyAdmin
from odoo_bridge.models import SyncIssue


@admin.register(SyncIssue)
class SyncIssueAdmin(ReadOnlyAdmin):
    section, icon = SYNC, "report"
    list_display = ("stream", "odoo_id", "reason", "attempts", "last_seen_at", "resolved_at")
    list_filter = ("stream", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("=odoo_id", "reason")
