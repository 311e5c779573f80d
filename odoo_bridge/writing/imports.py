"""Records in the format of Odoo's import."""

from collections.abc import Callable, Mapping
from typing import Any

from odoo_bridge.models import OdooWrite
from odoo_bridge.odoo.gateway import Gateway


def import_of(write: OdooWrite, columns: Mapping[str, str]) -> dict[str, str]:
    """The import of a record: cell by column. ``columns`` maps a key of the request to the import's
    column.

    The first cell is the marker, by which the record is found again.
    """
    given = {column: write.body.get(name) for name, column in columns.items()}
    cells = {column: cell(value) for column, value in given.items() if value is not None}
    return {"id": write.marker, **cells}


def find_by_marker(model: str) -> Callable[[Gateway, OdooWrite], int | None]:
    """The ``find`` of an Action that creates records of ``model``."""

    def find(odoo: Gateway, write: OdooWrite) -> int | None:
        return odoo.marked(model, write.marker)

    return find


def cell(value: Any) -> str:
    """A value as the text of an import's cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)
