"""Records straight from Odoo, for comparing. Models, fields and domains are the apps' fixed ones."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from odoo_bridge.odoo import values
from odoo_bridge.odoo.errors import OdooUnavailable
from odoo_bridge.odoo.gateway import connect
from odoo_bridge.strict import StrictSerializer

MAX_ROWS = 100


class LiveQuerySerializer(StrictSerializer):
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_ROWS, default=MAX_ROWS, help_text="At most so many records."
    )
    after = serializers.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        default=0,
        help_text="Only ids greater than this one: the last id of an answer gives the next.",
    )
    search = serializers.CharField(
        default="", allow_blank=True, max_length=200, help_text="Part of the name."
    )


class LiveAnswerSerializer(serializers.Serializer):
    count = serializers.IntegerField(help_text="Records in this answer.")
    results = serializers.ListField(
        child=serializers.DictField(), help_text="Odoo's own field names, ordered by id."
    )


def query(request: Request) -> dict[str, Any]:
    """The checked parameters of the request. Raises ValidationError."""
    serializer = LiveQuerySerializer(data=request.query_params.dict())
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def read(
    model: str,
    fields: Sequence[str],
    domain: Sequence[Any],
    *,
    limit: int,
    after: int,
    search: str,
) -> list[dict[str, Any]]:
    """Return at most ``limit`` records with ids greater than ``after``, ordered by id.

    A field this Odoo lacks is left out; an empty value is None, a moment aware UTC, an amount a
    string. Raises the errors of the gateway.
    """
    odoo = connect()
    known = odoo.fields(model)
    wanted = [name for name in fields if name in known]
    conditions = [*domain, ("id", ">", after)]
    if search:
        conditions.append(("name", "ilike", search))
    ids = list(odoo.search(model, conditions, limit=min(limit, MAX_ROWS)))
    if not ids:
        return []
    records = sorted(odoo.read(model, ids, wanted), key=lambda record: record["id"])
    try:
        return [
            {
                "id": record["id"],
                **{name: _value(known[name]["type"], record[name]) for name in wanted},
            }
            for record in records
        ]
    except (KeyError, ValueError) as exc:
        raise OdooUnavailable(f"{model}.read: Odoo's answer has an unknown shape ({exc})") from exc


def _value(odoo_type: str, value: Any) -> Any:
    if odoo_type == "datetime":
        return values.moment(value)
    return values.extra(odoo_type, value)
