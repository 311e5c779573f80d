"""Names that are not known are refused: ignored, a typing error would be a wrong answer."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

_LONGEST = 50


def unknown(names: Iterable[Any]) -> dict[str, list[ErrorDetail]]:
    """What to say of each of ``names``, which come from the request."""
    said = {}
    for name in sorted(map(str, names)):
        # Half a character (a lone surrogate) could not be written into the answer.
        shown = name[:_LONGEST].encode("utf-8", "replace").decode()
        said[shown] = [ErrorDetail("There is nothing of this name here.", code="unknown")]
    return said


class StrictSerializer(serializers.Serializer):
    """Takes no keys but those of its fields that can be written."""

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


class StrictQuery:
    """A view that takes no query parameters but those it names."""

    query_parameters: Collection[str] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # After logging in: whoever may not ask is told only that.
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        said = unknown(set(request.query_params) - set(self.query_parameters))
        if said:
            raise ValidationError(said)
