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
from odoo_bridge.writing.requests import (
    OPEN,
    carry_out,
    find_request,
    response_to,
    store_request,
)

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
    400: OpenApiResponse(description="The body or the key is not valid. Odoo was not asked."),
    409: OpenApiResponse(description="A request with this key is being worked on (Retry-After)."),
    422: OpenApiResponse(
        description="Odoo said no, in its own words; or the record is in Odoo (odoo_id), but not as "
        "asked; or the key was used for another request. Final: the same key gets it again."
    ),
    429: OpenApiResponse(description="Too many writes a minute (Retry-After)."),
    502: OpenApiResponse(description="Odoo refuses the bridge's login or rights."),
    503: OpenApiResponse(
        description="Odoo did not answer. After Retry-After, send the same request with the same key."
    ),
}


class NoKey(APIException):
    status_code = 400
    default_code = "idempotency_key_required"
    default_detail = (
        "A write needs the header Idempotency-Key: 8 to 128 letters, digits and _.:~+/=-, such as a "
        "new UUID for each new wish, and the same one when it is sent again."
    )


class NothingSerializer(StrictBody):
    """An empty body: the address says it all."""


class WriteView(APIView):
    """A view whose requests change Odoo, once for each Idempotency-Key."""

    def write(
        self,
        request: Request,
        action: Action,
        body: Callable[[], Mapping[str, Any]],
        odoo_id: int | None = None,
    ) -> Response:
        """Carry the request out, or give the answer it got before.

        ``wish`` checks the body and returns what to do, with Odoo's ids; it is not asked again when
        the key comes again. ``odoo_id``: of the record to change.
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
            # Asks Odoo nothing, and checks that the user may still see the answer.
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
    """The same for two requests that ask for the same, whatever the order of their keys."""
    text = json.dumps([action, odoo_id, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
