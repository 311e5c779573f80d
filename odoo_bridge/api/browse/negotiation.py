"""Which form an answer has: JSON, unless the client prefers a page."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, QueryDict
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer
from rest_framework.request import Request

_JSON, _HTML = "application/json", "text/html"
# An empty cursor is the beginning of a list.
_MEANS_SOMETHING_EMPTY = {"cursor"}


def prefers_page(request: HttpRequest) -> bool:
    """Whether the client would rather have HTML than JSON. One that takes anything gets JSON."""
    # Most clients name no text at all: their header need not be taken apart.
    accept = request.META.get("HTTP_ACCEPT", "")
    return "text/" in accept and request.get_preferred_type([_JSON, _HTML]) == _HTML


class Negotiation(DefaultContentNegotiation):
    """For ``DEFAULT_CONTENT_NEGOTIATION_CLASS``."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[Any],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Raises NotAcceptable (406)."""
        renderers = list(renderers)
        pages = [one for one in renderers if isinstance(one, BrowsableAPIRenderer)]
        if pages and prefers_page(request._request):
            _leave_out_empty(request._request)
            return pages[0], _HTML
        others = [one for one in renderers if one not in pages]
        # What most clients send, answered without comparing each type with each.
        if request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", others[0].media_type):
            return others[0], others[0].media_type
        return super().select_renderer(request, others, format_suffix)


def _leave_out_empty(request: HttpRequest) -> None:
    """Remove the parameters without a value: a form sends every field, filled in or not."""
    given = request.GET
    if all(value or name in _MEANS_SOMETHING_EMPTY for name, value in given.items()):
        return
    kept = QueryDict(mutable=True)
    for name, values in given.lists():
        filled = [value for value in values if value or name in _MEANS_SOMETHING_EMPTY]
        if filled:
            kept.setlist(name, filled)
    # The links to other pages are made from the address.
    request.META["QUERY_STRING"] = kept.urlencode()
    kept._mutable = False
    request.GET = kept  # type: ignore[assignment]
