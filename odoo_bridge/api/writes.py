"""Requests that change Odoo, once for each Idempotency-Key."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from odoo_bridge.api import waiting
from odoo_bridge.api.strict import StrictBody, unknown
from odoo_bridge.writing.actions import Action
from odoo_bridge.writing.requests import OPEN, carry_out, find_request, response_to, store_request

KEY = re.compile(r"[A-Za-z0-9_.:~+/=-]{8,128}")
KEY_PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": f"^{KEY.pattern}$"},
    OpenApiParameter.HEADER,
    required=True,
    description="Names this request: 8 to 128 letters, digits and _.:~+/=-, for example a new UUID. The "
    "same request with the same key gets the same response and is carried out once, even if the first "
    "response was lost.",
)
WRITE_ERRORS = {
    400: OpenApiResponse(description="The body or the key is not valid. Nothing was sent to Odoo."),
    409: OpenApiResponse(description="A request with this key is in progress (see Retry-After)."),
    422: OpenApiResponse(
        description="Odoo rejected the request, with Odoo's own message; or the record is in Odoo "
        "(`odoo_id`) but differs from the request; or the key was used for another request. This is "
        "final: the same key gets the same response."
    ),
    429: OpenApiResponse(description="Too many writes in a minute (see Retry-After)."),
    502: OpenApiResponse(description="Odoo refused the bridge's login or rights."),
    503: OpenApiResponse(
        description="Odoo did not respond. After Retry-After, send the same request with the same key."
    ),
}


class NoKey(APIException):
    status_code = 400
    default_code = "idempotency_key_required"
    default_detail = (
        "A write needs the header Idempotency-Key: 8 to 128 letters, digits and _.:~+/=-, for example a "
        "new UUID per request. To repeat a request, send the same key again."
    )


class NothingSerializer(StrictBody):
    """An empty body: the URL contains everything."""


class WriteView(APIView):
    """A view whose requests change Odoo, once for each Idempotency-Key."""

    def write(
        self,
        request: Request,
        action: Action,
        body: Callable[[], Mapping[str, Any]],
        odoo_id: int | None = None,
    ) -> Response:
        """Carry out the request, or return the response that it got before.

        ``body`` validates the body and returns it with Odoo's ids; it is not called again when the key
        is repeated. ``odoo_id`` is the id of the record to change.
        """
        said = unknown(request.query_params)
        if said:
            raise ValidationError(said)
        key = request.headers.get("Idempotency-Key", "")
        if not KEY.fullmatch(key):
            raise NoKey
        digest = _digest(action.name, odoo_id, request.data)
        write = find_request(request.user, key, digest)
        replayed = write is not None and write.state not in OPEN
        if write is not None and replayed:
            # Calls Odoo no more, but checks that the user may still see the response.
            write = carry_out(write, request.user)
        else:
            with waiting.for_odoo():
                if write is None:
                    write = store_request(action, request.user, key, digest, body(), odoo_id)
                write = carry_out(write, request.user)
        headers = {"Idempotency-Key": key}
        if write.answer_status == 201:
            headers["Location"] = reverse(action.route, kwargs={"odoo_id": write.odoo_id})
        if replayed:
            headers["Idempotency-Replayed"] = "true"
        answer = response_to(write, request.user)
        return Response(answer, status=write.answer_status, headers=headers)


def _digest(action: str, odoo_id: int | None, body: Any) -> str:
    """A hash that is the same for equal requests, whatever the order of their keys."""
    text = json.dumps([action, odoo_id, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
