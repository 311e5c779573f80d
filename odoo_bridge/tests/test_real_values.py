"""Values that a real Odoo holds and that fit no fixed column: here to the last digit, or an issue."""

from decimal import Decimal
from typing import Any

import pytest

from invoices.models import Invoice, InvoiceLine
from odoo_bridge.models import SyncRun
from odoo_bridge.odoo import gateway
from odoo_bridge.sync.run import run
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.sync.verify import verify
from odoo_bridge.tests.real_odoo import RealOdoo

VERSIONS = [pytest.param(19, marks=pytest.mark.odoo), pytest.param(14, marks=pytest.mark.odoo14)]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.parametrize("version", VERSIONS)]

LINES = ({"name": "Desk", "quantity": 1, "price_unit": 3710.44, "tax_ids": [(6, 0, [])]},)


@pytest.fixture
def odoo(request: pytest.FixtureRequest, settings: Any, version: int) -> Any:
    real: RealOdoo = request.getfixturevalue("real_odoo" if version == 19 else "real_odoo14")
    settings.ODOO_URL, settings.ODOO_DB = real.url, real.database
    settings.ODOO_USERNAME, settings.ODOO_PASSWORD = real.username, real.password
    settings.ODOO_API_KEY = ""
    gateway.disconnect()
    yield real
    gateway.disconnect()


def sync(stream: str, kind: str = "reconcile") -> SyncRun:
    row = run(stream, kind, trigger=SyncRun.Trigger.COMMAND)
    assert row.status in ("succeeded", "succeeded_with_issues"), row.error
    return row


def sync_all() -> None:
    for stream in all_streams():
        assert sync(stream).status == "succeeded"


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
    sync_all()
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
        assert sync(stream, "full").status == "succeeded"
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
