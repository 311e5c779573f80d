"""Runs: what was requested, the progress, the result and the outcome."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from odoo_bridge.admin.base import SYNC, DetailedAdmin
from odoo_bridge.admin.posting import RUN_SYNC, needs, route
from odoo_bridge.admin.statuses import LABELS
from odoo_bridge.mirror.words import duration
from odoo_bridge.models import SyncIssue, SyncRun
from odoo_bridge.operations.heartbeat import silences
from odoo_bridge.sync import control
from odoo_bridge.sync.run import request as request_run
from odoo_bridge.sync.streams import all_streams

Status = SyncRun.Status
KINDS = {
    SyncRun.Kind.CHANGES: "Changes only",
    SyncRun.Kind.RECONCILE: "Check every timestamp",
    SyncRun.Kind.FULL: "Re-read everything",
}
# The same in a sentence.
KIND_WORDS = {
    SyncRun.Kind.CHANGES: "check for changes",
    SyncRun.Kind.RECONCILE: "check of every timestamp",
    SyncRun.Kind.FULL: "re-read of everything",
    SyncRun.Kind.RECORDS: "read of single records",
}
# The counts of a run, in the order of its bar.
DID = ("created", "updated", "restored", "gone", "issue", "unchanged")
BAR_WIDTH = 96
_SHOWN_ISSUES = 20


class DidFilter(admin.SimpleListFilter):
    """Separates the runs that changed something from the many that found nothing to do."""

    title = "changes"
    parameter_name = "did"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("something", "changed something"), ("nothing", "changed nothing")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> QuerySet[SyncRun]:
        something = Q(created_count__gt=0) | Q(updated_count__gt=0) | Q(gone_count__gt=0)
        something |= Q(restored_count__gt=0) | Q(issue_count__gt=0)
        match self.value():
            case "something":
                return queryset.filter(something)
            case "nothing":
                return queryset.exclude(something)
        return queryset


class StreamFilter(admin.SimpleListFilter):
    """Offers the registered streams, because collecting those of all runs would scan the table."""

    title = parameter_name = "stream"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.replace("_", " ")) for name in all_streams()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(stream=self.value()) if self.value() else queryset


class SinceFilter(admin.SimpleListFilter):
    title, parameter_name = "started in", "hours"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "the last hour"), ("24", "the last day"), ("168", "the last week")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> QuerySet[SyncRun]:
        hours = dict(self.lookup_choices).keys() & {self.value()}
        since = timezone.now() - timedelta(hours=int(hours.pop())) if hours else None
        return queryset.filter(started_at__gte=since) if since else queryset


@admin.register(SyncRun)
class SyncRunAdmin(DetailedAdmin):
    section, icon = SYNC, "sync"
    list_display = ("run", "outcome", "began", "lasted", "did", "asked_by", "error_in_short")
    list_display_links = ("run",)
    list_filter = (SinceFilter, DidFilter, "status", StreamFilter, "kind", "trigger")
    list_before_template = "admin/odoo_bridge/syncrun/start.html"
    search_fields = ("error", "holder")
    actions = ("cancel_selected",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("stream", "kind", "asked_by"),
                    ("asked", "began", "ended"),
                    ("phases", "odoo"),
                    ("inventoried_count", "planned_count", "read_count"),
                    ("created_count", "updated_count", "unchanged_count"),
                    ("gone_count", "restored_count", "issue_count"),
                    ("watermark_before", "watermark_after"),
                    ("holder", "ids_asked_for"),
                )
            },
        ),
    )
    readonly_fields = ("asked_by", "asked", "began", "ended", "ids_asked_for", "phases", "odoo")

    class Media:
        js = ["odoo_bridge/run.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncRun]:
        runs = super().get_queryset(request).select_related("requested_by")
        # A confirmed review may have many thousands of ids.
        return runs.defer("requested_ids")

    # The list ------------------------------------------------------------------------------------

    @display(description="run", ordering="id")
    def run(self, run: SyncRun) -> str:
        return str(run)

    @display(description="outcome", label=LABELS, ordering="status")
    def outcome(self, run: SyncRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description="requested (UTC)")
    def asked(self, run: SyncRun) -> str:
        return to_the_second(run.queued_at)

    @display(description="started (UTC)", ordering="started_at")
    def began(self, run: SyncRun) -> str:
        return to_the_second(run.started_at)

    @display(description="ended (UTC)")
    def ended(self, run: SyncRun) -> str:
        return to_the_second(run.finished_at)

    @display(description="duration")
    def lasted(self, run: SyncRun) -> str:
        return lasted(run, timezone.now())

    @display(description="rows")
    def did(self, run: SyncRun) -> SafeString:
        return bar(run)

    @display(description="started by", ordering="trigger")
    def asked_by(self, run: SyncRun) -> str:
        who = f" ({run.requested_by})" if run.requested_by else ""
        return f"{run.get_trigger_display()}{who}"

    @display(description="error")
    def error_in_short(self, run: SyncRun) -> str:
        return run.error if len(run.error) < 100 else f"{run.error[:99]}…"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        start = {
            "may_run": request.user.has_perm(RUN_SYNC),
            "streams": {name: name.replace("_", " ") for name in all_streams()},
            "kinds": KINDS,
        }
        return super().changelist_view(request, {**start, **(extra_context or {})})

    # One run -------------------------------------------------------------------------------------

    @display(description="requested ids")
    def ids_asked_for(self, run: SyncRun) -> str:
        ids = run.requested_ids
        more = f" and {len(ids) - 20} more" if len(ids) > 20 else ""
        return ", ".join(map(str, ids[:20])) + more or "-"

    @display(description="time")
    def phases(self, run: SyncRun) -> str:
        return (
            ", ".join(f"{name} {spent:.1f} s" for name, spent in run.phase_seconds.items()) or "-"
        )

    @display(description="Odoo")
    def odoo(self, run: SyncRun) -> str:
        return f"{run.odoo_calls} calls, {run.odoo_seconds:.1f} s in total"

    def about(self, request: HttpRequest, run: SyncRun) -> dict[str, Any]:
        issues = _issues_of(run)[: _SHOWN_ISSUES + 1]
        return {
            "run": run,
            "progress": progress_of(run, timezone.now()),
            "did": bar(run),
            "silences": silences(timezone.now()) if run.status == Status.QUEUED else [],
            "colour": LABELS[Status(run.status)],
            "issues": issues[:_SHOWN_ISSUES],
            "more_issues": len(issues) > _SHOWN_ISSUES,
            "may_cancel": _may_cancel(run, request),
            "may_repeat": _may_repeat(run, request),
            "subtitle": str(run),
        }

    # Actions ------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        return [
            route(self, "start/", self.start),
            route(self, "<int:run_id>/cancel/", self.cancel),
            route(self, "<int:run_id>/progress/", self.progress),
            *super().get_urls(),
        ]

    @needs(RUN_SYNC)
    def start(self, request: HttpRequest) -> HttpResponse:
        """Queue a run, and open its page."""
        stream, kind = request.POST.get("stream", ""), request.POST.get("kind", "")
        if stream not in all_streams() or kind not in KINDS:
            messages.error(request, "Choose what to sync, and how.")
            return HttpResponseRedirect(self._address("changelist"))
        run = request_run(stream, kind, trigger=SyncRun.Trigger.ADMIN, requested_by=request.user)
        self.log_addition(request, run, f"Requested {stream}: {kind}.")
        return HttpResponseRedirect(self._address("change", run.pk))

    @needs(RUN_SYNC)
    def cancel(self, request: HttpRequest, run_id: int) -> HttpResponse:
        run = get_object_or_404(SyncRun, pk=run_id)
        if self._cancel(request, run):
            messages.success(request, "Stopping: the run will end after the current page.")
        else:
            messages.info(request, f"{run} has already ended or is already stopping.")
        return HttpResponseRedirect(self._address("change", run_id))

    @admin.action(description="Cancel selected runs", permissions=["run"])
    def cancel_selected(self, request: HttpRequest, runs: QuerySet[SyncRun]) -> None:
        stopped = sum(self._cancel(request, run) for run in runs)
        messages.success(request, f"Stopping {stopped} of {len(runs)} runs; the others had ended.")

    def has_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RUN_SYNC)

    def _cancel(self, request: HttpRequest, run: SyncRun) -> bool:
        stops = control.cancel(run.pk, request.user)
        if stops:
            self.log_change(request, run, "Cancelled.")
        return stops

    def progress(self, request: HttpRequest, run_id: int) -> JsonResponse:
        """The progress, which the page of a running run requests every second."""
        if not self.has_view_permission(request):
            return JsonResponse({}, status=403)
        run = get_object_or_404(SyncRun.objects.defer("requested_ids"), pk=run_id)
        return JsonResponse(progress_of(run, timezone.now()))

    def _address(self, page: str, *args: Any) -> str:
        return reverse(f"admin:odoo_bridge_syncrun_{page}", args=args)


def to_the_second(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else "-"


def lasted(run: SyncRun, now: datetime) -> str:
    """``0.4 s``, ``12 s``, ``3 min 4 s``: the duration, or for a running run the duration so far."""
    if run.started_at is None:
        return "-"
    return duration(((run.finished_at or now) - run.started_at).total_seconds(), exact=True)


def progress_of(run: SyncRun, now: datetime) -> dict[str, Any]:
    """The progress of ``run``, in words and as counts read and planned."""
    if run.status == Status.QUEUED:
        doing = "waiting for a worker"
    elif run.cancel_requested_at and run.is_open:
        doing = "stopping after the current page"
    else:
        doing = run.get_phase_display() if run.is_open else run.get_status_display()
    return {
        "open": run.is_open,
        "doing": doing,
        "read": run.read_count,
        # The number of records is unknown until the inventory is complete.
        "planned": run.planned_count if run.phase != SyncRun.Phase.INVENTORY else None,
        "lasted": lasted(run, now),
        "did": {name: getattr(run, f"{name}_count") for name in DID},
    }


def bar(run: SyncRun) -> SafeString:
    """The counts of ``run`` as a small bar with a text."""
    counts = {name: getattr(run, f"{name}_count") for name in DID}
    total = sum(counts.values())
    if not total:
        return format_html('<span class="ob-quiet">{}</span>', "nothing")
    words = ", ".join(
        f"{count:,} {'issues' if name == 'issue' and count != 1 else name}"
        for name, count in counts.items()
        if count
    )
    parts, x = [], 0.0
    for name, count in counts.items():
        if count:
            # Even one row in a million is visible.
            width = max(2.0, BAR_WIDTH * count / total)
            parts.append((name, f"{x:.1f}", f"{width:.1f}"))
            x += width
    segments = format_html_join(
        "", '<rect class="ob-{}" x="{}" y="0" width="{}" height="8"></rect>', parts
    )
    return format_html(
        '<svg class="ob-bar" viewBox="0 0 {} 8" preserveAspectRatio="none" width="{}" height="8"'
        ' role="img" aria-label="{}">{}</svg><span class="ob-counts">{}</span>',
        f"{x:.1f}",
        BAR_WIDTH,
        words,
        segments,
        words,
    )


def _issues_of(run: SyncRun) -> QuerySet[SyncIssue]:
    """The issues that ``run`` found: those of its stream that were last seen during the run."""
    if not (run.issue_count and run.started_at):
        return SyncIssue.objects.none()
    met = SyncIssue.objects.filter(stream=run.stream, last_seen_at__gte=run.started_at)
    return met.filter(last_seen_at__lte=run.finished_at) if run.finished_at else met


def _may_cancel(run: SyncRun, request: HttpRequest) -> bool:
    return run.is_open and not run.cancel_requested_at and request.user.has_perm(RUN_SYNC)


def _may_repeat(run: SyncRun, request: HttpRequest) -> bool:
    return not run.is_open and run.kind in KINDS and request.user.has_perm(RUN_SYNC)
