"""Invoices and their lines: what does not follow from the mapping and the models."""

from functools import partial

from contacts.models import names_within
from contacts.noun import contact_name
from invoices.mapping import INVOICE_LINES as LINE_STREAM
from invoices.mapping import INVOICES as STREAM
from odoo_bridge.mirror.noun import Noun

INVOICES = Noun(
    STREAM,
    names={"contact_id": "contact_name"},
    spelled={"contact_name": contact_name("contact")},
    lent=partial(names_within, via="contact"),
    about_a_row="``amount_*_signed`` are in the company's currency, negative for refunds and vendor "
    "bills.",
    actions=("invoices.creating.CREATE_INVOICE", "invoices.posting.POST_INVOICE"),
    charts=("invoices.charts.invoiced_per_month", "invoices.charts.receivables"),
)
INVOICE_LINES = Noun(LINE_STREAM, names={"unit_id": None})
NOUNS = (INVOICES, INVOICE_LINES)
