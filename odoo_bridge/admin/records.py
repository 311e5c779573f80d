"""The base of the admins of mirrored rows: lists of any length, and a readable page per row.

A page shows badges, the row's own values (sections), related rows (panels) and the history of the copy.
It is read-only, because the records are edited in Odoo.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from odoo_bridge.admin.base import RECORDS, ReadOnlyAdmin
from odoo_bridge.admin.facts import sections, shown
from odoo_bridge.admin.history import history
from odoo_bridge.admin.lists import BIGINT, InOdoo, RecordList
from odoo_bridge.admin.page import PanelOf, Section, link_to, marks, moment, named
from odoo_bridge.admin.posting import RUN_SYNC, needs, route
from odoo_bridge.api.export import export
from odoo_bridge.api.waiting import Busy, ExportRunning
from odoo_bridge.mirror.names import Names
from odoo_bridge.mirror.noun import Noun
from odoo_bridge.models import MirroredModel, SyncRun, SyncState
from odoo_bridge.odoo.links import record_url
from odoo_bridge.sync.run import request as request_run
from odoo_bridge.sync.streams import Stream

# A records run is meant for a few records; for more there is "reconcile".
REFRESHED_AT_ONCE = 1000


# Panels of other apps on the page of a record, by its model.
_added: dict[type[MirroredModel], list[PanelOf]] = {}


def panel_on(model: type[MirroredModel]) -> Callable[[PanelOf], PanelOf]:
    """Decorates a function whose panel is shown on the pages of ``model``, a model of another app."""

    def added(panel: PanelOf) -> PanelOf:
        _added.setdefault(model, []).append(panel)
        return panel

    return added


class RecordAdmin(ReadOnlyAdmin):
    """The admin of one mirrored model.

    ``noun``: the mirrored model. ``list_display`` may name its columns, which are then formatted.
    ``sections`` show all columns unless a subclass chooses. ``panels`` show related rows; other apps add
    panels with ``panel_on``. Search and export work as in the API.
    """

    section = RECORDS
    noun: ClassVar[Noun]

    list_display: Sequence[Any] = ("record", "changed_at")
    list_display_links: Sequence[Any] | None = ("record",)
    list_filter: Sequence[Any] = (InOdoo,)
    # The latest change first; there is an index for this order.
    ordering: Sequence[Any] | None = ("-write_date", "-odoo_id")
    sortable_by: Sequence[Any] | None = ("changed_at",)
    # Any value makes Django show the search box.
    search_fields = ("odoo_id",)
    panels: ClassVar[Sequence[PanelOf]] = ()

    change_form_template = "odoo_bridge/record.html"
    change_list_template = "odoo_bridge/records.html"
    actions = ("refresh_from_odoo", "export_csv", "export_xlsx")
    # The page shows none of Django's fields, but its form needs at least one.
    fields = ("odoo_id",)

    # What a subclass may override ------------------------------------------------------------

    def heading(self, row: Any) -> str:
        return str(row)

    def badges(self, row: Any, names: Names) -> list[SafeString]:
        return marks(row)

    def sections(self, row: Any, names: Names) -> list[Section]:
        return sections(self.noun, row, names)

    # Lists ---------------------------------------------------------------------------------------

    @admin.display(description="Name")
    def record(self, row: Any) -> SafeString:
        return named(self.heading(row), row)

    @admin.display(description="Changed in Odoo", ordering="write_date")
    def changed_at(self, row: Any) -> str:
        return moment(row.write_date)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [
            shown(self.noun, name)
            if name in self.noun.columns and not hasattr(self, name)
            else name
            for name in self.list_display
        ]

    @property
    def stream(self) -> Stream:
        return self.noun.stream

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RecordList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        if not text:
            return queryset, False
        rows: Any = queryset
        number = int(text) if text.isdecimal() and len(text) <= 19 else BIGINT + 1
        by_id = number if number <= BIGINT else None
        return rows.search(text, by_id), False

    def names_of(self, rows: Sequence[Any]) -> Names:
        names, ids = Names(), dict[str, set[int | None]]()
        for column, kind in self.noun.refers.items():
            for row in rows:
                value = getattr(row, column)
                ids.setdefault(kind, set()).update(value if isinstance(value, list) else [value])
        names.learn(ids)
        return names

    # Refresh from Odoo ---------------------------------------------------------------------------

    def has_refresh_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RUN_SYNC)

    @admin.action(description="Refresh from Odoo", permissions=["refresh"])
    def refresh_from_odoo(self, request: HttpRequest, rows: QuerySet) -> None:
        chosen = list(rows.order_by("pk")[: REFRESHED_AT_ONCE + 1])
        if len(chosen) > REFRESHED_AT_ONCE:
            self.message_user(
                request,
                f"That is more than {REFRESHED_AT_ONCE:,} records. For so many, start a sync under Runs "
                "that checks every timestamp: it reads the records that differ.",
                messages.WARNING,
            )
            return
        self._refresh(request, chosen)

    def _refresh(self, request: HttpRequest, rows: Sequence[MirroredModel]) -> None:
        """Queue ``records`` runs for ``rows`` and for the rows that they own in other streams."""
        wanted = {self.stream.name: [row.pk for row in rows]}
        for name, (listed, _owner) in self.stream.owns.items():
            wanted[name] = sorted({odoo_id for row in rows for odoo_id in getattr(row, listed)})
        runs = [
            request_run(
                stream,
                SyncRun.Kind.RECORDS,
                trigger=SyncRun.Trigger.ADMIN,
                requested_by=request.user,
                ids=ids,
            )
            for stream, ids in wanted.items()
            if ids
        ]
        LogEntry.objects.log_actions(
            user_id=int(request.user.pk or 0),
            queryset=rows,
            action_flag=CHANGE,
            change_message=f"Requested a refresh: run {', '.join(f'#{run.pk}' for run in runs)}.",
        )
        links = format_html_join(
            " and ",
            "{}",
            ((link_to(run, f"run #{run.pk} of {run.stream.replace('_', ' ')}"),) for run in runs),
        )
        self.message_user(
            request,
            format_html("Queued: {} will read {} from Odoo again.", links, _how_many(self, rows)),
            messages.SUCCESS,
        )

    @needs(RUN_SYNC)
    def refresh(self, request: HttpRequest, object_id: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = get_object_or_404(self.model, pk=object_id)
        self._refresh(request, [row])
        meta = self.model._meta
        return HttpResponseRedirect(
            reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
        )

    def get_urls(self) -> list[URLPattern]:
        return [route(self, "<int:object_id>/refresh/", self.refresh), *super().get_urls()]

    # Export --------------------------------------------------------------------------------------

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, rows: QuerySet) -> HttpResponseBase | None:
        return self._export(request, rows, "csv")

    @admin.action(description="Export as a workbook (Excel)", permissions=["view"])
    def export_xlsx(self, request: HttpRequest, rows: QuerySet) -> HttpResponseBase | None:
        return self._export(request, rows, "xlsx")

    def _export(self, request: HttpRequest, rows: QuerySet, form: str) -> HttpResponseBase | None:
        try:
            answer = export(
                rows,
                self.noun.rows,
                form,
                name=self.stream.name,
                request=request,
                user=request.user,
            )
        except (Busy, ExportRunning) as exc:
            self.message_user(request, str(exc.detail), messages.ERROR)
            return None
        LogEntry.objects.create(
            user_id=int(request.user.pk or 0),
            content_type=ContentType.objects.get_for_model(self.model),
            object_repr=str(self.model._meta.verbose_name_plural),
            action_flag=CHANGE,
            change_message=f"Exported selected rows as {form}.",
        )
        return answer

    # The page of one record ----------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs["obj"]
        names = self.names_of([row])
        state = SyncState.objects.filter(stream=self.stream.name).first()
        panels = (*self.panels, *_added.get(self.model, ()))
        made = [show(request, row, names) for show in panels]
        context |= {
            "heading": self.heading(row),
            "badges": self.badges(row, names),
            "sections": [section for section in self.sections(row, names) if section.known],
            "panels": [panel for panel in made if panel],
            "history": history(self.stream, row),
            "odoo_url": record_url(
                self.stream.odoo_model, row.pk, state.odoo_version if state else ""
            ),
            "state": state,
            "may_refresh": self.has_refresh_permission(request),
        }
        return super().render_change_form(request, context, *args, **kwargs)


def _how_many(page: RecordAdmin, rows: Sequence[Any]) -> str:
    meta = page.model._meta
    return str(rows[0]) if len(rows) == 1 else f"{len(rows)} {meta.verbose_name_plural}"
