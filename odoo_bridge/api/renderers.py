"""Answers as JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder


class Json(JSONRenderer):
    """What DRF's own renderer writes, ten times as fast: half the cost of a long list was here.

    Moments are UTC and end in Z.
    """

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        if not self.get_indent(accepted_media_type or "", renderer_context or {}):
            try:
                return orjson.dumps(data, default=JSONEncoder().default, option=orjson.OPT_UTC_Z)
            except TypeError:
                # Whole numbers beyond 64 bits and keys that are no text: rare, and not its own.
                pass
        return super().render(data, accepted_media_type, renderer_context)
