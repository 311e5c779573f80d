"""Invoices and their lines: what does not follow from the mapping and the models."""

from collections.abc import Sequence
from functools import partial

from contacts.models import names_within
from invoices.mapping import INVOICE_LINES as LINE_STREAM
from invoices.mapping import INVOICES as STREAM
from odoo_bridge.mirror.names import Names
from odoo_bridge.mirror.noun import Noun
from odoo_bridge.mirror.rows import Spelled


def _called(
    _names: Names, complete: Sequence[str | None], plain: Sequence[str | None]
) -> list[str]:
    return [long or short or "" for long, short in zip(complete, plain, strict=True)]


INVOICES = Noun(
    STREAM,
    names={"contact_id": "contact_name"},
    spelled={
        # Joined; a contact that is not here (yet) comes as None.
        "contact_name": Spelled(
            ("contact__complete_name", "contact__name"),
            _called,
            about="Empty while the contact is not mirrored, and where it is outside your scope.",
        ),
    },
    lent=partial(names_within, via="contact"),
    about="Mirrored invoices. Odoo stays the place to write them.",
    about_a_row="``amount_*_signed`` are in the company's currency, negative for refunds and vendor "
    "bills.",
    actions=("invoices.creating.CREATE_INVOICE", "invoices.posting.POST_INVOICE"),
    charts=("invoices.charts.invoiced_per_month", "invoices.charts.receivables"),
)
INVOICE_LINES = Noun(LINE_STREAM, names={"unit_id": None})
NOUNS = (INVOICES, INVOICE_LINES)
