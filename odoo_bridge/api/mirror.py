"""The base of the views of mirrored nouns."""

import time
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, cast

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from django_filters.utils import translate_validation
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from odoo_bridge.api.changes import ChangesQuerySerializer, changes, last_change
from odoo_bridge.api.export import ExportQuerySerializer, export
from odoo_bridge.api.filters import MAX_SECONDS, MirrorFilters, RowFilters
from odoo_bridge.api.freshness import Marks, NotCopied, conditional, marks_of, read_again
from odoo_bridge.api.serializers import MAX_ID
from odoo_bridge.mirror.names import Names, names_at
from odoo_bridge.mirror.noun import Noun
from odoo_bridge.mirror.rows import Row, Rows

# In the class below ``list`` is the action.
Page = list[Row]


class MirrorViewSet(viewsets.GenericViewSet):
    """The response contains everything written in Odoo up to the time in ``X-Odoo-Synced-At``, on Odoo's
    clock. The header is absent before the first complete copy."""

    noun: Noun
    filterset_class: type[MirrorFilters] | None = None
    # What can be put into a row, and the field it is found by.
    expansions: ClassVar[Mapping[str, str]] = {}
    lookup_field = "odoo_id"
    synced_at: datetime | None = None
    modified_at: datetime | None = None

    @property
    def rows(self) -> Rows:
        return self.noun.rows

    @property
    def stream(self) -> str:
        return self.noun.stream.name

    def get_queryset(self) -> QuerySet:
        """The rows that the user may see. What is outside is a 404."""
        rows: Any = super().get_queryset()
        return rows.visible_to(self.request.user)

    def list(self, request: Request, **_: Any) -> Response:
        if self.fields is None:
            self.queryset = _whole_rows(type(self))  # type: ignore[arg-type]
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.finished(page))

    def retrieve(self, request: Request, odoo_id: int) -> Response:
        """Returns 404 for a row that is gone (unless `include_gone` is set) or outside your scope."""
        if self.is_too_old:
            self.synced_at = self.refresh(odoo_id)
        filters = RowFilters(request.query_params, self.get_queryset(), request=request)
        found = self.spelled(filters.qs.filter(pk=odoo_id), also=["stored_at"])
        if not found:
            raise Http404
        stored_at = found[0]["stored_at"]
        (row,) = self.finished(found)
        self.modified_at = self.modified_of(odoo_id, stored_at)
        return Response(row)

    @action(detail=False)
    def changes(self, request: Request) -> Response:
        """Rows that are new, changed or gone since ``after``, oldest change first. Store
        ``next_after`` and ``feed`` and send them with the next request, at once while ``more`` is
        true: no change is missed. A gone row has only its id, ``change_seq`` and ``gone_at``. Rows
        do not contain the names behind ids, because those can change without the row; read them
        from the lists."""
        query = ChangesQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        asked, user = query.validated_data, cast(Any, request.user)
        return Response(
            changes(
                self.stream,
                self.get_queryset(),
                self.rows,
                **{**asked, "totals": asked["totals"] or user.access.is_scoped},
            )
        )

    @action(detail=False)
    def export(self, request: Request) -> HttpResponseBase:
        """All rows that match the filters, as one file that is sent while it is read.

        In CSV an apostrophe precedes texts that a spreadsheet would treat as formulas, including
        telephone numbers that begin with +. Workbooks and NDJSON contain unmodified texts.
        ``X-Changes-After`` is the position from which to continue with the changes feed.
        """
        query = ExportQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        place = last_change(self.stream)
        rows = self.filter_queryset(self.get_queryset())
        form = query.validated_data["format"]
        answer = export(
            rows,
            self.rows,
            form,
            name=self.stream,
            request=request._request,
            user=request.user,
            fields=self.fields,
        )
        answer["X-Changes-After"] = str(place)
        if request.method == "HEAD":
            # The server would make it all and send nothing. What the file holds is given back when the
            # answer is closed: closing it here would end the request for Django, and its connections.
            answer.streaming_content = ()
        return answer

    # What was asked for of each row --------------------------------------------------------------

    @cached_property
    def names(self) -> Names:
        return names_at(self.marks.named_at, self.marks.now)

    @cached_property
    def fields(self) -> tuple[str, ...] | None:
        """The fields that ``?fields=`` names, in the API's order; None for all."""
        # What is put into a row may be named as a field of it too.
        asked = _listed(self.request, "fields", (*self.rows.fields, *self.expansions))
        for name in sorted(asked & self.expansions.keys()):
            if name not in _listed(self.request, "expand", self.expansions):
                raise ValidationError({"fields": [f"{name!r} needs expand={name}."]})
        return tuple(name for name in self.rows.fields if name in asked) if asked else None

    @cached_property
    def expanded(self) -> frozenset[str]:
        """What ``?expand=`` names of ``expansions``."""
        return frozenset(_listed(self.request, "expand", self.expansions))

    def spelled(self, rows: QuerySet, also: Collection[str] = ()) -> Page:
        """``rows`` with the fields that were asked for, that expanding needs, and ``also``."""
        only = None
        if self.fields is not None:
            only = {*self.fields, *also, *(self.expansions[name] for name in self.expanded)}
        return self.rows.page(rows, only, self.names)

    def finished(self, rows: Page) -> Page:
        """``rows`` expanded, and without what was not asked for."""
        for name in sorted(self.expanded):
            self.expand(name, rows)
        if self.fields is None:
            return rows
        kept = [*self.fields, *(name for name in self.expansions if name in self.expanded)]
        return [{name: row[name] for name in kept} for row in rows]

    def expand(self, name: str, rows: Page) -> None:
        """Give each of ``rows`` the field ``name``, one of ``expansions``."""
        raise NotImplementedError

    # How fresh it is -----------------------------------------------------------------------------

    @cached_property
    def marks(self) -> Marks:
        """Asked for before the rows: a run that ends in between makes the answer fresher than it
        says, never staler."""
        return marks_of(self.freshness_of())

    @property
    def content(self) -> tuple[Any, ...]:
        """What the number of rows holds for."""
        return self.marks.content

    def freshness_of(self) -> tuple[str, ...]:
        """The streams that the answer is made of."""
        return (self.stream,)

    def refresh(self, odoo_id: int) -> datetime:
        """Read the record from Odoo now, and return when that began.

        Raises TooOld; Http404 for a record that cannot be copied and is not here, or not for them.
        """
        if odoo_id > MAX_ID:
            raise Http404
        # What exists outside the scope is read like what does not exist: a difference would tell.
        try:
            return self.read_again(self.stream, [odoo_id])
        except NotCopied as exc:
            if not self.get_queryset().filter(pk=odoo_id).exists():
                raise Http404 from exc
            raise

    def read_again(self, stream: str, ids: Collection[int]) -> datetime:
        return read_again(stream, sorted(ids), self.request.user, self.marks.age, self._give_up_at)

    @cached_property
    def _give_up_at(self) -> float:
        """For all that one request reads from Odoo."""
        return time.monotonic() + settings.ODOO_REFRESH_SECONDS

    @cached_property
    def is_too_old(self) -> bool:
        """Whether a row must be read from Odoo first. Raises ValidationError."""
        filters = RowFilters(self.request.query_params, self.get_queryset(), request=self.request)
        if not filters.is_valid():
            raise translate_validation(filters.errors)
        max_age = filters.form.cleaned_data.get("max_age")
        return max_age is not None and not self.marks.younger_than(max_age)

    def modified_of(self, odoo_id: int, stored_at: datetime) -> datetime:
        """When the response about a row, which was stored at ``stored_at``, last changed."""
        return max(stored_at, self.names.stored_at or stored_at)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.synced_at = self.marks.synced_at

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.synced_at and status.is_success(response.status_code):
            response["X-Odoo-Synced-At"] = self.synced_at.isoformat().replace("+00:00", "Z")
        if isinstance(response, Response) and status.is_success(response.status_code):
            response.add_post_render_callback(self.conditional)
        return response

    def conditional(self, response: Response) -> HttpResponseBase:
        # Rows that leave a scope change no ``stored_at``, so a scoped response has no Last-Modified.
        user: Any = self.request.user
        dated = None if user.access.is_scoped else self.modified_at
        return conditional(self.request, response, self.marks, dated)


@cache
def _whole_rows(view: type[MirrorViewSet]) -> QuerySet:
    rows: Any = view.queryset
    return view.noun.rows.of(rows)


def _listed(request: Request, parameter: str, known: Collection[str]) -> set[str]:
    """The names in a parameter that lists some, separated by commas. Raises ValidationError."""
    names = {name for name in request.query_params.get(parameter, "").split(",") if name}
    unknown = sorted(names - set(known))
    if unknown:
        choices = ", ".join(known) or "nothing"
        raise ValidationError({parameter: [f"{unknown[0][:50]!r} is not one of {choices}."]})
    return names


def list_parameter(name: str, known: Collection[str], description: str) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "array", "items": {"type": "string", "enum": list(known)}},
        explode=False,
        description=description,
    )


def fields_parameter(rows: Rows, expansions: Collection[str] = ()) -> OpenApiParameter:
    said = "Only these fields, separated by commas."
    return list_parameter("fields", (*rows.fields, *expansions), said)


MAX_AGE = OpenApiParameter(
    "max_age",
    {"type": "integer", "minimum": 0, "maximum": MAX_SECONDS},
    description="Maximum age in seconds. If the row was last synced longer ago, it is read from Odoo "
    "first; if that fails, the response is a 503.",
)
INCLUDE_GONE = OpenApiParameter(
    "include_gone", bool, description="Also return the row if it is gone from Odoo (`gone_at`)."
)
