"""Odoo itself over the API: rows read live, and wishes carried out. Models, methods, fields, orders
and contexts are the apps' fixed ones; of a request only checked values get as far as Odoo."""

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
