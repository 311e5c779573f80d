"""What people do with an invoice, and what Odoo checks and numbers then: post, cancel, pay."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from odoo_bridge.demo import contacts
from odoo_bridge.demo.database import Row
from odoo_bridge.demo.errors import user_error
from odoo_bridge.demo.invoices import (
    INBOUND,
    PURCHASES,
    SALES,
    compute,
    is_shown,
    of_move,
    rounded,
    to_decimal,
    touch_lines,
)

if TYPE_CHECKING:
    from odoo_bridge.demo.records import Environment


def post(env: Environment, ids: Iterable[int]) -> None:
    for record_id in ids:
        move = env.existing("account.move", record_id)
        _check_postable(env, move)
        changes: Row = {"state": "posted", "posted_before": True}
        today = env.tx.stamp.date()
        if move["move_type"] != "entry" and not move["invoice_date"]:
            changes["invoice_date"] = today
            changes["date"] = today
        if move["move_type"] in SALES and move["invoice_date"]:
            changes["date"] = move["invoice_date"]
        if move["name"] in (False, "/"):
            changes |= _number(env, {**move, **changes})
        if move["move_type"] == "out_invoice":
            changes["payment_reference"] = move["payment_reference"] or changes.get(
                "name", move["name"]
            )
        if move["amount_total"] == 0:
            changes["payment_state"] = "paid"
        env.touch("account.move", record_id, **changes)
        _repeat_on_lines(env, record_id)
        if move["move_type"] in SALES:
            contacts.count_sale(env, move["partner_id"], "customer_rank")
        elif move["move_type"] in PURCHASES:
            contacts.count_sale(env, move["partner_id"], "supplier_rank")


def _check_postable(env: Environment, move: Row) -> None:
    if move["state"] != "draft":
        raise user_error(f"The entry {move['name']} (id {move['id']}) must be in draft.")
    if not env.tx.linked("account.move.line", "move_id", move["id"]):
        raise user_error(
            "Even magicians can't post nothing!"
            if env.major >= 19
            else "You need to add a line before posting."
        )
    if move["move_type"] != "entry" and not move["partner_id"]:
        raise user_error(
            "The 'Customer' field is required to validate the invoice.\n"
            "You probably don't want to explain to your auditor that you invoiced an invisible "
            "man :)"
        )
    if env.major >= 16 and move["move_type"] != "entry" and move["amount_total"] < 0:
        raise user_error(
            "You cannot validate an invoice with a negative total amount. You should create a credit "
            "note instead. Use the action menu to transform it into a credit note or refund."
        )
    if env.major >= 16 and move["move_type"] in PURCHASES and not move["invoice_date"]:
        raise user_error("The Bill/Refund date is required to validate this document.")


def _number(env: Environment, move: Row) -> Row:
    """The next number of the journal: one sequence a year for sales (a month in 14), else a month."""
    code = env.tx.row("account.journal", move["journal_id"])["code"]
    if move["move_type"].endswith("refund"):
        code = f"R{code}"
    yearly = env.major >= 15 and move["move_type"] in SALES
    booked: date = move["date"]
    prefix = f"{code}/{booked:%Y}/" if yearly else f"{code}/{booked:%Y/%m}/"
    newest = env.tx.newest_linked("account.move", "sequence_prefix", prefix)
    number = 1 if newest is None else env.tx.row("account.move", newest)["sequence_number"] + 1
    width = 5 if yearly else 4
    return {
        "name": f"{prefix}{number:0{width}}",
        "sequence_prefix": prefix,
        "sequence_number": number,
    }


def _repeat_on_lines(env: Environment, move_id: int) -> None:
    move = env.tx.row("account.move", move_id)
    for line in env.tx.linked("account.move.line", "move_id", move_id):
        changes = of_move(move)
        held = env.tx.row("account.move.line", line)
        if not is_shown(held) and not held["tax_line_id"] and move["payment_reference"]:
            changes["name"] = move["payment_reference"]
        env.update("account.move.line", line, **changes)


def to_draft(env: Environment, ids: Iterable[int]) -> None:
    for record_id in ids:
        move = env.existing("account.move", record_id)
        if move["state"] == "draft":
            if env.major < 16:
                continue
            raise user_error("Only posted/cancelled journal entries can be reset to draft.")
        _reopen(env, record_id, "draft")


def cancel(env: Environment, ids: Iterable[int]) -> None:
    for record_id in ids:
        env.existing("account.move", record_id)
        _reopen(env, record_id, "cancel")


def _reopen(env: Environment, record_id: int, state: str) -> None:
    """Leave the posted state: payments are taken off, the number stays."""
    env.touch("account.move", record_id, state=state, payment_state="not_paid")
    _repeat_on_lines(env, record_id)
    compute(env, record_id)


def pay(env: Environment, record_id: int, amount: float | None = None) -> None:
    """Register a payment in the invoice's currency; without an amount, of all that is due."""
    move = env.existing("account.move", record_id)
    if move["state"] != "posted" or move["amount_residual"] == 0:
        raise user_error("You can only register payment for posted journal entries that are due.")
    due = to_decimal(move["amount_residual"])
    left = Decimal(0) if amount is None else max(due - to_decimal(float(amount)), Decimal(0))
    signed = to_decimal(move["amount_total_signed"]) * left / to_decimal(move["amount_total"])
    company = env.tx.row("res.currency", move["company_currency_id"])
    signed = rounded(signed, company["decimal_places"])
    env.touch(
        "account.move",
        record_id,
        amount_residual=float(left),
        amount_residual_signed=float(signed),
        payment_state="partial" if left else "paid",
    )
    sign = 1 if move["move_type"] in INBOUND else -1
    for line in env.tx.linked("account.move.line", "move_id", record_id):
        held = env.tx.row("account.move.line", line)
        if not is_shown(held) and not held["tax_line_id"]:
            env.update(
                "account.move.line",
                line,
                amount_residual=float(signed),
                amount_residual_currency=float(sign * left),
            )
    if env.major >= 19:
        touch_lines(env, record_id)
