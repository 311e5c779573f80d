"""Reviews of rows that vanished from Odoo: the rows by name, and the decision."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, reverse
from unfold.decorators import display

from odoo_bridge.admin.base import SYNC, DetailedAdmin
from odoo_bridge.admin.posting import CONFIRM_GONE, needs, route
from odoo_bridge.admin.runs import StreamFilter
from odoo_bridge.admin.statuses import LABELS
from odoo_bridge.models import GoneReview, MirroredModel, SyncState
from odoo_bridge.odoo.links import record_url
from odoo_bridge.sync import control
from odoo_bridge.sync.gone import NotAsked
from odoo_bridge.sync.streams import all_streams

Status = GoneReview.Status
_NAMES_ON_A_PAGE = 100


@admin.register(GoneReview)
class GoneReviewAdmin(DetailedAdmin):
    section, icon, rank = SYNC, "help", 2
    title = "Vanished rows"
    list_display = ("question", "outcome", "asked_at", "last_asked_at", "answered_by")
    list_filter = ("status", StreamFilter)
    fields = (
        ("stream", "asked_at", "last_asked_at"),
        ("gone_count", "present_count", "recent_count"),
        ("answered_by", "answered_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoneReview]:
        return super().get_queryset(request).select_related("answered_by").defer("ids")

    @display(description="rows", ordering="id")
    def question(self, review: GoneReview) -> str:
        stream = review.stream.replace("_", " ")
        return f"{review.gone_count:,} of {review.present_count:,} {stream} vanished"

    @display(description="status", label=LABELS, ordering="status")
    def outcome(self, review: GoneReview) -> tuple[str, str]:
        return review.status, review.get_status_display()

    def about(self, request: HttpRequest, review: GoneReview) -> dict[str, Any]:
        page = Paginator(review.ids, _NAMES_ON_A_PAGE).get_page(request.GET.get("p"))
        may_answer = request.user.has_perm(CONFIRM_GONE)
        return {
            "review": review,
            "colour": LABELS[Status(review.status)],
            "page": page,
            "rows": _rows(review, page),
            "may_confirm": may_answer and review.status in (Status.OPEN, Status.REJECTED),
            "may_reject": may_answer and review.status == Status.OPEN,
            "subtitle": self.question(review),
        }

    def get_urls(self) -> list[URLPattern]:
        return [
            route(self, "<int:review_id>/confirm/", self.confirm),
            route(self, "<int:review_id>/reject/", self.reject),
            *super().get_urls(),
        ]

    @needs(CONFIRM_GONE)
    def confirm(self, request: HttpRequest, review_id: int) -> HttpResponse:
        """Queue the run that marks the rows, and open its page."""
        run = self._answer(
            request, review_id, "Confirmed: the rows are deleted.", control.confirm_gone
        )
        if run is None:
            return self._back(review_id)
        return HttpResponseRedirect(reverse("admin:odoo_bridge_syncrun_change", args=[run.pk]))

    @needs(CONFIRM_GONE)
    def reject(self, request: HttpRequest, review_id: int) -> HttpResponse:
        if self._answer(request, review_id, "Rejected: the rows still exist.", control.reject_gone):
            messages.success(
                request,
                "Nothing is marked gone. Give the bridge's Odoo user back the rights that it had: the "
                "next run that sees these rows closes this review.",
            )
        return self._back(review_id)

    def _answer(
        self, request: HttpRequest, review_id: int, words: str, say: Callable[[int, Any], Model]
    ) -> Model | None:
        review = get_object_or_404(GoneReview.objects.defer("ids"), pk=review_id)
        try:
            result = say(review_id, request.user)
        except NotAsked as exc:
            messages.warning(request, str(exc))
            return None
        self.log_change(request, review, words)
        return result

    def _back(self, review_id: int) -> HttpResponse:
        address = reverse("admin:odoo_bridge_gonereview_change", args=[review_id])
        return HttpResponseRedirect(address)


def _rows(review: GoneReview, page: Page[int]) -> list[dict[str, Any]]:
    """The rows of ``page`` by name. They are still stored here: no row is ever deleted."""
    stream = all_streams()[review.stream]
    model: type[MirroredModel] = stream.model
    state = SyncState.objects.filter(stream=stream.name).only("odoo_version").first()
    version = state.odoo_version if state else ""
    rows = model._default_manager.in_bulk(list(page.object_list))
    options = model._meta
    address = f"admin:{options.app_label}_{options.model_name}_change"
    has_page = admin.site.is_registered(model)
    return [
        {
            "id": pk,
            "name": str(row) if (row := rows.get(pk)) else "never copied",
            "write_date": row.write_date if row else None,
            "gone_at": row.gone_at if row else None,
            "address": reverse(address, args=[pk]) if row and has_page else "",
            "odoo_url": record_url(stream.odoo_model, pk, version),
        }
        for pk in page.object_list
    ]
