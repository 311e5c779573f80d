"""Invoices: from the mirror, and live from Odoo."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator
from invoices import live
from invoices.filters import InvoiceFilters
from invoices.models import Invoice, InvoiceLine
from invoices.rows import INVOICE_ROWS, LINE_ROWS
from invoices.serializers import (
    ExpandedInvoiceSerializer,
    InvoiceChangesSerializer,
    InvoiceLineChangesSerializer,
    InvoiceLineSerializer,
    InvoiceSerializer,
    SummaryQuerySerializer,
    SummarySerializer,
)
from invoices.summary import InvoiceSums
from odoo_bridge.changes import changes_schema
from odoo_bridge.export import export_schema
from odoo_bridge.live import LiveAnswerSerializer, LiveQuerySerializer, query
from odoo_bridge.mirror import MirrorViewSet
from odoo_bridge.names import Names
from odoo_bridge.rows import Row


@extend_schema_view(
    list=extend_schema(summary="Mirrored invoices"),
    retrieve=extend_schema(summary="One mirrored invoice, with its lines"),
    export=export_schema("Invoices as a file"),
    changes=changes_schema("Invoices that changed", InvoiceChangesSerializer),
)
class InvoiceViewSet(MirrorViewSet):
    """Mirrored invoices. Odoo stays the place to write them."""

    streams = ("invoices", "invoice_lines")
    # The filters leave out what is gone, unless include_gone asks for it.
    queryset = Invoice.objects.order_by("odoo_id")
    rows = INVOICE_ROWS
    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilters

    def freshness_of(self) -> tuple[str, ...]:
        # Lines have a stream of their own: an answer with lines is as fresh as the older of both.
        return self.streams if self.action == "retrieve" else ("invoices",)

    def get_serializer_class(self) -> type[InvoiceSerializer]:
        return InvoiceSerializer if self.action == "list" else ExpandedInvoiceSerializer

    def row(self, odoo_id: int, names: Names) -> Row:
        lines = InvoiceLine.objects.present().visible_to(self.request.user)
        return {
            **super().row(odoo_id, names),
            "lines": LINE_ROWS.page(
                lines.filter(invoice_id=odoo_id).order_by("sequence", "odoo_id"), names=names
            ),
        }

    @extend_schema(
        summary="Totals, and what is overdue",
        parameters=[SummaryQuerySerializer],
        responses=SummarySerializer,
        filters=True,
    )
    def summary(self, request: Request) -> Response:
        """Sums over the invoices that the filters leave, each in the currency of the invoices and
        in that of their companies: totals by month of the invoice date, kind, state and payment
        state; receivables and payables by days since they were due."""
        query = SummaryQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        today = query.validated_data.get("today") or timezone.localdate()
        sums = InvoiceSums(self.filter_queryset(self.get_queryset()))
        return Response(
            {
                "today": today,
                "totals": sums.totals(query.validated_data["by"]),
                "receivables": sums.ageing("receivables", today),
                "payables": sums.ageing("payables", today),
            }
        )


@extend_schema_view(
    changes=changes_schema("Invoice lines that changed", InvoiceLineChangesSerializer)
)
class InvoiceLineViewSet(MirrorViewSet):
    """Lines have a stream of their own: they change without their invoice, and it without them."""

    streams = ("invoice_lines",)
    queryset = InvoiceLine.objects.order_by("odoo_id")
    rows = LINE_ROWS
    serializer_class = InvoiceLineSerializer


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
