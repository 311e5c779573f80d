"""What Odoo computes and forbids for invoices: lines, taxes, totals."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from odoo_bridge.demo import base, contacts
from odoo_bridge.demo.database import Row
from odoo_bridge.demo.errors import user_error, value_error

if TYPE_CHECKING:
    from odoo_bridge.demo.records import Environment
    from odoo_bridge.demo.views import View

SALES = ("out_invoice", "out_refund", "out_receipt")
PURCHASES = ("in_invoice", "in_refund", "in_receipt")
# Signed amounts are what the document brings to the company: bills and credit notes take.
INBOUND = ("out_invoice", "out_receipt", "in_refund")
TEXT_LINES = ("line_section", "line_subsection", "line_note")
# A posted line's label may still change; what its amounts are made of may not.
PRICED = {"quantity", "price_unit", "discount", "tax_ids", "product_id"}
DRAFT_LABELS = {
    "entry": "Draft Entry",
    "out_invoice": "Draft Invoice",
    "out_refund": "Draft Credit Note",
    "in_invoice": "Draft Bill",
    "in_refund": "Draft Vendor Credit Note",
    "out_receipt": "Draft Sales Receipt",
    "in_receipt": "Draft Purchase Receipt",
}

Commands = Mapping[str, list[list[Any]]]


def label(env: View, row: Row) -> str:
    if row["state"] == "posted":
        shown = str(row["name"])
    else:
        shown = DRAFT_LABELS[row["move_type"]]
        if row["name"] not in (False, "/"):
            shown += f" {row['name']}"
        elif env.major < 16:
            shown += f" (* {row['id']})"
    return f"{shown} ({row['ref']})" if row["ref"] else shown


def is_shown(line: Row) -> bool:
    """Whether a line is on the invoice, not one of those that only balance the entry."""
    if "exclude_from_invoice_tab" in line:
        return not line["exclude_from_invoice_tab"]
    return line["display_type"] in ("product", *TEXT_LINES)


def create(env: Environment, row: Row, commands: Commands) -> None:
    if row["state"] == "posted":
        raise user_error(
            "You cannot create a move already in the posted state. Please create a draft move and "
            "post it after."
        )
    company = env.tx.row("res.company", row["company_id"] or base.COMPANY)
    row["company_id"] = company["id"]
    row["company_currency_id"] = company["currency_id"]
    row["currency_id"] = row["currency_id"] or company["currency_id"]
    row["journal_id"] = row["journal_id"] or base.journal_for(row["move_type"])
    if row["name"] is False and env.major < 18:
        row["name"] = "/"
    if row["move_type"] in SALES or (env.major < 16 and row["move_type"] in PURCHASES):
        row["invoice_user_id"] = row["invoice_user_id"] or base.ADMIN_USER
    if env.major < 16 and row["payment_reference"] is False:
        row["payment_reference"] = ""
    row["sequence_prefix"] = row["sequence_prefix"] or ""
    row.update(_of_contact(env, row))
    row.update(_dates(env, row))
    env.put("account.move", row)
    _apply_commands(env, row["id"], commands)
    compute(env, row["id"])


def write(env: Environment, record_id: int, changes: Row, commands: Commands) -> None:
    row = env.tx.row("account.move", record_id)
    if commands and row["state"] == "posted":
        raise user_error(
            "You cannot modify the following readonly fields on a posted move: "
            + ", ".join(sorted(commands))
        )
    env.touch("account.move", record_id, **changes)
    if "partner_id" in changes:
        # The old contact's delivery address goes with it, unless another one is given.
        emptied = {"partner_shipping_id": False} if "partner_shipping_id" in row else {}
        after = env.tx.row("account.move", record_id) | emptied | changes
        env.update("account.move", record_id, **_of_contact(env, after))
    _apply_commands(env, record_id, commands)
    compute(env, record_id)
    if env.major >= 19:
        touch_lines(env, record_id)


def create_line(env: Environment, row: Row) -> None:
    """Add a line from outside its invoice, which Odoo balances by itself from 16 on."""
    move = env.existing("account.move", row["move_id"])
    _check_draft(move)
    _complete_line(env, row, move)
    env.put("account.move.line", row)
    _after_line(env, move["id"])


def write_line(env: Environment, record_id: int, changes: Row) -> None:
    line = env.tx.row("account.move.line", record_id)
    move = env.tx.row("account.move", line["move_id"])
    if not PRICED.isdisjoint(changes):
        _check_draft(move)
        if env.major < 16:
            raise user_error(f"Cannot create unbalanced journal entry. Ids: [{move['id']}]")
    env.touch("account.move.line", record_id, **changes)
    _after_line(env, move["id"])


def unlink_lines(env: Environment, ids: Iterable[int]) -> None:
    for record_id in list(ids):
        move = env.tx.row("account.move", env.tx.row("account.move.line", record_id)["move_id"])
        _check_draft(move)
        env.drop("account.move.line", [record_id])
        _after_line(env, move["id"])


def _check_draft(move: Row) -> None:
    if move["state"] == "posted":
        raise user_error(
            "You cannot modify the taxes related to a posted journal item, you should reset the "
            "journal entry to draft to do so."
        )


def _after_line(env: Environment, move_id: int) -> None:
    compute(env, move_id)
    if env.major >= 19:
        # Measured on 19: whatever changes on one line moves the stamps of the whole document.
        env.touch("account.move", move_id)
        touch_lines(env, move_id)


def touch_lines(env: Environment, move_id: int) -> None:
    for line in env.tx.linked("account.move.line", "move_id", move_id):
        env.touch("account.move.line", line)


def unlink(env: Environment, ids: list[int]) -> None:
    for record_id in ids:
        row = env.tx.row("account.move", record_id)
        if env.major < 15 and row["posted_before"]:
            raise user_error("You cannot delete an entry which has been posted once.")
        if row["state"] == "posted":
            raise user_error(
                "You can't delete a posted journal item. Don\u2019t play games with your accounting "
                "records; reset the journal entry to draft before deleting it."
            )
    lines = [i for each in ids for i in env.tx.linked("account.move.line", "move_id", each)]
    env.drop("account.move.line", lines)
    env.drop("account.move", ids)


def _of_contact(env: Environment, row: Row) -> Row:
    """What a document takes from its contact."""
    partner = env.tx.get("res.partner", row["partner_id"]) if row["partner_id"] else None
    taken: Row = {
        "commercial_partner_id": partner["commercial_partner_id"] if partner else False,
        "invoice_partner_display_name": partner[contacts.label_field(env)] if partner else "",
    }
    if "partner_shipping_id" in row:
        taken["partner_shipping_id"] = row["partner_shipping_id"] or (
            partner is not None and contacts.delivery_address(env, partner["id"])
        )
    return taken


def _dates(env: Environment, row: Row) -> Row:
    today = env.tx.stamp.date()
    invoiced = row["invoice_date"]
    booked = row["date"] or invoiced or today
    if row["move_type"] in PURCHASES and env.major >= 16 and not row["date"] and invoiced:
        booked = _accounting_date(invoiced, today)
    due = row["invoice_date_due"]
    if not due and row["move_type"] != "entry":
        days = base.TERM_DAYS.get(row["invoice_payment_term_id"])
        if days is not None:
            due = (invoiced or today) + timedelta(days=days)
        else:
            due = invoiced if env.major < 16 and invoiced else today
    return {"date": booked, "invoice_date_due": due}


def _accounting_date(invoiced: date, today: date) -> date:
    """A bill is booked today, or at the end of its month when that has passed."""
    if (invoiced.year, invoiced.month) == (today.year, today.month):
        return today
    return invoiced.replace(day=calendar.monthrange(invoiced.year, invoiced.month)[1])


def _apply_commands(env: Environment, move_id: int, commands: Commands) -> None:
    move = env.tx.row("account.move", move_id)
    for command in (each for name in commands for each in commands[name] or []):
        match list(command):
            case [0, _, dict() as values]:
                env.check_names("account.move.line", values, "create")
                fields = env.models["account.move.line"].fields
                row = {
                    name: env.convert("account.move.line", fields[name], value)
                    for name, value in values.items()
                }
                _add_line(env, move, row)
            case [1, int() as line, dict() as values]:
                env.check_names("account.move.line", values, "write")
                fields = env.models["account.move.line"].fields
                env.existing("account.move.line", line)
                env.touch("account.move.line", line, **{
                    name: env.convert("account.move.line", fields[name], value)
                    for name, value in values.items()
                })  # fmt: skip
            case [2 | 3, int() as line, *_]:
                env.drop("account.move.line", [line])
            case [5, *_]:
                env.drop("account.move.line", _shown_lines(env, move_id))
            case [6, _, [*kept]]:
                shown = _shown_lines(env, move_id)
                env.drop("account.move.line", [each for each in shown if each not in kept])
            case [4, *_]:
                pass
            case _:
                raise value_error(f"Wrong command for account.move.invoice_line_ids: {command!r}")


def _shown_lines(env: Environment, move_id: int) -> list[int]:
    ids = env.tx.linked("account.move.line", "move_id", move_id)
    return [each for each in ids if is_shown(env.tx.row("account.move.line", each))]


def _add_line(env: Environment, move: Row, values: Row) -> int:
    row = env.blank("account.move.line") | values
    row["id"] = env.tx.database.next_id("account.move.line")
    _complete_line(env, row, move)
    env.put("account.move.line", row)
    return int(row["id"])


def _complete_line(env: Environment, row: Row, move: Row) -> None:
    """Fill what a line takes from its invoice, its product and Odoo's defaults."""
    modern = env.major >= 16
    row["move_id"] = move["id"]
    if modern and row["display_type"] is False:
        row["display_type"] = "product"
    plain = row["display_type"] in (False, "product")
    row["sequence"] = row["sequence"] or (100 if modern else 10)
    product = env.tx.get("product.product", row["product_id"]) if row["product_id"] else None
    if product is not None:
        row["name"] = row["name"] or env.label("product.product", product["id"])
        row["product_uom_id"] = row["product_uom_id"] or base.UNIT
        row["price_unit"] = row["price_unit"] or product["list_price"]
    if plain or not modern:
        row["quantity"] = row["quantity"] or 1.0
    if plain:
        row["account_id"] = row["account_id"] or base.account_for(move["move_type"])
    row["company_id"] = move["company_id"]
    row["company_currency_id"] = move["company_currency_id"]
    row["currency_id"] = move["currency_id"]
    row["partner_id"] = move["commercial_partner_id"]


# Amounts


def to_decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def compute(env: Environment, move_id: int) -> None:
    """Recompute a document from its lines, and the lines that balance it."""
    move = env.tx.row("account.move", move_id)
    currency = env.tx.row("res.currency", move["currency_id"])
    company = env.tx.row("res.currency", move["company_currency_id"])
    places = currency["decimal_places"]
    rate = to_decimal(currency["rate"]) / to_decimal(company["rate"])
    sign = 1 if move["move_type"] in INBOUND else -1

    def in_company(amount: Decimal) -> Decimal:
        return rounded(amount / rate, company["decimal_places"])

    untaxed = Decimal(0)
    taxes: dict[int, Decimal] = {}
    shown = _shown_lines(env, move_id)
    for line_id in shown:
        line = env.tx.row("account.move.line", line_id)
        subtotal = total = Decimal(0)
        if line["display_type"] in (False, "product"):
            discount = 1 - to_decimal(line["discount"]) / 100
            price = to_decimal(line["quantity"]) * to_decimal(line["price_unit"]) * discount
            subtotal = total = rounded(price, places)
            for tax in line["tax_ids"]:
                share = to_decimal(env.tx.row("account.tax", tax)["amount"]) / 100
                amount = rounded(subtotal * share, places)
                taxes[tax] = taxes.get(tax, Decimal(0)) + amount
                total += amount
        untaxed += subtotal
        env.update(
            "account.move.line",
            line_id,
            price_subtotal=float(subtotal),
            price_total=float(total),
            **of_move(move),
            **_booked(-sign * subtotal, -sign * in_company(subtotal)),
        )
    tax_amount = sum(taxes.values(), Decimal(0))
    total = untaxed + tax_amount
    if move["move_type"] != "entry":
        _balance(env, move, shown, taxes, sign, in_company)
    untaxed_signed = sign * in_company(untaxed)
    tax_signed = sign * sum((in_company(each) for each in taxes.values()), Decimal(0))
    computed = {
        "amount_untaxed": float(untaxed),
        "amount_tax": float(tax_amount),
        "amount_total": float(total),
        "amount_untaxed_signed": float(untaxed_signed),
        "amount_tax_signed": float(tax_signed),
        "amount_total_signed": float(untaxed_signed + tax_signed),
    }
    if "amount_total_in_currency_signed" in move:
        computed["amount_total_in_currency_signed"] = float(sign * total)
    if move["state"] != "posted":
        computed["amount_residual"] = computed["amount_total"]
        computed["amount_residual_signed"] = computed["amount_total_signed"]
    env.update("account.move", move_id, **computed)


def of_move(move: Row) -> Row:
    """What every line repeats from its document."""
    return {
        "parent_state": move["state"],
        "move_name": move["name"],
        "date": move["date"],
        "journal_id": move["journal_id"],
        "partner_id": move["commercial_partner_id"],
        "currency_id": move["currency_id"],
    }


def _booked(amount: Decimal, balance: Decimal) -> Row:
    return {
        "amount_currency": float(amount),
        "balance": float(balance),
        "debit": float(max(balance, Decimal(0))),
        "credit": float(max(-balance, Decimal(0))),
    }


def _balance(
    env: Environment,
    move: Row,
    shown: list[int],
    taxes: Mapping[int, Decimal],
    sign: int,
    in_company: Any,
) -> None:
    """Keep one hidden line per tax, and one for what the contact owes."""
    lines = env.tx.linked("account.move.line", "move_id", move["id"])
    hidden = {
        env.tx.row("account.move.line", each)["tax_line_id"]: each
        for each in lines
        if each not in set(shown)
    }
    wanted: dict[int | bool, Row] = {}
    rows = [env.tx.row("account.move.line", each) for each in shown]
    owed = sum((to_decimal(row["balance"]) for row in rows), Decimal(0))
    total = sum((to_decimal(row["amount_currency"]) for row in rows), Decimal(0))
    for tax, amount in taxes.items():
        if not env.tx.row("account.tax", tax)["amount"]:
            continue
        booked = -sign * in_company(amount)
        name = env.tx.row("account.tax", tax)["name"]
        wanted[tax] = _hidden(env, "tax", name, base.TAX_ACCOUNT, -sign * amount, booked)
        owed += booked
        total -= sign * amount
    if shown:
        account = base.RECEIVABLE if move["move_type"] in SALES else base.PAYABLE
        name = move["payment_reference"] or ("" if env.major < 16 else False)
        wanted[False] = _hidden(env, "payment_term", name, account, -total, -owed)
        wanted[False]["date_maturity"] = move["invoice_date_due"]
        if move["state"] != "posted":
            wanted[False]["amount_residual"] = float(-owed)
            wanted[False]["amount_residual_currency"] = float(-total)
    for key, values in wanted.items():
        values |= of_move(move) | {"tax_line_id": key}
        if key in hidden:
            env.update("account.move.line", hidden[key], **values)
        else:
            _add_line(env, move, values)
    env.drop("account.move.line", [each for key, each in hidden.items() if key not in wanted])


def _hidden(
    env: Environment, kind: str, name: str | bool, account: int, amount: Decimal, balance: Decimal
) -> Row:
    row: Row = {"name": name, "account_id": account, **_booked(amount, balance)}
    if env.major >= 16:
        return row | {"display_type": kind, "sequence": 10000 if kind == "tax" else 12000}
    price = float(-amount)
    return row | {
        "exclude_from_invoice_tab": True,
        "price_unit": price,
        "price_subtotal": price,
        "price_total": price,
    }
