"""Posting drafts in Odoo over the API."""

from typing import Any

from django.http import Http404

from invoices.creating import LENT, answer_row, mirror_invoice, state_in_odoo
from invoices.live import MODEL
from invoices.models import Invoice
from odoo_bridge.api.arguments import check_result
from odoo_bridge.models import OdooWrite
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.writing.actions import Action
from odoo_bridge.writing.errors import NotAsRequested


# Posting ------------------------------------------------------------------------------------------
def postable(user: Any, invoice_id: int) -> dict[str, Any]:
    """The request to post an invoice that the user may see. Raises Http404."""
    rows = Invoice.objects.present().visible_to(user).filter(pk=invoice_id)
    found = rows.values("move_type", "contact_id", "amount_total").first()
    if found is None:
        raise Http404
    return found


def _send_post(odoo: Gateway, write: OdooWrite) -> int:
    invoice_id = int(write.odoo_id or 0)
    odoo.call(MODEL, "action_post", [invoice_id])
    return invoice_id


def _find_posted(odoo: Gateway, write: OdooWrite) -> int | None:
    invoice_id = int(write.odoo_id or 0)
    return invoice_id if state_in_odoo(odoo, invoice_id) == "posted" else None


def _complete_post(odoo: Gateway, _write: OdooWrite, invoice_id: int) -> None:
    if state_in_odoo(odoo, invoice_id) != "posted":
        raise NotAsRequested(
            "Odoo accepted the call but did not post the invoice; it may need an answer in Odoo.",
            "not_posted",
        )


def _check_post(user: Any, write: OdooWrite) -> None:
    check_result(user, Invoice.objects.all(), write)


POST_INVOICE = Action(
    "post_invoice",
    "invoices",
    "invoice",
    200,
    _send_post,
    _find_posted,
    _complete_post,
    mirror_invoice,
    answer_row,
    _check_post,
    LENT,
    repeatable=True,
)
