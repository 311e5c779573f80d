"""Health, and the one shape of every error of the API."""

import logging
import math
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.views import exception_handler as drf_exception_handler

from odoo_bridge.models import SyncState
from odoo_bridge.odoo.errors import (
    BridgeError,
    OdooBusy,
    OdooMissing,
    OdooRejected,
    OdooUnavailable,
)
from odoo_bridge.sync.streams import all_streams

logger = logging.getLogger(__name__)

STALE_SECONDS = 15 * 60
RETRY_AFTER_SECONDS = 30


class LiveView(APIView):
    """The process answers. Asks nothing of anybody, so a dead database does not restart us."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses={200: dict[str, str]}, auth=[])
    def get(self, request: Request) -> Response:
        return Response({"status": "alive"})


class ReadyView(APIView):
    """200 when the database answers and each stream is fresh; 503 with the reason otherwise.

    Odoo is not asked: the mirror serves on while it is down, and says how old it is.
    """

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses={200: dict[str, Any], 503: dict[str, Any]}, auth=[])
    def get(self, request: Request) -> Response:
        try:
            connection.ensure_connection()
            states = SyncState.objects.exclude(watermark=None).annotate(now=Now())
            ages = {
                stream: (now - watermark).total_seconds()
                for stream, watermark, now in states.values_list("stream", "watermark", "now")
                if watermark
            }
        except DatabaseError:
            return Response({"status": "no database"}, status=503)
        streams = {name: _freshness(ages.get(name)) for name in all_streams()}
        ready = all(stream["fresh"] for stream in streams.values())
        status = "ready" if ready else "stale"
        return Response(
            {"status": status, "one_process": settings.ONE_PROCESS, "streams": streams},
            status=200 if ready else 503,
        )


def _freshness(age: float | None) -> dict[str, Any]:
    if age is None:
        return {"fresh": False, "age_seconds": None, "reason": "never copied"}
    fresh = age <= STALE_SECONDS
    reason = "" if fresh else f"last copied {age / 60:.0f} minutes ago"
    return {"fresh": fresh, "age_seconds": max(0, round(age)), "reason": reason}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """``{"error": {"code", "message", "fields"?}}`` for every failure, ours and DRF's."""
    if isinstance(exc, BridgeError):
        return _odoo_error(exc)
    if isinstance(exc, OperationalError | InterfaceError):
        # What the driver says names hosts and users: that is for the log.
        logger.error("The database failed: %s", exc)
        down = {"code": "database_unavailable", "message": "The database does not answer."}
        return Response({"error": down}, status=503, headers={"Retry-After": "5"})
    response = drf_exception_handler(exc, context)
    if response is None:
        return None
    error: dict[str, Any] = {"code": "error", "message": ""}
    if isinstance(exc, exceptions.ValidationError):
        fields = response.data
        if not isinstance(fields, dict):
            fields = {"non_field_errors": fields}
        fields = {
            "non_field_errors" if name == "__all__" else name: said for name, said in fields.items()
        }
        error = {"code": "invalid", "message": "The request is not valid.", "fields": fields}
    elif isinstance(exc, exceptions.APIException):
        detail = exc.detail
        if isinstance(detail, dict):
            detail = detail.get("detail", detail)
        error = {"code": str(getattr(detail, "code", exc.default_code)), "message": str(detail)}
    else:
        error = {"code": "not_found", "message": "Not found."}
        if response.status_code == 403:
            error = {"code": "permission_denied", "message": "Not allowed."}
    response.data = {"error": error}
    return response


def _odoo_error(exc: BridgeError) -> Response:
    if isinstance(exc, OdooUnavailable):
        wait = exc.retry_after if isinstance(exc, OdooBusy) and exc.retry_after else None
        response = Response(
            {"error": {"code": "odoo_unavailable", "message": str(exc)}}, status=503
        )
        response["Retry-After"] = str(math.ceil(wait or RETRY_AFTER_SECONDS))
        return response
    if isinstance(exc, OdooMissing):
        return Response({"error": {"code": "odoo_missing", "message": str(exc)}}, status=404)
    if isinstance(exc, OdooRejected):
        return Response({"error": {"code": "odoo_rejected", "message": exc.reason}}, status=422)
    return Response({"error": {"code": "odoo_refused", "message": str(exc)}}, status=502)


def _page(request: HttpRequest, status: int, code: str, message: str) -> JsonResponse | None:
    if not request.path.startswith("/api/"):
        return None
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    answer = _page(request, 404, "not_found", "There is nothing at this address.")
    return answer or defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    answer = _page(request, 400, "bad_request", "The request cannot be understood.")
    return answer or defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    answer = _page(request, 500, "server_error", "An error on our side; it is in the log.")
    return answer or defaults.server_error(request)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Nothing: browsers ask for it on every page, and would write a 404 to their consoles."""
    return HttpResponse(status=204)
