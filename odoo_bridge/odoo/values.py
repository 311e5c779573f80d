"""Odoo's spellings into Python, one function per type; each raises ValueError for anything else.

Odoo sends ``False`` for an empty value of every type but numbers and booleans. A number of the
wrong kind is refused, never rounded into shape: what cannot be copied exactly becomes an issue.
"""

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

Convert = Callable[[Any], Any]
Column = Sequence[Any]
_Whole = Callable[[Convert, Column], Any]


# 1, 0.1, 0.01 ...: what an amount with so many decimal places is a multiple of.
_QUANTA = [Decimal(1).scaleb(-places) for places in range(13)]
_NO_ID = 2**63


def text(value: Any) -> str:
    """``False`` -> ``""``. Kept as Odoo has it, blanks included."""
    if value.__class__ is str:
        return value
    if value is False or value is None:
        return ""
    raise ValueError(f"{_short(value)} is not text")


def number_of_invoice(value: Any) -> str:
    """An invoice's name: drafts without a number are ``/`` up to 17 and ``False`` from 18 on."""
    name = text(value)
    return "" if name == "/" else name


def boolean(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise ValueError(f"{_short(value)} is not true or false")


def integer(value: Any) -> int:
    """``False`` -> 0: a column that SQL left empty."""
    if value is False or value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{_short(value)} is not a whole number")


def many2one(value: Any) -> int | None:
    """An id, or ``[id, label]`` where labels were not switched off; ``False`` -> None."""
    if value is False or value is None:
        return None
    if isinstance(value, list) and len(value) == 2:
        value = value[0]
    if value.__class__ is int and 0 < value < _NO_ID:
        return value
    raise ValueError(f"{_short(value)} is not the id of a record")


def ids(value: Any) -> list[int]:
    """The ids of a one2many or many2many, ascending.

    Odoo lists them in the order of the other model: by name or sequence, and so in another one as
    soon as a tag is renamed, which moves no stamp of the records that have it.
    """
    if value is False or value is None:
        return []
    if isinstance(value, list) and set(map(type, value)) <= {int}:
        return sorted(value)
    raise ValueError(f"{_short(value)} is not a list of ids")


def moment(value: Any) -> datetime | None:
    """``"2026-02-01 09:30:00"``, naive UTC -> aware UTC."""
    if value is False or value is None:
        return None
    if isinstance(value, str) and len(value) == 19:
        return datetime.fromisoformat(f"{value}+00:00")
    raise ValueError(f"{_short(value)} is not a moment")


def day(value: Any) -> date | None:
    """``"2026-02-01"`` -> a date."""
    if value is False or value is None:
        return None
    if isinstance(value, str) and len(value) == 10:
        return date.fromisoformat(value)
    raise ValueError(f"{_short(value)} is not a date")


def decimal(value: Any) -> Decimal | None:
    """A float by its shortest spelling: 0.1 is ``Decimal("0.1")``. ``False`` -> None."""
    if value is False or value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{_short(value)} is not a number")
    return Decimal(repr(value))


def money(value: Any, places: int) -> Decimal | None:
    """An amount with exactly the decimal places of its currency."""
    amount = decimal(value)
    return None if amount is None else amount.quantize(_QUANTA[places])


def each(convert: Convert, column: Column) -> Sequence[Any]:
    """What ``convert`` makes of each value of ``column``, for a fraction of what asking it costs."""
    whole: _Whole = _WHOLE_COLUMNS.get(convert, _one_by_one)
    return whole(convert, column)


def each_money(
    column: Column, places: Sequence[int], known: dict[tuple[Any, int], Any]
) -> list[Any]:
    """``money`` of each value of ``column`` with its ``places``.

    ``known``: what was made of amounts already, by amount and places: totals, taxes and what is left
    to pay are often the same number.
    """
    if not set(map(type, column)) <= {float, int}:
        # False equals 0, and is none.
        return list(map(money, column, places))
    pairs = list(zip(column, places, strict=True))
    for pair in set(pairs).difference(known):
        known[pair] = money(*pair)
    return [known[pair] for pair in pairs]


def _one_by_one(convert: Convert, column: Column) -> list[Any]:
    return list(map(convert, column))


def _as_they_are(kind: type) -> _Whole:
    def all_of(convert: Convert, column: Column) -> Any:
        return column if set(map(type, column)) == {kind} else _one_by_one(convert, column)

    return all_of


def _texts(_convert: Convert, column: Column) -> list[str]:
    # Most values are one of the two, and a call for each takes longer than all else.
    return [
        value if value.__class__ is str else "" if value is False else text(value)
        for value in column
    ]


def _many2ones(_convert: Convert, column: Column) -> list[int | None]:
    return [
        None
        if value is False
        else value
        if value.__class__ is int and 0 < value < _NO_ID
        else many2one(value)
        for value in column
    ]


def _ids(_convert: Convert, column: Column) -> Column:
    if set(map(type, column)) == {list} and set(map(type, chain.from_iterable(column))) <= {int}:
        return [value if len(value) < 2 else sorted(value) for value in column]
    return list(map(ids, column))


def _distinct(*kinds: type) -> _Whole:
    """Each value once, if all are of ``kinds``: values of others may be equal and not the same."""

    def once_each(convert: Convert, column: Column) -> list[Any]:
        if not set(map(type, column)) <= set(kinds):
            return _one_by_one(convert, column)
        known = {value: convert(value) for value in set(column)}
        return [known[value] for value in column]

    return once_each


def _spelled(value: Any) -> str | None:
    """A number for JSON, which has no exact decimals: text keeps every digit."""
    number = decimal(value)
    return None if number is None else str(number)


_WHOLE_COLUMNS: dict[Convert, _Whole] = {
    text: _texts,
    boolean: _as_they_are(bool),
    integer: _as_they_are(int),
    many2one: _many2ones,
    ids: _ids,
    # Many records are made, written or dated together.
    moment: _distinct(str, bool),
    day: _distinct(str, bool),
    decimal: _distinct(float),
}

# What an extra field may be, by the type fields_get names.
BY_ODOO_TYPE: dict[str, Convert] = {
    "boolean": boolean,
    "integer": integer,
    "many2one": many2one,
    "many2many": ids,
    "one2many": ids,
    "float": _spelled,
    "monetary": _spelled,
}


def extra(odoo_type: str, value: Any) -> Any:
    """The value of an ``ODOO_EXTRA_FIELDS`` field as it stands in JSON; empty -> None."""
    convert: Convert = BY_ODOO_TYPE.get(odoo_type, text)
    if value is False and odoo_type != "boolean":
        return None
    return convert(value)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
