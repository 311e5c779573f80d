"""Lists and fresh rows of the API beside what a real Odoo says to the same question."""

from datetime import date, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from odoo_bridge.odoo.connect import connect
from odoo_bridge.tests.runs import sync_all

pytestmark = [pytest.mark.odoo, pytest.mark.django_db(transaction=True)]
TODAY = date.today()


@pytest.fixture
def odoo(bridge_on_real_odoo: Any) -> Any:
    return bridge_on_real_odoo


def listed(api: APIClient, path: str) -> list[int]:
    """All ids of a list, page by page, by cursor."""
    ids: list[int] = []
    address = f"{path}&per_page=7&cursor="
    while address:
        answer = api.get(address).json()
        ids += [row["odoo_id"] for row in answer["results"]]
        address = answer["next"]
    return ids


def test_filters_find_what_odoo_finds(odoo: Any, api: APIClient) -> None:
    line = {"name": "Desk", "quantity": 2, "price_unit": 10.5}
    acme = odoo.create("res.partner", name="Acme", email="Hi@Acme.example", is_company=True)
    odoo.create("res.partner", name="Ann", parent_id=acme, type="invoice")
    odoo.archive([odoo.create("res.partner", name="Gone home")])
    late, paid, _draft = (odoo.invoice(acme, lines=[line]) for _ in range(3))
    odoo.write("account.move", [late], invoice_date_due=str(TODAY - timedelta(days=9)))
    odoo.post([late, paid])
    odoo.pay([paid])
    sync_all("reconcile")
    ours = connect()
    states = ("country_id.code", "=", "US")
    no_entry = ("move_type", "!=", "entry")
    for path, model, domain in (
        ("contacts?is_company=true", "res.partner", [("is_company", "=", True)]),
        ("contacts?active=false", "res.partner", [("active", "=", False)]),
        (
            "contacts?type=invoice,delivery",
            "res.partner",
            [("type", "in", ["invoice", "delivery"])],
        ),
        (f"contacts?parent={acme}", "res.partner", [("parent_id", "=", acme)]),
        ("contacts?country=us", "res.partner", [states]),
        ("contacts?email=hi@acme.EXAMPLE", "res.partner", [("email", "=ilike", "hi@acme.example")]),
        ("invoices?move_type=out_invoice", "account.move", [("move_type", "=", "out_invoice")]),
        ("invoices?state=draft", "account.move", [("state", "=", "draft"), no_entry]),
        (
            "invoices?payment_state=not_paid&state=posted",
            "account.move",
            [("payment_state", "=", "not_paid"), ("state", "=", "posted"), no_entry],
        ),
        (f"invoices?contact={acme}", "account.move", [("partner_id", "=", acme), no_entry]),
        (
            f"invoices?date_from={TODAY}&ordering=odoo_id",
            "account.move",
            [("invoice_date", ">=", str(TODAY)), no_entry],
        ),
        (
            "invoices?amount_from=100&ordering=odoo_id",
            "account.move",
            [("amount_total", ">=", 100), no_entry],
        ),
    ):
        found = listed(api, f"/api/{path}")
        assert found, path
        assert found == sorted(ours.search(model, domain)), path
    overdue = listed(api, "/api/invoices?overdue=true")
    assert late in overdue
    assert paid not in overdue


def test_max_age_reads_what_odoo_has_now(odoo: Any, api: APIClient) -> None:
    acme = odoo.create("res.partner", name="Acme")
    invoice = odoo.invoice(acme, lines=[{"name": "Desk", "quantity": 2, "price_unit": 10.5}])
    sync_all("reconcile")
    odoo.write("res.partner", [acme], name="Acme New")
    [line] = odoo.read("account.move", [invoice], "invoice_line_ids")[0]["invoice_line_ids"]
    odoo.write("account.move", [invoice], invoice_line_ids=[(1, line, {"price_unit": 99})])
    assert api.get(f"/api/contacts/{acme}").json()["name"] == "Acme"
    assert api.get(f"/api/contacts/{acme}?max_age=0").json()["name"] == "Acme New"
    fresh = api.get(f"/api/invoices/{invoice}?max_age=0").json()
    assert [row["price_unit"] for row in fresh["lines"]] == ["99"]
    made = odoo.create("res.partner", name="A moment ago")
    assert api.get(f"/api/contacts/{made}").status_code == 404
    assert api.get(f"/api/contacts/{made}?max_age=0").json()["name"] == "A moment ago"
