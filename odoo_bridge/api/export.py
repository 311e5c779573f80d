"""Rows as a file, sent while they are read: CSV and workbooks for people, NDJSON for programs.

Memory is flat: one page of rows at a time. All rows are of the moment when the export began.
"""

from collections.abc import Collection, Iterator
from itertools import chain, islice
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from odoo_bridge.api.waiting import Export
from odoo_bridge.mirror.files import FORMS, kinds
from odoo_bridge.mirror.rows import Row, Rows
from odoo_bridge.operations import audit
from odoo_bridge.runtime.postgres import no_statement_timeout


class ExportQuerySerializer(serializers.Serializer):
    format = serializers.ChoiceField(choices=("csv", "xlsx", "ndjson"), default="csv")


def export_schema(summary: str, fields: OpenApiParameter) -> Any:
    """What OpenAPI says of an export."""
    return extend_schema(
        summary=summary,
        parameters=[ExportQuerySerializer, fields],
        responses={
            (200, form.content_type.partition(";")[0]): OpenApiTypes.BINARY
            if name == "xlsx"
            else OpenApiTypes.STR
            for name, form in FORMS.items()
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
