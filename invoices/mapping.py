"""``account.move`` into Invoice, ``account.move.line`` into InvoiceLine."""

from collections.abc import Mapping
from typing import Any

from odoo_bridge.odoo import values
from odoo_bridge.sync.streams import Stream, code, copy


def _product_by_default(value: Any) -> str:
    """Up to Odoo 15 a product line has no display_type; from 16 on it has ``product``."""
    return values.text(value) or "product"


def _shown_lines(fields: Mapping[str, Any]) -> list[Any]:
    """The lines of ``invoice_line_ids``: no tax lines and no balancing lines."""
    if "exclude_from_invoice_tab" in fields:
        shown: list[Any] = [("exclude_from_invoice_tab", "=", False)]
    else:
        kinds = ["product", "line_section", "line_subsection", "line_note"]
        shown = [("display_type", "in", kinds)]
    return [("move_id.move_type", "!=", "entry"), *shown]


INVOICES = Stream(
    name="invoices",
    model_label="invoices.Invoice",
    odoo_model="account.move",
    domain=lambda _fields: [("move_type", "!=", "entry")],
    columns={
        "name": copy(values.number_of_invoice, "name"),
        "move_type": copy(values.text, "move_type"),
        "state": copy(values.text, "state"),
        "payment_state": copy(values.text, "payment_state"),
        "contact_id": copy(values.many2one, "partner_id"),
        "commercial_contact_id": copy(values.many2one, "commercial_partner_id"),
        "shipping_contact_id": copy(values.many2one, "partner_shipping_id"),
        "invoice_date": copy(values.day, "invoice_date"),
        "invoice_date_due": copy(values.day, "invoice_date_due"),
        "date": copy(values.day, "date"),
        "ref": copy(values.text, "ref"),
        "payment_reference": copy(values.text, "payment_reference"),
        "invoice_origin": copy(values.text, "invoice_origin"),
        "currency_id": copy(values.many2one, "currency_id"),
        "currency_code": code("res.currency", "currency_id"),
        "company_id": copy(values.many2one, "company_id"),
        "journal_id": copy(values.many2one, "journal_id"),
        "fiscal_position_id": copy(values.many2one, "fiscal_position_id"),
        "payment_term_id": copy(values.many2one, "invoice_payment_term_id"),
        "salesperson_id": copy(values.many2one, "invoice_user_id"),
        "amount_untaxed": copy(values.decimal, "amount_untaxed"),
        "amount_tax": copy(values.decimal, "amount_tax"),
        "amount_total": copy(values.decimal, "amount_total"),
        "amount_residual": copy(values.decimal, "amount_residual"),
        "amount_untaxed_signed": copy(values.decimal, "amount_untaxed_signed"),
        "amount_tax_signed": copy(values.decimal, "amount_tax_signed"),
        "amount_total_signed": copy(values.decimal, "amount_total_signed"),
        "amount_residual_signed": copy(values.decimal, "amount_residual_signed"),
        "reversed_entry_id": copy(values.many2one, "reversed_entry_id"),
        "line_ids": copy(values.ids, "invoice_line_ids"),
        "create_date": copy(values.moment, "create_date"),
        "write_date": copy(values.moment, "write_date"),
    },
    references=("res.currency", "res.company", "account.journal", "res.users"),
    points_to={
        "contacts": ("contact_id", "commercial_contact_id", "shipping_contact_id"),
        "invoices": ("reversed_entry_id",),
    },
    owns={"invoice_lines": ("line_ids", "invoice_id")},
    # Revision 1 rounded amounts to the decimal places of their currencies.
    revision=2,
)

INVOICE_LINES = Stream(
    name="invoice_lines",
    model_label="invoices.InvoiceLine",
    odoo_model="account.move.line",
    domain=_shown_lines,
    columns={
        "invoice_id": copy(values.many2one, "move_id"),
        "sequence": copy(values.integer, "sequence"),
        "display_type": copy(_product_by_default, "display_type"),
        "name": copy(values.text, "name"),
        "product_id": copy(values.many2one, "product_id"),
        "quantity": copy(values.decimal, "quantity"),
        "unit_id": copy(values.many2one, "product_uom_id"),
        "price_unit": copy(values.decimal, "price_unit"),
        "discount": copy(values.decimal, "discount"),
        "tax_ids": copy(values.ids, "tax_ids"),
        "account_id": copy(values.many2one, "account_id"),
        "currency_id": copy(values.many2one, "currency_id"),
        "price_subtotal": copy(values.decimal, "price_subtotal"),
        "price_total": copy(values.decimal, "price_total"),
        "create_date": copy(values.moment, "create_date"),
        "write_date": copy(values.moment, "write_date"),
    },
    references=("res.currency", "res.company", "account.tax", "uom.uom"),
    points_to={"invoices": ("invoice_id",)},
    revision=2,
)
STREAMS = (INVOICES, INVOICE_LINES)
