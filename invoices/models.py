"""Mirrored invoices and their lines: Odoo's ``account.move`` (not entries) and ``account.move.line``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from contacts.models import Below, Contact
from odoo_bridge.models import (
    MirroredModel,
    MirroredQuerySet,
    Reference,
    created_here,
    made_here_index,
    mirrored_key,
)
from odoo_bridge.models.fields import ExactDecimalField, IdsField, MoneyField, ReferenceField
from odoo_bridge.models.indexes import by_parts, guess_rows, has_word, start_of

if TYPE_CHECKING:
    from accounts.models import Access


# A word in more rows than this is common: looking up all of them for one page takes too long.
_COMMON = 30_000
SEARCHED = ("name", "ref", "payment_reference", "invoice_origin")
# The values of all Odoo versions. Payment states also depend on modules. Entries are not mirrored.
MOVE_TYPES = ("out_invoice", "out_refund", "in_invoice", "in_refund", "out_receipt", "in_receipt")
STATES = ("draft", "posted", "cancel")
# Columns that have range filters.
RANGES = (("date_from", "date_to"), ("due_from", "due_to"), ("amount_from", "amount_to"))
# Posted, with an amount due.
OPEN = Q(state="posted") & (Q(amount_residual__gt=0) | Q(amount_residual__lt=0))


class InvoiceQuerySet(MirroredQuerySet):
    searched = SEARCHED

    def with_words(self, words: Sequence[str], or_id: int | None = None) -> Self:
        """Search numbers and references, and the searched columns of the contacts."""
        rows, this = self, Q() if or_id is None else Q(pk=or_id)
        # A text of a contact that the viewer may not see must not find its invoices.
        visible = Contact.objects.visible_to(self.viewer) if self.scope else Contact.objects.all()
        for word in words:
            own = Invoice.objects.filter(has_word(word, *SEARCHED)).order_by().values("pk")
            contacts = visible.with_words([word]).order_by().values("pk")
            if guess_rows(own.union(contacts, all=True)) >= _COMMON:
                # Test row by row along the list: a page is full after a few rows.
                at_contact = visible.has_word(word, "contact")
                rows = rows.filter(Q(has_word(word, *SEARCHED)) | at_contact | this)
            else:
                # A union instead of an OR: it can use the indexes of both tables.
                addressed = Invoice.objects.filter(contact__in=contacts).order_by().values("pk")
                found = [addressed]
                if or_id is not None:
                    found.append(Invoice.objects.filter(this).order_by().values("pk"))
                rows = rows.filter(pk__in=own.union(*found))
        return rows

    def within(self, access: "Access") -> Self:
        """Those of a contact are addressed to it or owed by it. An invoice of no company belongs to
        nobody's scope: in Odoo too only contacts are shared that way.
        """
        rows = self
        if access.company_ids:
            rows = rows.filter(company_id__in=access.company_ids)
        if access.contact_ids:
            contacts = access.contact_ids
            rows = rows.filter(
                Q(Below("contact_id", contacts)) | Q(Below("commercial_contact_id", contacts))
            )
        return rows


class Invoice(MirroredModel):
    """One customer or vendor invoice, refund or receipt.

    ``amount_*`` are in the invoice's currency, ``amount_*_signed`` in the company's, negative for
    refunds and vendor bills.
    """

    name = models.TextField(blank=True, help_text="The number; empty while it has none.")
    move_type = models.TextField(help_text="out_invoice, out_refund, in_invoice, in_refund ...")
    state = models.TextField(help_text="draft, posted, cancel.")
    payment_state = models.TextField(
        blank=True, help_text="Text: Odoo versions and modules differ."
    )
    contact = mirrored_key("contacts.Contact", "invoices")
    commercial_contact = mirrored_key("contacts.Contact", "commercial_invoices")
    shipping_contact = mirrored_key("contacts.Contact", "shipping_invoices")
    invoice_date = models.DateField(null=True)
    invoice_date_due = models.DateField(null=True)
    date = models.DateField(null=True, help_text="Accounting date.")
    ref = models.TextField(blank=True)
    payment_reference = models.TextField(blank=True)
    invoice_origin = models.TextField(blank=True)
    currency_id = ReferenceField(Reference.Kind.CURRENCY, null=True)
    currency_code = models.TextField(blank=True, help_text="ISO 4217.")
    company_id = ReferenceField(Reference.Kind.COMPANY, null=True)
    journal_id = ReferenceField(Reference.Kind.JOURNAL, null=True)
    fiscal_position_id = models.BigIntegerField(null=True)
    payment_term_id = models.BigIntegerField(null=True)
    salesperson_id = ReferenceField(Reference.Kind.USER, null=True)
    # Every digit that Odoo stores, also those beyond the decimal places of the currency.
    amount_untaxed = MoneyField(null=True)
    amount_tax = MoneyField(null=True)
    amount_total = MoneyField(null=True)
    amount_residual = MoneyField(null=True, help_text="Still to be paid.")
    amount_untaxed_signed = MoneyField(null=True, company=True)
    amount_tax_signed = MoneyField(null=True, company=True)
    amount_total_signed = MoneyField(null=True, company=True)
    amount_residual_signed = MoneyField(null=True, company=True)
    reversed_entry_id = models.BigIntegerField(null=True, help_text="The invoice this one refunds.")
    line_ids = IdsField(default=list, blank=True, help_text="Ids of its lines, ascending.")
    created_by = created_here()

    objects = InvoiceQuerySet.as_manager()  # type: ignore[misc]  # a ClassVar in the stubs

    class Meta:
        ordering = ["odoo_id"]
        indexes = [
            models.Index(start_of("name"), "odoo_id", name="invoice_name"),
            models.Index(fields=["move_type", "odoo_id"], name="invoice_move_type"),
            models.Index(
                fields=["state", "odoo_id"],
                name="invoice_state",
                # Most invoices are posted.
                condition=~models.Q(state="posted"),
            ),
            models.Index(fields=["payment_state", "odoo_id"], name="invoice_payment_state"),
            models.Index(fields=["odoo_id"], name="invoice_open", condition=OPEN),
            models.Index(fields=["invoice_date", "odoo_id"], name="invoice_date"),
            models.Index(fields=["invoice_date_due", "odoo_id"], name="invoice_date_due"),
            models.Index(fields=["amount_total", "odoo_id"], name="invoice_amount_total"),
            models.Index(fields=["currency_code", "odoo_id"], name="invoice_currency"),
            models.Index(fields=["company_id", "odoo_id"], name="invoice_company"),
            models.Index(fields=["journal_id", "odoo_id"], name="invoice_journal"),
            models.Index(fields=["write_date", "odoo_id"], name="invoice_write_date"),
            by_parts("invoice_search", *SEARCHED),
            made_here_index("invoice_created_by"),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.move_type} {self.odoo_id}"


class InvoiceLineQuerySet(MirroredQuerySet):
    def within(self, access: "Access") -> Self:
        """Return the lines of the invoices in the scope."""
        return self.filter(invoice_id__in=Invoice.objects.within(access).order_by().values("pk"))


class InvoiceLine(MirroredModel):
    """One line shown on an invoice: a product, a section or a note."""

    invoice = mirrored_key("invoices.Invoice", "lines")
    sequence = models.IntegerField(default=0)
    display_type = models.TextField(help_text="product, line_section, line_subsection, line_note.")
    name = models.TextField(blank=True)
    product_id = models.BigIntegerField(null=True)
    # Quantities, prices and discounts: floats in Odoo, kept to their last digit.
    quantity = ExactDecimalField(null=True)
    unit_id = ReferenceField(Reference.Kind.UNIT, null=True, help_text="Unit of measure.")
    price_unit = ExactDecimalField(null=True)
    discount = ExactDecimalField(null=True, help_text="Per cent.")
    tax_ids = IdsField(Reference.Kind.TAX, default=list, blank=True)
    account_id = models.BigIntegerField(null=True)
    currency_id = ReferenceField(Reference.Kind.CURRENCY, null=True, help_text="The invoice's.")
    price_subtotal = MoneyField(null=True)
    price_total = MoneyField(null=True)

    objects = InvoiceLineQuerySet.as_manager()  # type: ignore[misc]  # a ClassVar in the stubs

    class Meta:
        ordering = ["invoice_id", "sequence", "odoo_id"]
        indexes = [
            # Each run reads the newest lines.
            models.Index(fields=["write_date", "odoo_id"], name="invoice_line_write_date"),
        ]

    def __str__(self) -> str:
        return self.name or f"line {self.odoo_id}"
