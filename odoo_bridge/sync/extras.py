"""``ODOO_EXTRA_FIELDS``: which of the named fields can be copied, and why the others cannot.

A field is copied if its value is stored with the record, so that writing it moves the record's stamp.
A field that is calculated, or kept in other records, may change without a new stamp. A mark after its
name (``res.partner:x_total!``) copies it nevertheless: its value is then as of the last time the record
was read, which the nightly full run does for all records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from odoo_bridge.odoo import values

MARK = "!"
_FILES = "holds a file, not a value: read it from Odoo itself"
_MARKED = f"write {{}}{MARK} to copy it as of the last time its record was read"
# Types whose value depends on other records.
_ELSEWHERE = {
    "one2many": "is kept in other records",
    "properties": "is defined by another record",
    "properties_definition": "is defined for other records",
}


@dataclass
class Extras:
    """The extra fields of one model: ``copied`` is name -> Odoo's type, ``refused`` name -> why."""

    copied: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def chosen(
    names: list[str], available: Mapping[str, Mapping[str, Any]], columns: Mapping[str, str]
) -> Extras:
    """Divide ``names``, as the setting spells them, into copied and refused fields.

    ``available`` is what ``fields_get`` returned, ``columns`` are Odoo's fields that have a column here.
    """
    extras = Extras()
    for spelled in names:
        name = spelled.removesuffix(MARK)
        why = refusal(name, available.get(name), marked=spelled != name)
        if name in columns:
            why = f"is copied already, as {columns[name]}"
        if why:
            extras.refused[name] = why
        else:
            extras.copied[name] = str(available[name]["type"])
    return extras


def refusal(name: str, about: Mapping[str, Any] | None, *, marked: bool) -> str:
    """Why the field ``about`` (of ``fields_get``) cannot be copied; the empty string if it can."""
    if about is None:
        return "does not exist, or our user may not read it"
    kind = str(about.get("type"))
    if kind == "binary":
        return _FILES
    if kind not in values.EXTRA_TYPES:
        return f"is of the type {kind}, which the bridge does not know"
    if marked:
        return ""
    if kind in _ELSEWHERE:
        return f"{_ELSEWHERE[kind]}; {_MARKED.format(name)}"
    if not about.get("store"):
        return f"is calculated when it is read; {_MARKED.format(name)}"
    return ""
