"""The admin of invoices, and the panel of a contact's invoices on the contact's page."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contacts.models import Contact
from invoices.charts import AGES_IN_WORDS
from invoices.models import OPEN, Invoice, InvoiceLine
from invoices.noun import INVOICES
from invoices.summary import AGES, due, with_due_date
from odoo_bridge.admin.base import BAD, GOOD, INFO, QUIET, RECORDS, WARNING, badge
from odoo_bridge.admin.lists import Choice, InOdoo, by_reference, one_of
from odoo_bridge.admin.page import (
    Line,
    Panel,
    Section,
    amount,
    day,
    in_a_row,
    link_to,
    link_to_related,
    named,
)
from odoo_bridge.admin.records import RecordAdmin, panel_on
from odoo_bridge.mirror.amounts import plain
from odoo_bridge.mirror.names import Names
from odoo_bridge.models import Reference
from odoo_bridge.models.fields import EXACT, ExactSum
from odoo_bridge.models.indexes import start_of

# Nobody reads more lines on one page; Odoo's own form splits them into pages too.
_LINES_SHOWN, _INVOICES_SHOWN = 500, 10

TYPES = {
    "out_invoice": "Customer invoice",
    "out_refund": "Credit note",
    "in_invoice": "Vendor bill",
    "in_refund": "Vendor refund",
    "out_receipt": "Sales receipt",
    "in_receipt": "Purchase receipt",
}
STATES = {"draft": ("Draft", QUIET), "posted": ("Posted", INFO), "cancel": ("Cancelled", QUIET)}
PAYMENT_STATES = {
    "not_paid": ("Not paid", WARNING),
    "partial": ("Partly paid", WARNING),
    "in_payment": ("In payment", GOOD),
    "paid": ("Paid", GOOD),
    "reversed": ("Reversed", QUIET),
    "blocked": ("Blocked", BAD),
    "invoicing_legacy": ("Legacy", QUIET),
}


def is_late(invoice: Invoice) -> bool:
    return bool(
        invoice.state == "posted"
        and invoice.amount_residual
        and invoice.invoice_date_due
        and invoice.invoice_date_due < timezone.localdate()
    )


def states(invoice: Invoice) -> list[SafeString]:
    """The badge with the state that matters most: overdue, the payment state if posted, or the state."""
    if is_late(invoice):
        return [badge("Overdue", BAD)]
    if invoice.state == "posted" and invoice.payment_state:
        return [badge(*PAYMENT_STATES.get(invoice.payment_state, (invoice.payment_state, QUIET)))]
    return [badge(*STATES.get(invoice.state, (invoice.state, QUIET)))]


class Due(Choice):
    """Filters open invoices by age, with the same ages as the ageing report."""

    title, parameter_name = "due", "due"
    choices_of = [("overdue", "Overdue"), *AGES_IN_WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        ages = {**AGES, "overdue": (1, None)}
        wanted = self.value()
        if wanted not in ages:
            return queryset
        rows = with_due_date(queryset.filter(OPEN))
        return rows.filter(due(timezone.localdate(), *ages[wanted]))


def lines_of(request: HttpRequest, invoice: Invoice, names: Names) -> Panel:
    """The lines of the invoice: products, headings and notes."""
    lines = list(invoice.lines.order_by("sequence", "odoo_id")[: _LINES_SHOWN + 1])
    names.learn(
        {
            Reference.Kind.UNIT: {line.unit_id for line in lines},
            Reference.Kind.TAX: {tax for line in lines for tax in line.tax_ids},
        }
    )
    places = names.places(invoice.currency_id)
    more = len(lines) > _LINES_SHOWN
    return Panel(
        "Lines",
        ("Description", "Quantity", "Unit price", "Discount", "Taxes", "Without tax", "With tax"),
        [_line(line, names, places) for line in lines[:_LINES_SHOWN]],
        numbers=frozenset({1, 2, 3, 5, 6}),
        note=(
            f"The first {_LINES_SHOWN} of {len(invoice.line_ids):,}"
            if more
            else "No lines have been copied."
            if not lines
            else f"Amounts in {invoice.currency_code}"
        ),
    )


def _line(line: InvoiceLine, names: Names, places: int) -> Line:
    text = named(line.name, line) if line.gone_at else line.name
    if line.display_type != "product":
        return Line((text,), "note" if line.display_type == "line_note" else "heading")
    unit = names.name(Reference.Kind.UNIT, line.unit_id)
    return Line(
        (
            text,
            f"{_measure(line.quantity)} {unit}".strip(),
            _measure(line.price_unit, places),
            f"{_measure(line.discount)} %" if line.discount else "",
            ", ".join(
                sorted(names.name(Reference.Kind.TAX, tax) or f"tax {tax}" for tax in line.tax_ids)
            ),
            amount(line.price_subtotal, places),
            amount(line.price_total, places),
        )
    )


def _measure(value: Decimal | None, places: int = 0) -> str:
    if value is None:
        return ""
    return amount(value, places) if places else plain(value)


@admin.register(Invoice)
class InvoiceAdmin(RecordAdmin):
    section, icon = RECORDS, "receipt_long"
    noun = INVOICES
    search_help_text = "Number, reference, contact or Odoo id"
    panels = (lines_of,)

    list_display = (
        "number",
        "who",
        "kind",
        "dated",
        "due_at",
        "total",
        "open",
        "state_words",
    )
    list_display_links = ("number",)
    list_filter = (
        one_of("type", "move_type", TYPES),
        one_of("state", "state", {value: word for value, (word, _) in STATES.items()}),
        one_of(
            "payment", "payment_state", {value: word for value, (word, _) in PAYMENT_STATES.items()}
        ),
        Due,
        by_reference("company", "company_id", Reference.Kind.COMPANY),
        by_reference("currency", "currency_id", Reference.Kind.CURRENCY),
        InOdoo,
    )
    date_hierarchy = "invoice_date"
    ordering = ("-odoo_id",)
    sortable_by = ("number", "dated")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        # Not joined: for a search that finds many the database would join each before it sorts.
        return super().get_queryset(request).prefetch_related("contact")

    @admin.display(description="Number", ordering=start_of("name"))
    def number(self, invoice: Any) -> SafeString:
        return named(str(invoice) if invoice.name else "No number yet", invoice)

    @admin.display(description="Contact")
    def who(self, invoice: Any) -> SafeString | str:
        return link_to_related(invoice, "contact")

    @admin.display(description="Type")
    def kind(self, invoice: Any) -> str:
        return TYPES.get(invoice.move_type, invoice.move_type)

    @admin.display(description="Date", ordering="invoice_date")
    def dated(self, invoice: Any) -> str:
        return day(invoice.invoice_date)

    @admin.display(description="Due")
    def due_at(self, invoice: Any) -> SafeString | str:
        at = day(invoice.invoice_date_due)
        return format_html('<span class="ob-late">{}</span>', at) if is_late(invoice) else at

    @admin.display(description="Total")
    def total(self, invoice: Any) -> str:
        return _in_its_currency(invoice, invoice.names, "amount_total")

    @admin.display(description="Amount due")
    def open(self, invoice: Any) -> str:
        return _in_its_currency(invoice, invoice.names, "amount_residual")

    @admin.display(description="State")
    def state_words(self, invoice: Any) -> SafeString:
        return in_a_row(states(invoice))

    def heading(self, invoice: Any) -> str:
        return invoice.name or f"{TYPES.get(invoice.move_type, 'Invoice')} without a number"

    def badges(self, invoice: Any, names: Names) -> list[SafeString]:
        kind = badge(TYPES.get(invoice.move_type, invoice.move_type), INFO)
        return [kind, *states(invoice), *super().badges(invoice, names)]

    def sections(self, invoice: Any, names: Names) -> list[Section]:
        kinds = Reference.Kind
        owed_by = invoice.commercial_contact_id not in (None, invoice.contact_id)
        sent_to = invoice.shipping_contact_id not in (None, invoice.contact_id)
        due = day(invoice.invoice_date_due)
        return [
            Section(
                "Invoice",
                [
                    ("Contact", link_to_related(invoice, "contact")),
                    ("Owed by", link_to_related(invoice, "commercial_contact") if owed_by else ""),
                    (
                        "Delivered to",
                        link_to_related(invoice, "shipping_contact") if sent_to else "",
                    ),
                    ("Date", day(invoice.invoice_date)),
                    (
                        "Due",
                        format_html('<span class="ob-late">{}, overdue</span>', due)
                        if is_late(invoice)
                        else due,
                    ),
                    ("Reference", invoice.ref),
                    ("Payment reference", invoice.payment_reference),
                    ("Origin", invoice.invoice_origin),
                    ("Refund of", _refunded(invoice)),
                ],
            ),
            Section(
                "Amounts",
                [
                    ("Without tax", _in_its_currency(invoice, names, "amount_untaxed")),
                    ("Tax", _in_its_currency(invoice, names, "amount_tax")),
                    ("Total", _in_its_currency(invoice, names, "amount_total")),
                    ("Amount due", _in_its_currency(invoice, names, "amount_residual")),
                    (
                        "Total (company currency)",
                        _in_company_currency(invoice, names, "amount_total_signed"),
                    ),
                    (
                        "Amount due (company currency)",
                        _in_company_currency(invoice, names, "amount_residual_signed"),
                    ),
                ],
            ),
            Section(
                "Accounting",
                [
                    ("Company", names.name(kinds.COMPANY, invoice.company_id)),
                    ("Journal", names.name(kinds.JOURNAL, invoice.journal_id)),
                    ("Accounting date", day(invoice.date)),
                    ("Salesperson", names.name(kinds.USER, invoice.salesperson_id)),
                    ("Odoo id", invoice.pk),
                    *invoice.extra.items(),
                ],
            ),
        ]


def _in_its_currency(invoice: Invoice, names: Names, column: str) -> str:
    places = names.places(invoice.currency_id)
    return amount(getattr(invoice, column), places, invoice.currency_code)


def _in_company_currency(invoice: Invoice, names: Names, column: str) -> str:
    """The amount in the company's currency, negative for payables; empty if it is the same number."""
    value: Decimal | None = getattr(invoice, column)
    if value == getattr(invoice, column.removesuffix("_signed")):
        return ""
    return amount(value, names.company_places(invoice.company_id))


def _refunded(invoice: Invoice) -> SafeString | str:
    if invoice.reversed_entry_id is None:
        return ""
    original = Invoice.objects.filter(pk=invoice.reversed_entry_id).first()
    return link_to(original) if original else f"Odoo id {invoice.reversed_entry_id}"


@panel_on(Contact)
def invoices_of(request: HttpRequest, contact: Contact, names: Names) -> Panel | None:
    """The latest invoices of the contact and of those it pays for, and the amounts due."""
    if not request.user.has_perm("invoices.view_invoice"):
        return None
    its = Invoice.objects.filter(Q(contact=contact.pk) | Q(commercial_contact=contact.pk))
    latest = list(its.order_by("-invoice_date", "-odoo_id")[:_INVOICES_SHOWN])
    if not latest:
        return None
    balance = list(
        its.present()
        .filter(OPEN)
        .order_by("currency_code")
        .values_list("currency_code", "currency_id", "move_type")
        .annotate(ExactSum("amount_residual"))
    )
    names.learn({Reference.Kind.CURRENCY: {invoice.currency_id for invoice in latest}})
    return Panel(
        "Invoices",
        ("Number", "Type", "Date", "Due", "Total", "Amount due", "State"),
        [
            Line(
                (
                    named(link_to(invoice, invoice.name or "No number yet"), invoice),
                    TYPES.get(invoice.move_type, invoice.move_type),
                    day(invoice.invoice_date),
                    day(invoice.invoice_date_due),
                    _in_its_currency(invoice, names, "amount_total"),
                    _in_its_currency(invoice, names, "amount_residual"),
                    in_a_row(states(invoice)),
                )
            )
            for invoice in latest
        ],
        numbers=frozenset({4, 5}),
        note=_balance(balance, names),
        link=(
            f"{reverse('admin:invoices_invoice_changelist')}?commercial_contact__exact={contact.pk}"
            if contact.commercial_contact_id in (None, contact.pk)
            else f"{reverse('admin:invoices_invoice_changelist')}?contact__exact={contact.pk}",
            "All invoices",
        ),
    )


def _balance(open_sums: Sequence[tuple[str, int, str, Decimal]], names: Names) -> str:
    """``Amount due from them: 1,200.00 EUR. Amount due to them: 80.00 USD.``"""
    names.learn({Reference.Kind.CURRENCY: {currency_id for _, currency_id, _, _ in open_sums}})
    sums: dict[tuple[str, str, int], Decimal] = {}
    for code, currency_id, move_type, value in open_sums:
        # A refund reduces what its side owes.
        side = "from them" if move_type.startswith("out_") else "to them"
        signed = value.copy_negate() if move_type.endswith("_refund") else value
        key = (side, code, names.places(currency_id))
        sums[key] = EXACT.add(sums.get(key, Decimal()), signed)
    words: dict[str, list[str]] = {}
    for (side, code, places), value in sums.items():
        words.setdefault(side, []).append(amount(value, places, code))
    return (
        " ".join(f"Amount due {side}: {', '.join(values)}." for side, values in words.items())
        or "No amount is due."
    )
