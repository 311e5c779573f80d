"""Lists by cursor: every row once, in every order, forth and back."""

from datetime import date, timedelta

import pytest

from contacts.tests.factories import ContactFactory
from invoices.tests.factories import InvoiceFactory

pytestmark = pytest.mark.django_db


def walk(api, address, link="next"):
    """The pages from ``address`` on, as lists of ids."""
    pages = []
    while address:
        answer = api.get(address)
        assert answer.status_code == 200, answer.json()
        pages.append([row["odoo_id"] for row in answer.json()["results"]])
        address = answer.json()[link]
        assert len(pages) < 50
    return pages


def all_of(api, path):
    return [row["odoo_id"] for row in api.get(f"{path}&per_page=1000").json()["results"]]


@pytest.fixture
def invoices():
    """Twenty invoices: many equal dates and amounts, some absent."""
    for number in range(1, 21):
        absent = number % 7 == 3
        InvoiceFactory(
            odoo_id=number,
            name="" if absent else f"INV/{number * 7 % 20:02}",
            invoice_date=None if absent else date(2026, 1, 1) + timedelta(days=number % 4),
            amount_total=None if number % 5 == 0 else number % 3 + 0.25,
        )


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("field", ["odoo_id", "name", "invoice_date", "amount_total", "write_date"])
@pytest.mark.parametrize("size", [1, 3, 20])
def test_every_row_comes_once_and_in_order(api, invoices, field, sign, size):
    path = f"/api/invoices?ordering={sign}{field}"
    expected = all_of(api, path)
    pages = walk(api, f"{path}&per_page={size}&cursor=")
    assert [odoo_id for page in pages for odoo_id in page] == expected
    assert all(len(page) == size for page in pages[:-1])


@pytest.mark.parametrize("field", ["odoo_id", "-name", "invoice_date", "-invoice_date"])
def test_the_way_back_is_the_way_there(api, invoices, field):
    start = f"/api/invoices?ordering={field}&per_page=3&cursor="
    address, links = start, []
    while address:
        links.append(address)
        address = api.get(address).json()["next"]
    forth, back = walk(api, start), walk(api, links[-1], "previous")
    assert back[0] == forth[-1]
    assert [i for page in reversed(back) for i in page] == [i for page in forth for i in page]


def test_a_cursor_finds_the_fields_it_needs_and_does_not_show_them(api, invoices):
    start = "/api/invoices?ordering=-amount_total&fields=name&per_page=4&cursor="
    first = api.get(start).json()
    second = api.get(first["next"]).json()
    assert first["results"][0].keys() == {"name"}
    assert first["results"] != second["results"]


def test_rows_that_come_and_go_meanwhile_shift_nothing(api):
    for number in range(1, 7):
        ContactFactory(odoo_id=number * 10)
    first = api.get("/api/contacts?per_page=2&cursor=").json()
    ContactFactory(odoo_id=5)
    ContactFactory._meta.model.objects.filter(pk=10).delete()
    second = api.get(first["next"]).json()
    assert [row["odoo_id"] for row in second["results"]] == [30, 40]


def test_names_that_are_equal_as_far_as_they_are_ordered(api):
    start = "x" * 300
    for number, end in enumerate("cab", 1):
        ContactFactory(odoo_id=number, name=start + end)
    pages = walk(api, "/api/contacts?ordering=name&per_page=1&cursor=")
    assert pages == [[1], [2], [3]]


def test_a_page_by_cursor_counts_nothing(api, django_assert_max_num_queries):
    ContactFactory.create_batch(3)
    with django_assert_max_num_queries(3) as queries:
        answer = api.get("/api/contacts?cursor=&per_page=2").json()
    assert answer["count"] is None
    assert not any("COUNT(" in query["sql"] for query in queries)


def test_an_empty_list_has_no_neighbours(api):
    answer = api.get("/api/contacts?cursor=").json()
    assert answer == {"count": None, "next": None, "previous": None, "results": []}


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "null",
        "W10",
        "WyJuYW1lIiwxXQ",
        "%00",
        "é",
        "9" * 5000,
        "WyJvZG9vX2lkIiwieCIsMSxmYWxzZV0",
    ],
)
def test_what_is_no_cursor_is_refused(api, cursor):
    answer = api.get(f"/api/contacts?cursor={cursor}")
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {"cursor"}


def test_a_cursor_of_another_order_is_refused(api):
    ContactFactory.create_batch(3)
    address = api.get("/api/contacts?ordering=name&per_page=1&cursor=").json()["next"]
    answer = api.get(address.replace("ordering=name", "ordering=-name"))
    assert answer.status_code == 400
