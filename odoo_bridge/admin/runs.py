"""Runs: what each one was asked, what it did, how it ended."""

from django.contrib import admin

from odoo_bridge.admin.base import SYNC, ReadOnlyAdmin
from odoo_bridge.models import SyncRun


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    section, icon = SYNC, "sync"
    list_display = (
        "id",
        "stream",
        "kind",
        "trigger",
        "status",
        "started_at",
        "finished_at",
        "read_count",
        "created_count",
        "updated_count",
        "gone_count",
        "issue_count",
        "error",
    )
    list_filter = ("stream", "kind", "status", "trigger")
    search_fields = ("error", "holder")
    date_hierarchy = "queued_at"
