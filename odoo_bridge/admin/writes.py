"""Writes to Odoo: who wished for what over the API, and what came of it."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from odoo_bridge.admin.base import SYNC, ReadOnlyAdmin
from odoo_bridge.models import OdooWrite
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.writing.actions import all_actions

State = OdooWrite.State
COLOURS = {
    State.ASKED: "default",
    State.SENT: "warning",
    State.MADE: "warning",
    State.DONE: "success",
    State.REFUSED: "danger",
}
ERROR_IN_SHORT = 120


@admin.register(OdooWrite)
class OdooWriteAdmin(ReadOnlyAdmin):
    section, icon = SYNC, "edit_note"
    list_display = ("what", "who", "asked_at", "outcome", "record", "attempts", "error_in_short")
    list_display_links = ("what",)
    list_filter = ("state", "action")
    search_fields = ("username", "=key", "=odoo_id", "error")
    date_hierarchy = "asked_at"
    fieldsets = (
        ("Wished for", {"fields": (("what", "who"), ("asked_at", "key"), "wish_in_full")}),
        (
            "What came of it",
            {
                "fields": (
                    ("outcome", "record", "attempts"),
                    ("sent_at", "settled_at", "finished_at"),
                    "error",
                    ("answer_status", "marker"),
                    "answer_in_full",
                )
            },
        ),
    )
    readonly_fields = ("what", "who", "outcome", "record", "wish_in_full", "answer_in_full")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OdooWrite]:
        return super().get_queryset(request).defer("wish", "answer")

    @display(description="what", ordering="action")
    def what(self, write: OdooWrite) -> str:
        return write.action.replace("_", " ")

    @display(description="who", ordering="username")
    def who(self, write: OdooWrite) -> str:
        return write.username

    @display(description="outcome", label=COLOURS, ordering="state")
    def outcome(self, write: OdooWrite) -> tuple[str, str]:
        return write.state, write.get_state_display()

    @display(description="record", ordering="odoo_id")
    def record(self, write: OdooWrite) -> SafeString | str:
        """Its id in Odoo, which leads to its row here."""
        action = all_actions().get(write.action)
        if write.odoo_id is None or action is None:
            return "-"
        meta = all_streams()[action.stream].model._meta
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[write.odoo_id])
        return format_html('<a href="{}">{}</a>', address, write.odoo_id)

    @display(description="error")
    def error_in_short(self, write: OdooWrite) -> str:
        return write.error[:ERROR_IN_SHORT]

    @display(description="wish")
    def wish_in_full(self, write: OdooWrite) -> SafeString:
        return _shown(write.wish)

    @display(description="answer")
    def answer_in_full(self, write: OdooWrite) -> SafeString | str:
        return _shown(json.loads(write.answer)) if write.answer else "-"


def _shown(content: Any) -> SafeString:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)
