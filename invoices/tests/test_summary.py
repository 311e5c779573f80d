"""Totals and ageing, as a person with the invoices on paper would add them up."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.tests.factories import scoped
from contacts.tests.factories import ContactFactory
from invoices.tests.factories import InvoiceFactory
from odoo_bridge.tests.factories import ReferenceFactory, SyncStateFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
TODAY = date(2026, 2, 1)
NOTHING_OPEN = dict.fromkeys(
    ("not_due", "days_1_30", "days_31_60", "days_61_90", "over_90_days", "total"), "0.00"
)


@pytest.fixture(autouse=True)
def two_companies():
    """Company 1 keeps its books in euros, company 2 in yen."""
    ReferenceFactory(odoo_id=1, name="EUR", code="EUR", decimal_places=2)
    ReferenceFactory(odoo_id=2, name="JPY", code="JPY", decimal_places=0)
    ReferenceFactory(kind="res.company", odoo_id=1, currency_id=1)
    ReferenceFactory(kind="res.company", odoo_id=2, currency_id=2)


def summary(api, **parameters):
    answer = api.get("/api/invoices/summary", parameters)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def invoice(total, in_company=None, move_type="out_invoice", **values):
    """An invoice of company 1 in euros, all of it open, with Odoo's signs."""
    sign = -1 if move_type in ("in_invoice", "in_receipt", "out_refund") else 1
    signed = sign * (total if in_company is None else in_company)
    values = {"currency_id": 1, "company_id": 1, "invoice_date": TODAY} | values
    return InvoiceFactory(
        move_type=move_type,
        amount_total=total,
        amount_total_signed=signed,
        amount_residual=values.pop("residual", total),
        amount_residual_signed=values.pop("residual_signed", signed),
        **values,
    )


def test_sums_are_exact_to_the_last_digit(api):
    for total in ("0.1", "0.2", "0.0333333333333333", "12345678901.12", "1E-12"):
        invoice(Decimal(total))
    answer = summary(api, by="state")
    exact = "12345678901.4533333333343333"
    assert answer["totals"][0]["in_currency"]["total"] == exact
    assert answer["receivables"][0]["in_company_currency"]["total"] == exact


def test_totals_are_by_month_kind_state_payment_and_currency(api):
    invoice(10, payment_state="paid", residual=0, residual_signed=0)
    invoice(5, payment_state="paid", residual=0, residual_signed=0)
    invoice(7, payment_state="not_paid")
    invoice(8, state="draft", invoice_date=None)
    invoice(9, invoice_date=date(2025, 12, 31), payment_state="not_paid")
    rows = summary(api)["totals"]
    assert [
        (
            row["month"],
            row["state"],
            row["payment_state"],
            row["count"],
            row["in_currency"]["total"],
        )
        for row in rows
        if row["month"]
    ] == [
        ("2025-12", "posted", "not_paid", 1, "9.00"),
        ("2026-02", "posted", "not_paid", 1, "7.00"),
        ("2026-02", "posted", "paid", 2, "15.00"),
    ]
    [draft] = [row for row in rows if row["month"] is None]
    assert draft["state"] == "draft"
    assert draft["in_company_currency"]["residual"] == "8.00"
    assert draft["in_currency"]["tax"] is None  # nobody said how much


def test_a_sum_never_mixes_currencies(api):
    invoice(10)
    invoice(1000, in_company=6, currency_id=2)
    invoice(500, currency_id=2, company_id=2)
    rows = summary(api, by="state")["totals"]
    assert [
        (
            row["currency_code"],
            row["company_currency_code"],
            row["in_currency"]["total"],
            row["in_company_currency"]["total"],
        )
        for row in rows
    ] == [
        ("EUR", "EUR", "10.00", "10.00"),
        ("JPY", "EUR", "1000", "6.00"),
        ("JPY", "JPY", "500", "500"),
    ]


def test_companies_with_one_currency_are_one_sum_unless_asked_for(api):
    ReferenceFactory(kind="res.company", odoo_id=3, currency_id=1)
    invoice(10)
    invoice(20, company_id=3)
    [row] = summary(api, by="state")["totals"]
    assert (row["count"], row["in_currency"]["total"]) == (2, "30.00")
    assert [row["company_id"] for row in summary(api, by="company_id")["totals"]] == [1, 3]


def test_refunds_and_bills_count_below_zero(api):
    invoice(100)
    invoice(30, move_type="out_refund")
    invoice(50, move_type="in_invoice")
    invoice(20, move_type="in_refund")
    [row] = summary(api, by="state")["totals"]
    assert row["in_currency"]["total"] == row["in_company_currency"]["total"] == "40.00"


@pytest.mark.parametrize(
    ("days", "age"),
    [
        (-1, "not_due"),
        (0, "not_due"),
        (1, "days_1_30"),
        (30, "days_1_30"),
        (31, "days_31_60"),
        (60, "days_31_60"),
        (61, "days_61_90"),
        (90, "days_61_90"),
        (91, "over_90_days"),
        (4000, "over_90_days"),
    ],
)
def test_an_open_invoice_is_as_old_as_its_due_date(api, days, age):
    invoice(10, residual=4, residual_signed=4, invoice_date_due=TODAY - timedelta(days=days))
    [row] = summary(api, today="2026-02-01")["receivables"]
    assert row["in_currency"] == NOTHING_OPEN | {age: "4.00", "total": "4.00"}
    assert row["in_company_currency"] == row["in_currency"]


def test_without_a_due_date_the_date_of_the_invoice_counts(api):
    invoice(10, invoice_date=TODAY - timedelta(days=5))
    invoice(3, invoice_date=None)
    [row] = summary(api, today="2026-02-01")["receivables"]
    assert (row["in_currency"]["days_1_30"], row["in_currency"]["not_due"]) == ("10.00", "3.00")


def test_what_is_owed_counts_above_zero_and_credits_against_it(api):
    invoice(100)
    invoice(30, move_type="out_refund")
    invoice(50, move_type="in_invoice")
    invoice(20, move_type="in_refund")
    answer = summary(api)
    [receivable], [payable] = answer["receivables"], answer["payables"]
    assert receivable["in_currency"]["total"] == "70.00"
    assert payable["in_currency"]["total"] == "30.00"
    assert payable["in_company_currency"]["total"] == "30.00"
    assert (receivable["count"], payable["count"]) == (2, 2)


@pytest.mark.parametrize(
    "values", [{"state": "draft"}, {"state": "cancel"}, {"residual": 0}, {"gone_at": NOON}]
)
def test_what_is_not_posted_or_paid_or_gone_is_not_owed(api, values):
    invoice(10, **values)
    assert summary(api)["receivables"] == []


def test_the_day_that_ages_are_counted_from_is_today_unless_given(api):
    invoice(10, invoice_date_due=date(2020, 1, 1))
    answer = summary(api)
    assert answer["today"] == datetime.now(UTC).date().isoformat()
    assert answer["receivables"][0]["in_currency"]["over_90_days"] == "10.00"
    answer = summary(api, today="2020-01-01")
    assert answer["receivables"][0]["in_currency"]["not_due"] == "10.00"


def test_the_filters_of_the_list_narrow_every_sum(api):
    invoice(10, contact_id=5)
    invoice(20, contact_id=6)
    answer = summary(api, contact=5)
    assert [row["in_currency"]["total"] for row in answer["totals"]] == ["10.00"]
    assert [row["in_currency"]["total"] for row in answer["receivables"]] == ["10.00"]


def test_a_summary_adds_up_what_the_account_may_see(api):
    ContactFactory(odoo_id=5)
    invoice(10, contact_id=5)
    invoice(20, contact_id=6)
    api.force_authenticate(scoped(contacts=[5]))
    answer = summary(api)
    assert [row["in_currency"]["total"] for row in answer["totals"]] == ["10.00"]
    assert [row["in_currency"]["total"] for row in answer["receivables"]] == ["10.00"]


def test_sums_of_many_cents_have_no_noise(api):
    for _ in range(30):
        invoice("0.10")
    [row] = summary(api)["receivables"]
    assert row["in_currency"]["total"] == "3.00"


@pytest.mark.parametrize(
    "parameters",
    [
        {"by": "moon"},
        {"by": "state,"},
        {"today": "soon"},
        {"today": "2026-02-30"},
        {"page": 1},
        {"ordering": "name"},
    ],
)
def test_a_summary_that_cannot_be_right_is_refused(api, parameters):
    answer = api.get("/api/invoices/summary", parameters)
    assert answer.status_code == 400
    assert set(parameters) <= set(str(answer.json()["error"]["fields"]).replace("'", " ").split())


def test_a_summary_says_how_fresh_it_is(api):
    SyncStateFactory(stream="invoices", watermark=NOON)
    assert api.get("/api/invoices/summary")["X-Odoo-Synced-At"] == "2026-02-01T12:00:00Z"


def test_a_summary_takes_the_same_queries_for_any_number_of_rows(
    api, django_assert_max_num_queries
):
    for number in range(50):
        invoice(10, currency_id=1 + number % 2, invoice_date=date(2025, 1 + number % 12, 1))
    # Rights, freshness, companies, totals, currencies, receivables, payables.
    with django_assert_max_num_queries(7):
        assert api.get("/api/invoices/summary").status_code == 200


# By contact -------------------------------------------------------------------------------------
def debts(api, **parameters):
    answer = api.get("/api/invoices/ageing", {"today": "2026-02-01", **parameters})
    assert answer.status_code == 200, answer.json()
    return answer.json()


def owed(contact, total, days, **values):
    due = TODAY - timedelta(days=days)
    return invoice(total, commercial_contact_id=contact, invoice_date_due=due, **values)


def test_whoever_is_most_overdue_comes_first_with_all_ages(api):
    ContactFactory(odoo_id=5, complete_name="Acme")
    owed(5, 10, days=0)
    owed(5, 20, days=40)
    owed(6, 500, days=-3)
    owed(7, 30, days=100)
    answer = debts(api)
    assert answer["count"] == 3
    assert [
        (row["contact_id"], row["contact_name"], row["count"], row["in_currency"]["total"])
        for row in answer["results"]
    ] == [(7, "", 1, "30.00"), (5, "Acme", 2, "30.00"), (6, "", 1, "500.00")]
    assert answer["results"][1]["in_currency"] == NOTHING_OPEN | {
        "not_due": "10.00", "days_31_60": "20.00", "total": "30.00",
    }  # fmt: skip
    assert set(answer["results"][0]) == {
        *summary(api)["receivables"][0],
        "contact_id",
        "contact_name",
    }


def test_debts_come_in_pages_and_by_side(api):
    for contact in range(1, 6):
        owed(contact, contact, days=5)
    owed(9, 70, days=5, move_type="in_invoice")
    page = debts(api, per_page=2, page=2)
    assert [row["contact_id"] for row in page["results"]] == [3, 2]
    assert (page["count"], bool(page["next"]), bool(page["previous"])) == (5, True, True)
    [ours] = debts(api, side="payables")["results"]
    assert (ours["contact_id"], ours["in_currency"]["days_1_30"]) == (9, "70.00")


def test_the_debts_of_all_contacts_add_up_to_the_summary(api):
    for number in range(20):
        owed(number % 4, 10 + number, days=number * 7, currency_id=1 + number % 2)
    sums = {}
    for row in debts(api)["results"]:
        total = sums.setdefault(row["currency_code"], dict.fromkeys(NOTHING_OPEN, Decimal()))
        for age, amount in row["in_currency"].items():
            total[age] += Decimal(amount)
    assert sums == {
        row["currency_code"]: {age: Decimal(text) for age, text in row["in_currency"].items()}
        for row in summary(api, today="2026-02-01")["receivables"]
    }


def test_a_debtor_outside_the_scope_has_no_name(api):
    """The invoice is addressed to a contact of the scope, but owed by its company."""
    ContactFactory(odoo_id=1, complete_name="Holding")
    ContactFactory(odoo_id=2, parent_id=1, complete_name="Holding, Branch")
    owed(1, 10, days=5, contact_id=2)
    owed(1, 99, days=5, contact_id=1)
    api.force_authenticate(scoped(contacts=[2]))
    [row] = debts(api)["results"]
    assert (row["contact_id"], row["contact_name"]) == (1, "")
    assert row["in_currency"]["total"] == "10.00"


@pytest.mark.parametrize(
    "parameters", [{"side": "both"}, {"cursor": ""}, {"ordering": "name"}, {"by": "state"}]
)
def test_debts_that_cannot_be_asked_for_are_refused_by_name(api, parameters):
    answer = api.get("/api/invoices/ageing", parameters)
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == set(parameters)


def test_a_page_of_debts_takes_the_same_queries_for_any_number_of_rows(
    api, django_assert_max_num_queries
):
    for contact in range(30):
        ContactFactory(odoo_id=contact + 1)
        owed(contact + 1, 10, days=5)
    # Rights, freshness, companies, count, debts, currencies, contacts.
    with django_assert_max_num_queries(7):
        assert len(debts(api)["results"]) == 30
