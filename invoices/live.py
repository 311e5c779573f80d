"""Invoices straight from Odoo."""

from typing import Any

from odoo_bridge import live

FIELDS = (
    "name",
    "move_type",
    "state",
    "payment_state",
    "partner_id",
    "invoice_date",
    "invoice_date_due",
    "ref",
    "currency_id",
    "company_id",
    "amount_untaxed",
    "amount_tax",
    "amount_total",
    "amount_residual",
    "write_date",
)


def invoices(*, limit: int, after: int, search: str) -> list[dict[str, Any]]:
    return live.read(
        "account.move",
        FIELDS,
        [("move_type", "!=", "entry")],
        limit=limit,
        after=after,
        search=search,
    )
