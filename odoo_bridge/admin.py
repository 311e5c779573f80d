"""The admin of the sync itself, and what the admins of mirrored rows share."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from odoo_bridge.models import Reference, SyncIssue, SyncRun, SyncState


class ReadOnlyAdmin(admin.ModelAdmin):
    """Looking only: what is here is decided in Odoo, or by the runs."""

    # Counting a whole large table for "1 result (of 1,000,000)" costs more than the page.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(SyncState)
class SyncStateAdmin(ReadOnlyAdmin):
    list_display = ("stream", "watermark", "lease_holder", "lease_until", "unavailable_fields")


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
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


@admin.register(SyncIssue)
class SyncIssueAdmin(ReadOnlyAdmin):
    list_display = ("stream", "odoo_id", "reason", "attempts", "last_seen_at", "resolved_at")
    list_filter = ("stream", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("=odoo_id", "reason")


@admin.register(Reference)
class ReferenceAdmin(ReadOnlyAdmin):
    list_display = ("kind", "odoo_id", "name", "code", "active")
    list_filter = ("kind", "active")
    search_fields = ("name", "code", "=odoo_id")
