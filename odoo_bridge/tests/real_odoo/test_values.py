"""Values that a real Odoo holds and that fit no fixed column: here to the last digit, or an issue."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import odoorpc
import pytest

from invoices.models import Invoice, InvoiceLine
from odoo_bridge.models import SyncIssue
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.sync.verify import verify
from odoo_bridge.tests.connection import point_at
from odoo_bridge.tests.real_odoo.client import RealOdoo
from odoo_bridge.tests.runs import sync, sync_all, synced

VERSIONS = [pytest.param(19, marks=pytest.mark.odoo), pytest.param(14, marks=pytest.mark.odoo14)]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.parametrize("version", VERSIONS)]

LINES = ({"name": "Desk", "quantity": 1, "price_unit": 3710.44, "tax_ids": [(6, 0, [])]},)


@pytest.fixture
def odoo(request: pytest.FixtureRequest, settings: Any, version: int) -> Any:
    real: RealOdoo = request.getfixturevalue("real_odoo" if version == 19 else "real_odoo14")
    point_at(settings, real, real.url)
    return real


def test_amounts_of_a_real_odoo_are_here_to_the_last_digit(odoo: RealOdoo) -> None:
    contact = odoo.create("res.partner", name="Acme")
    [yen] = odoo.search("res.currency", [("name", "=", "JPY")])
    bitcoin = odoo.create("res.currency", name="XBT", symbol="B", rounding=0.01)
    # What a module that widens the field does; digits of its own it has none in the database.
    odoo.sql("alter table res_currency alter column rounding type numeric")
    odoo.sql("update res_currency set rounding = 1e-8, decimal_places = 8 where id = %s", bitcoin)
    draft = odoo.invoice(contact, LINES)
    third = odoo.invoice(contact, [{**LINES[0], "quantity": 3, "price_unit": 1.5}])
    [line] = odoo.search("account.move.line", [("move_id", "=", third), ("name", "=", "Desk")])
    coins = odoo.invoice(contact, LINES)
    sync_all("reconcile")
    odoo.sql(
        "update account_move set currency_id = %s, write_date = now() where id = %s", yen, draft
    )
    odoo.sql("update account_move_line set price_unit = 1/30.0 where id = %s", line)
    odoo.sql(
        "update account_move set currency_id = %s, amount_total = 0.12345678 where id = %s",
        bitcoin,
        coins,
    )
    for stream in all_streams():
        synced(stream, "full")
    [sent] = odoo.read("account.move.line", line, "price_unit")
    assert InvoiceLine.objects.get(pk=line).price_unit == Decimal(repr(sent["price_unit"]))
    assert len(repr(sent["price_unit"])) > 15
    amounts = dict(Invoice.objects.values_list("pk", "amount_total"))
    [sent] = odoo.read("account.move", draft, "amount_total")
    assert amounts[draft] == Decimal(repr(sent["amount_total"]))
    assert amounts[coins] == Decimal("0.12345678")
    for each in all_streams().values():
        verdict = verify(each, sample=10_000)
        assert verdict.equal, verdict.differences


def test_dates_that_odoo_spells_shortly_are_copied_and_those_it_cannot_read_are_issues(
    odoo: RealOdoo,
) -> None:
    contact = odoo.create("res.partner", name="Acme")
    invoices = [odoo.invoice(contact, LINES) for _ in range(4)]
    for odoo_id, day in zip(
        invoices, ("0021-03-01", "0044-03-15 BC", "12026-02-03", "infinity"), strict=True
    ):
        odoo.sql("update account_move set invoice_date = %s where id = %s", day, odoo_id)
    # Their stamps are as impossible as Odoo's own reading of them.
    odoo.sql("update account_move set write_date = '0044-03-15 BC' where id = %s", invoices[2])
    odoo.sql("update account_move set write_date = '0021-03-01' where id = %s", invoices[0])
    for _first_and_second in range(2):
        assert sync("invoices", "reconcile").status == "succeeded_with_issues"
        days = dict(Invoice.objects.values_list("pk", "invoice_date"))
        assert (days[invoices[0]], days[invoices[3]]) == (date(21, 3, 1), date(9999, 12, 31))
        issues = dict(SyncIssue.objects.filter(resolved_at=None).values_list("odoo_id", "reason"))
        assert issues.keys() == {invoices[1], invoices[2]}
        assert "invoice_date" in issues[invoices[1]]
    odoo.sql("update account_move set invoice_date = null, write_date = now()")
    synced("invoices", "reconcile")


def _odoo_fails(odoo: RealOdoo, model: str, issue: SyncIssue) -> bool:
    """Whether Odoo itself cannot answer with the extra field that ``issue`` names."""
    field = re.search(r"extra\.(\w+): cannot be read", issue.reason)
    if field is None:
        return False
    try:
        odoo.read(model, [issue.odoo_id], field[1])
    except odoorpc.error.RPCError:
        return True
    return False


@pytest.mark.parametrize(
    ("stream", "model"), [("contacts", "res.partner"), ("invoices", "account.move")]
)
def test_every_field_of_a_real_odoo_is_copied_equal_or_left_out_with_the_reason(
    odoo: RealOdoo, settings: Any, stream: str, model: str
) -> None:
    contact = odoo.create("res.partner", name="Acme", comment="Hello", ref="A-1", color=3)
    odoo.invoice(contact, LINES)
    fields = odoo.call(model, "fields_get", attributes=["type", "store"])
    settings.ODOO_EXTRA_FIELDS = {model: sorted(fields)}
    row = sync(stream, "reconcile")
    assert (row.status, row.issue_count) == ("succeeded", 0), list(
        SyncIssue.objects.filter(resolved_at=None).values_list("reason", flat=True)
    )
    assert all(row.left_out_fields.values())
    copied = [name for name in fields if name not in row.left_out_fields]
    assert {fields[name]["type"] for name in copied} >= {"char", "integer", "many2one"}
    table = all_streams()[stream].model._default_manager
    extras = dict(table.values_list("pk", "extra"))
    for record in odoo.read(model, list(extras), *copied):
        for name in copied:
            here, there = extras[record["id"]][name], record[name]
            if fields[name]["type"] in ("float", "monetary"):
                here, there = Decimal(here), Decimal(repr(there))
            if there is False and fields[name]["type"] != "boolean":
                there = None
            assert here == there, (name, fields[name])

    # With the mark only files, types the bridge does not know, and columns are left out.
    settings.ODOO_EXTRA_FIELDS = {model: [f"{name}!" for name in sorted(fields)]}
    row = sync(stream, "reconcile")
    # A real Odoo fails to compute some fields of some records; no other issue is allowed.
    unexpected = [
        issue.reason
        for issue in SyncIssue.objects.filter(resolved_at=None)
        if not _odoo_fails(odoo, model, issue)
    ]
    assert unexpected == []
    readable = {
        name
        for name, why in row.left_out_fields.items()
        if not why.startswith(("holds a file", "is copied already", "cannot be read"))
    }
    assert readable == set()
