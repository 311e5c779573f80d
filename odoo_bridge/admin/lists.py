"""Lists of records of any length: filters that never scan all rows, and a choice of dates."""

import calendar
import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from odoo_bridge.admin.base import BridgeList
from odoo_bridge.models import Reference

BIGINT = 2**63 - 1
YEARS_SHOWN = 12
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class RecordList(BridgeList):
    """A page of a list. Each row gets ``names``, the names behind its ids, with one query per page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        page = self.model_admin
        self.result_list: Any = list(self.result_list)
        self.names = page.names_of(self.result_list)
        for row in self.result_list:
            row.names = self.names

    def periods(self) -> dict[str, Any]:
        """The years, months or days to choose from, as links; ``back`` is the link to the level
        above."""
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
        """The latest years in the rows, and a link to the earlier ones."""
        field = str(self.date_hierarchy)
        before = str(self.params.get(f"{field}__lt", ""))
        years = years_of(self.model, field, before if _DAY.fullmatch(before) else None)
        if not years:
            return {"back": self._period("All dates")} if before else {}
        shown = years[:YEARS_SHOWN]
        choices = [
            # Django calculates the start of the next year, which does not exist here.
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
            # Django calculates a date beyond the last day of the calendar.
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
    """The years in ``field``, latest first, at most one more than a page shows.

    One query jumps from year to year in the index, however large the table is, so a single wrong date
    hides no other year. ``before``: only dates before this day, such as ``2014-01-01``.
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
    """A filter with fixed choices, which never runs ``SELECT DISTINCT`` over a large table.

    ``choices_of`` are pairs of the value in the URL and its label; ``conditions`` has the condition of
    each value.
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


class Archived(Choice):
    title, parameter_name = "archived", "archived"
    choices_of = [("no", "In use"), ("yes", "Archived")]
    conditions = {"no": Q(active=True), "yes": Q(active=False)}


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
        # Read the choices of all filters of the page in one query.
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
        if value.isdecimal() and int(value) <= BIGINT:
            return queryset.filter(**{str(self.parameter_name): int(value)})
        return queryset


def by_reference(title: str, column: str, kind: str, *, by_code: bool = False) -> type[ByReference]:
    named = {"title": title, "parameter_name": column, "kind": kind, "by_code": by_code}
    return type(f"By{column.title()}", (ByReference,), named)
