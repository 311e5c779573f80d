"""Which fields of an Odoo model a noun copies, as what, and why it leaves out the others.

A field is copied if writing it moves the record's stamp: then a run finds the change. Decides alone:
what Odoo says of the fields comes in, a choice goes out.
"""

import keyword
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from odoo_bridge.models import MirroredModel, Reference

About = Mapping[str, Any]

# Every noun has them, or they say who touched the record in Odoo and are no content.
_EVERY_NOUN = {"id", "create_date", "write_date"}
_HOUSEKEEPING = ("create_uid", "write_uid", "display_name", "__last_update")
_MESSAGES = ("message_", "activity_", "my_activity_", "website_message_", "has_message", "access_")
# Odoo's type -> how its values are converted, and what the column is.
_PLAIN = {
    "char": ("text", "text"),
    "text": ("text", "text"),
    "html": ("text", "text"),
    "selection": ("text", "text"),
    "boolean": ("boolean", "boolean"),
    "integer": ("integer", "integer"),
    "float": ("decimal", "decimal"),
    "monetary": ("decimal", "money"),
    "date": ("day", "day"),
    "datetime": ("moment", "moment"),
    "many2many": ("ids", "ids"),
}
_ELSEWHERE = {
    "binary": "holds a file, not a value",
    "one2many": "is kept in other records",
    "properties": "is defined by another record",
    "properties_definition": "is defined for other records",
}
# What people look for first.
_FIRST = (
    *("name", "complete_name", "default_code", "code", "ref", "reference", "acc_number", "barcode"),
    *("state", "type", "active", "partner_id", "company_id", "currency_id"),
)


@dataclass(frozen=True)
class Chosen:
    """One field that is copied. ``kind`` says what the column is: text, boolean, integer, decimal,
    money, company money, day, moment, id (of a record that is not mirrored), reference, noun or ids.

    ``target``: the kind of reference, or the mirrored model, that it points to.
    """

    source: str
    column: str
    kind: str
    convert: str
    label: str
    target: str = ""
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def attribute(self) -> str:
        """The model's field: a relation to a mirrored model is called without its ``_id``."""
        return self.column.removesuffix("_id") if self.kind == "noun" else self.column


@dataclass(frozen=True)
class Choice:
    """``left_out``: Odoo's field -> why."""

    fields: tuple[Chosen, ...]
    left_out: Mapping[str, str]


def inherits(about: Mapping[str, About]) -> dict[str, str]:
    """The parents of an inheriting model: its many2one -> the parent's model.

    Odoo shows a parent's field as one of the record: not stored, and related to the parent's field of
    the same name by a many2one that the record must have.
    """
    found = {}
    for name, field in about.items():
        parent = _parent(name, field)
        if parent and about.get(parent, {}).get("required"):
            found[parent] = str(about[parent]["relation"])
    return found


def choose(
    about: Mapping[str, About],
    parents: Mapping[str, Mapping[str, About]],
    nouns: Mapping[str, str],
) -> Choice:
    """Sort out the fields of a model.

    ``about`` is what ``fields_get`` returns, ``parents`` the same of each inherited model by the
    many2one that leads to it, ``nouns`` the mirrored Odoo models and our models that copy them.
    """
    left_out: dict[str, str] = {}
    kept: list[Chosen] = []
    for name in sorted(about, key=_rank):
        if name in _EVERY_NOUN:
            continue
        why = refusal(name, about, parents)
        if why:
            left_out[name] = why
            continue
        one = _as_column(name, about, nouns)
        if one.column in {other.column for other in kept}:
            left_out[name] = f"would be called {one.column}, as another field is"
        else:
            kept.append(one)
    return Choice(tuple(_with_currencies(kept, about)), left_out)


def refusal(
    name: str, about: Mapping[str, About], parents: Mapping[str, Mapping[str, About]]
) -> str:
    """Why the field is not copied; the empty string if it is."""
    field = about[name]
    kind = str(field.get("type"))
    if name in _HOUSEKEEPING or name.startswith(_MESSAGES):
        return "is Odoo's own housekeeping"
    if kind in _ELSEWHERE:
        return _ELSEWHERE[kind]
    if kind not in _PLAIN and kind != "many2one":
        return f"is of the type {kind}, which no column holds"
    if field.get("company_dependent"):
        return "has another value in each company"
    if field.get("store"):
        return ""
    parent = _parent(name, field)
    if parent not in parents:
        return "is calculated when it is read"
    original = parents[parent].get(name, {})
    if original.get("company_dependent"):
        return "has another value in each company"
    if not original.get("store"):
        return "is calculated when it is read"
    if f"{parent}.write_date" not in about.get("write_date", {}).get("depends", ()):
        model = about[parent].get("relation")
        return f"is kept in {model}: a change there does not move the stamp of this record"
    return ""


def _parent(name: str, field: About) -> str:
    """The many2one behind which the field is kept; empty if it is the record's own."""
    related = field.get("related") or ()
    # Up to 14 a list, then a text with points.
    path = related.split(".") if isinstance(related, str) else list(related)
    return path[0] if not field.get("store") and len(path) == 2 and path[1] == name else ""


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _as_column(name: str, about: Mapping[str, About], nouns: Mapping[str, str]) -> Chosen:
    field = about[name]
    label = " ".join(str(field.get("string", "")).split())
    kind, relation = str(field["type"]), str(field.get("relation", ""))
    if kind != "many2one":
        convert, what = _PLAIN[kind]
        target = relation if what == "ids" and relation in _references() else ""
        choices = tuple((str(value), str(words)) for value, words in field.get("selection") or ())
        return Chosen(name, _safe(name), what, convert, label, target, choices)
    column = _safe(name if name.endswith("_id") else f"{name}_id")
    stem = column.removesuffix("_id")
    if relation in nouns and stem not in about and not _is_taken(stem):
        return Chosen(name, column, "noun", "many2one", label, nouns[relation])
    if relation in _references():
        return Chosen(name, column, "reference", "many2one", label, relation)
    return Chosen(name, column, "id", "many2one", label)


def _with_currencies(kept: Iterable[Chosen], about: Mapping[str, About]) -> Iterable[Chosen]:
    """Amounts in a currency that the row does not name are plain numbers."""
    kept = list(kept)
    columns = {one.column: one.kind for one in kept}
    for one in kept:
        if one.kind != "money":
            yield one
            continue
        currency = about[one.source].get("currency_field")
        kind = "decimal"
        if currency == "currency_id" and columns.get("currency_id") == "reference":
            kind = "money"
        elif currency == "company_currency_id" and columns.get("company_id") == "reference":
            kind = "company money"
        yield Chosen(one.source, one.column, kind, one.convert, one.label)


def _references() -> set[str]:
    return {str(kind) for kind in Reference.Kind.values}


def _safe(name: str) -> str:
    """A name that a Django model and its columns can have."""
    name = name.strip("_")
    while "__" in name:
        name = name.replace("__", "_")
    return f"odoo_{name}" if _is_taken(name) else name


def _is_taken(name: str) -> bool:
    return keyword.iskeyword(name) or hasattr(MirroredModel, name) or name in ("pk", "objects")
