"""Answers as JSON."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer

from odoo_bridge.mirror.encode import encode


class Json(JSONRenderer):
    """What DRF's own renderer writes, ten times as fast, with moments in UTC that end in Z."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        if self.get_indent(accepted_media_type or "", renderer_context or {}):
            return super().render(data, accepted_media_type, renderer_context)
        return encode(data)
