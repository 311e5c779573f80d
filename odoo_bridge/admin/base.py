"""The base of all pages of the admin."""

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
# Counts are exact up to here; counting further costs more than the page itself.
COUNTED_EXACTLY = 10_000
GOOD, WARNING, BAD, INFO, QUIET = "good", "warning", "bad", "info", "quiet"


def badge(text: Any, tone: str = QUIET) -> SafeString:
    """A word on a coloured background. The word alone must be clear, because not everybody sees
    colours."""
    return format_html('<span class="ob-badge ob-{}">{}</span>', tone, text)


class LargeTablePaginator(Paginator):
    """Uses the estimate of the database's planner for the count of a large result.

    Only the first pages of such a result can be opened: each later page would take the database longer,
    and nobody reads that far. A filter, a search or another order leads to the other rows.
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
        """Rows without a value come last in both directions, which matters most for dates."""
        return [self._absent_last(term) for term in super().get_ordering(request, queryset)]

    def _absent_last(self, term: Any) -> Any:
        name = str(term).removeprefix("-")
        columns = {field.name: field for field in self.model._meta.concrete_fields}
        if not isinstance(term, str) or name not in columns or not columns[name].null:
            return term
        if not term.startswith("-"):
            return F(name).asc(nulls_last=True)
        # The index has rows without a value first. If there are none, it gives the right order;
        # otherwise the table must be sorted.
        if self.root_queryset.order_by().filter(**{name: None}).exists():
            return F(name).desc(nulls_last=True)
        return term

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # The number of results is shown below the list; unfold would repeat it above, not rounded.
        self.full_result_count = self.result_count

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            return super().get_filters(request)
        except (OverflowError, ValueError) as exc:
            # A year beyond the calendar. For this error Django shows the unfiltered list.
            raise IncorrectLookupParameters(exc) from exc


class BridgeAdmin(ModelAdmin):
    """A page of the admin. ``section`` adds it to the navigation under ``title``; without a section only
    other pages link to it. ``icon`` is a name of Material Symbols. The pages of a section are ordered
    by ``rank``."""

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
    """A read-only page: only Odoo or runs change these rows."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class DetailedAdmin(ReadOnlyAdmin):
    """A read-only page with its own template, which shows more than the row's fields."""

    def about(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The template's context for the page of ``row``, in addition to its fields."""
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
