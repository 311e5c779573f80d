"""What the lists of all mirrored nouns share."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from odoo_bridge.changes import ChangesQuerySerializer, changes, last_change
from odoo_bridge.export import ExportQuerySerializer, export
from odoo_bridge.models import SyncState
from odoo_bridge.names import Names
from odoo_bridge.rows import Row, Rows


class MirrorViewSet(viewsets.GenericViewSet):
    """Lists and rows of the mirror. ``X-Odoo-Synced-At``: all that was written in Odoo up to then,
    on its clock, is in the answer; absent before the first complete copy."""

    streams: tuple[str, ...]
    rows: Rows
    lookup_field = "odoo_id"
    synced_at: datetime | None = None

    def get_queryset(self) -> QuerySet:
        """The rows that the user may see. What is outside is a 404."""
        rows: Any = super().get_queryset()
        return rows.visible_to(self.request.user)

    def list(self, request: Request) -> Response:
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.rows.page(page))

    def retrieve(self, request: Request, odoo_id: int) -> Response:
        return Response(self.row(odoo_id, Names()))

    def row(self, odoo_id: int, names: Names) -> Row:
        """Raises Http404, also for a row that is gone or not for this user."""
        rows = self.filter_queryset(self.get_queryset()).filter(pk=odoo_id)
        found = self.rows.page(rows, names=names)
        if not found:
            raise Http404
        return found[0]

    @action(detail=False)
    def changes(self, request: Request) -> Response:
        """What is new, different or gone since ``after``, oldest change first. Keep ``next_after``
        and ask with it again, at once while ``more`` is true: no change is missed. A gone row has
        only its id, change_seq and gone_at. Rows carry their own content; for the names behind ids
        ask the lists, for those change without the row."""
        query = ChangesQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        user: Any = request.user
        return Response(
            changes(
                self.streams[0],
                self.get_queryset(),
                self.rows,
                after=query.validated_data["after"],
                limit=query.validated_data["limit"],
                totals=query.validated_data["totals"] or user.access.is_scoped,
            )
        )

    @action(detail=False)
    def export(self, request: Request) -> HttpResponseBase:
        """All rows that the filters leave, as one file, sent while it is read.

        In CSV an apostrophe stands before texts that a spreadsheet would take for formulas,
        telephone numbers that begin with + included. Workbooks and NDJSON have every text as it
        is. ``X-Changes-After``: from where the changes feed goes on.
        """
        query = ExportQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        stream = self.streams[0]
        place = last_change(stream)
        rows = self.filter_queryset(self.get_queryset())
        answer = export(rows, self.rows, query.validated_data["format"], name=stream)
        answer["X-Changes-After"] = str(place)
        if request.method == "HEAD":
            answer.streaming_content = ()  # the server would make it all and send nothing
        return answer

    def freshness_of(self) -> tuple[str, ...]:
        return self.streams

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Before the rows: a run that ends in between makes the answer fresher than it says, never
        # staler.
        names = self.freshness_of()
        known = SyncState.objects.filter(stream__in=names, watermark__isnull=False)
        marks = [mark for mark in known.values_list("watermark", flat=True) if mark]
        self.synced_at = min(marks) if len(marks) == len(names) else None

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.synced_at and status.is_success(response.status_code):
            response["X-Odoo-Synced-At"] = self.synced_at.isoformat().replace("+00:00", "Z")
        return response
