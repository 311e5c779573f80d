from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from unfold.admin import TabularInline

from invoices.amounts import plain, spelled
from invoices.models import Invoice, InvoiceLine
from odoo_bridge.admin.base import RECORDS, ReadOnlyAdmin
from odoo_bridge.models import Reference
from odoo_bridge.names import USUAL_PLACES


def _places() -> dict[str, Subquery]:
    """The decimal places of each row's currency and of its company's, in the same query."""
    references = Reference.objects
    company = references.filter(
        kind=Reference.Kind.COMPANY, odoo_id=OuterRef(OuterRef("company_id"))
    )
    places = references.filter(kind=Reference.Kind.CURRENCY)
    return {
        "places": Subquery(
            places.filter(odoo_id=OuterRef("currency_id")).values("decimal_places")[:1]
        ),
        "company_places": Subquery(
            places.filter(odoo_id__in=company.values("currency_id")).values("decimal_places")[:1]
        ),
    }


def _amount(name: str, *, of_company: bool = False) -> Any:
    """A column with an amount, its decimal places and, in the invoice's currency, its code."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def show(_admin: Any, invoice: Any) -> str:
        value = getattr(invoice, name)
        if value is None:
            return ""
        places = invoice.company_places if of_company else invoice.places
        text = spelled(value, USUAL_PLACES if places is None else places)
        return text if of_company else f"{text} {invoice.currency_code}".strip()

    return show


def _number(name: str) -> Any:
    @admin.display(description=name.replace("_", " "))
    def show(_admin: Any, line: Any) -> str:
        value = getattr(line, name)
        return "" if value is None else plain(value)

    return show


class InvoiceLineInline(TabularInline):
    model = InvoiceLine
    fields = [
        "odoo_id",
        "display_type",
        "name",
        "number",
        "price",
        "percent_off",
        "subtotal",
        "with_tax",
        "gone_at",
    ]
    number = _number("quantity")
    price = _number("price_unit")
    percent_off = _number("discount")
    subtotal = _number("price_subtotal")
    with_tax = _number("price_total")
    readonly_fields = ["number", "price", "percent_off", "subtotal", "with_tax"]
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
    section, icon = RECORDS, "receipt_long"
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

    fieldsets = [
        (
            None,
            {
                "fields": [
                    "name",
                    "move_type",
                    ("state", "payment_state"),
                    ("contact", "commercial_contact", "shipping_contact"),
                    ("invoice_date", "invoice_date_due", "date"),
                    ("ref", "payment_reference", "invoice_origin"),
                    ("company_id", "journal_id", "salesperson_id"),
                    ("payment_term_id", "fiscal_position_id", "reversed_entry_id"),
                ]
            },
        ),
        (
            "In the currency of the invoice",
            {"fields": [("untaxed", "tax", "total", "residual"), "currency_code"]},
        ),
        (
            "In the currency of the company",
            {"fields": [("untaxed_signed", "tax_signed", "total_signed", "residual_signed")]},
        ),
        (
            "The copy",
            {
                "fields": [
                    ("odoo_id", "create_date", "write_date"),
                    ("stored_at", "gone_at", "change_seq"),
                    "extra",
                ]
            },
        ),
    ]
    total = _amount("amount_total")
    residual = _amount("amount_residual")
    untaxed = _amount("amount_untaxed")
    tax = _amount("amount_tax")
    total_signed = _amount("amount_total_signed", of_company=True)
    residual_signed = _amount("amount_residual_signed", of_company=True)
    untaxed_signed = _amount("amount_untaxed_signed", of_company=True)
    tax_signed = _amount("amount_tax_signed", of_company=True)
    readonly_fields = [
        "total",
        "residual",
        "untaxed",
        "tax",
        "total_signed",
        "residual_signed",
        "untaxed_signed",
        "tax_signed",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        return super().get_queryset(request).annotate(**_places())
