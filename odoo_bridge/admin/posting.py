"""Buttons with an effect: they need a POST with a CSRF token and a permission, and are logged."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path

from odoo_bridge.admin.base import BridgeAdmin

RUN_SYNC = "odoo_bridge.run_sync"
CONFIRM_GONE = "odoo_bridge.confirm_gone"

View = Callable[..., HttpResponse]


def needs(permission: str) -> Callable[[View], View]:
    """Decorates a method of an admin: it needs ``permission`` and a POST, so that following a link never
    has an effect."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(page: BridgeAdmin, request: HttpRequest, **ids: Any) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(page, request, **ids)

        return checked

    return decorate


def route(page: BridgeAdmin, address: str, view: View) -> URLPattern:
    """The URL pattern ``address`` of ``page`` for its method ``view``, named after the method."""
    options = page.opts
    name = f"{options.app_label}_{options.model_name}_{view.__name__}"
    return path(address, page.admin_site.admin_view(view), name=name)
