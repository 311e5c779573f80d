"""Refuses malformed requests before they reach a view, and limits the time of SQL statements for the
others."""

import codecs
from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponseBase

from odoo_bridge.api.failures import bad_request, not_found, query_timeout, refusal
from odoo_bridge.runtime import postgres

# A body of another encoding would be decoded by whatever codec of Python's has that name, and the
# query with it: bz2, rot13 and the like are codecs too.
ENCODINGS = {"utf-8", "ascii", "iso8859-1"}
NUL = ("null_characters_not_allowed", "Text must not contain a NUL character.")
REPEATED = ("repeated", "Given more than once. Separate several values with commas.")


class Sane:
    """Middleware. Refuses a NUL, which PostgreSQL takes in no text, in the path (404), the query or a
    cookie (400); of the API a parameter that is given twice (400); and a charset that is none of
    ENCODINGS (415)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        charset = (request.content_params or {}).get("charset")
        if charset is not None and not _is_text(charset):
            # Django has taken it as the encoding of the query already.
            request.encoding = "utf-8"
            message = f"The charset must be utf-8, not {str(charset)[:50]!a}."
            return refusal(request, 415, "unsupported_media_type", message)
        if "\0" in request.path:
            return not_found(request, Http404())
        if any("\0" in one for one in request.COOKIES.values()):
            return bad_request(request, ValueError("a NUL"))
        if "%00" in request.META.get("QUERY_STRING", ""):
            names = [name for name, values in request.GET.lists() if "\0" in name + "".join(values)]
            if names:
                return refusal(request, 400, "invalid", "The request is not valid.", names, NUL)
        if request.path.startswith("/api/"):
            repeated = [name for name, values in request.GET.lists() if len(values) > 1]
            if repeated:
                # Of two values one would be ignored.
                return refusal(
                    request, 400, "invalid", "The request is not valid.", repeated, REPEATED
                )
        return self._get_response(request)


def _is_text(charset: str | bytes) -> bool:
    try:
        return codecs.lookup(str(charset)).name in ENCODINGS
    except (LookupError, ValueError):
        return False


class StatementTimeout:
    """Middleware. Limits each statement of a request to WEB_STATEMENT_TIMEOUT_SECONDS; a request whose
    statement was canceled gets a 503, from pages outside the API too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with postgres.web_request():
            return self._get_response(request)

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponseBase | None:
        return query_timeout(request) if postgres.was_canceled(exc) else None
