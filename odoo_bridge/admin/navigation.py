"""The navigation: the pages by what people do with them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from odoo_bridge.admin.base import ACCESS, RECORDS, SYNC, BridgeAdmin


def stylesheet(request: HttpRequest) -> str:
    return static("odoo_bridge/admin.css")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections with the pages this person may see, for unfold's ``SIDEBAR``."""
    overview = {"title": "Overview", "icon": "monitoring", "link": reverse("admin:index")}
    return [
        {"items": [overview]},
        *(
            {"title": section, "separator": True, "items": _pages(section, request)}
            for section in (RECORDS, SYNC, ACCESS)
        ),
    ]


def _pages(section: str, request: HttpRequest) -> list[dict[str, Any]]:
    return [
        {
            "title": page.title or str(model._meta.verbose_name_plural).capitalize(),
            "icon": page.icon,
            "link": reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"),
        }
        for model, page in admin.site._registry.items()
        if isinstance(page, BridgeAdmin)
        and page.section == section
        and page.has_view_permission(request)
    ]
