"""What mirrored rows look like, for OpenAPI. The values themselves are made in ``rows.py``."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, extend_schema_field
from rest_framework import serializers

# Odoo's ids are PostgreSQL integers; a larger one would be an error of its database.
MAX_ID = 2**31 - 1


class RowSerializer(serializers.ModelSerializer):
    """Describes a row. Every field is optional: ``?fields=`` leaves out what was not asked for."""


class RowSchema(OpenApiSerializerExtension):
    target_class = RowSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        schema.pop("required", None)
        return dict(schema)


@extend_schema_field({"type": "string", "format": "decimal", "nullable": True})
class DecimalText(serializers.Field):
    """A number as text: JSON has no exact decimals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)


def ids(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.IntegerField(), read_only=True, **options)


def odoo_id(**options: Any) -> serializers.IntegerField:
    """An id that may be absent, of a record that may not be mirrored (yet)."""
    return serializers.IntegerField(read_only=True, allow_null=True, **options)


@extend_schema_field({"type": "string", "enum": ["me", "other", None], "nullable": True})
class _Maker(serializers.Field):
    """Who made a record."""


def made_by() -> serializers.Field:
    return _Maker(
        read_only=True,
        help_text="Who created the record through this bridge: `me` is the requesting user, `other` any "
        "other user. Null for all other records.",
    )


def name(about: str) -> serializers.CharField:
    """The name behind an id."""
    return serializers.CharField(read_only=True, help_text=about)
