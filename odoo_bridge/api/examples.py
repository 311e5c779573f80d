"""The examples that the documentation shows: those that are written down, and those that follow.

``examples.json`` here and in a noun's folder holds, by operationId, ``request`` by media type and the
``response`` of the one success; a noun's also holds, by the name of a stream, a row of it. The examples
of a noun's ordinary routes are made of that row.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models

from odoo_bridge.api.changes import content_fields
from odoo_bridge.mirror.noun import Noun
from odoo_bridge.models.fields import ExactDecimalField, ExtraField, IdsField

_MOMENT = "2026-02-01T09:30:00Z"
# What a row has whatever it is a row of.
_ALWAYS = {
    "odoo_id": 7,
    "extra": {},
    "created_by": None,
    "create_date": _MOMENT,
    "write_date": _MOMENT,
    "gone_at": None,
    "change_seq": 4,
    "stored_at": "2026-02-01T09:31:12.240000Z",
}


@cache
def written() -> dict[str, Any]:
    """The examples that are written down, by operationId, and the rows by stream."""
    here = Path(__file__).with_name("examples.json")
    of_nouns = [Path(settings.BASE_DIR) / noun / "examples.json" for noun in settings.NOUNS]
    found: dict[str, Any] = {}
    for path in (here, *of_nouns):
        found |= json.loads(path.read_text()) if path.exists() else {}
    return found


def example_of(operation_id: str, noun: Noun | None, action: str, is_list: bool) -> dict[str, Any]:
    """Return the example of an operation; empty if there is none.

    ``noun`` and ``action``: of the view, where it has them.
    """
    known: dict[str, Any] | None = written().get(operation_id)
    if known is not None or noun is None:
        return known or {}
    row = row_of(noun)
    if action == "retrieve":
        return {"response": row}
    if action == "changes":
        return {"response": _changes(noun, row)}
    if action == "export":
        first, second, *_others = row
        return {"response": f"{first},{second},...\n{row[first]},{row[second]},...\n"}
    if is_list:
        return {"response": {"count": 1, "next": None, "previous": None, "results": [row]}}
    return {}


def row_of(noun: Noun) -> dict[str, Any]:
    """A row of ``noun``: the one that is written down, or one made of what its columns are."""
    known: dict[str, Any] | None = written().get(noun.stream.name)
    return known or {name: _value(noun, name) for name in noun.rows.fields}


def _changes(noun: Noun, row: dict[str, Any]) -> dict[str, Any]:
    seq = row["change_seq"]
    gone = {"odoo_id": row["odoo_id"] + 1, "change_seq": seq + 1, "gone_at": _MOMENT}
    return {
        "results": [{name: row[name] for name in content_fields(noun.model, noun.rows)}, gone],
        "feed": "32a168c7",
        "next_after": seq + 1,
        "more": True,
        "totals": None,
    }


def _value(noun: Noun, name: str) -> Any:
    if name in _ALWAYS:
        return _ALWAYS[name]
    column = noun.columns.get(name)
    kinds: list[tuple[Any, Any]] = [
        (IdsField, [2, 4]),
        (ExtraField, {}),
        (ExactDecimalField, "12.50"),
        (models.BooleanField, True),
        (models.DateTimeField, _MOMENT),
        (models.DateField, "2026-02-01"),
        (models.ForeignKey | models.IntegerField, 5),
    ]
    return next((value for kind, value in kinds if isinstance(column, kind)), name)
