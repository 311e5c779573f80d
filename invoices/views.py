"""Invoices: from the mirror, and live from Odoo."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator
from invoices import live
from invoices.amounts import Currencies
from invoices.filters import InvoiceFilters
from invoices.models import Invoice, InvoiceLine
from invoices.serializers import InvoiceDetailSerializer, InvoiceSerializer
from odoo_bridge.live import LiveAnswerSerializer, LiveQuerySerializer, query
from odoo_bridge.mirror import MirrorViewSet


@extend_schema_view(
    list=extend_schema(summary="Mirrored invoices"),
    retrieve=extend_schema(summary="One mirrored invoice, with its lines"),
)
class InvoiceViewSet(MirrorViewSet):
    """Mirrored invoices. Odoo stays the place to write them."""

    streams = ("invoices", "invoice_lines")
    # The filters leave out what is gone, unless include_gone asks for it.
    queryset = Invoice.objects.select_related("contact").order_by("odoo_id")
    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilters

    def freshness_of(self) -> tuple[str, ...]:
        # Lines have a stream of their own: an answer with lines is as fresh as the older of both.
        return ("invoices",) if self.action == "list" else self.streams

    def get_queryset(self) -> QuerySet:
        rows = super().get_queryset()
        if self.action == "retrieve":
            lines = InvoiceLine.objects.present().order_by("sequence", "odoo_id")
            rows = rows.prefetch_related(Prefetch("lines", queryset=lines))
        return rows

    def get_serializer_class(self) -> type[InvoiceSerializer]:
        return InvoiceDetailSerializer if self.action == "retrieve" else InvoiceSerializer

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "currencies": Currencies()}


class LiveInvoicesView(APIView):
    """Invoices as Odoo has them this moment."""

    permission_classes = [IsOperator]

    @extend_schema(
        summary="Odoo's invoices, live",
        parameters=[LiveQuerySerializer],
        responses=LiveAnswerSerializer,
    )
    def get(self, request: Request) -> Response:
        records = live.invoices(**query(request))
        return Response({"count": len(records), "results": records})
