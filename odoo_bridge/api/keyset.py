"""From row to row: where a page ended says where the next one begins, at any depth.

The database goes on in an index, as fast on page 5,000 as on page 1, and rows that come or go
meanwhile shift nothing.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import orjson
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import Expression, F, Field, OrderBy, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from django.db.models.lookups import IsNull

from odoo_bridge.mirror.rows import Row
from odoo_bridge.models.indexes import KEY_LENGTH


@dataclass(frozen=True)
class Order:
    """The order of a list: by one field, absent values counting as the greatest, then by id."""

    field: "Field[Any, Any]"
    key: Any
    descending: bool

    @classmethod
    def of(cls, rows: QuerySet) -> Self:
        """The order that filters.Ordering gave ``rows``."""
        first = rows.query.order_by[0]
        if isinstance(first, OrderBy):
            key, descending = first.expression, first.descending
        else:
            key, descending = F(str(first).removeprefix("-")), str(first).startswith("-")
        return cls(rows.model._meta.get_field(_column(key)), key, descending)

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.field.name}"

    @property
    def fields(self) -> tuple[str, str]:
        """What a row must have for its position to be known."""
        return self.field.name, "odoo_id"

    def reversed(self) -> "Order":
        return Order(self.field, self.key, not self.descending)


@dataclass(frozen=True)
class Position:
    """A row's place in an order. ``back``: what comes before it is meant, not what comes after."""

    order: str
    value: Any
    odoo_id: int
    back: bool = False

    @classmethod
    def of(cls, row: Row, order: Order, *, back: bool = False) -> Self:
        value = row[order.field.name]
        if isinstance(value, str):
            # What text is ordered by, and all of a number.
            value = value[:KEY_LENGTH]
        return cls(str(order), value, row["odoo_id"], back)

    @classmethod
    def read(cls, text: str, order: Order) -> Self:
        """Raises ValueError for what ``str`` never wrote, or wrote for another order."""
        try:
            padded = text + "=" * (-len(text) % 4)
            name, value, odoo_id, back = orjson.loads(urlsafe_b64decode(padded))
            position = cls(name, _possible(value, order.field), odoo_id, back)
        except (binascii.Error, ArithmeticError, ValueError, TypeError, ValidationError) as exc:
            raise ValueError("Not a cursor of this list.") from exc
        if type(odoo_id) is not int or type(back) is not bool or not 0 < odoo_id < 2**63:
            raise ValueError("Not a cursor of this list.")
        if position.order != str(order):
            raise ValueError("This cursor is for another order: start again with an empty cursor.")
        return position

    def __str__(self) -> str:
        parts = [self.order, self.value, self.odoo_id, self.back]
        return urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def _possible(value: Any, field: "Field[Any, Any]") -> Any:
    """``value``, if a column of ``field`` can have it. Raises what the field raises, ValueError or
    OverflowError."""
    value = field.to_python(value)
    if value is None:
        return value
    field.run_validators(value)
    if isinstance(value, str):
        ProhibitNullCharactersValidator()(value)
    if isinstance(value, datetime):
        # In other zones it may lie outside the years that there are.
        value = value.astimezone(UTC)
    return value


def after(rows: QuerySet, order: Order, position: Position | None) -> Iterator[QuerySet]:
    """Yield the rows behind ``position``, nearest first, as query sets one after the other.

    Two of them where absent values are possible: SQL's comparisons know nothing of those.
    """
    if position is None:
        yield rows
        return
    if position.back:
        order, rows = order.reversed(), rows.reverse()
    key, value, odoo_id = order.key, position.value, position.odoo_id
    if order.field.primary_key:
        yield rows.filter(pk__lt=odoo_id) if order.descending else rows.filter(pk__gt=odoo_id)
        return
    here = (key, F("pk")), (value, odoo_id)
    absent = rows.filter(IsNull(key, True))
    if order.descending:
        if value is not None:
            yield rows.filter(TupleLessThan(*here))
        else:
            yield absent.filter(pk__lt=odoo_id)
            yield rows.filter(IsNull(key, False))
    elif value is not None:
        yield rows.filter(TupleGreaterThan(*here))
        if order.field.null:
            yield absent
    else:
        yield absent.filter(pk__gt=odoo_id)


def _column(key: Any) -> str:
    """The column that ``key`` is made of."""
    while isinstance(key, Expression):
        key = key.get_source_expressions()[0]
    return str(key.name)
