"""Invoices and their lines as the API spells them."""

from collections.abc import Sequence
from functools import partial

from contacts.models import names_within
from invoices.serializers import InvoiceLineSerializer, InvoiceSerializer
from odoo_bridge.mirror.amounts import amount, amount_of_line, company_amount, measure
from odoo_bridge.mirror.names import Names
from odoo_bridge.mirror.rows import MADE_BY, Rows, Spelled, name_of
from odoo_bridge.models import Reference


def _contact_names(
    _names: Names, complete: Sequence[str | None], plain: Sequence[str | None]
) -> list[str]:
    return [long or short or "" for long, short in zip(complete, plain, strict=True)]


INVOICE_ROWS = Rows(
    InvoiceSerializer.Meta.fields,
    {
        # Joined; a contact that is not here (yet) comes as None.
        "contact_name": Spelled(("contact__complete_name", "contact__name"), _contact_names),
        "company_name": name_of("company_id", Reference.Kind.COMPANY),
        "journal_name": name_of("journal_id", Reference.Kind.JOURNAL),
        "created_by": MADE_BY,
        "salesperson_name": name_of("salesperson_id", Reference.Kind.USER),
        "amount_untaxed": amount("amount_untaxed"),
        "amount_tax": amount("amount_tax"),
        "amount_total": amount("amount_total"),
        "amount_residual": amount("amount_residual"),
        "amount_untaxed_signed": company_amount("amount_untaxed_signed"),
        "amount_tax_signed": company_amount("amount_tax_signed"),
        "amount_total_signed": company_amount("amount_total_signed"),
        "amount_residual_signed": company_amount("amount_residual_signed"),
    },
    lent=partial(names_within, via="contact"),
)
LINE_ROWS = Rows(
    InvoiceLineSerializer.Meta.fields,
    {
        "quantity": measure("quantity"),
        "price_unit": measure("price_unit"),
        "discount": measure("discount"),
        "price_subtotal": amount_of_line("price_subtotal"),
        "price_total": amount_of_line("price_total"),
    },
)
