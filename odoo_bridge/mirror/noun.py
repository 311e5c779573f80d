"""A noun: one mirrored model, as the API, the admin and the exports see it.

The mapping says where a column comes from, and the model says what it is. The names, the form and the
order of the API's fields follow from those two. A noun declares only what is special about it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import models

from odoo_bridge.mirror.amounts import amount, amount_of_line, company_amount, measure
from odoo_bridge.mirror.rows import MADE_BY, Rows, Spelled, name_of
from odoo_bridge.models import MirroredModel, Reference
from odoo_bridge.models.fields import ExactDecimalField, IdsField, MoneyField, ReferenceField
from odoo_bridge.sync.streams import Stream

# The last fields of every row. Only nouns that the API creates in Odoo have created_by.
_LAST = (
    *("extra", "created_by", "create_date", "write_date", "gone_at", "change_seq", "stored_at"),
)
_ROW = "Odoo's names; ``*_id`` are Odoo's ids, also of records that are not mirrored (yet)."


@dataclass(frozen=True, eq=False)
class Noun:
    """``stream``: where the columns come from, in the order of the API's fields.

    ``names``: column with the id of a reference -> the field with its name. ``state_id`` has
    ``state_name`` unless another name or None is given here. A currency has its code instead.
    ``spelled``: fields that are no columns of the model, or whose value is computed.
    ``lent``: see ``Rows``. ``about`` and ``about_a_row`` are texts of the API's documentation.
    ``actions`` and ``charts`` are paths: what the API may do in Odoo, and what the overview draws.
    """

    stream: Stream
    names: Mapping[str, str | None] = field(default_factory=dict)
    spelled: Mapping[str, Spelled] = field(default_factory=dict)
    lent: Callable[[Any], Mapping[str, Any]] | None = None
    about: str = ""
    about_a_row: str = _ROW
    actions: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()

    @property
    def model(self) -> type[MirroredModel]:
        return self.stream.model

    @property
    def singular(self) -> str:
        """``invoice line``."""
        return str(self.model._meta.verbose_name)

    @property
    def plural(self) -> str:
        """``invoice lines``."""
        return str(self.model._meta.verbose_name_plural)

    @cached_property
    def columns(self) -> dict[str, models.Field]:
        """The columns of the model, by their names in the database: ``parent_id``, not ``parent``."""
        return {one.attname: one for one in self.model._meta.concrete_fields}

    @cached_property
    def refers(self) -> dict[str, str]:
        """Columns with ids of references, or lists of such ids -> the kind of the references."""
        found = {}
        for name, column in self.columns.items():
            if isinstance(column, ReferenceField | IdsField) and column.kind:
                found[name] = column.kind
        return found

    @cached_property
    def rows(self) -> Rows:
        """Makes the rows that the API returns."""
        spelled = {
            name: how for name, column in self.columns.items() if (how := self._spelling(column))
        }
        names = {
            name: name_of(column, self.refers[column])
            for column, name in self._names.items()
            if column in self.refers
        }
        if "created_by_id" in self.columns:
            spelled["created_by"] = MADE_BY
        return Rows(self._fields, {**spelled, **names, **self.spelled}, self.lent)

    def _spelling(self, column: models.Field) -> Spelled | None:
        if not isinstance(column, ExactDecimalField):
            return None
        name = column.attname
        if not isinstance(column, MoneyField):
            return measure(name)
        if column.company:
            return company_amount(name)
        return amount(name) if "company_id" in self.columns else amount_of_line(name)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Columns with an id -> the field with the name behind it."""
        usual = {
            name: f"{name.removesuffix('_id')}_name"
            for name, column in self.columns.items()
            if isinstance(column, ReferenceField) and column.kind != Reference.Kind.CURRENCY
        }
        return {column: name for column, name in {**usual, **self.names}.items() if name}

    @cached_property
    def _fields(self) -> list[str]:
        known = [name for name in self.stream.columns if name not in _LAST]
        after: dict[str, list[str]] = {}
        for column, name in self._names.items():
            # The order is id, code, name.
            code = f"{column.removesuffix('_id')}_code"
            after.setdefault(code if code in known else column, []).append(name)
        last = [name for name in _LAST if name in self.columns or f"{name}_id" in self.columns]
        fields = ["odoo_id"]
        for name in known:
            fields += [name, *after.get(name, ())]
        return fields + last


@cache
def all_nouns() -> dict[str, Noun]:
    """The nouns that the apps of ``settings.NOUNS`` declare in ``noun.py``, by the stream's name."""
    declared = [noun for app in settings.NOUNS for noun in import_module(f"{app}.noun").NOUNS]
    return {noun.stream.name: noun for noun in declared}
