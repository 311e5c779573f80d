"""Rows as a file, sent while they are read: CSV and workbooks for people, NDJSON for programs.

Memory is flat: one page of rows at a time. All rows are of the moment when the export began.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import chain, islice
from typing import Any, NamedTuple

import orjson
from django.db.models import Model, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from odoo_bridge.api.rows import Row, Rows
from odoo_bridge.api.waiting import Export
from odoo_bridge.api.xlsx import workbook
from odoo_bridge.operations import audit
from odoo_bridge.runtime.postgres import no_statement_timeout

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


class ExportQuerySerializer(serializers.Serializer):
    format = serializers.ChoiceField(choices=("csv", "xlsx", "ndjson"), default="csv")


def export_schema(summary: str, fields: OpenApiParameter) -> Any:
    """What OpenAPI says of an export."""
    return extend_schema(
        summary=summary,
        parameters=[ExportQuerySerializer, fields],
        responses={
            (200, form.content_type.partition(";")[0]): form.schema for form in FORMS.values()
        },
        filters=True,
    )


def export(
    rows: QuerySet,
    spelled: Rows,
    form: str,
    *,
    name: str,
    request: HttpRequest,
    user: Any,
    fields: Collection[str] | None = None,
) -> StreamingHttpResponse:
    """Answer ``request`` with ``rows`` as a file called after ``name`` and today.

    ``form`` is one of FORMS; ``fields`` are those of ``spelled``, all if none are named. The first
    rows are read at once: what fails then is an error, not a file that breaks off. Sent or not, the
    file is in the audit log.

    Raises Busy, or ExportRunning while ``user`` has another export.
    """
    chosen = [field for field in spelled.fields if fields is None or field in fields]
    columns = kinds(rows.model, chosen)
    found = _Counted(spelled.stream(rows, chosen))

    def parts() -> Iterator[bytes]:
        # The database makes all rows of the file in its first statement; those after only fetch them.
        with no_statement_timeout():
            first = list(islice(found, 1))
        return FORMS[form].write(name, columns, chain(first, found))

    file = Export(user, parts)
    filters = {key: value for key, value in request.GET.items() if key != "format"}
    entry = audit.note(
        request,
        audit.Event.EXPORT,
        user,
        succeeded=None,
        stream=name,
        format=form,
        filters=filters,
    )
    file.when_closed = lambda: audit.sent(entry, found.count, complete=found.is_complete)
    answer = StreamingHttpResponse(file, content_type=FORMS[form].content_type)
    today = timezone.localdate().isoformat()
    answer["Content-Disposition"] = content_disposition_header(True, f"{name}-{today}.{form}")
    # A proxy that waits for the end would hide the progress, and give up before it.
    answer["X-Accel-Buffering"] = "no"
    return answer


class _Counted:
    """``rows``, and how many were taken of them."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.count = 0
        self.is_complete = False

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        try:
            row = next(self._rows)
        except StopIteration:
            self.is_complete = True
            raise
        self.count += 1
        return row


def kinds(model: type[Model], fields: Iterable[str]) -> dict[str, str]:
    """What each of ``fields`` is, by its column; a name that another row lends is a text."""
    columns = {field.attname: field.get_internal_type() for field in model._meta.concrete_fields}
    return {name: _KINDS.get(columns.get(name, ""), "text") for name in fields}


# CSV --------------------------------------------------------------------------------------------
def _csv(_name: str, columns: Mapping[str, str], rows: Iterator[Row]) -> Iterator[bytes]:
    # With the mark by which Excel knows UTF-8.
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


# Where a program may see the beginning of a cell: there, and behind what it may take for the end of
# one, as it does where semicolons part cells. Blanks and signs of no width do not hide a formula,
# and where people write = + - @ wide, it begins with the wide ones.
_ENDS = ";\t\r\n"
_HIDES = r"[\s;\x00-\x1f\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]"
_SIGN = r"[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b]"
# Only from the beginning of what hides: a text of blanks is looked through once.
_FORMULA = re.compile(rf"(?:\A|(?<!{_HIDES})(?={_HIDES}))({_HIDES}*)({_SIGN})")


def unformulated(text: str) -> str:
    """``text`` with an apostrophe wherever a spreadsheet would read a formula.

    Texts only: a number below zero is no formula. A telephone number that begins with + is one.
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


class _Form(NamedTuple):
    content_type: str
    write: Callable[[str, Mapping[str, str], Iterator[Row]], Iterator[bytes]]
    schema: OpenApiTypes


FORMS = {
    "csv": _Form("text/csv; charset=utf-8", _csv, OpenApiTypes.STR),
    "xlsx": _Form(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        workbook,
        OpenApiTypes.BINARY,
    ),
    "ndjson": _Form("application/x-ndjson", _ndjson, OpenApiTypes.STR),
}
