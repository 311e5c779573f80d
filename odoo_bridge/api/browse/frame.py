"""The frame of every page of the API: who is logged in, where else to go. No cache may keep a page."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import get_token
from django.template import loader
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.functional import SimpleLazyObject
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response


class TemplatePage(BaseRenderer):
    """A response as a page: a template, inside the frame that all pages have."""

    media_type = "text/html"
    format = "html"

    def template_for(self, view: Any) -> str:
        return str(view.template_name)

    def context(self, request: Request, response: Response, view: Any, data: Any) -> dict[str, Any]:
        """What the template is given beside the frame: what the view returned, or a failure."""
        return dict(data or {})

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        asked = renderer_context or {}
        request, response, view = asked["request"], asked["response"], asked["view"]
        not_to_be_kept(response)
        frame = shell(request._request, person(request))
        context = self.context(request, response, view, data)
        page: str = loader.get_template(self.template_for(view)).render({**frame, **context})
        if response.status_code == 204:
            # Browsers show nothing for it, not even the page.
            response.status_code = 200
        return page


def not_to_be_kept(response: HttpResponseBase) -> None:
    """A page shows who is logged in and what they may see: no cache may keep it, for anybody."""
    add_never_cache_headers(response)
    patch_vary_headers(response, ["Accept", "Authorization", "Cookie"])


def shell(request: HttpRequest, user: Any = None) -> dict[str, Any]:
    """What is around every page: who is logged in, and where else to go. Asks no database."""
    return {
        "person": user,
        # Only pages with a form that needs it make the cookie.
        "csrf_token": SimpleLazyObject(lambda: get_token(request)),
        "here": request.get_full_path(),
    }


def person(request: Request) -> Any:
    """Who is logged in, also where the view does not ask; None for nobody."""
    if not hasattr(request, "_user"):
        # The database failed when the view asked it, and would again: nobody, for this page.
        request._not_authenticated()  # type: ignore[attr-defined]
        return None
    user = request.user
    if not user.is_authenticated:
        try:
            user = get_user(request._request)
        except DatabaseError:
            return None
    return user if user.is_authenticated else None
