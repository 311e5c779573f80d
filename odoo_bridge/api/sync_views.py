"""The sync over the API: stream status, runs, issues, and starting a run."""

from collections import Counter
from collections.abc import Collection
from typing import Any

import django_filters
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from odoo_bridge.api.filters import Moment, StrictFilters, YesNo
from odoo_bridge.api.pagination import NumberedPages
from odoo_bridge.api.strict import StrictQuery
from odoo_bridge.api.sync_serializers import (
    IssueSerializer,
    RunSerializer,
    StartRunSerializer,
    SyncSerializer,
)
from odoo_bridge.api.throttles import SyncThrottle
from odoo_bridge.models import SyncIssue, SyncRun
from odoo_bridge.operations.heartbeat import silences
from odoo_bridge.operations.stream_status import all_statuses
from odoo_bridge.sync.control import ask_once
from odoo_bridge.sync.streams import all_streams

PAGES = frozenset({"page", "per_page"})


class SyncApi(APIView):
    """The base of the sync's views. ``SYNC_PERMISSIONS`` names the permission classes."""

    may = "runs"

    def get_permissions(self) -> list[Any]:
        return [import_string(settings.SYNC_PERMISSIONS[self.may])()]

    def is_operator(self) -> bool:
        permission = import_string(settings.SYNC_PERMISSIONS["start"])()
        return bool(permission.has_permission(self.request, self))

    def is_scoped(self) -> bool:
        user: Any = self.request.user
        return bool(user.is_authenticated and user.access.is_scoped)

    def of_runs(self) -> dict[str, Any]:
        """The context of RunSerializer."""
        return {"operator": self.is_operator(), "scoped": self.is_scoped()}

    def visible_issues(self) -> QuerySet[SyncIssue]:
        """All issues; for an account with a scope, those of rows in the scope."""
        issues = SyncIssue.objects.order_by("-id")
        if not self.is_scoped():
            return issues
        seen = Q(pk=None)
        for name, stream in all_streams().items():
            rows: Any = stream.model._default_manager
            visible = rows.visible_to(self.request.user).order_by().values("pk")
            seen |= Q(stream=name, odoo_id__in=visible)
        return issues.filter(seen)


class SyncView(StrictQuery, SyncApi):
    """The status of every stream."""

    may = "state"

    @extend_schema(
        summary="The status of every stream",
        description="`health/ready` gives a one-word summary without a login.",
        responses=SyncSerializer,
    )
    def get(self, request: Request) -> Response:
        statuses = all_statuses()
        if self.is_scoped():
            # Do not reveal how many rows there are outside the scope.
            issues = self.visible_issues().filter(resolved_at=None)
            open_issues = Counter(issues.values_list("stream", flat=True))
            for stream in statuses:
                stream.row_count = stream.odoo_row_count = None
                stream.current_run = stream.last_run = None
                stream.open_issues = open_issues[stream.stream]
        said = {"streams": statuses, "silences": silences(timezone.now())}
        return Response(SyncSerializer(said, context=self.of_runs()).data)


class Listed(generics.ListAPIView):
    """A short list in pages, whose rows are formatted by the serializer."""

    pagination_class = NumberedPages
    # Counted for each request, because every tick adds a row.
    content = ()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(page)

    def spelled(self, rows: QuerySet, also: Collection[str] = ()) -> Any:
        return self.get_serializer(rows, many=True).data


STREAMS = [(name, name) for name in all_streams()]


class RunFilters(StrictFilters):
    also_known = PAGES

    stream = django_filters.ChoiceFilter(choices=STREAMS)
    kind = django_filters.ChoiceFilter(choices=SyncRun.Kind.choices)
    status = django_filters.ChoiceFilter(choices=SyncRun.Status.choices)
    trigger = django_filters.ChoiceFilter(choices=SyncRun.Trigger.choices)
    queued_since = Moment(
        field_name="queued_at", lookup_expr="gte", help_text="Queued at this time or later."
    )


class OfRuns(SyncApi, generics.GenericAPIView):
    serializer_class = RunSerializer
    queryset = SyncRun.objects.select_related("requested_by").order_by("-id")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), **self.of_runs()}


class RunsView(OfRuns, Listed):
    """A list of runs."""

    filterset_class = RunFilters

    @extend_schema(
        summary="Runs",
        description="The latest first. Runs are deleted a month after they ended, except the last one "
        "of each outcome. For an operator with a scope, counts and errors are null.",
        operation_id="sync_runs_list",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class RunView(StrictQuery, OfRuns, generics.RetrieveAPIView):
    """One run."""

    lookup_url_kwarg = "run_id"

    @extend_schema(
        summary="One run",
        description="To wait for the end of a run, poll until `finished_at` is set.",
        operation_id="sync_runs_retrieve",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class IssueFilters(StrictFilters):
    also_known = PAGES

    stream = django_filters.ChoiceFilter(choices=STREAMS)
    include_resolved = YesNo(
        method="with_resolved", help_text="Include records that have been copied since."
    )

    def with_resolved(self, rows: QuerySet, _name: str, _value: bool) -> QuerySet:
        return rows

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        if not self.form.cleaned_data.get("include_resolved"):
            queryset = queryset.filter(resolved_at=None)
        return super().filter_queryset(queryset)


class IssuesView(SyncApi, Listed):
    """Records that could not be copied."""

    serializer_class = IssueSerializer
    filterset_class = IssueFilters
    may = "state"

    def get_queryset(self) -> QuerySet[SyncIssue]:
        return self.visible_issues()

    @extend_schema(
        summary="Records that could not be copied",
        description="Each with the reason. An account with a scope gets only those of rows in the "
        "scope.",
        operation_id="sync_issues_list",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class StartRunView(StrictQuery, SyncApi):
    """Start a run of one stream."""

    may = "start"
    throttle_classes = [SyncThrottle]

    @extend_schema(
        summary="Start a run",
        operation_id="sync_run_start",
        description="The run is stored before the response; a worker picks it up within moments, or, if "
        "the queue is down, within a minute after it is up again. Poll the URL in `Location`. If a run "
        "of the same stream and kind is already queued, the response is that run instead of a new one. "
        "A run that starts while another is syncing the stream ends as `skipped`.",
        parameters=[
            OpenApiParameter("stream", OpenApiTypes.STR, "path", enum=list(all_streams())),
            OpenApiParameter(
                "Location",
                {"type": "string", "format": "uri-reference"},
                "header",
                response=[202],
                description="The URL of the run.",
            ),
        ],
        request=StartRunSerializer,
        responses={202: RunSerializer, 404: OpenApiResponse(description="No such stream.")},
    )
    def post(self, request: Request, stream: str) -> Response:
        if stream not in all_streams():
            raise Http404
        rows: Any = all_streams()[stream].model._default_manager
        visible = rows.visible_to(request.user) if self.is_scoped() else None
        serializer = StartRunSerializer(data=request.data, context={"visible": visible})
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        run = ask_once(stream, asked["kind"], by=request.user, ids=asked.get("ids", ()))
        said = RunSerializer(run, context=self.of_runs()).data
        return Response(said, status=202, headers={"Location": reverse("sync-run", args=[run.pk])})
