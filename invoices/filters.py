"""What invoices can be filtered by."""

import django_filters

from invoices.models import Invoice
from odoo_bridge.filters import Code, Day, MirrorFilters, OdooId


class InvoiceFilters(MirrorFilters):
    search_fields = ("name", "ref", "payment_reference", "invoice_origin", "contact__complete_name")

    move_type = django_filters.CharFilter(help_text="out_invoice, in_refund ...")
    state = django_filters.CharFilter(help_text="draft, posted, cancel")
    payment_state = django_filters.CharFilter(help_text="not_paid, paid, partial ...")
    contact = OdooId(field_name="contact_id")
    currency_code = Code()
    company = OdooId(field_name="company_id")
    date_from = Day(field_name="invoice_date", lookup_expr="gte", help_text="Of the invoice.")
    date_to = Day(field_name="invoice_date", lookup_expr="lte", help_text="Included.")
    due_from = Day(field_name="invoice_date_due", lookup_expr="gte")
    due_to = Day(field_name="invoice_date_due", lookup_expr="lte", help_text="Included.")

    class Meta:
        model = Invoice
        fields: list[str] = []


class SummaryFilters(InvoiceFilters):
    """The same, where there are no pages."""

    also_known = frozenset({"by", "today"})


class InvoiceExportFilters(InvoiceFilters):
    """The same, where there are no pages."""

    also_known = frozenset({"format"})
