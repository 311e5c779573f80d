"""What all pages of the admin share."""

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db import connections
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from odoo_bridge.models.indexes import guess_rows

RECORDS, SYNC, ACCESS = "Records", "Sync", "Access"
# Up to here a count is exact; counting on costs more than the page it is shown on.
COUNTED_EXACTLY = 10_000
GOOD, WARNING, BAD, INFO, QUIET = "good", "warning", "bad", "info", "quiet"


def badge(text: Any, tone: str = QUIET) -> SafeString:
    """A word on a coloured ground. The word says it too: not everybody sees the colour."""
    return format_html('<span class="ob-badge ob-{}">{}</span>', tone, text)


class LargeTablePaginator(Paginator):
    """Counts a large result as the database's planner does, without looking at its rows.

    Of such a result only the first pages can be turned to: each later one would take the database
    longer, and nobody reads that far. A filter, a search or another order leads there.
    """

    template_name = "odoo_bridge/pagination.html"
    is_estimate = False

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet) or connections[rows.db].vendor != "postgresql":
            return super().count
        rows = rows.order_by()
        exact = rows[: COUNTED_EXACTLY + 1].count()
        if exact <= COUNTED_EXACTLY:
            return exact
        self.is_estimate = True
        return max(exact, guess_rows(rows.values("pk")))

    @cached_property
    def num_pages(self) -> int:
        return min(super().num_pages, COUNTED_EXACTLY // self.per_page)


class BridgeList(ChangeList):
    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        """What has no value stands last, in both directions: dates above all."""
        return [self._absent_last(term) for term in super().get_ordering(request, queryset)]

    def _absent_last(self, term: Any) -> Any:
        name = str(term).removeprefix("-")
        columns = {field.name: field for field in self.model._meta.concrete_fields}
        if not isinstance(term, str) or name not in columns or not columns[name].null:
            return term
        if not term.startswith("-"):
            return F(name).asc(nulls_last=True)
        # The index has them first. Without any of them it gives the same order; with them sorting
        # the table is the price.
        if self.root_queryset.order_by().filter(**{name: None}).exists():
            return F(name).desc(nulls_last=True)
        return term

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # The number of results stands below the list; unfold would repeat it, unrounded, above.
        self.full_result_count = self.result_count

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            return super().get_filters(request)
        except (OverflowError, ValueError) as exc:
            # A year beyond the calendar. Django answers this one with the unfiltered list.
            raise IncorrectLookupParameters(exc) from exc


class BridgeAdmin(ModelAdmin):
    """A page of the admin. ``section`` puts it into the navigation under ``title``; without one it
    is reached only through other pages. ``icon`` is a name of Material Symbols; the pages of a section
    stand in the order of ``rank``."""

    section: str | None = None
    title = ""
    rank = 0
    icon = "database"

    # Counting a whole large table for "1 result (of 1,000,000)" costs more than the page.
    show_full_result_count = False
    paginator: Any = LargeTablePaginator
    list_per_page = 50
    list_max_show_all = 0
    list_fullwidth = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BridgeList


class ReadOnlyAdmin(BridgeAdmin):
    """Looking only: what is here is decided in Odoo, or by the runs."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class DetailedAdmin(ReadOnlyAdmin):
    """Its page of a row shows more than fields, by a template of its own."""

    def about(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the template of the page of ``row`` is given beside its fields."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        about = self.about(request, row) if row else {}
        return super().change_view(request, object_id, form_url, {**about, **(extra_context or {})})
