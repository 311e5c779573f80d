"""The summary beside the same sums, taken by a real Odoo and from its ledger."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from odoo_bridge.tests.runs import sync_all

pytestmark = [pytest.mark.odoo, pytest.mark.django_db(transaction=True)]
TODAY = date.today()
OUTGOING = ("in_invoice", "in_receipt", "out_refund")
UNITS = ("in_currency", "in_company_currency")


@pytest.fixture
def odoo(bridge_on_real_odoo: Any) -> Any:
    return bridge_on_real_odoo


def test_the_summary_equals_the_same_sums_in_odoo(odoo: Any, api: APIClient) -> None:
    _invoices_of_all_kinds(odoo)
    sync_all("reconcile")
    parameters = {"by": "month,move_type,state,payment_state,company_id"}
    answer = api.get("/api/invoices/summary", parameters).json()

    totals = {_key(row): _amounts(row) for row in answer["totals"]}
    assert totals == _totals_of_odoo(odoo)
    assert {key[1] for key in totals} >= {"out_invoice", "out_refund", "in_invoice", "in_refund"}
    assert {key[2] for key in totals} == {"draft", "posted", "cancel"}
    assert {key[5] for key in totals} == {"USD", "JPY"}

    ageing = {
        (side, row["currency_code"]): _amounts(row)
        for side in ("receivables", "payables")
        for row in answer[side]
    }
    assert ageing == _ageing_of_the_ledger(odoo)
    for ages in ageing["receivables", "JPY"].values():
        assert all(ages.values()), "an age without an amount shows nothing"


def _invoices_of_all_kinds(odoo: Any) -> None:
    """Open, partly and fully paid, of every age and kind, in the company's and a foreign currency."""
    yen = odoo.xml_id("base.JPY")
    odoo.write("res.currency", [yen], active=True)
    odoo.create("res.currency.rate", currency_id=yen, name="2020-01-01", rate=151.37)
    contact = odoo.create("res.partner", name="Acme")
    drafts = []
    for number, days in enumerate((-10, 0, 1, 30, 31, 60, 61, 90, 91, 400)):
        for kind in ("out_invoice", "out_refund", "in_invoice", "in_refund"):
            # Less for credits: no age may add up to nothing.
            quantity = 1 if kind.endswith("refund") else 3
            line = {"name": "Desk", "quantity": quantity, "price_unit": 33.33 + number}
            drafts.append(
                {
                    "move_type": kind,
                    "partner_id": contact,
                    "invoice_line_ids": [(0, 0, line | {"tax_ids": []})],
                    "invoice_date": (TODAY - timedelta(days=max(days, 0) + 5)).isoformat(),
                    "invoice_date_due": (TODAY - timedelta(days=days)).isoformat(),
                    "invoice_payment_term_id": False,
                    **({"currency_id": yen} if kind == "out_invoice" or number % 2 else {}),
                }
            )
    _draft, *posted = odoo.create_many("account.move", drafts)
    odoo.post(posted)
    odoo.pay([posted[12]])
    odoo.cancel([posted[14]])
    for part in posted[20:24]:
        odoo.pay([part], amount=7)


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("month", "move_type", "state", "payment_state", "company_id", "currency_code")
    return tuple(row[name] for name in names)


def _amounts(row: dict[str, Any]) -> dict[str, dict[str, Decimal]]:
    return {unit: {name: Decimal(text) for name, text in row[unit].items()} for unit in UNITS}


def _totals_of_odoo(odoo: Any) -> dict[tuple[Any, ...], Any]:
    """What Odoo itself adds up, with the signs that the amounts in a foreign currency lack."""
    amounts = ("untaxed", "tax", "total", "residual")
    groups = ["invoice_date:month", "move_type", "state", "payment_state", "company_id"]
    found = odoo.call(
        "account.move",
        "formatted_read_group",
        [("move_type", "!=", "entry")],
        [*groups, "currency_id"],
        [f"amount_{name}{signed}:sum" for name in amounts for signed in ("", "_signed")],
    )
    totals = {}
    for group in found:
        month = group["invoice_date:month"]
        kind = group["move_type"]
        key = (
            month[0][:7] if month else None,
            kind,
            group["state"],
            group["payment_state"],
            group["company_id"][0],
            group["currency_id"][1],
        )
        sign = -1 if kind in OUTGOING else 1
        places = 0 if key[-1] == "JPY" else 2
        totals[key] = {
            "in_currency": {
                name: sign * _rounded(group[f"amount_{name}:sum"], places) for name in amounts
            },
            "in_company_currency": {
                name: _rounded(group[f"amount_{name}_signed:sum"], 2) for name in amounts
            },
        }
    return totals


def _rounded(value: float, places: int) -> Decimal:
    return round(Decimal(repr(value)), places)


def _ageing_of_the_ledger(odoo: Any) -> dict[tuple[str, str], Any]:
    """The open items of the receivable and payable accounts: not the columns that we copied."""
    items = odoo.sql(
        """
        select a.account_type, c.name, %s - l.date_maturity,
               l.amount_residual_currency, l.amount_residual
        from account_move_line l
        join account_move m on m.id = l.move_id
        join account_account a on a.id = l.account_id
        join res_currency c on c.id = m.currency_id
        where m.move_type <> 'entry' and l.parent_state = 'posted'
          and a.account_type in ('asset_receivable', 'liability_payable')
        """,
        TODAY,
    )
    sums: dict[tuple[str, str], Any] = defaultdict(
        lambda: {unit: defaultdict(Decimal) for unit in UNITS}
    )
    ages = ("not_due", "days_1_30", "days_31_60", "days_61_90", "over_90_days")
    for account_type, currency, days, residual, in_company in items:
        side, sign = ("receivables", 1) if account_type == "asset_receivable" else ("payables", -1)
        if not residual:
            continue
        age = ages[sum(days > limit for limit in (0, 30, 60, 90))]
        for name in (*ages, "total"):
            for unit, amount in zip(UNITS, (residual, in_company), strict=True):
                counts = name in (age, "total")
                sums[side, currency][unit][name] += sign * amount if counts else 0
    return {key: {unit: dict(found) for unit, found in of.items()} for key, of in sums.items()}
