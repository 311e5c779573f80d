"""Conversion of Odoo's values to Python: one function per type, which raises ValueError for others.

Odoo sends ``False`` for an empty value of every type except numbers and booleans. A number of the
wrong kind is refused, never rounded: what cannot be copied exactly becomes an issue.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

Convert = Callable[[Any], Any]
Column = Sequence[Any]
_Whole = Callable[[Convert, Column], Any]

_NO_ID = 2**63
_ZERO = Decimal(0)
# Odoo's strftime writes the year 21 as "21".
_DAY = re.compile("([0-9]{1,4})-([0-9]{2})-([0-9]{2})")
_MOMENT = re.compile(_DAY.pattern + "[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.]([0-9]{1,6}))?")


def text(value: Any) -> str:
    """``False`` -> ``""``. Otherwise unchanged, spaces included."""
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
    """``False`` -> 0: the column is NULL in Odoo's database."""
    if value is False or value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{_short(value)} is not a whole number")


def many2one(value: Any) -> int | None:
    """An id, or ``[id, label]`` if the call returns labels; ``False`` -> None."""
    if value is False or value is None:
        return None
    if isinstance(value, list) and len(value) == 2:
        value = value[0]
    if value.__class__ is int and 0 < value < _NO_ID:
        return value
    raise ValueError(f"{_short(value)} is not the id of a record")


def ids(value: Any) -> list[int]:
    """The ids of a one2many or many2many, ascending.

    Odoo lists them in the order of the other model, for example by name. That order changes when a tag
    is renamed, which does not change the stamps of the records that have the tag.
    """
    if value is False or value is None:
        return []
    if isinstance(value, list) and _are_ids(value):
        return sorted(value)
    raise ValueError(f"{_short(value)} is not a list of ids")


def moment(value: Any) -> datetime | None:
    """``"2026-02-01 09:30:00"``, naive UTC, with or without microseconds -> aware UTC.

    Years are 1 to 9999, the range of Odoo and Python.
    """
    if value is False or value is None:
        return None
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{_short(value)} is not a moment")
    *parts, fraction = found.groups(default="")
    year, month, day_, hour, minute, second = map(int, parts)
    microsecond = int(fraction.ljust(6, "0"))
    return datetime(year, month, day_, hour, minute, second, microsecond, UTC)


def stamp(value: Any) -> str:
    """A stamp as 19 characters, which sort by time: ``"21-03-01 09:30:00"`` is in the year 21.

    A value that is not a moment becomes ``?``. No row of ours has that stamp, so the record is read, and
    that shows the error.
    """
    if value == "":
        return value
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]:0>4}{value[len(found[1]) :][:15]}" if found else "?"


def day(value: Any) -> date | None:
    """``"2026-02-01"`` -> a date. Years as in ``moment``; the year 21 may come as ``21``."""
    if value is False or value is None:
        return None
    if isinstance(value, str) and (found := _DAY.fullmatch(value)):
        return date(*map(int, found.groups()))
    raise ValueError(f"{_short(value)} is not a date")


def decimal(value: Any) -> Decimal | None:
    """A float through its shortest representation: 0.1 is ``Decimal("0.1")``. ``False`` -> None."""
    if value is False or value is None:
        return None
    if value.__class__ is not int and not (value.__class__ is float and math.isfinite(value)):
        raise ValueError(f"{_short(value)} is not a number")
    # A database has no negative zero.
    return Decimal(repr(value)) or _ZERO


def each(convert: Convert, column: Column) -> Sequence[Any]:
    """The result of ``convert`` for each value of ``column``, much faster than a call per value."""
    whole: _Whole = _WHOLE_COLUMNS.get(convert, _one_by_one)
    return whole(convert, column)


def _one_by_one(convert: Convert, column: Column) -> list[Any]:
    return list(map(convert, column))


def _as_they_are(kind: type) -> _Whole:
    def all_of(convert: Convert, column: Column) -> Any:
        return column if set(map(type, column)) == {kind} else _one_by_one(convert, column)

    return all_of


def _texts(_convert: Convert, column: Column) -> list[str]:
    # Most values are a text or False, and a function call for each would take most of the time.
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


def _are_ids(values: Sequence[Any]) -> bool:
    # Check the types first: True is greater than 0.
    return set(map(type, values)) <= {int} and (
        not values or (min(values) > 0 and max(values) < _NO_ID)
    )


def _ids(_convert: Convert, column: Column) -> Column:
    if set(map(type, column)) == {list} and _are_ids(list(chain.from_iterable(column))):
        return [value if len(value) < 2 else sorted(value) for value in column]
    return list(map(ids, column))


def _distinct(*kinds: type) -> _Whole:
    """Convert each distinct value once, if all are of ``kinds``. Values of other types may be equal
    and yet need different results."""

    def once_each(convert: Convert, column: Column) -> list[Any]:
        if not set(map(type, column)) <= set(kinds):
            return _one_by_one(convert, column)
        known = {value: convert(value) for value in set(column)}
        return [known[value] for value in column]

    return once_each


_WHOLE_COLUMNS: dict[Convert, _Whole] = {
    text: _texts,
    boolean: _as_they_are(bool),
    integer: _as_they_are(int),
    many2one: _many2ones,
    ids: _ids,
    # Many records share a time of creation, a stamp or a date.
    moment: _distinct(str, bool),
    day: _distinct(str, bool),
    decimal: _distinct(float),
}

# Extra fields are stored as JSON, which has no exact decimals, dates or moments
# -----------------------------


def _number_as_text(value: Any) -> str:
    number = decimal(value)
    return str(number) if number else "0.0"


def _day_as_text(value: Any) -> str:
    if found := day(value):
        return found.isoformat()
    raise ValueError(f"{_short(value)} is not a date")


def _moment_as_text(value: Any) -> str:
    if found := moment(value):
        return found.replace(tzinfo=None).isoformat(" ")
    raise ValueError(f"{_short(value)} is not a moment")


def _choice(value: Any) -> str | int:
    """Keys of a selection are text; a few old modules use numbers."""
    return value if value.__class__ is int else text(value)


def _whole(value: Any) -> int:
    if value.__class__ is int:
        return int(value)
    raise ValueError(f"{_short(value)} is not a whole number")


def _document(value: Any) -> Any:
    """JSON, unchanged. Raises ValueError if a number may have lost digits in transfer."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one
        elif one.__class__ is float and not abs(one) < _NO_ID:
            raise ValueError(f"{_short(one)} in the JSON may have been rounded")
        elif one.__class__ is str:
            one.encode()
    return value


# By the type that fields_get returns.
EXTRA_TYPES: dict[str, Convert] = {
    "boolean": boolean,
    "char": text,
    "text": text,
    "html": text,
    "selection": _choice,
    "reference": text,
    "integer": _whole,
    "many2one_reference": _whole,
    "float": _number_as_text,
    "monetary": _number_as_text,
    "date": _day_as_text,
    "datetime": _moment_as_text,
    "many2one": many2one,
    "many2many": ids,
    "one2many": ids,
    "json": _document,
    "properties": _document,
    "properties_definition": _document,
    "serialized": _document,
}


def extra(odoo_type: str, value: Any) -> Any:
    """The JSON value of a field in ``ODOO_EXTRA_FIELDS``; empty -> None.

    ``{"float": "0.1", "date": "2026-02-01", "datetime": "2026-02-01 09:30:00", "many2one": 7,
    "many2many": [7, 9]}``; JSON fields are unchanged.
    """
    if value is None or (value is False and odoo_type != "boolean"):
        return None
    return EXTRA_TYPES[odoo_type](value)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
