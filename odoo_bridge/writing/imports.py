"""Records as Odoo's import takes them."""

from collections.abc import Callable, Mapping
from typing import Any

from odoo_bridge.models import OdooWrite
from odoo_bridge.odoo.gateway import Gateway


def import_of(write: OdooWrite, columns: Mapping[str, str]) -> dict[str, str]:
    """The import of a record: its columns and their cells. ``columns``: what the wish has under these
    names, and where it goes. The marker comes first, by which the record is found again."""
    given = {column: write.wish.get(name) for name, column in columns.items()}
    cells = {column: cell(value) for column, value in given.items() if value is not None}
    return {"id": write.marker, **cells}


def find_by_marker(model: str) -> Callable[[Gateway, OdooWrite], int | None]:
    """For an Action that makes records of ``model``: the one that a write made, if it did."""

    def find(odoo: Gateway, write: OdooWrite) -> int | None:
        return odoo.marked(model, write.marker)

    return find


def cell(value: Any) -> str:
    """A value as an import takes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)
