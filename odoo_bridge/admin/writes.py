"""Writes to Odoo: who requested what over the API, and its result."""

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
from odoo_bridge.admin.statuses import LABELS
from odoo_bridge.models import OdooWrite
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.writing.actions import all_actions

State = OdooWrite.State
ERROR_IN_SHORT = 120


@admin.register(OdooWrite)
class OdooWriteAdmin(ReadOnlyAdmin):
    section, icon = SYNC, "edit_note"
    list_display = (
        "what",
        "who",
        "requested_at",
        "outcome",
        "record",
        "attempts",
        "error_in_short",
    )
    list_display_links = ("what",)
    list_filter = ("state", "action")
    search_fields = ("username", "=key", "=odoo_id", "error")
    date_hierarchy = "requested_at"
    fieldsets = (
        ("Request", {"fields": (("what", "who"), ("requested_at", "key"), "full_body")}),
        (
            "Result",
            {
                "fields": (
                    ("outcome", "record", "attempts"),
                    ("sent_at", "resolved_at", "finished_at"),
                    "error",
                    ("answer_status", "marker"),
                    "full_answer",
                )
            },
        ),
    )
    readonly_fields = ("what", "who", "outcome", "record", "full_body", "full_answer")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OdooWrite]:
        return super().get_queryset(request).defer("body", "answer")

    @display(description="action", ordering="action")
    def what(self, write: OdooWrite) -> str:
        return write.action.replace("_", " ")

    @display(description="user", ordering="username")
    def who(self, write: OdooWrite) -> str:
        return write.username

    @display(description="outcome", label=LABELS, ordering="state")
    def outcome(self, write: OdooWrite) -> tuple[str, str]:
        return write.state, write.get_state_display()

    @display(description="record", ordering="odoo_id")
    def record(self, write: OdooWrite) -> SafeString | str:
        """The record's id in Odoo, as a link to its row here."""
        action = all_actions().get(write.action)
        if write.odoo_id is None or action is None:
            return "-"
        meta = all_streams()[action.stream].model._meta
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[write.odoo_id])
        return format_html('<a href="{}">{}</a>', address, write.odoo_id)

    @display(description="error")
    def error_in_short(self, write: OdooWrite) -> str:
        return write.error[:ERROR_IN_SHORT]

    @display(description="body")
    def full_body(self, write: OdooWrite) -> SafeString:
        return _shown(write.body)

    @display(description="response")
    def full_answer(self, write: OdooWrite) -> SafeString | str:
        return _shown(json.loads(write.answer)) if write.answer else "-"


def _shown(content: Any) -> SafeString:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)
