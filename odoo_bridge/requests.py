"""Requests that no page or route can mean, refused before any of them looks."""

import codecs
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from odoo_bridge.api.failures import bad_request, refusal

# A body of another encoding would be decoded by whatever codec of Python's has that name, and the
# query with it: bz2, rot13 and the like are codecs too.
ENCODINGS = {"utf-8", "ascii", "iso8859-1"}


class Sane:
    """Middleware. Refuses (400) a NUL in the path, the query or a cookie, which PostgreSQL takes in no
    text, and (415) a charset that is none of ENCODINGS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        charset = (request.content_params or {}).get("charset")
        if charset is not None and not _is_text(charset):
            # Django has taken it as the encoding of the query already.
            request.encoding = "utf-8"
            message = f"The charset must be utf-8, not {str(charset)[:50]!a}."
            return refusal(request, 415, "unsupported_media_type", message)
        if "\0" in request.path or any("\0" in one for one in request.COOKIES.values()):
            return bad_request(request, ValueError("a NUL"))
        if "%00" in request.META.get("QUERY_STRING", ""):
            names = [name for name, values in request.GET.lists() if "\0" in name + "".join(values)]
            if names:
                return refusal(request, 400, "invalid", "The request is not valid.", names)
        return self._get_response(request)


def _is_text(charset: str | bytes) -> bool:
    try:
        return codecs.lookup(str(charset)).name in ENCODINGS
    except (LookupError, ValueError):
        return False
