"""Records that could not be copied: kept by name with the reason, tried again by every run."""

from collections.abc import Iterable
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from odoo_bridge.models import SyncIssue
from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.odoo.redaction import redact

_SHOWN_CHARACTERS = 1000
_COLUMN_LENGTH = SyncIssue._meta.get_field("column").max_length


def open_ids(stream: str) -> set[int]:
    return set(
        SyncIssue.objects.filter(stream=stream, resolved_at=None).values_list("odoo_id", flat=True)
    )


def note(stream: str, odoo_id: int, error: BridgeError, record: dict[str, Any]) -> None:
    """Open an issue, or count one more attempt on the open one."""
    # In Python's ASCII notation: a value that no column takes must not break this column too.
    shown = {name: redact(ascii(value))[:_SHOWN_CHARACTERS] for name, value in record.items()}
    found = {
        "reason": _storable(str(error)),
        "column": getattr(error, "column", "")[:_COLUMN_LENGTH],
        "record": shown,
    }
    known = SyncIssue.objects.filter(stream=stream, odoo_id=odoo_id, resolved_at=None)
    if not known.update(**found, attempts=F("attempts") + 1, last_seen_at=Now()):
        SyncIssue.objects.create(
            stream=stream,
            odoo_id=odoo_id,
            **found,
            first_seen_at=Now(),
            last_seen_at=Now(),
        )


def resolve(stream: str, ids: Iterable[int]) -> None:
    """Close the open issues of ``ids``, if there are any."""
    resolved = open_ids(stream).intersection(ids)
    if resolved:
        SyncIssue.objects.filter(stream=stream, odoo_id__in=resolved, resolved_at=None).update(
            resolved_at=Now()
        )


def _storable(text: str) -> str:
    """``text``, with escapes for what no text column takes: NUL, half a surrogate pair."""
    spelled = text.encode("utf-8", "backslashreplace").decode()
    return spelled.replace("\x00", "\\x00")
