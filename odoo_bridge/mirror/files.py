"""Rows as a file, in parts: CSV and workbooks for people, NDJSON for programs."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, NamedTuple

import orjson
from django.db.models import Model

from odoo_bridge.mirror.rows import Row
from odoo_bridge.mirror.xlsx import workbook

_ROWS_PER_PART = 500
_KINDS = {
    "BigIntegerField": "number",
    "IntegerField": "number",
    "DecimalField": "number",
    "ExactDecimalField": "number",
    "ForeignKey": "number",
    "BooleanField": "boolean",
    "DateField": "date",
    "DateTimeField": "moment",
    "JSONField": "json",
}


def kinds(model: type[Model], fields: Iterable[str]) -> dict[str, str]:
    """Return the kind of each of ``fields``, from its column. A field without a column is a text."""
    columns = {field.attname: field.get_internal_type() for field in model._meta.concrete_fields}
    return {name: _KINDS.get(columns.get(name, ""), "text") for name in fields}


# CSV --------------------------------------------------------------------------------------------
def _csv(_name: str, columns: Mapping[str, str], rows: Iterator[Row]) -> Iterator[bytes]:
    # Excel recognises UTF-8 by this byte order mark.
    yield "\ufeff".encode() + _csv_lines([list(columns)])
    spell = [(name, _CSV_CELLS[kind]) for name, kind in columns.items()]
    for part in _parts(rows):
        yield _csv_lines([cell(row[name]) for name, cell in spell] for row in part)


def _csv_lines(lines: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode("utf-8", "replace")


def _number(value: Any) -> str:
    return "" if value is None else str(value)


def _boolean(value: bool | None) -> str:
    return "" if value is None else str(value).lower()


def _date(value: date | None) -> str:
    return "" if value is None else value.isoformat()


def _moment(value: datetime | None) -> str:
    return "" if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _json(value: Any) -> str:
    return unformulated(json.dumps(value, ensure_ascii=False)) if value else ""


# A spreadsheet may read a formula at the start of a cell, and after a character that it takes for the
# end of a cell, such as a semicolon. Spaces and characters without width before the sign do not
# prevent that, and the full-width forms of = + - @ count too.
_ENDS = ";\t\r\n"
_HIDES = r"[\s;\x00-\x1f\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]"
_SIGN = r"[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b]"
# Match only from the first hiding character, so that a text of spaces is scanned once.
_FORMULA = re.compile(rf"(?:\A|(?<!{_HIDES})(?={_HIDES}))({_HIDES}*)({_SIGN})")


def unformulated(text: str) -> str:
    """Return ``text`` with an apostrophe wherever a spreadsheet would read a formula.

    For texts only: a negative number is no formula, but a telephone number that begins with + is one.
    """
    if not text:
        return ""
    safe = _FORMULA.sub(_behind_an_apostrophe, text)
    return f"'{safe}" if safe[0] in "\t\r\n" else safe


def _behind_an_apostrophe(found: re.Match[str]) -> str:
    hidden_by, sign = found.groups()
    parted = any(end in hidden_by for end in _ENDS)
    if found.start() == 0:
        return f"'{hidden_by}'{sign}" if parted else f"'{hidden_by}{sign}"
    return f"{hidden_by}'{sign}" if parted else found.group()


_CSV_CELLS: dict[str, Callable[[Any], str]] = {
    "text": lambda value: unformulated(value or ""),
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "moment": _moment,
    "json": _json,
}


# NDJSON -----------------------------------------------------------------------------------------
def _ndjson(_name: str, _columns: Mapping[str, str], rows: Iterator[Row]) -> Iterator[bytes]:
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    for part in _parts(rows):
        yield b"".join(orjson.dumps(row, option=options) for row in part)


def _parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while part := list(islice(rows, _ROWS_PER_PART)):
        yield part


class Form(NamedTuple):
    """``write(name, columns, rows)`` yields the file in parts; ``columns`` are names and kinds."""

    content_type: str
    write: Callable[[str, Mapping[str, str], Iterator[Row]], Iterator[bytes]]


FORMS = {
    "csv": Form("text/csv; charset=utf-8", _csv),
    "xlsx": Form(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        workbook,
    ),
    "ndjson": Form("application/x-ndjson", _ndjson),
}
