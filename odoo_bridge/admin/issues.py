"""Issues: records that could not be copied, with the reason and the values that Odoo sent."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from unfold.decorators import display

from odoo_bridge.admin.base import SYNC, DetailedAdmin
from odoo_bridge.admin.posting import RUN_SYNC, needs, route
from odoo_bridge.admin.runs import StreamFilter
from odoo_bridge.models import SyncIssue, SyncRun, SyncState
from odoo_bridge.odoo.links import record_url
from odoo_bridge.odoo.remedies import remedy
from odoo_bridge.sync import control
from odoo_bridge.sync.streams import Column, Stream, all_streams

_TYPES: list[tuple[type[models.Field], str]] = [
    (models.BooleanField, "true or false"),
    (models.DateTimeField, "a date and time such as 2026-02-01 09:30:00"),
    (models.DateField, "a date such as 2026-02-01"),
    (models.JSONField, "a list of ids"),
    (models.ForeignKey, "the id of a record"),
    (models.IntegerField, "a whole number"),
    (models.DecimalField, "a number"),
]


class OpenFilter(admin.SimpleListFilter):
    """Shows open issues by default, because those need a person."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("resolved", "resolved"), ("all", "all")]

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": "open",
        }
        yield from list(super().choices(changelist))[1:]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncIssue]) -> QuerySet[SyncIssue]:
        match self.value():
            case "all":
                return queryset
            case "resolved":
                return queryset.exclude(resolved_at=None)
        return queryset.filter(resolved_at=None)


@admin.register(SyncIssue)
class SyncIssueAdmin(DetailedAdmin):
    section, icon, rank = SYNC, "report", 1
    list_display = ("record_name", "reason", "column", "attempts", "last_seen_at", "resolved_at")
    list_filter = (OpenFilter, StreamFilter)
    search_fields = ("=odoo_id", "reason")
    actions = ("retry_selected",)
    fields = (
        ("stream", "odoo_id", "attempts"),
        ("first_seen_at", "last_seen_at", "resolved_at"),
    )

    @display(description="record", ordering="odoo_id")
    def record_name(self, issue: SyncIssue) -> str:
        return f"{issue.stream} {issue.odoo_id}"

    def about(self, request: HttpRequest, issue: SyncIssue) -> dict[str, Any]:
        return {
            "issue": issue,
            "values": side_by_side(issue),
            "remedy": remedy("record_rejected"),
            "odoo_url": in_odoo(issue.stream, issue.odoo_id),
            "may_retry": issue.resolved_at is None and request.user.has_perm(RUN_SYNC),
            "subtitle": self.record_name(issue),
        }

    def get_urls(self) -> list[URLPattern]:
        return [route(self, "<int:issue_id>/retry/", self.retry), *super().get_urls()]

    @needs(RUN_SYNC)
    def retry(self, request: HttpRequest, issue_id: int) -> HttpResponse:
        """Queue a run of this record, and open its page."""
        issue = get_object_or_404(SyncIssue, pk=issue_id)
        (run,) = self._retry(request, [issue])
        return HttpResponseRedirect(_address(run))

    @admin.action(description="Retry selected issues", permissions=["run"])
    def retry_selected(self, request: HttpRequest, issues: QuerySet[SyncIssue]) -> None:
        for run in self._retry(request, list(issues)):
            ids = len(run.requested_ids)
            messages.success(
                request,
                format_html(
                    'Queued: {} of {} will be read again by <a href="{}">{}</a>.',
                    f"{ids} record{'' if ids == 1 else 's'}",
                    run.stream,
                    _address(run),
                    run,
                ),
            )

    def has_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RUN_SYNC)

    def _retry(self, request: HttpRequest, issues: list[SyncIssue]) -> list[SyncRun]:
        runs = control.retry(issues, request.user)
        for issue in issues:
            self.log_change(request, issue, "Requested a retry.")
        return runs


def side_by_side(issue: SyncIssue) -> list[dict[str, Any]]:
    """Each Odoo field of the record with its value and what its column accepts. The refused field comes
    first."""
    stream = all_streams().get(issue.stream)
    takes = _takes(stream) if stream else {}
    rows = []
    for name, value in issue.record.items():
        column, expected = takes.get(name, ("", ""))
        refused = bool(issue.column) and column == issue.column
        rows.append(
            {
                "name": name,
                "value": value,
                "column": column,
                "expected": expected,
                "refused": refused,
            }
        )
    return sorted(rows, key=lambda row: (not row["refused"], row["name"]))


def _takes(stream: Stream) -> dict[str, tuple[str, str]]:
    """Odoo field -> (our column, what it accepts, in words)."""
    fields = {field.attname: field for field in stream.model._meta.concrete_fields}
    found: dict[str, tuple[str, str]] = {}
    for name, column in stream.columns.items():
        for source in column.sources if isinstance(column, Column) else column.sources[:1]:
            # Prefer the column that copies the field to one that is calculated from it.
            if isinstance(column, Column) or source not in found:
                found[source] = (name, _in_words(name, fields[name]))
    return found


def _in_words(name: str, field: models.Field) -> str:
    if name.endswith("_id"):
        return "the id of a record"
    return next((words for kind, words in _TYPES if isinstance(field, kind)), "text")


def in_odoo(stream_name: str, odoo_id: int) -> str:
    """The URL of the record's page in Odoo; empty if the stream is no longer mirrored."""
    stream = all_streams().get(stream_name)
    if stream is None:
        return ""
    state = SyncState.objects.filter(stream=stream_name).only("odoo_version").first()
    return record_url(stream.odoo_model, odoo_id, state.odoo_version if state else "")


def _address(run: SyncRun) -> str:
    return reverse("admin:odoo_bridge_syncrun_change", args=[run.pk])
