"""Invoices: from the mirror, and live from Odoo."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.functional import cached_property
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsWriter, ReadsOrWritesOdoo
from accounts.throttles import LiveThrottle, WriteThrottle
from contacts.models import Contact
from contacts.noun import CONTACTS
from invoices import creating, live, posting
from invoices.filters import DebtFilters, InvoiceFilters
from invoices.models import Invoice, InvoiceLine
from invoices.noun import INVOICE_LINES, INVOICES
from invoices.serializers import (
    DebtSerializer,
    DebtsQuerySerializer,
    ExpandedInvoiceSerializer,
    SummaryQuerySerializer,
    SummarySerializer,
)
from invoices.summary import InvoiceSums
from odoo_bridge.api.live import LiveAnswerSerializer, live_list
from odoo_bridge.api.mirror import (
    INCLUDE_GONE,
    MAX_AGE,
    MirrorViewSet,
    Page,
    fields_parameter,
    list_parameter,
)
from odoo_bridge.api.nouns import mirrors, view_of
from odoo_bridge.api.pagination import NumberedPages
from odoo_bridge.api.writes import KEY_PARAMETER, WRITE_ERRORS, NothingSerializer, WriteView
from odoo_bridge.odoo.connect import connect

EXPAND = list_parameter(
    "expand", ("contact", "lines"), "Put into each invoice, as a field of that name."
)
CHOSEN = ("contact", "lines")
LIST_PARAMETERS = [fields_parameter(INVOICES.rows, CHOSEN), EXPAND]
FIELDS_OF_ONE = list_parameter(
    "fields",
    (*INVOICES.rows.fields, *CHOSEN),
    "Only these fields, and no lines unless expand names them.",
)


@mirrors(
    INVOICES,
    list=extend_schema(summary="Mirrored invoices", parameters=LIST_PARAMETERS),
    retrieve=extend_schema(
        summary="One mirrored invoice, with its lines",
        parameters=[FIELDS_OF_ONE, EXPAND, INCLUDE_GONE, MAX_AGE],
    ),
)
class InvoiceViewSet(MirrorViewSet):
    expansions: ClassVar = {"contact": "contact_id", "lines": "odoo_id"}
    serializer_class = ExpandedInvoiceSerializer
    filterset_class = InvoiceFilters

    def freshness_of(self) -> tuple[str, ...]:
        # Lines and contacts have their own streams: a response is as fresh as the oldest of them.
        streams = {"lines": "invoice_lines", "contact": "contacts"}
        return (self.stream, *(streams[name] for name in sorted(self.expanded)))

    def refresh(self, odoo_id: int) -> datetime:
        began = super().refresh(odoo_id)
        invoice = self.get_queryset().filter(pk=odoo_id).first()
        if invoice and "lines" in self.expanded:
            # The lines it has now, and the lines it had.
            here = invoice.lines.values_list("pk", flat=True)
            if ids := {*invoice.line_ids, *here}:
                self.read_again("invoice_lines", ids)
        if invoice and invoice.contact_id and "contact" in self.expanded:
            self.read_again("contacts", [invoice.contact_id])
        return began

    def modified_of(self, odoo_id: int, stored_at: datetime) -> datetime:
        contact = Contact.objects.filter(invoices=odoo_id).order_by()
        lines = InvoiceLine.objects.filter(invoice=odoo_id).order_by()
        others = contact.values_list("stored_at").union(lines.values_list("stored_at"))
        return max([super().modified_of(odoo_id, stored_at), *(other for (other,) in others)])

    @cached_property
    def expanded(self) -> frozenset[str]:
        # One invoice comes with its lines, unless its fields are chosen.
        lines = {"lines"} if self.action == "retrieve" and self.fields is None else frozenset()
        return super().expanded | lines

    def expand(self, name: str, rows: Page) -> None:
        user = self.request.user
        if name == "lines":
            lines = InvoiceLine.objects.present().visible_to(user)
            lines = lines.filter(invoice_id__in=[row["odoo_id"] for row in rows])
            of_invoice: dict[int, Page] = {row["odoo_id"]: [] for row in rows}
            for line in INVOICE_LINES.rows.page(
                lines.order_by("sequence", "odoo_id"), names=self.names
            ):
                of_invoice[line["invoice_id"]].append(line)
            for row in rows:
                row["lines"] = of_invoice[row["odoo_id"]]
        else:
            ids = {row["contact_id"] for row in rows}
            contacts = Contact.objects.visible_to(user).filter(pk__in=ids - {None}).order_by()
            known = {row["odoo_id"]: row for row in CONTACTS.rows.page(contacts, names=self.names)}
            for row in rows:
                row["contact"] = known.get(row["contact_id"])

    @extend_schema(
        summary="Mirrored invoices of a contact",
        parameters=LIST_PARAMETERS,
        responses=ExpandedInvoiceSerializer(many=True),
        filters=True,
    )
    def of_contact(self, request: Request, odoo_id: int) -> Response:
        """Those addressed to it, and those it owes for others."""
        contacts = Contact.objects.visible_to(request.user).filter(pk=odoo_id)
        if not contacts.exists():
            raise Http404
        rows = self.get_queryset().filter(Q(contact=odoo_id) | Q(commercial_contact=odoo_id))
        page: Any = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(self.finished(page))

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


InvoiceLineViewSet = view_of(INVOICE_LINES)


class DebtViewSet(MirrorViewSet):
    """Open amounts by contact."""

    noun = INVOICES
    queryset = Invoice.objects.all()
    filterset_class = DebtFilters
    pagination_class = NumberedPages
    sums: InvoiceSums

    @extend_schema(
        summary="Who owes what, and for how long",
        parameters=[DebtsQuerySerializer],
        responses=DebtSerializer(many=True),
        filters=True,
    )
    def list(self, request: Request, **_: Any) -> Response:
        """Open amounts of the invoices that the filters leave, by the contact that owes them, or
        that we owe, and by days since they were due; the most overdue contact first. A contact
        has a row for each currency."""
        query = DebtsQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        today = query.validated_data.get("today") or timezone.localdate()
        self.sums = InvoiceSums(self.filter_queryset(self.get_queryset()))
        page: Any = self.paginate_queryset(self.sums.debts(query.validated_data["side"], today))
        return self.get_paginated_response(page)

    def spelled(self, rows: QuerySet, also: Collection[str] = ()) -> Page:
        debts = self.sums.debts_spelled(rows)
        ids = {debt["contact_id"] for debt in debts} - {None}
        contacts = Contact.objects.visible_to(self.request.user).filter(pk__in=ids).order_by()
        called = CONTACTS.rows.page(contacts, {"odoo_id", "complete_name", "name"})
        names = {row["odoo_id"]: row["complete_name"] or row["name"] for row in called}
        for debt in debts:
            debt["contact_name"] = names.get(debt["contact_id"], "")
        return debts


@extend_schema(tags=["utils"])
class LiveInvoicesView(WriteView):
    """Invoices as Odoo has them this moment."""

    permission_classes = [ReadsOrWritesOdoo]
    throttle_classes = [LiveThrottle, WriteThrottle]

    @extend_schema(
        summary="Odoo's invoices, live",
        parameters=[live.LiveInvoicesSerializer],
        responses=LiveAnswerSerializer,
    )
    def get(self, request: Request) -> Response:
        query = live.LiveInvoicesSerializer(data=request.query_params.dict())
        scope = [*live.INVOICES, *live.in_scope(request.user)]
        return live_list(live.MODEL, live.FIELDS, live.searched(request.user), scope, query)

    @extend_schema(
        summary="Create an invoice in Odoo",
        description="A draft, or with `post` a posted invoice. The totals are read back from Odoo and "
        "compared with quantities and prices (and with `amount_total`) before it is posted.",
        parameters=[KEY_PARAMETER],
        request=creating.NewInvoiceSerializer,
        responses={201: ExpandedInvoiceSerializer, **WRITE_ERRORS},
    )
    def post(self, request: Request) -> Response:
        def body() -> Mapping[str, Any]:
            serializer = creating.NewInvoiceSerializer(
                data=request.data, context={"request": request}
            )
            serializer.is_valid(raise_exception=True)
            return creating.resolved(connect(), serializer.validated_data)

        return self.write(request, creating.CREATE_INVOICE, body)


@extend_schema(tags=["utils"])
class PostInvoiceView(WriteView):
    """Posts a draft in Odoo. An invoice that is posted already is returned unchanged."""

    permission_classes = [IsWriter]
    throttle_classes = [WriteThrottle]

    @extend_schema(
        summary="Post an invoice in Odoo",
        parameters=[KEY_PARAMETER],
        request=NothingSerializer,
        responses={
            200: ExpandedInvoiceSerializer,
            404: OpenApiResponse(description="Not mirrored, or not for this user."),
            **WRITE_ERRORS,
        },
    )
    def post(self, request: Request, odoo_id: int) -> Response:
        def body() -> Mapping[str, Any]:
            NothingSerializer(data=request.data).is_valid(raise_exception=True)
            return posting.postable(request.user, odoo_id)

        return self.write(request, posting.POST_INVOICE, body, odoo_id)
