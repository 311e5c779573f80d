"""Schedules: when each of the bridge's tasks runs. Staff can change the time, not the task."""

from datetime import time
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTimeWidget,
    UnfoldBooleanSwitchWidget,
)

from odoo_bridge.admin.base import SYNC, BridgeAdmin
from odoo_bridge.admin.runs import lasted
from odoo_bridge.mirror.words import interval
from odoo_bridge.models import Schedule, SyncRun, SyncState
from odoo_bridge.operations import schedules
from odoo_bridge.operations.schedules import DAY, HOUR, LONGEST_SECONDS, MINUTE, SHORTEST_SECONDS

# Beat's own forms accept any task with any arguments, and share intervals between tasks.
for _model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(_model)

EVERY, DAILY = "every", "daily"
UNITS = {1: "seconds", MINUTE: "minutes", HOUR: "hours", DAY: "days"}
ENDED_WELL = (SyncRun.Status.SUCCEEDED, SyncRun.Status.SUCCEEDED_WITH_ISSUES)


class ScheduleForm(forms.ModelForm):
    enabled = forms.BooleanField(
        label="Running",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="When off, this schedule is paused.",
    )
    how = forms.ChoiceField(
        label="When",
        choices=[(EVERY, "Every ..."), (DAILY, "Daily at ...")],
        widget=UnfoldAdminSelectWidget,
    )
    every = forms.IntegerField(
        label="Every", min_value=1, required=False, widget=UnfoldAdminIntegerFieldWidget
    )
    unit = forms.TypedChoiceField(
        label="Unit", choices=list(UNITS.items()), coerce=int, widget=UnfoldAdminSelectWidget
    )
    at = forms.TimeField(
        label="At (UTC)", required=False, widget=UnfoldAdminTimeWidget(format="%H:%M")
    )

    class Meta:
        model = Schedule
        fields = ("enabled",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        task: Schedule | None = kwargs.get("instance")
        if task:
            kwargs["initial"] = {**_as_entered(task), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        if entered.get("how") == DAILY:
            if entered.get("at") is None and "at" not in self.errors:
                self.add_error("at", "Enter a time.")
        elif entered.get("every") is None and "every" not in self.errors:
            self.add_error("every", "Enter a number.")
        elif "every" in entered and "unit" in entered:
            seconds = entered["every"] * entered["unit"]
            if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
                self.add_error("every", _OUT_OF_RANGE)
        return entered

    @property
    def when(self) -> int | time:
        """Seconds between two runs, or the time of day (UTC)."""
        entered = self.cleaned_data
        if entered["how"] == DAILY:
            at: time = entered["at"]
            return at.replace(second=0, microsecond=0)
        return int(entered["every"]) * int(entered["unit"])


_OUT_OF_RANGE = ValidationError(
    f"Enter an interval from {interval(SHORTEST_SECONDS)} to {interval(LONGEST_SECONDS)}."
)


def _as_entered(task: PeriodicTask) -> dict[str, Any]:
    seconds, at = schedules.every_seconds(task), schedules.daily_at(task)
    if seconds is None:
        return {"how": DAILY, "at": at, "unit": MINUTE}
    words = interval(seconds)
    unit = next(unit for unit, name in UNITS.items() if name.rstrip("s") in words)
    return {"how": EVERY, "every": seconds // unit, "unit": unit}


@admin.register(Schedule)
class ScheduleAdmin(BridgeAdmin):
    section, icon, rank = SYNC, "schedule", 3
    form = ScheduleForm
    list_display = ("what", "when", "state", "next_run", "last_run", "advice")
    list_display_links = ("what",)
    actions = ("pause_selected", "resume_selected")
    fieldsets = (
        (None, {"fields": ("what", "enabled", "how", ("every", "unit"), "at")}),
        ("Now", {"fields": ("when", "next_run", "last_run", "advice")}),
    )
    readonly_fields = ("what", "when", "next_run", "last_run", "advice")

    class Media:
        js = ["odoo_bridge/schedule.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        return super().get_queryset(request).select_related("interval", "crontab")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        page = super().get_changelist_instance(request)
        page.result_list = _with_latest_runs(list(page.result_list))
        return page

    def get_object(self, request: HttpRequest, object_id: str, *args: Any) -> Schedule | None:
        task = super().get_object(request, object_id, *args)
        return _with_latest_runs([task])[0] if task else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (
            obj is None or schedules.changeable(obj)
        )

    # What is shown -------------------------------------------------------------------------------

    @display(description="task", ordering="name")
    def what(self, task: Schedule) -> str:
        return schedules.in_words(task)

    @display(description="when")
    def when(self, task: Schedule) -> str:
        return schedules.when_in_words(task)

    @display(description="state", label={"running": "success", "paused": "warning"})
    def state(self, task: Schedule) -> str:
        return "running" if task.enabled else "paused"

    @display(description="next run (UTC)")
    def next_run(self, task: Schedule) -> str:
        now = timezone.now()
        due = schedules.next_run(task, now)
        if due is None:
            return "paused"
        left = round((due - now).total_seconds())
        if left <= 0:
            return "now"
        return f"in {left} s" if left < 2 * MINUTE else f"{due:%Y-%m-%d %H:%M}"

    @display(description="last outcome (UTC)")
    def last_run(self, task: Schedule) -> SafeString | str:
        run = task.latest
        if run is None:
            sent = task.last_run_at
            return f"sent {sent:%Y-%m-%d %H:%M}" if sent else "-"
        return format_html(
            '<a class="ob-link" href="{}">{}</a> in {}, {}',
            reverse("admin:odoo_bridge_syncrun_change", args=[run.pk]),
            run.get_status_display(),
            lasted(run, timezone.now()),
            f"{run.queued_at:%Y-%m-%d %H:%M}",
        )

    @display(description="advice")
    def advice(self, task: Schedule) -> SafeString | str:
        found = schedules.warnings(task, _seconds(task.latest))
        return format_html('<span class="ob-caution">{}</span>', " ".join(found)) if found else ""

    # Actions ------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        """Save single columns, never the whole row, because beat writes its last tick into it."""
        if "enabled" in form.changed_data:
            (schedules.resume if obj.enabled else schedules.pause)(obj)
        if set(form.changed_data) - {"enabled"}:
            schedules.change(obj, form.when)
        for warning in schedules.warnings(obj, _seconds(obj.latest)):
            messages.warning(request, warning)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        state = "running" if form.instance.enabled else "paused"
        return f"Now {schedules.when_in_words(form.instance)}, {state}."

    @admin.action(description="Pause selected schedules", permissions=["change"])
    def pause_selected(self, request: HttpRequest, tasks: QuerySet[Schedule]) -> None:
        self._switch(request, tasks, on=False)

    @admin.action(description="Resume selected schedules", permissions=["change"])
    def resume_selected(self, request: HttpRequest, tasks: QuerySet[Schedule]) -> None:
        self._switch(request, tasks, on=True)

    def _switch(self, request: HttpRequest, tasks: QuerySet[Schedule], on: bool) -> None:
        done = "resumed" if on else "paused"
        changed = [task for task in tasks if schedules.changeable(task) and task.enabled != on]
        for task in changed:
            (schedules.resume if on else schedules.pause)(task)
            self.log_change(request, task, f"{done.capitalize()}.")
        names = ", ".join(schedules.in_words(task) for task in changed)
        messages.success(request, f"{done.capitalize()}: {names or 'nothing'}.")


def _with_latest_runs(tasks: list[Schedule]) -> list[Schedule]:
    """``tasks``, each with the latest run of its stream and kind; two queries for all of them."""
    latest = {
        kind.value: Subquery(
            SyncRun.objects.filter(stream=OuterRef("stream"), kind=kind)
            .order_by("-id")
            .values("pk")[:1]
        )
        for kind in schedules.USUAL
    }
    ids = [pk for row in SyncState.objects.values_list(*latest.values()) for pk in row if pk]
    runs = {
        (run.stream, run.kind): run
        for run in SyncRun.objects.filter(pk__in=ids).defer("requested_ids")
    }
    for task in tasks:
        sync = schedules.sync_of(task)
        task.latest = runs.get(sync) if sync else None
    return tasks


def _seconds(run: SyncRun | None) -> float | None:
    """How long ``run`` took, if it succeeded."""
    if run is None or run.status not in ENDED_WELL or not (run.started_at and run.finished_at):
        return None
    return (run.finished_at - run.started_at).total_seconds()
