"""Stored values as Odoo spells them in JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any


def spell(value: Any) -> Any:
    """Dates as text, moments as naive UTC cut (never rounded) to whole seconds."""
    if isinstance(value, datetime):
        return value.isoformat(" ")[:19]
    if isinstance(value, date):
        return value.isoformat()
    return value
