"""Odoo itself over the API: rows read live, and wishes carried out. Models, methods, fields, orders
and contexts are the apps' fixed ones; of a request only checked values get as far as Odoo."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from odoo_bridge.api import waiting
from odoo_bridge.api.freshness import NotCopied, TooOld, read_again
from odoo_bridge.api.serializers import MAX_ID
from odoo_bridge.api.strict import StrictBody, StrictSerializer, unknown
from odoo_bridge.models import MirroredQuerySet, OdooWrite, Reference
from odoo_bridge.odoo import values
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import OdooRejected, OdooUnavailable
from odoo_bridge.sync import references
from odoo_bridge.writing.actions import Action
from odoo_bridge.writing.requests import OPEN, answer_to, ask, carry_out, recall

MAX_ROWS = 100
# A handful of words is enough to find something; each one more makes the query dearer.
MAX_WORDS = 10

Condition = tuple[str, str, Any]
Domain = list[Any]


# Reading ------------------------------------------------------------------------------------------
class Several(serializers.CharField):
    """One value or several, separated by commas: a list of texts, of ``choices`` if there are any."""

    def __init__(self, choices: Collection[str] = (), **options: Any) -> None:
        super().__init__(required=False, **options)
        self.choices = choices

    def to_internal_value(self, data: Any) -> Any:
        words = [word.strip() for word in super().to_internal_value(data).split(",")]
        if len(words) > MAX_WORDS:
            raise ValidationError(f"At most {MAX_WORDS} values.", "max_length")
        for word in words:
            if self.choices and word not in self.choices:
                raise ValidationError(f"Must be of {', '.join(self.choices)}.", "invalid_choice")
        return words


class Codes(Several):
    """ISO codes, one or several: a list of the ids of the currencies or countries that have them."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind

    def to_internal_value(self, data: Any) -> Any:
        codes = [code.upper() for code in super().to_internal_value(data)]
        known = Reference.objects.filter(kind=self.kind, code__in=codes, active=True, gone_at=None)
        ids = dict(known.order_by("-odoo_id").values_list("code", "odoo_id"))
        for code in codes:
            if code not in ids:
                raise ValidationError(f"{code[:50]!r} is not known here.", "does_not_exist")
        return [ids[code] for code in codes]


class LiveQuerySerializer(StrictSerializer):
    """What every live list can be asked for. ``domain`` makes Odoo's conditions of it."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_ROWS, default=MAX_ROWS, help_text="At most so many records."
    )
    after = serializers.IntegerField(
        min_value=0,
        max_value=MAX_ID,
        default=0,
        help_text="Only ids greater than this one: the last id of an answer gives the next.",
    )
    search = serializers.CharField(
        default="", allow_blank=True, max_length=200, help_text="All of these words."
    )
    updated_since = serializers.DateTimeField(
        required=False,
        default_timezone=UTC,
        help_text="Written in Odoo then or later, or Odoo does not say when.",
    )

    # Parameter -> Odoo's field and operator.
    conditions: Mapping[str, tuple[str, str]] = {}

    def domain(self) -> Domain:
        """The conditions that the checked parameters stand for."""
        given = self.validated_data
        found: Domain = [
            (field, operator, _operand(operator, given[name]))
            for name, (field, operator) in self.conditions.items()
            if name in given
        ]
        if "updated_since" in given:
            # Whole seconds, and >=: the only operator that means the same on every version. Records
            # without a stamp match, as they do in the mirror.
            found += [
                "|",
                ("write_date", "=", False),
                ("write_date", ">=", _odoo_moment(given["updated_since"])),
            ]
        return found

    def validate_updated_since(self, moment: datetime) -> datetime:
        try:
            return moment.astimezone(UTC)
        except OverflowError as exc:
            raise ValidationError("Out of range.") from exc


class LiveAnswerSerializer(serializers.Serializer):
    count = serializers.IntegerField(help_text="Records in this answer.")
    results = serializers.ListField(
        child=serializers.DictField(), help_text="Odoo's own field names, ordered by id."
    )


def odoo_id(**options: Any) -> serializers.IntegerField:
    """An Odoo id in a request."""
    return serializers.IntegerField(min_value=1, max_value=MAX_ID, **{"required": False, **options})


def live_list(
    model: str,
    fields: Sequence[str],
    searched: Mapping[str, Domain],
    fixed: Domain,
    query: LiveQuerySerializer,
) -> Response:
    """What Odoo has this moment, of what ``query`` asks for within ``fixed``.

    ``searched``: the fields that words are searched in, each with the conditions under which the
    user may read that field.
    """
    query.is_valid(raise_exception=True)
    given = query.validated_data
    with waiting.for_odoo():
        rows = read(
            model,
            fields,
            [*fixed, *query.domain()],
            limit=given["limit"],
            after=given["after"],
            search=given["search"],
            searched=searched,
        )
    return Response({"count": len(rows), "results": rows})


def read(
    model: str,
    fields: Sequence[str],
    domain: Domain,
    *,
    limit: int,
    after: int,
    search: str,
    searched: Mapping[str, Domain],
) -> list[dict[str, Any]]:
    """Return at most ``limit`` records with ids greater than ``after``, ordered by id.

    A field this Odoo lacks is left out; an empty value is None, a moment aware UTC, an amount a
    string. Raises the errors of the gateway.
    """
    odoo = connect()

    def ask() -> list[dict[str, Any]]:
        known = odoo.fields(model)
        wanted = [name for name in fields if name in known]
        places = [name for name in searched if name.partition(".")[0] in known]
        conditions: Domain = [*domain, ("id", ">", after)]
        for word in search.split()[:MAX_WORDS]:
            conditions += any_of(
                [all_of([(place, "ilike", escaped(word)), *searched[place]]) for place in places]
            )
        ids = odoo.search(model, conditions, limit=min(limit, MAX_ROWS))
        records = odoo.read(model, ids, wanted) if len(ids) else []
        return [
            {
                "id": record["id"],
                **{name: _value(known[name]["type"], record[name]) for name in wanted},
            }
            for record in sorted(records, key=lambda record: record["id"])
        ]

    try:
        try:
            return ask()
        except OdooRejected:
            # A field may have gone since this process asked for them: with a module, say.
            odoo.forget_fields(model)
            return ask()
    except (KeyError, ValueError) as exc:
        raise OdooUnavailable(f"{model}.read: Odoo's answer has an unknown shape ({exc})") from exc


def any_of(conditions: Sequence[Condition | Domain]) -> Domain:
    """Odoo's "or" stands in front of what it joins. A domain among ``conditions`` must be one made
    by ``any_of`` or ``all_of``."""
    flat = [[one] if isinstance(one, tuple) else one for one in conditions]
    return ["|"] * (len(flat) - 1) + [part for one in flat for part in one]


def all_of(conditions: Sequence[Condition | str]) -> Domain:
    """``conditions``, which Odoo joins by "and" only at its top level, as a single one."""
    operators = sum(isinstance(part, str) for part in conditions)
    # Each operator makes one condition of two; what remains is joined here.
    return ["&"] * (len(conditions) - 2 * operators - 1) + list(conditions)


def escaped(text: str) -> str:
    """``text`` itself, for the operators that take % and _ for wildcards."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def _operand(operator: str, value: Any) -> Any:
    """A checked value as Odoo's condition takes it."""
    if operator == "in" and not isinstance(value, list):
        return [value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return escaped(value) if "like" in operator else value


def _odoo_moment(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def _value(odoo_type: str, value: Any) -> Any:
    if odoo_type == "datetime":
        return values.moment(value)
    return values.extra(odoo_type, value)


# Writing ------------------------------------------------------------------------------------------
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
        wish: Callable[[], Mapping[str, Any]],
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
        write = recall(request.user, key, digest)
        replayed = write is not None and write.state not in OPEN
        if write is not None and replayed:
            # Asks Odoo nothing, and checks that the user may still see the answer.
            write = carry_out(write, request.user)
        else:
            with waiting.for_odoo():
                if write is None:
                    write = ask(action, request.user, key, digest, wish(), odoo_id)
                write = carry_out(write, request.user)
        headers = {"Idempotency-Key": key}
        if write.answer_status == 201:
            headers["Location"] = reverse(action.route, kwargs={"odoo_id": write.odoo_id})
        if replayed:
            headers["Idempotency-Replayed"] = "true"
        answer = answer_to(write, request.user)
        return Response(answer, status=write.answer_status, headers=headers)


def _digest(action: str, odoo_id: int | None, body: Any) -> str:
    """The same for two requests that ask for the same, whatever the order of their keys."""
    text = json.dumps([action, odoo_id, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def company_for(user: Any, wanted: int | None) -> int | None:
    """The company to write for: the one that is wanted, or the only one in the user's scope.

    None leaves it to Odoo. Raises ValidationError for one that is unknown, not read by the bridge or
    outside the scope, and for none where the scope has several.
    """
    scope = user.access.company_ids
    if wanted is None and len(scope) == 1:
        [wanted] = scope
    if wanted is None:
        if scope:
            raise wrong("company_id", "You may write for several companies: name one.", "required")
        return None
    allowed = settings.ODOO_COMPANY_IDS
    outside = (scope and wanted not in scope) or (allowed and wanted not in allowed)
    if outside or _known(Reference.Kind.COMPANY, odoo_id=wanted) is None:
        raise wrong("company_id", "There is no such company.", "does_not_exist")
    return wanted


def read_now(stream: str, odoo_id: int, user: Any) -> None:
    """Read a record that is not mirrored yet from Odoo, if it is there. Raises OdooUnavailable."""
    give_up_at = time.monotonic() + settings.ODOO_REFRESH_SECONDS
    try:
        read_again(stream, [odoo_id], user, None, give_up_at)
    except NotCopied:
        return
    except TooOld as exc:
        raise OdooUnavailable(
            f"{stream} {odoo_id} is not mirrored, and Odoo could not be asked for it just now."
        ) from exc


def _known(kind: str, **values: Any) -> Reference | None:
    """The active reference with these values, read from Odoo now if it is not known here.

    It may have been made or activated since the last reconcile. Raises the errors of the gateway.
    """
    rows = Reference.objects.filter(kind=kind, active=True, gone_at=None, **values)
    found = rows.order_by("odoo_id").first()
    if found is None:
        # Well before the read, whatever the clocks say: what was stored since is not taken for gone.
        since = timezone.now() - timedelta(minutes=5)
        references.save(references.read(connect(), [kind]), since)
        found = rows.order_by("odoo_id").first()
    return found


def check_company(user: Any, write: OdooWrite) -> None:
    """Raises ValidationError where the user would have to write for another company today."""
    wanted = write.wish.get("company_id")
    if write.state in OPEN:
        allowed = company_for(user, wanted) == wanted
    else:
        scope = user.access.company_ids
        allowed = not scope or wanted in scope
    if not allowed:
        raise wrong("company_id", "There is no such company.", "does_not_exist")


def check_result(user: Any, rows: MirroredQuerySet, write: OdooWrite) -> None:
    """Raises Http404 where the record that a write made, or is about, is outside the user's scope."""
    found = rows.filter(pk=write.odoo_id)
    if found.exists() and not found.visible_to(user).exists():
        raise Http404


def reference(kind: str, code: str) -> int:
    """The id of the active currency or country with the ISO code ``code``, in capitals.

    Raises ValidationError, for a serializer's method that validates one field, and the errors of the
    gateway.
    """
    found = _known(kind, code=code)
    if found is None:
        raise ValidationError(
            f"{code} is not known in Odoo, or not active there.", "does_not_exist"
        )
    return found.odoo_id


def wrong(field: str, message: str, code: str = "invalid") -> ValidationError:
    """What a serializer's ``validate`` raises when one of its fields does not fit the others."""
    return ValidationError({field: [ErrorDetail(message, code=code)]})
