"""Creating invoices in Odoo over the API, as drafts or posted."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from contacts.creating import check_contact
from invoices.live import LINE_MODEL, MODEL, decimal_field
from invoices.models import MOVE_TYPES, Invoice, InvoiceLine
from invoices.noun import INVOICE_LINES, INVOICES
from odoo_bridge.api.arguments import (
    check_company,
    check_result,
    company_for,
    odoo_id,
    reference,
    wrong,
)
from odoo_bridge.api.live import Domain, any_of
from odoo_bridge.api.strict import StrictBody
from odoo_bridge.mirror.names import Names
from odoo_bridge.models import OdooWrite, Reference
from odoo_bridge.odoo import values
from odoo_bridge.odoo.calls import Record
from odoo_bridge.odoo.errors import BridgeError, OdooMissing, OdooRejected
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.writing.actions import Action
from odoo_bridge.writing.errors import NotAsRequested
from odoo_bridge.writing.imports import cell, find_by_marker, import_of
from odoo_bridge.writing.requests import copy_records, record_creator

MAX_LINES = 200
# The fields of an invoice whose text comes from its contact.
LENT = ("contact_name",)


# Creating -----------------------------------------------------------------------------------------
class NewLineSerializer(StrictBody):
    name = serializers.CharField(
        required=False, max_length=1000, help_text="The default is the product's name."
    )
    product_id = odoo_id(help_text="The product's id in Odoo.")
    product_code = serializers.CharField(
        required=False,
        max_length=64,
        help_text="The product's internal reference, instead of its id.",
    )
    quantity = decimal_field(default=Decimal(1))
    price_unit = decimal_field(help_text="In the invoice's currency.")
    tax_ids = serializers.ListField(
        child=odoo_id(required=True),
        max_length=20,
        help_text="The ids in Odoo of all taxes on the line; an empty list for no tax. Never guessed.",
    )

    def validate(self, line: dict[str, Any]) -> dict[str, Any]:
        if "product_id" in line and "product_code" in line:
            raise wrong("product_code", "Give either product_id or product_code, not both.")
        if "name" not in line and "product_id" not in line and "product_code" not in line:
            raise wrong("name", "A line without a product needs a name.")
        return line


class NewInvoiceSerializer(StrictBody):
    """An invoice to create in Odoo, as a draft or posted."""

    move_type = serializers.ChoiceField(MOVE_TYPES)
    contact_id = odoo_id(required=True, help_text="The id of the contact to which it is addressed.")
    company_id = odoo_id(
        help_text="The Odoo company of the invoice; the default is that of the bridge's user, or for a "
        "writer scoped to one company that company. A writer scoped to several must choose one."
    )
    currency_code = serializers.RegexField(
        r"^[A-Z]{3}$",
        source="currency_id",
        required=False,
        help_text="ISO 4217 code; the default is the company's currency.",
    )
    invoice_date = serializers.DateField(required=False)
    invoice_date_due = serializers.DateField(required=False)
    ref = serializers.CharField(required=False, max_length=200)
    lines: serializers.ListSerializer = serializers.ListSerializer(
        child=NewLineSerializer(), allow_empty=False, max_length=MAX_LINES
    )
    amount_total = decimal_field(
        required=False,
        help_text="The expected total including taxes. If Odoo calculates another one, the invoice "
        "stays a draft and the response is 422 `totals_differ`.",
    )
    post = serializers.BooleanField(
        default=False, help_text="Also post the invoice, if its totals are right."
    )

    def validate_currency_code(self, code: str) -> int:
        return reference(Reference.Kind.CURRENCY, code)

    def validate(self, body: dict[str, Any]) -> dict[str, Any]:
        """Look the contact and the company up in the mirror. Raises ValidationError if one is
        missing."""
        user = self.context["request"].user
        check_contact(user, "contact_id", body["contact_id"])
        if body["post"] and body["move_type"].startswith("in_") and "invoice_date" not in body:
            raise wrong("invoice_date", "Odoo posts a vendor document only if it has a date.")
        body["company_id"] = company_for(user, body.get("company_id"))
        return body


def resolved(odoo: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    """``body`` with its products and taxes looked up in Odoo: at most three small reads.

    Raises ValidationError that names the lines, and the errors of the gateway.
    """
    lines = body["lines"]
    products = _products(odoo, lines)
    taxes = _taxes(odoo, lines)
    use = "sale" if body["move_type"].startswith("out_") else "purchase"
    said = [_resolve(line, products, taxes, use) for line in lines]
    if any(said):
        raise ValidationError({"lines": said})
    return body


def _resolve(
    line: dict[str, Any],
    products: Mapping[int | str, list[Record]],
    taxes: Mapping[int, Record],
    use: str,
) -> dict[str, list[ErrorDetail]]:
    """Put the product's id and name into ``line``; return the errors of the line."""
    said: dict[str, list[ErrorDetail]] = {}
    for field in ("product_id", "product_code"):
        if field not in line:
            continue
        found = products.get(line[field], [])
        if len(found) == 1:
            line["product_id"] = found[0]["id"]
            line.setdefault("name", found[0]["display_name"])
        elif found:
            said[field] = [ErrorDetail("Several products have this code.", code="ambiguous")]
        else:
            said[field] = [ErrorDetail("There is no such product.", code="does_not_exist")]
    for tax in line["tax_ids"]:
        if tax not in taxes:
            said["tax_ids"] = [ErrorDetail(f"There is no tax {tax}.", code="does_not_exist")]
        elif taxes[tax]["type_tax_use"] not in (use, "none"):
            said["tax_ids"] = [ErrorDetail(f"{tax} is no tax on {use}s.", code="invalid")]
    return said


def _products(odoo: Gateway, lines: Sequence[Mapping[str, Any]]) -> dict[int | str, list[Record]]:
    """The products that the lines name, by id and by code."""
    ids = sorted({line["product_id"] for line in lines if "product_id" in line})
    codes = sorted({line["product_code"] for line in lines if "product_code" in line})
    if not ids and not codes:
        return {}
    named = any_of([("id", "in", ids), ("default_code", "in", codes)])
    found: dict[int | str, list[Record]] = {}
    for record in _look_up(odoo, "product.product", named, ["display_name", "default_code"]):
        found.setdefault(record["id"], []).append(record)
        if record["default_code"]:
            found.setdefault(record["default_code"], []).append(record)
    return found


def _taxes(odoo: Gateway, lines: Sequence[Mapping[str, Any]]) -> dict[int, Record]:
    ids = sorted({tax for line in lines for tax in line["tax_ids"]})
    if not ids:
        return {}
    found = _look_up(odoo, "account.tax", [("id", "in", ids)], ["type_tax_use"])
    return {record["id"]: record for record in found}


def _look_up(odoo: Gateway, model: str, domain: Domain, fields: list[str]) -> list[Record]:
    """The active records that match."""
    # Archived ones are found too unless the domain says otherwise.
    ids = odoo.search(model, [("active", "=", True), *domain])
    return odoo.read(model, ids, fields) if len(ids) else []


# Key of the request -> column of the import.
_COLUMNS = {
    "move_type": "move_type",
    "contact_id": "partner_id/.id",
    "currency_id": "currency_id/.id",
    "invoice_date": "invoice_date",
    "invoice_date_due": "invoice_date_due",
    "ref": "ref",
}
_LINE_COLUMNS = ("id", "name", "product_id/.id", "quantity", "price_unit", "tax_ids/.id")


def _send(odoo: Gateway, write: OdooWrite) -> int:
    body = write.body
    given = import_of(write, _COLUMNS)
    columns = [*given, *(f"invoice_line_ids/{name}" for name in _LINE_COLUMNS)]
    head = list(given.values())
    rows = []
    for number, line in enumerate(body["lines"]):
        cells = (
            # With an external id of its own, a line is not added twice if the import is repeated.
            f"{write.marker}_{number}",
            line["name"],
            line.get("product_id"),
            line["quantity"],
            line["price_unit"],
            ",".join(map(str, line["tax_ids"])),
        )
        rows.append([*(head if not number else [""] * len(head)), *map(cell, cells)])
    return odoo.load(MODEL, columns, rows, body["company_id"])


def _complete(odoo: Gateway, write: OdooWrite, invoice_id: int) -> None:
    """Compare Odoo's invoice with the request, then post it if the request says so."""
    move, lines = _read_back(odoo, invoice_id)
    places = Names()
    places.learn({Reference.Kind.CURRENCY: [move["currency_id"]]})
    unit = Decimal(1).scaleb(-places.places(move["currency_id"]))
    difference = _difference(write.body, move, lines, unit)
    if difference:
        raise NotAsRequested(
            f"Odoo created draft {invoice_id} with other amounts: {difference}. It was not posted. "
            "Correct it in Odoo, or delete it there and send another request.",
            "totals_differ",
        )
    if write.body["post"]:
        try:
            post_draft(odoo, invoice_id)
        except OdooRejected as exc:
            raise NotAsRequested(
                f"Odoo created draft {invoice_id}, but refused to post it: {exc.reason}",
                "not_posted",
            ) from exc


def _read_back(odoo: Gateway, invoice_id: int) -> tuple[Record, list[Record]]:
    """The invoice as Odoo has it, and its lines in the order they were sent."""
    found = odoo.read(MODEL, [invoice_id], ["currency_id", "amount_total", "invoice_line_ids"])
    if not found:
        raise NotAsRequested(
            f"Invoice {invoice_id} was created, but has been deleted in Odoo since.", "deleted"
        )
    [move] = found
    fields = ["quantity", "price_unit", "price_subtotal", "price_total"]
    lines = odoo.read(LINE_MODEL, move["invoice_line_ids"], fields)
    return move, sorted(lines, key=lambda line: line["id"])


def _difference(
    body: Mapping[str, Any], move: Record, lines: Sequence[Record], unit: Decimal
) -> str:
    """How Odoo's invoice differs from the request; empty if it does not.

    A line's amount must be quantity times price, before taxes, or after them if the price includes
    them. The quantity and price that Odoo stores must also give that amount, because older versions
    round both after they calculated the amounts. ``unit`` is the currency's smallest unit: rounding may
    change each amount by that much.
    """
    if len(lines) != len(body["lines"]):
        return f"{len(lines)} lines where {len(body['lines'])} were sent"
    for number, (line, asked) in enumerate(zip(lines, body["lines"], strict=True), 1):
        expected = Decimal(asked["quantity"]) * Decimal(asked["price_unit"])
        made = [_amount(line["price_subtotal"]), _amount(line["price_total"])]
        kept = _amount(line["quantity"]) * _amount(line["price_unit"])
        if min(abs(amount - expected) for amount in made) > unit or abs(kept - expected) > unit:
            return (
                f"line {number} is {line['quantity']} times {line['price_unit']} and comes to "
                f"{made[0]}, where {expected.normalize():f} was sent"
            )
    total = _amount(move["amount_total"])
    if "amount_total" in body and abs(total - Decimal(body["amount_total"])) > unit:
        return f"the total is {total} where {body['amount_total']} was expected"
    return ""


def _amount(value: Any) -> Decimal:
    return values.decimal(value) or Decimal(0)


def _mirror(write: OdooWrite, invoice_id: int) -> None:
    mirror_invoice(write, invoice_id)
    record_creator("invoices", Invoice.objects.filter(pk=invoice_id), write)


def mirror_invoice(write: OdooWrite, invoice_id: int) -> None:
    copy_records("invoices", [invoice_id], write)
    lines = Invoice.objects.filter(pk=invoice_id).values_list("line_ids", flat=True).first()
    if lines:
        copy_records("invoice_lines", lines, write)


def answer_row(invoice_id: int, user: Any) -> Mapping[str, Any]:
    names = Names()
    rows = Invoice.objects.filter(pk=invoice_id).as_seen_by(user)
    row = next(iter(INVOICES.rows.page(rows, names=names)), {})
    lines = InvoiceLine.objects.present().filter(invoice_id=invoice_id)
    return {
        **row,
        "lines": INVOICE_LINES.rows.page(lines.order_by("sequence", "odoo_id"), names=names),
    }


def _check(user: Any, write: OdooWrite) -> None:
    check_company(user, write)
    if user.access.is_scoped:
        check_contact(user, "contact_id", write.body["contact_id"], gone_too=True)
    check_result(user, Invoice.objects.all(), write)


CREATE_INVOICE = Action(
    "create_invoice",
    "invoices",
    "invoice",
    201,
    _send,
    find_by_marker(MODEL),
    _complete,
    _mirror,
    answer_row,
    _check,
    LENT,
)


def post_draft(odoo: Gateway, invoice_id: int) -> None:
    """Post the invoice, unless it is posted already, perhaps by an earlier call that got no response."""
    if state_in_odoo(odoo, invoice_id) == "posted":
        return
    try:
        odoo.call(MODEL, "action_post", [invoice_id])
    except BridgeError:
        if state_in_odoo(odoo, invoice_id) == "posted":
            return
        raise
    if state_in_odoo(odoo, invoice_id) != "posted":
        raise OdooRejected("", reason="Odoo accepted the call but did not post the invoice")


def state_in_odoo(odoo: Gateway, invoice_id: int) -> str:
    found = odoo.read(MODEL, [invoice_id], ["state"])
    if not found:
        raise OdooMissing(f"Invoice {invoice_id} no longer exists in Odoo.")
    return str(found[0]["state"])
