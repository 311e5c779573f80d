"""Filters and orders of invoices."""

from typing import ClassVar

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from invoices.models import MOVE_TYPES, OPEN, RANGES, STATES, Invoice
from odoo_bridge.api.filters import (
    Amount,
    Codes,
    Day,
    MirrorFilters,
    OdooId,
    OneOf,
    Ordering,
    YesNo,
)
from odoo_bridge.models import Reference
from odoo_bridge.models.indexes import start_of


class InvoiceFilters(MirrorFilters):
    ordered_like: ClassVar = {
        **MirrorFilters.ordered_like,
        "date_from": "invoice_date",
        "date_to": "invoice_date",
        "due_from": "invoice_date_due",
        "due_to": "invoice_date_due",
        "amount_from": "amount_total",
        "amount_to": "amount_total",
    }

    ranges = RANGES
    move_type = OneOf(
        choices=MOVE_TYPES, help_text="out_invoice, in_refund ...; separate several with commas."
    )
    state = OneOf(choices=STATES, help_text="draft, posted, cancel; separate several with commas.")
    payment_state = OneOf(help_text="not_paid, partial, paid ...; separate several with commas.")
    contact = OdooId(field_name="contact_id")
    commercial = OdooId(
        field_name="commercial_contact_id", help_text="The contact that owes the invoice."
    )
    company = OdooId(field_name="company_id")
    currency = Codes(
        field_name="currency_code",
        kind=Reference.Kind.CURRENCY,
        length=3,
        help_text="ISO codes: EUR,USD",
    )
    journal = OdooId(field_name="journal_id")
    date_from = Day(field_name="invoice_date", lookup_expr="gte", help_text="Of the invoice.")
    date_to = Day(field_name="invoice_date", lookup_expr="lte", help_text="Included.")
    due_from = Day(field_name="invoice_date_due", lookup_expr="gte")
    due_to = Day(field_name="invoice_date_due", lookup_expr="lte", help_text="Included.")
    overdue = YesNo(
        method="due_before_today",
        help_text="Only posted invoices with an amount due whose due date is before today (UTC).",
    )
    amount_from = Amount(
        field_name="amount_total", lookup_expr="gte", help_text="In the invoice's currency."
    )
    amount_to = Amount(field_name="amount_total", lookup_expr="lte", help_text="Included.")
    ordering = Ordering(
        {
            "name": start_of("name"),
            "invoice_date": F("invoice_date"),
            "invoice_date_due": F("invoice_date_due"),
            "amount_total": F("amount_total"),
            "write_date": F("write_date"),
        }
    )

    def due_before_today(self, rows: QuerySet, _name: str, overdue: bool) -> QuerySet:
        late = OPEN & Q(invoice_date_due__lt=timezone.localdate())
        return rows.filter(late) if overdue else rows.exclude(late)

    class Meta:
        model = Invoice
        fields: list[str] = []


class SummaryFilters(InvoiceFilters):
    """The same, where there are no rows to page through or to order."""

    also_known = frozenset({"by", "today"})
    ordering = None  # type: ignore[assignment]


class DebtFilters(InvoiceFilters):
    """The same, where the rows are contacts."""

    also_known = frozenset({"side", "today", "page", "per_page"})
    ordering = None  # type: ignore[assignment]
