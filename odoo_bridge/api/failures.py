"""The shape of every error of the API.

    {"error": {"code": "invalid", "message": "...", "fields": {"lines.0.price": [{"code", "message"}]}}}

``code`` is for programs and does not change; ``message`` is for people. If the request itself is wrong,
``fields`` has the errors by name, with dots for nested bodies.
"""

import logging
import math
import sys
from collections.abc import Collection, Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import patch_vary_headers
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from odoo_bridge.api.browse.negotiation import prefers_page
from odoo_bridge.odoo.errors import (
    BridgeError,
    OdooBusy,
    OdooMissing,
    OdooRejected,
    OdooUnavailable,
)
from odoo_bridge.runtime.postgres import was_canceled
from odoo_bridge.sync.identity import OtherOdoo
from odoo_bridge.writing.errors import WriteError

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 30
LONG_QUERY = "A query took too long and was stopped. Request less data, or try again later."
# Where DRF and Django keep what is wrong with a request as a whole.
WHOLE = "non_field_errors"
_WHOLE_NAMES = {WHOLE, "__all__"}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """For ``EXCEPTION_HANDLER``. Returns None, and so a 500, for bugs."""
    if isinstance(exc, BridgeError):
        return _odoo_failure(exc)
    if isinstance(exc, OperationalError | InterfaceError):
        if was_canceled(exc):
            return _timed_out()
        # The driver's message names hosts and users, so it goes only into the log.
        logger.error("The database failed: %s", exc)
        down = _failure(503, "database_unavailable", "The database is not available.")
        down["Retry-After"] = "5"
        return down
    response = drf_exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, exceptions.ValidationError):
        said: dict[str, list[dict[str, str]]] = {}
        for name, code, message in _wrong_fields(exc.get_full_details()):
            said.setdefault(name or WHOLE, []).append({"code": code, "message": message})
        error = {"code": "invalid", "message": "The request is not valid.", "fields": said}
    elif isinstance(exc, exceptions.APIException):
        detail: Any = exc.detail
        if isinstance(detail, dict):
            detail = detail.get("detail", detail)
        error = {"code": str(getattr(detail, "code", exc.default_code)), "message": str(detail)}
    elif isinstance(exc, PermissionDenied):
        error = {"code": "permission_denied", "message": "Not allowed."}
    else:
        error = {"code": "not_found", "message": "Not found."}
    # The headers of DRF's answer stay: WWW-Authenticate, Retry-After, Allow.
    response.data = {"error": error}
    return response


def _wrong_fields(details: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """(dotted name, code, message) of everything in DRF's nested details."""
    if _one_message(details):
        yield path, str(details["code"]), str(details["message"])
    elif isinstance(details, dict):
        for name, inner in details.items():
            part = "" if name in _WHOLE_NAMES else str(name)
            yield from _wrong_fields(inner, ".".join(filter(None, (path, part))))
    elif isinstance(details, list):
        for number, inner in enumerate(details):
            # A list of messages, or of the items of a list, where {} stands for a good one.
            here = path if _one_message(inner) else f"{path}.{number}".lstrip(".")
            yield from _wrong_fields(inner, here)


def _one_message(details: Any) -> bool:
    # A field that happens to be called "code" has a list there.
    return isinstance(details, dict) and isinstance(details.get("code"), str)


def _odoo_failure(exc: BridgeError) -> Response:
    if isinstance(exc, WriteError):
        response = _failure(exc.status, exc.code, str(exc))
        if exc.retry_after is not None:
            response["Retry-After"] = str(exc.retry_after)
        return response
    if isinstance(exc, OdooUnavailable):
        wait = exc.retry_after if isinstance(exc, OdooBusy) and exc.retry_after else None
        response = _failure(503, "odoo_unavailable", str(exc))
        response["Retry-After"] = str(math.ceil(wait or RETRY_AFTER_SECONDS))
        return response
    if isinstance(exc, OdooMissing):
        return _failure(404, "odoo_missing", str(exc))
    if isinstance(exc, OtherOdoo):
        return _failure(503, exc.code, str(exc))
    if isinstance(exc, OdooRejected):
        return _failure(422, "odoo_rejected", exc.reason)
    return _failure(502, "odoo_refused", str(exc))


def _timed_out() -> Response:
    logger.warning(LONG_QUERY)
    response = _failure(503, "query_timeout", LONG_QUERY)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _failure(status: int, code: str, message: str) -> Response:
    return Response({"error": {"code": code, "message": message}}, status=status)


# Where no view was reached, or one broke ---------------------------------------------------------


def _answer(request: HttpRequest, status: int, code: str, message: str) -> HttpResponseBase | None:
    if not request.path.startswith("/api/"):
        return None
    if prefers_page(request):
        # Not at the top: DRF's settings name the pages as well as what is here.
        from odoo_bridge.api.browse.page import failure

        return failure(request, status, code, message)
    answer = JsonResponse({"error": {"code": code, "message": message}}, status=status)
    patch_vary_headers(answer, ["Accept"])
    return answer


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    answer = _answer(request, 404, "not_found", "There is nothing at this URL.")
    return answer or defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    answer = _answer(request, 400, "bad_request", "The request cannot be understood.")
    return answer or defaults.bad_request(request, exception)


def refusal(
    request: HttpRequest,
    status: int,
    code: str,
    message: str,
    names: Collection[str] = (),
    wrong: tuple[str, str] = ("", ""),
) -> HttpResponseBase:
    """The answer to a request that reaches no view.

    ``names``: of the parameters that are wrong; ``wrong``: the code and the message about each.
    """
    error: dict[str, Any] = {"code": code, "message": message}
    if names:
        said = dict(zip(("code", "message"), wrong, strict=True))
        error["fields"] = {name[:50]: [said] for name in names}
    if request.path.startswith("/api/"):
        return JsonResponse({"error": error}, status=status)
    page = defaults.bad_request(request, ValueError(code))
    page.status_code = status
    return page


def query_timeout(request: HttpRequest) -> HttpResponseBase:
    """503, where a statement was canceled outside the views of the API."""
    logger.warning(LONG_QUERY)
    answer = _answer(request, 503, "query_timeout", LONG_QUERY)
    page = defaults.ERROR_PAGE_TEMPLATE % {"title": "Try again later", "details": LONG_QUERY}
    answer = answer or HttpResponse(page, status=503)
    answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def server_error(request: HttpRequest) -> HttpResponseBase:
    if was_canceled(sys.exc_info()[1]):
        # By a statement of a middleware, whose exceptions come here alone.
        return query_timeout(request)
    answer = _answer(request, 500, "server_error", "Internal error; the log has the details.")
    return answer or defaults.server_error(request)
