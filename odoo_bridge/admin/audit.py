"""The audit log: logins and exports."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from odoo_bridge.admin.base import ACCESS, ReadOnlyAdmin
from odoo_bridge.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    section, icon, rank = ACCESS, "policy", 1
    title = "Logins and exports"
    list_display = ("at", "event", "who", "address", "route", "outcome", "rows", "in_short")
    list_display_links = ("at",)
    list_filter = ("event", "succeeded")
    search_fields = ("username", "address", "route")
    date_hierarchy = "at"
    fields = ("at", "event", "who", "address", "route", "outcome", "rows", "in_short")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).order_by("-pk")

    @display(description="user", ordering="username")
    def who(self, entry: AuditEntry) -> str:
        return entry.username or "(no such account)"

    @display(
        description="outcome",
        label={"done": "success", "failed": "danger", "broken off": "warning"},
    )
    def outcome(self, entry: AuditEntry) -> str:
        if entry.succeeded is None:
            return "not finished"
        if entry.succeeded:
            return "done"
        return "failed" if entry.event == AuditEntry.Event.LOGIN else "broken off"

    @display(description="details")
    def in_short(self, entry: AuditEntry) -> str:
        detail = dict(entry.detail)
        detail |= detail.pop("filters", {})
        return ", ".join(f"{name}: {value}" for name, value in detail.items())
