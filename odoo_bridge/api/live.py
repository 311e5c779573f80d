"""Live reads from Odoo over the API. Models, methods, fields, orders and contexts are fixed; only
validated values of a request reach Odoo."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from odoo_bridge.api import waiting
from odoo_bridge.api.arguments import MAX_WORDS
from odoo_bridge.api.serializers import MAX_ID
from odoo_bridge.api.strict import StrictSerializer
from odoo_bridge.odoo import values
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import OdooRejected, OdooUnavailable

MAX_ROWS = 100

Condition = tuple[str, str, Any]
Domain = list[Any]


class LiveQuerySerializer(StrictSerializer):
    """The parameters of every live list. ``domain`` converts them to Odoo's conditions."""

    limit = serializers.IntegerField(
        min_value=1,
        max_value=MAX_ROWS,
        default=MAX_ROWS,
        help_text="The maximum number of records.",
    )
    after = serializers.IntegerField(
        min_value=0,
        max_value=MAX_ID,
        default=0,
        help_text="Only ids greater than this one; pass the last id of a response for the next records.",
    )
    search = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=200,
        help_text="Records that contain all of these words.",
    )
    updated_since = serializers.DateTimeField(
        required=False,
        default_timezone=UTC,
        help_text="Records that Odoo wrote at this time or later, or without a write date.",
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
    count = serializers.IntegerField(help_text="The number of records in this response.")
    results = serializers.ListField(
        child=serializers.DictField(),
        help_text="Records with Odoo's own field names, ordered by id.",
    )


def live_list(
    model: str,
    fields: Sequence[str],
    searched: Mapping[str, Domain],
    fixed: Domain,
    query: LiveQuerySerializer,
) -> Response:
    """The records in Odoo now that match ``query`` and the conditions ``fixed``.

    ``searched``: the fields in which words are searched, each with the conditions under which the
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

    A field that this Odoo lacks is omitted; an empty value is None, a moment is aware UTC, an
    amount is a string. Raises the errors of the gateway.
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
            # A field may have been removed since this process read the fields, for example with a
            # module.
            odoo.forget_fields(model)
            return ask()
    except (KeyError, ValueError) as exc:
        raise OdooUnavailable(
            f"{model}.read: Odoo's response has an unknown shape ({exc})"
        ) from exc


def any_of(conditions: Sequence[Condition | Domain]) -> Domain:
    """The conditions joined by "or", which Odoo writes as a prefix. A domain among ``conditions``
    must come from ``any_of`` or ``all_of``."""
    flat = [[one] if isinstance(one, tuple) else one for one in conditions]
    return ["|"] * (len(flat) - 1) + [part for one in flat for part in one]


def all_of(conditions: Sequence[Condition | str]) -> Domain:
    """``conditions`` as a single condition; Odoo implies "and" only at the top level."""
    operators = sum(isinstance(part, str) for part in conditions)
    # Each operator joins two conditions; this joins the remaining ones.
    return ["&"] * (len(conditions) - 2 * operators - 1) + list(conditions)


def escaped(text: str) -> str:
    """``text`` with % and _ escaped, for operators that treat them as wildcards."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def _operand(operator: str, value: Any) -> Any:
    """A validated value in the form that Odoo's condition expects."""
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
