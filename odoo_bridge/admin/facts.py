"""Labels and formatted values of a noun's columns, derived from the type of the column."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import models
from django.utils.text import capfirst

from odoo_bridge.admin.base import QUIET, badge
from odoo_bridge.admin.page import Section, amount, day, in_a_row, link_to_related, moment
from odoo_bridge.mirror.amounts import plain
from odoo_bridge.mirror.names import Names
from odoo_bridge.mirror.noun import Noun
from odoo_bridge.models import Reference
from odoo_bridge.models.fields import ExactDecimalField, IdsField, MoneyField, ReferenceField

_IDS_SHOWN = 20


def label(column: str) -> str:
    """``Sales team`` of ``sales_team_id``, ``Tags`` of ``tag_ids``."""
    words = f"{column.removesuffix('_ids')}s" if column.endswith("_ids") else column
    return capfirst(words.removesuffix("_id").replace("_", " "))


def fact(noun: Noun, row: Any, name: str, names: Names) -> Any:
    """The formatted value of a column; an empty text if there is none."""
    column, value = noun.columns[name], getattr(row, name)
    if value is None or value == "":
        return ""
    if isinstance(column, models.ForeignKey):
        return link_to_related(row, column.name)
    if isinstance(column, ReferenceField):
        return names.name(column.kind, value) or f"Odoo id {value}"
    if isinstance(column, IdsField):
        return _ids(column, value, names)
    if isinstance(column, ExactDecimalField):
        return _number(column, row, value, names)
    if isinstance(column, models.BooleanField):
        return "Yes" if value else "No"
    if isinstance(column, models.DateTimeField):
        return moment(value)
    return day(value) if isinstance(column, models.DateField) else value


def _ids(column: IdsField, ids: list[int], names: Names) -> Any:
    # Ordered by name, as in Odoo.
    shown = sorted(names.name(column.kind, one) or f"Odoo id {one}" for one in ids[:_IDS_SHOWN])
    if len(ids) > _IDS_SHOWN:
        shown.append(f"and {len(ids) - _IDS_SHOWN:,} more")
    return in_a_row(badge(text, QUIET) for text in shown)


def _number(column: ExactDecimalField, row: Any, value: Any, names: Names) -> str:
    if not isinstance(column, MoneyField):
        return plain(value)
    if column.company:
        return amount(value, names.company_places(row.company_id))
    currency = row.currency_id
    return amount(value, names.places(currency), names.name(Reference.Kind.CURRENCY, currency))


def shown(noun: Noun, name: str) -> Callable[[Any], Any]:
    """A column of a list."""

    @admin.display(description=label(name))
    def value(row: Any) -> Any:
        return fact(noun, row, name, row.names)

    return value


def sections(noun: Noun, row: Any, names: Names) -> list[Section]:
    """All columns of the row in three sections: its own facts, numbers, and references."""
    parts: dict[str, list[tuple[str, Any]]] = {
        capfirst(noun.singular): [],
        "Numbers": [],
        "Belongs to": [],
    }
    plain_facts, numbers, others = parts.values()
    for name in noun.stream.columns:
        column = noun.columns[name]
        if name in ("create_date", "write_date"):
            continue  # The history shows them.
        if isinstance(column, models.ForeignKey | ReferenceField | IdsField):
            others.append((label(name), fact(noun, row, name, names)))
        elif isinstance(column, ExactDecimalField):
            numbers.append((label(name), fact(noun, row, name, names)))
        else:
            plain_facts.append((label(name), fact(noun, row, name, names)))
    others += [("Odoo id", row.pk), *row.extra.items()]
    return [Section(title, facts) for title, facts in parts.items()]
