"""Rows as dicts: the API's fields, made of columns a page at a time."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from contacts.models import Contact
from contacts.noun import CONTACTS
from contacts.tests.factories import ContactFactory
from invoices.models import Invoice
from invoices.noun import INVOICES
from invoices.tests.factories import InvoiceFactory
from odoo_bridge.api.renderers import Json
from odoo_bridge.mirror.names import Names, names_at
from odoo_bridge.models import Reference
from odoo_bridge.tests.factories import ReferenceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def references():
    ReferenceFactory(odoo_id=1, code="EUR", decimal_places=2)
    ReferenceFactory(odoo_id=2, code="JPY", decimal_places=0)
    ReferenceFactory(kind="res.company", odoo_id=4, name="Azure", currency_id=1)
    ReferenceFactory(kind="account.journal", odoo_id=6, name="Customer Invoices")
    ReferenceFactory(kind="res.users", odoo_id=6, name="Mitchell")


def test_a_page_has_the_fields_of_the_api_in_their_order():
    ContactFactory(odoo_id=7, name="Acme")
    (row,) = CONTACTS.rows.page(Contact.objects.all())
    assert list(row) == list(CONTACTS.rows.fields)
    assert (row["odoo_id"], row["name"]) == (7, "Acme")


def test_ids_come_with_their_names_and_unknown_ones_without(references):
    InvoiceFactory(odoo_id=1, company_id=4, journal_id=6, salesperson_id=6)
    InvoiceFactory(odoo_id=2, company_id=5)
    fields = ["company_name", "journal_name", "salesperson_name"]
    rows = INVOICES.rows.page(Invoice.objects.order_by("pk"), fields)
    assert [tuple(row.values()) for row in rows] == [
        ("Azure", "Customer Invoices", "Mitchell"),
        ("", "", ""),
    ]


def test_only_what_is_asked_for_is_read(references, django_assert_num_queries):
    InvoiceFactory(name="INV/7", currency_id=2, amount_total=3)
    with django_assert_num_queries(1) as queries:
        rows = INVOICES.rows.page(Invoice.objects.all(), {"state", "name"})
    assert rows == [{"name": "INV/7", "state": "posted"}]
    assert "amount_total" not in queries[0]["sql"]


def test_an_amount_needs_its_currency_even_where_that_is_not_shown(references):
    InvoiceFactory(odoo_id=1, currency_id=2, company_id=4, amount_total=3, amount_total_signed=1)
    InvoiceFactory(odoo_id=2, currency_id=None, company_id=4, amount_total=3)
    rows = INVOICES.rows.page(
        Invoice.objects.order_by("pk"), ["amount_total", "amount_total_signed"]
    )
    assert rows == [
        {"amount_total": "3", "amount_total_signed": "1.00"},
        {"amount_total": "3.00", "amount_total_signed": None},
    ]


def test_a_stream_asks_for_each_name_once(references, django_assert_max_num_queries):
    for number in range(1, 8):
        InvoiceFactory(odoo_id=number, company_id=4, journal_id=6 if number > 2 else None)
    # The rows, the names in the first page, the journal that the second one adds.
    with django_assert_max_num_queries(3):
        rows = list(INVOICES.rows.stream(Invoice.objects.order_by("pk"), page_size=2))
    assert [row["odoo_id"] for row in rows] == list(range(1, 8))
    assert rows[6]["journal_name"] == "Customer Invoices"


def test_no_rows_ask_for_no_names(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert INVOICES.rows.page(Invoice.objects.all()) == []


def test_an_id_that_has_no_name_is_asked_for_once(django_assert_num_queries):
    names = Names()
    with django_assert_num_queries(1):
        for _ in range(3):
            names.learn({Reference.Kind.COMPANY: [9, None], Reference.Kind.USER: []})
    assert (names.name("res.company", 9), names.company_places(9)) == ("", 2)


def test_json_is_what_drf_would_write():
    moment = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    data = {
        "moment": moment,
        "precise": moment.replace(microsecond=120),
        "day": moment.date(),
        "text": 'Zoë "\u2603" \x07',
        "amount": Decimal("1.50"),
        "nothing": None,
        "list": [1, True, 2**63],
    }
    assert json.loads(Json().render(data)) == json.loads(super(Json, Json()).render(data))


@pytest.mark.parametrize("awkward", [{1: "a"}, {"a": 2**70}])
def test_what_the_fast_writer_refuses_is_written_all_the_same(awkward):
    written = {str(key): value for key, value in awkward.items()}
    assert json.loads(Json().render(awkward)) == written


@pytest.fixture
def later():
    """Some minutes after the references were stored."""
    return Reference.objects.order_by("-stored_at")[0].stored_at + timedelta(minutes=5)


def test_names_are_remembered_until_a_reference_changes(
    references, later, django_assert_num_queries
):
    ids = {Reference.Kind.COMPANY: [4], Reference.Kind.USER: [99]}
    newest = later - timedelta(minutes=5)
    names_at(newest, later).learn(ids)
    with django_assert_num_queries(0):
        names = names_at(newest, later)
        names.learn(ids)
        assert (names.name("res.company", 4), names.name("res.users", 99)) == ("Azure", "")
    Reference.objects.filter(kind="res.company").update(name="Else")
    names = names_at(later, later + timedelta(minutes=5))
    names.learn(ids)
    assert names.name("res.company", 4) == "Else"


def test_what_changed_this_minute_is_not_remembered(references, later):
    names_at(later, later).learn({Reference.Kind.COMPANY: [4]})
    Reference.objects.filter(kind="res.company").update(name="Else")
    names = names_at(later, later)
    names.learn({Reference.Kind.COMPANY: [4]})
    assert names.name("res.company", 4) == "Else"
