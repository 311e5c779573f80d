from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from invoices.models import Invoice, InvoiceLine
from odoo_bridge.admin import ReadOnlyAdmin


class InvoiceLineInline(admin.TabularInline):
    model = InvoiceLine
    fields = [
        "odoo_id",
        "display_type",
        "name",
        "quantity",
        "price_unit",
        "discount",
        "price_subtotal",
        "price_total",
        "gone_at",
    ]
    ordering = ["sequence", "odoo_id"]
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display = [
        "odoo_id",
        "name",
        "contact",
        "move_type",
        "state",
        "payment_state",
        "invoice_date",
        "invoice_date_due",
        "total",
        "residual",
        "write_date",
        "gone_at",
    ]
    list_display_links = ["odoo_id", "name"]
    list_filter = [
        ("gone_at", admin.EmptyFieldListFilter),
        "move_type",
        "state",
        "payment_state",
        "currency_code",
    ]
    search_fields = [
        "odoo_id__exact",
        "name",
        "ref",
        "payment_reference",
        "contact__complete_name",
    ]
    list_select_related = ["contact"]
    date_hierarchy = "invoice_date"
    inlines = [InvoiceLineInline]

    @admin.display(description="total", ordering="amount_total")
    def total(self, invoice: Invoice) -> str:
        return _amount(invoice.amount_total, invoice.currency_code)

    @admin.display(description="residual", ordering="amount_residual")
    def residual(self, invoice: Invoice) -> str:
        return _amount(invoice.amount_residual, invoice.currency_code)


def _amount(value: Any, currency: str) -> str:
    return "" if value is None else f"{value:,.2f} {currency}".strip()
