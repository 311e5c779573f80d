"""What the admins of mirrored rows share: lists of any length, and a page as people read it.

A page says what the row is (badges), what is in it (sections), what belongs to it (panels) and what
became of the copy (its history). Nothing on it can be edited: it is decided in Odoo.
"""

import calendar
import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.views import ChangeList

from odoo_bridge.admin.base import BAD, WARNING, BridgeList, ReadOnlyAdmin, badge
from odoo_bridge.admin.posting import RUN_SYNC, needs, route
from odoo_bridge.api.export import export
from odoo_bridge.api.waiting import Busy, ExportRunning
from odoo_bridge.mirror.names import Names
from odoo_bridge.mirror.rows import Rows
from odoo_bridge.models import MirroredModel, Reference, SyncIssue, SyncRun, SyncState
from odoo_bridge.odoo.links import record_url
from odoo_bridge.sync.run import request as request_run
from odoo_bridge.sync.streams import Stream, all_streams

# A records run is for a handful; for more there is "reconcile".
REFRESHED_AT_ONCE = 1000
_BIGINT = 2**63 - 1
YEARS_SHOWN = 12
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# Celery ends a task after six hours and some minutes.
_LONGEST_RUN = datetime.timedelta(hours=7)


@dataclass(frozen=True)
class Section:
    """Facts under a heading, (label, value); those without a value are left out."""

    title: str
    facts: Sequence[tuple[str, Any]]

    @property
    def known(self) -> list[tuple[str, Any]]:
        return [(label, value) for label, value in self.facts if value not in ("", None)]


@dataclass(frozen=True)
class Line:
    """A row of a panel. ``kind`` is a CSS class: ``heading`` and ``note`` are one wide cell."""

    cells: Sequence[Any]
    kind: str = ""


@dataclass(frozen=True)
class Panel:
    """A table of what belongs to the record. ``numbers``: which columns are set to the right."""

    title: str
    headers: Sequence[str]
    lines: Sequence[Line]
    numbers: frozenset[int] = frozenset()
    note: str | SafeString = ""
    link: tuple[str, str] | None = None  # address and words

    @property
    def rows(self) -> Iterator[tuple[Line, list[tuple[Any, str, bool]]]]:
        """Each line with its cells as (value, header, is a number)."""
        for line in self.lines:
            yield (
                line,
                [
                    (value, self.headers[at] if at < len(self.headers) else "", at in self.numbers)
                    for at, value in enumerate(line.cells)
                ],
            )


# (request, row, names) -> what to show of it, None for nothing.
PanelOf = Callable[[HttpRequest, Any, Names], Panel | None]


def link_to(row: Model, text: Any = None) -> SafeString:
    """A link to the admin page of ``row``."""
    meta = row._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html(
        '<a class="ob-link" href="{}">{}</a>', address, row if text is None else text
    )


def link_to_related(row: Model, name: str) -> str | SafeString:
    """A link to the row that the reference ``name`` points to; its id where it is not here."""
    odoo_id = getattr(row, f"{name}_id")
    if odoo_id is None:
        return ""
    try:
        related = getattr(row, name)
    except ObjectDoesNotExist:
        related = None
    # None as well where it was fetched with the others.
    return link_to(related) if related else f"{odoo_id} in Odoo, which is not here"


def web_link(address: str) -> str | SafeString:
    """A link to a website, if that is what it is: a field in Odoo may say ``javascript:``."""
    whole = address if "//" in address or ":" in address else f"https://{address}"
    try:
        parts = urlsplit(whole)
    except ValueError:
        return address
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return address
    return format_html(
        '<a class="ob-link" href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>',
        whole,
        address,
    )


def moment(value: datetime.datetime | None) -> str:
    return date_format(value, "j M Y, H:i") if value else ""


def day(value: datetime.date | None) -> str:
    return date_format(value, "j M Y") if value else ""


class RecordList(BridgeList):
    """A page of a list. Each row gets ``names``: what the ids in it are called, one query a page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        page = self.model_admin
        self.result_list: Any = list(self.result_list)
        self.names = page.names_of(self.result_list)
        for row in self.result_list:
            row.names = self.names

    def periods(self) -> dict[str, Any]:
        """The years, months or days to choose from, as links; ``back`` leads to all of them."""
        year, month, chosen = (self._chosen(part) for part in ("year", "month", "day"))
        if not year:
            return self._years()
        if not month:
            names = [(calendar.month_abbr[number], number) for number in range(1, 13)]
            return {
                "back": self._period("All dates"),
                "here": str(year),
                "choices": [self._period(name, year=year, month=number) for name, number in names],
            }
        _weekday, days = calendar.monthrange(year, month)
        return {
            "back": self._period(str(year), year=year),
            "here": f"{calendar.month_name[month]} {year}",
            "choices": [
                self._period(str(number), year=year, month=month, day=number)
                | {"current": number == chosen}
                for number in range(1, days + 1)
            ],
        }

    def _years(self) -> dict[str, Any]:
        """The latest years that rows have, and a link to the earlier ones."""
        field = str(self.date_hierarchy)
        before = str(self.params.get(f"{field}__lt", ""))
        years = years_of(self.model, field, before if _DAY.fullmatch(before) else None)
        if not years:
            return {"back": self._period("All dates")} if before else {}
        shown = years[:YEARS_SHOWN]
        choices = [
            # Django calculates the end of a year, and there is no year after this one.
            self._period(str(year), gte="9999-01-01")
            if year == datetime.MAXYEAR
            else self._period(str(year), year=year)
            for year in shown
        ]
        if len(years) > YEARS_SHOWN:
            choices.append(self._period("Earlier", lt=f"{shown[-1]:04}-01-01"))
        back = {"back": self._period("All dates")} if before else {}
        return {**back, "choices": choices}

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            return super().get_filters(request)
        except (OverflowError, ValueError) as exc:
            # Django calculates beyond the last day there is.
            raise IncorrectLookupParameters(exc) from exc

    def _chosen(self, part: str) -> int | None:
        value = str(self.params.get(f"{self.date_hierarchy}__{part}", ""))
        ranges = {"year": (1, 9999), "month": (1, 12), "day": (1, 31)}
        low, high = ranges[part]
        number = int(value) if value.isdecimal() and len(value) <= 4 else 0
        return number if low <= number <= high else None

    def _period(self, title: str, **chosen: int | str) -> dict[str, Any]:
        generic = f"{self.date_hierarchy}__"
        wanted = {f"{generic}{part}": value for part, value in chosen.items()}
        return {"title": title, "link": self.get_query_string(wanted, [generic])}


def years_of(model: type[Model], field: str, before: str | None = None) -> list[int]:
    """The years that ``field`` has, latest first, one more than a page shows at most.

    From one date to the next year's in the index: one query however large the table is, and one
    odd date hides nothing. ``before``: only dates before this day, as ``2014-01-01``.
    """
    quote = connection.ops.quote_name
    columns = {known.name: str(known.column) for known in model._meta.concrete_fields}
    table, column = quote(model._meta.db_table), quote(columns[field])
    start = (
        "CAST(date_trunc('year', MAX({0})) AS date)"
        if connection.vendor == "postgresql"
        else "strftime('%%Y-01-01', MAX({0}))"
    ).format(column)
    where, values = (f"WHERE {column} < %s", [before]) if before else ("", [])
    sql = (
        f"WITH RECURSIVE years(first_day) AS (SELECT {start} FROM {table} {where} UNION ALL "  # noqa: S608
        f"SELECT (SELECT {start} FROM {table} WHERE {column} < years.first_day) "
        "FROM years WHERE years.first_day IS NOT NULL) "
        f"SELECT CAST(first_day AS text) FROM years WHERE first_day IS NOT NULL LIMIT {YEARS_SHOWN + 1}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [int(first_day.partition("-")[0]) for (first_day,) in cursor.fetchall()]


class Choice(DropdownFilter):
    """A filter with choices known beforehand: never ``SELECT DISTINCT`` over a large table.

    ``choices_of`` are (value in the address, words); ``conditions`` what each value asks for.
    """

    choices_of: ClassVar[Sequence[tuple[str, str]]] = ()
    conditions: ClassVar[Mapping[str, Q]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return self.choices_of

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        wanted = self.conditions.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


class InOdoo(Choice):
    title, parameter_name = "in Odoo", "in_odoo"
    choices_of = [("yes", "Still there"), ("gone", "Gone")]
    conditions = {"yes": Q(gone_at=None), "gone": Q(gone_at__isnull=False)}


def one_of(title: str, column: str, known: Mapping[str, str]) -> type[Choice]:
    """A filter for a column with few values, which is also the parameter's name."""
    return type(
        f"{column.title()}Choice",
        (Choice,),
        {
            "title": title,
            "parameter_name": column,
            "choices_of": list(known.items()),
            "conditions": {value: Q(**{column: value}) for value in known},
        },
    )


class ByReference(DropdownFilter):
    """A filter for a column with the id of a reference, or its code, offered by name."""

    kind: ClassVar[str]
    by_code: ClassVar[bool] = False

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        # What all filters of the page offer, in one query.
        if not hasattr(request, "_offered"):
            filters = [one for one in model_admin.list_filter if isinstance(one, type)]
            kinds = {one.kind for one in filters if issubclass(one, ByReference)}
            offered = Reference.objects.filter(kind__in=kinds, gone_at=None)
            request._offered = list(offered.order_by("name"))
        return [
            (row.code if self.by_code else str(row.odoo_id), row.name)
            for row in request._offered
            if row.kind == self.kind and (row.code or not self.by_code)
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = (self.value() or "").replace("\x00", "")
        if self.by_code:
            return queryset.filter(**{str(self.parameter_name): value}) if value else queryset
        if value.isdecimal() and int(value) <= _BIGINT:
            return queryset.filter(**{str(self.parameter_name): int(value)})
        return queryset


def by_reference(title: str, column: str, kind: str, *, by_code: bool = False) -> type[ByReference]:
    named = {"title": title, "parameter_name": column, "kind": kind, "by_code": by_code}
    return type(f"By{column.title()}", (ByReference,), named)


class RecordAdmin(ReadOnlyAdmin):
    """The admin of one mirrored model.

    ``refers``: columns with ids of references, or lists of them, and their kind. ``panels``: what
    belongs to a record; other apps add theirs. Rows are searched as the API searches them.
    """

    # Any: it makes Django show the box.
    search_fields = ("odoo_id",)
    refers: ClassVar[Mapping[str, str]] = {}
    panels: ClassVar[list[PanelOf]] = []
    # What an export holds: the rows of the API.
    exported: ClassVar[Rows]

    change_form_template = "odoo_bridge/record.html"
    change_list_template = "odoo_bridge/records.html"
    actions = ("refresh_from_odoo", "export_csv", "export_xlsx")
    # The page shows none of Django's fields; its form needs one all the same.
    fields = ("odoo_id",)

    # What a subclass says of its rows ------------------------------------------------------------

    def heading(self, row: Any) -> str:
        return str(row)

    def badges(self, row: Any, names: Names) -> list[SafeString]:
        return marks(row)

    def sections(self, row: Any, names: Names) -> list[Section]:
        raise NotImplementedError

    # Lists ---------------------------------------------------------------------------------------

    @property
    def stream(self) -> Stream:
        return next(stream for stream in all_streams().values() if stream.model is self.model)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RecordList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        if not text:
            return queryset, False
        rows: Any = queryset
        number = int(text) if text.isdecimal() and len(text) <= 19 else _BIGINT + 1
        by_id = number if number <= _BIGINT else None
        return rows.search(text, by_id), False

    def names_of(self, rows: Sequence[Any]) -> Names:
        names, ids = Names(), dict[str, set[int | None]]()
        for column, kind in self.refers.items():
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
                f"That are more than {REFRESHED_AT_ONCE:,} records. For so many start a reconcile "
                "under Runs: it compares every row and reads what differs.",
                messages.WARNING,
            )
            return
        self._refresh(request, chosen)

    def _refresh(self, request: HttpRequest, rows: Sequence[MirroredModel]) -> None:
        """Queue ``records`` runs for ``rows`` and for the rows of other streams they own."""
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
            change_message=f"Asked Odoo for it again: run {', '.join(f'#{run.pk}' for run in runs)}.",
        )
        links = format_html_join(
            " and ",
            "{}",
            ((link_to(run, f"run #{run.pk} of {run.stream.replace('_', ' ')}"),) for run in runs),
        )
        self.message_user(
            request,
            format_html("Queued: {} will read {} again from Odoo.", links, _how_many(self, rows)),
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
                rows, self.exported, form, name=self.stream.name, request=request, user=request.user
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
        made = [show(request, row, names) for show in self.panels]
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


def marks(row: Any) -> list[SafeString]:
    """What must not be overlooked about a copy."""
    found = []
    if row.gone_at:
        found.append(badge("gone from Odoo", BAD))
    if getattr(row, "active", True) is False:
        found.append(badge("archived", WARNING))
    return found


def in_a_row(parts: Iterable[Any]) -> SafeString:
    return format_html_join(" ", "{}", ((part,) for part in parts))


def named(text: str, row: Any) -> SafeString:
    """The name of a row in a list, with its marks."""
    return format_html("{} {}", text, in_a_row(marks(row)))


# History ---------------------------------------------------------------------------------------------


def history(stream: Stream, row: Any) -> Panel:
    """What became of the record and its copy, latest first, and which run touched it."""
    events: list[tuple[datetime.datetime, str, Any]] = []
    if row.create_date:
        events.append((row.create_date, "Made in Odoo", ""))
    if row.write_date and row.write_date != row.create_date:
        events.append((row.write_date, "Last written in Odoo", ""))
    events.append((row.stored_at, "Last written here", _run_at(stream.name, row.pk, row.stored_at)))
    if row.gone_at:
        seen = _run_at(stream.name, row.pk, row.gone_at)
        events.append((row.gone_at, "Odoo no longer shows it", seen))
    for issue in SyncIssue.objects.filter(stream=stream.name, odoo_id=row.pk)[:10]:
        events.append((issue.last_seen_at, f"Could not be copied: {issue.reason}", link_to(issue)))
        if issue.resolved_at:
            events.append((issue.resolved_at, "Copied again", link_to(issue)))
    events.sort(key=lambda event: event[0], reverse=True)
    return Panel(
        "History",
        ("When (UTC)", "What", "Seen by"),
        [Line((moment(at), what, by)) for at, what, by in events],
        note=f"Change {row.change_seq:,} of {stream.name.replace('_', ' ')}.",
    )


def _run_at(stream: str, odoo_id: int, at: datetime.datetime) -> str | SafeString:
    """The run that wrote the row then. A records run may have been at it beside the other kinds."""
    runs = SyncRun.objects.filter(
        stream=stream, started_at__lte=at, started_at__gte=at - _LONGEST_RUN
    ).exclude(status=SyncRun.Status.SKIPPED)
    runs = runs.filter(Q(finished_at__gte=at) | Q(finished_at=None))
    for run in runs.order_by("-pk")[:5]:
        if run.kind != SyncRun.Kind.RECORDS or odoo_id in run.requested_ids:
            return link_to(run, f"{run.kind} run #{run.pk}")
    return "a run that is forgotten by now"
