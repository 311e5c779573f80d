"""Unknown names are refused: if they were ignored, a typing error would cause a wrong response."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

_LONGEST = 50


def unknown(names: Iterable[Any]) -> dict[str, list[ErrorDetail]]:
    """The errors about ``names``, which come from the request."""
    said = {}
    for name in sorted(map(str, names)):
        # A lone surrogate could not be written into the response.
        shown = name[:_LONGEST].encode("utf-8", "replace").decode()
        said[shown] = [ErrorDetail("Unknown parameter.", code="unknown")]
    return said


class StrictSerializer(serializers.Serializer):
    """Accepts only the keys of its writable fields."""

    def to_internal_value(self, data: Any) -> Any:
        said = self._refused(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except ValidationError as exc:
            if said and isinstance(exc.detail, dict):
                raise ValidationError({**exc.detail, **said}) from exc
            raise
        if said:
            raise ValidationError(said)
        return value

    def _refused(self, data: Mapping[Any, Any]) -> dict[str, list[ErrorDetail]]:
        said = unknown(name for name in data if name not in self.fields)
        for name in data:
            if name in self.fields and self.fields[name].read_only:
                said[name] = [ErrorDetail("This cannot be changed here.", code="read_only")]
        return said


class StrictBody(StrictSerializer):
    """A JSON body whose values must have the right JSON types. DRF would accept 5 for "5" and 1 for
    true, which would hide mistakes of a client."""

    # Rules between fields, as JSON Schema.
    rules: ClassVar[Mapping[str, Any]] = {}

    def _refused(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        said: dict[str, Any] = super()._refused(data)
        for name, field in self.fields.items():
            if name in data and name not in said:
                wrong = _mistyped(field, data[name])
                if wrong:
                    said[name] = wrong
        return said


def _mistyped(field: Any, value: Any) -> Any:
    """The error about the type of ``value``; empty if it is right."""
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        items = {number: _mistyped(field.child, item) for number, item in enumerate(value)}
        return {number: wrong for number, wrong in items.items() if wrong}
    if isinstance(field, serializers.BooleanField):
        good = isinstance(value, bool)
    elif isinstance(field, serializers.IntegerField):
        # 5.0 is a whole number in JSON.
        whole = isinstance(value, float) and value.is_integer()
        good = whole or (isinstance(value, int) and not isinstance(value, bool))
    elif isinstance(field, serializers.CharField):
        good = isinstance(value, str)
    else:
        good = True
    if good or value is None:
        return []
    return [ErrorDetail(field.error_messages["invalid"], code="invalid")]


class StrictQuery:
    """A view that accepts only the query parameters that it names."""

    query_parameters: Collection[str] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # After authentication: a client without permission learns nothing else.
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        said = unknown(set(request.query_params) - set(self.query_parameters))
        if said:
            raise ValidationError(said)
