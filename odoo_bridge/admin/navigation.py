"""The navigation: the pages, grouped by purpose."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.text import capfirst

from odoo_bridge.admin.base import ACCESS, RECORDS, SYNC, BridgeAdmin


def stylesheet(request: HttpRequest) -> str:
    return static("odoo_bridge/admin.css")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections with the pages that this user may see, for unfold's ``SIDEBAR``."""
    overview = {"title": "Overview", "icon": "monitoring", "link": reverse("admin:index")}
    return [
        {"items": [overview]},
        *(
            {"title": section, "separator": True, "items": _pages(section, request)}
            for section in (RECORDS, SYNC, ACCESS)
        ),
    ]


def _pages(section: str, request: HttpRequest) -> list[dict[str, Any]]:
    found = [
        (model._meta, page)
        for model, page in admin.site._registry.items()
        if isinstance(page, BridgeAdmin)
        and page.section == section
        and page.has_view_permission(request)
    ]
    return [
        {
            "title": page.title or capfirst(str(meta.verbose_name_plural)),
            "icon": page.icon,
            "link": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"),
        }
        for meta, page in sorted(found, key=lambda pair: pair[1].rank)
    ]
