from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from accounts.tests.factories import UserFactory, scoped, user_of
from contacts.tests.factories import ContactFactory
from invoices.models import Invoice
from invoices.tests.factories import InvoiceFactory, InvoiceLineFactory
from odoo_bridge.mirror.amounts import plain, spelled
from odoo_bridge.odoo.errors import (
    OdooBusy,
    OdooForbidden,
    OdooMissing,
    OdooRefused,
    OdooRejected,
    OdooUnavailable,
)
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.factories import ReferenceFactory, SyncStateFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def currencies():
    ReferenceFactory(odoo_id=1, code="EUR", decimal_places=2)
    ReferenceFactory(odoo_id=2, code="JPY", decimal_places=0)
    ReferenceFactory(odoo_id=3, code="KWD", decimal_places=3)
    ReferenceFactory(kind="res.company", odoo_id=1, currency_id=1)


def ids(api, query=""):
    answer = api.get(f"/api/invoices{query}")
    assert answer.status_code == 200, answer.json()
    return [row["odoo_id"] for row in answer.json()["results"]]


@pytest.mark.parametrize(
    ("currency", "amount", "text"),
    [
        (1, "1234.500000", "1234.50"),
        (2, "1234.000000", "1234"),
        (3, "1234.500000", "1234.500"),
        (1, "-0.500000", "-0.50"),
        (1, "0.000000", "0.00"),
        # SQLite keeps decimals as floats: fifteen digits and no more.
        pytest.param(
            1,
            "999999999999999999.990000",
            "999999999999999999.99",
            marks=pytest.mark.postgres,
        ),
        (99, "10.000000", "10.00"),
    ],
)
def test_amounts_have_the_places_of_their_currency(api, currencies, currency, amount, text):
    InvoiceFactory(odoo_id=7, currency_id=currency, company_id=1, amount_total=Decimal(amount))
    assert api.get("/api/invoices/7").json()["amount_total"] == text


def test_signed_amounts_have_the_places_of_the_companys_currency(api, currencies):
    InvoiceFactory(
        odoo_id=7, currency_id=2, company_id=1, amount_total=100, amount_total_signed="-0.61"
    )
    row = api.get("/api/invoices/7").json()
    assert (row["amount_total"], row["amount_total_signed"]) == ("100", "-0.61")
    assert row["amount_tax"] is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2.5000000000000000", "2.5"),
        ("100.0000000000000000", "100"),
        ("-0.0000", "0"),
        ("12345678901234567890.1234567890123456", "12345678901234567890.1234567890123456"),
    ],
)
def test_measures_keep_every_digit_and_no_padding(value, text):
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        ("1.234500", 2, "1.2345"),
        ("1.230000", 2, "1.23"),
        ("1.200000", 2, "1.20"),
        ("100.000000", 0, "100"),
        ("100.500000", 0, "100.5"),
        ("0.000000", 2, "0.00"),
        ("0.000001", 2, "0.000001"),
        ("-0.000000", 2, "0.00"),
        ("-7.000000", 3, "-7.000"),
        ("1.234567", 6, "1.234567"),
        ("5", 2, "5.00"),
        ("1E+3", 2, "1000.00"),
        ("0.50", 2, "0.50"),
        ("12345678901234567.120000", 2, "12345678901234567.12"),
        ("3710.44", 0, "3710.44"),
        ("3710.0", 0, "3710"),
        ("12.5", 2, "12.50"),
        ("-0.5", 2, "-0.50"),
        ("0.00000001", 8, "0.00000001"),
        ("1E-18", 18, "0.000000000000000001"),
        ("1E+25", 2, "10000000000000000000000000.00"),
    ],
)
def test_an_amount_has_its_currencys_digits_and_loses_none(value, places, text):
    assert spelled(Decimal(value), places) == text


def test_an_invoice_comes_with_its_lines_in_order(api, currencies):
    InvoiceFactory(odoo_id=7, currency_id=1, line_ids=[3, 1])
    InvoiceLineFactory(odoo_id=1, invoice_id=7, sequence=20, quantity="2.50", discount="0")
    InvoiceLineFactory(
        odoo_id=3, invoice_id=7, sequence=10, currency_id=1, price_subtotal="9.90", name="Chair"
    )
    InvoiceLineFactory(odoo_id=4, invoice_id=7, gone_at=NOON)
    InvoiceLineFactory(odoo_id=5, invoice_id=8)
    lines = api.get("/api/invoices/7").json()["lines"]
    assert [line["odoo_id"] for line in lines] == [3, 1]
    assert (lines[0]["name"], lines[0]["price_subtotal"]) == ("Chair", "9.90")
    assert (lines[1]["quantity"], lines[1]["discount"], lines[1]["price_unit"]) == (
        "2.5",
        "0",
        None,
    )


def test_an_invoice_whose_contact_is_not_here_is_shown(api):
    ContactFactory(odoo_id=5, complete_name="Acme")
    InvoiceFactory(odoo_id=1, contact_id=999)
    InvoiceFactory(odoo_id=2, contact_id=5)
    rows = api.get("/api/invoices").json()["results"]
    assert [(row["contact_id"], row["contact_name"]) for row in rows] == [(999, ""), (5, "Acme")]
    assert api.get("/api/invoices/1").json()["contact_id"] == 999


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("move_type=in_refund", [3]),
        ("move_type=in_refund,out_invoice", [1, 2, 3]),
        ("state=draft", [2]),
        ("state=draft,posted", [1, 2, 3]),
        ("payment_state=paid", [1]),
        ("contact=5", [1]),
        ("commercial=6", [1, 2]),
        ("journal=8", [3]),
        ("overdue=true", [3]),
        ("overdue=false", [1, 2]),
        ("amount_from=10", [1, 2]),
        ("amount_from=10.01", [2]),
        ("amount_to=10", [1]),
        ("currency=eur", [1]),
        ("company=4", [2]),
        ("date_from=2026-01-15", [2, 3]),
        ("date_to=2026-01-15", [1, 2]),
        ("date_from=2026-01-15&date_to=2026-01-15", [2]),
        ("due_from=2026-03-01", [1]),
        ("due_to=2026-02-28", [3]),
        ("ordering=-amount_total", [3, 2, 1]),
        ("ordering=amount_total", [1, 2, 3]),
        ("ordering=-invoice_date", [3, 2, 1]),
        ("ordering=name", [2, 3, 1]),
        ("updated_since=2026-02-01T12:00:00Z", [3]),
        ("search=INV/7", [1]),
        ("search=acme", [1]),
        ("search=inv/7%20acme", [1]),
        ("search=acme%20inv/8", []),
        ("search=PO-9", [2]),
        ("search=jane@", [1]),
        ("include_gone=true", [1, 2, 3, 4]),
        ("", [1, 2, 3]),
    ],
)
def test_filters(api, query, found):
    ContactFactory(odoo_id=5, complete_name="Acme", email="jane@acme.example")
    InvoiceFactory(
        odoo_id=1,
        name="INV/7",
        contact_id=5,
        commercial_contact_id=6,
        amount_total=10,
        amount_residual=0,
        payment_state="paid",
        currency_code="EUR",
        invoice_date=date(2026, 1, 1),
        invoice_date_due=date(2026, 3, 1),
    )
    InvoiceFactory(
        odoo_id=2,
        state="draft",
        company_id=4,
        invoice_date=date(2026, 1, 15),
        commercial_contact_id=6,
        ref="PO-9",
        amount_total=11,
        amount_residual=11,
    )
    InvoiceFactory(
        odoo_id=3,
        move_type="in_refund",
        invoice_date=date(2026, 1, 31),
        invoice_date_due=date(2026, 2, 28),
        journal_id=8,
        amount_residual=-5,
        write_date=NOON,
    )
    InvoiceFactory(odoo_id=4, gone_at=NOON, state="cancel")
    assert ids(api, f"?{query}") == found


@pytest.mark.parametrize(
    "query",
    [
        "date_from=soon",
        "date_to=2026-02-30",
        "date_from=01/02/2026",
        "contact=x",
        "sate=draft",
        "include_gone=perhaps",
        "state=%00",
        "expand=journal",
        "fields=lines",
        "amount_from=lots",
        "amount_from=NaN",
        "ordering=contact_name",
    ],
)
def test_a_query_that_cannot_be_right_is_refused(api, query):
    assert api.get(f"/api/invoices?{query}").status_code == 400


def test_expanding_puts_contact_and_lines_into_each_invoice(api, currencies):
    ContactFactory(odoo_id=5, name="Acme")
    InvoiceFactory(odoo_id=1, contact_id=5, currency_id=1)
    InvoiceFactory(odoo_id=2, contact_id=99)
    InvoiceLineFactory(odoo_id=8, invoice_id=1, sequence=2, price_total=3, currency_id=1)
    InvoiceLineFactory(odoo_id=9, invoice_id=1, sequence=1)
    first, second = api.get("/api/invoices?expand=contact,lines").json()["results"]
    assert (first["contact"]["name"], second["contact"]) == ("Acme", None)
    assert [line["odoo_id"] for line in first["lines"]] == [9, 8]
    assert (first["lines"][1]["price_total"], second["lines"]) == ("3.00", [])
    one = api.get("/api/invoices/1?expand=contact").json()
    assert (one["contact"]["odoo_id"], len(one["lines"])) == (5, 2)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/api/invoices/1?fields=name", {"name"}),
        ("/api/invoices/1?fields=name&expand=lines", {"name", "lines"}),
        ("/api/invoices/1?fields=state&expand=contact", {"state", "contact"}),
    ],
)
def test_chosen_fields_and_what_is_expanded(api, path, keys):
    ContactFactory(odoo_id=5)
    InvoiceFactory(odoo_id=1, contact_id=5)
    InvoiceLineFactory(invoice_id=1)
    assert set(api.get(path).json()) == keys


def test_the_contact_in_an_invoice_is_one_the_user_may_see():
    ReferenceFactory(kind="res.company", odoo_id=4)
    ContactFactory(odoo_id=5, company_id=3)
    InvoiceFactory(odoo_id=1, contact_id=5, company_id=4)
    client = client_of(scoped(companies=[4]))
    assert client.get("/api/invoices?expand=contact").json()["results"][0]["contact"] is None


def test_the_invoices_of_a_contact_are_addressed_to_it_or_owed_by_it(api):
    ContactFactory(odoo_id=5)
    ContactFactory(odoo_id=6, parent_id=5)
    InvoiceFactory(odoo_id=1, contact_id=5, commercial_contact_id=5)
    InvoiceFactory(odoo_id=2, contact_id=6, commercial_contact_id=5, state="draft")
    InvoiceFactory(odoo_id=3, contact_id=7, commercial_contact_id=7)

    def of(contact, query=""):
        return [
            row["odoo_id"]
            for row in api.get(f"/api/contacts/{contact}/invoices{query}").json()["results"]
        ]

    assert (of(5), of(6), of(5, "?state=draft")) == ([1, 2], [2], [2])
    assert api.get("/api/contacts/7/invoices").status_code == 404
    assert api.get("/api/contacts/5/invoices?sate=draft").status_code == 400


def test_an_invoice_with_lines_is_as_fresh_as_the_older_of_both(api):
    InvoiceFactory(odoo_id=7)
    SyncStateFactory(stream="invoices", watermark=NOON)
    assert api.get("/api/invoices")["X-Odoo-Synced-At"] == "2026-02-01T12:00:00Z"
    assert not api.get("/api/invoices/7").has_header("X-Odoo-Synced-At")
    SyncStateFactory(stream="invoice_lines", watermark=NOON.replace(hour=11))
    assert api.get("/api/invoices/7")["X-Odoo-Synced-At"] == "2026-02-01T11:00:00Z"


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        # Rights, freshness, count, rows, names.
        ("/api/invoices", 5),
        ("/api/invoices?page=2&per_page=5", 5),
        ("/api/invoices?expand=contact,lines&cursor=", 6),
        # Rights, freshness, row, names, lines, since when.
        ("/api/invoices/1", 6),
    ],
)
def test_the_number_of_queries_does_not_grow(
    api, currencies, path, queries, django_assert_max_num_queries
):
    for number in range(1, 20):
        ContactFactory(odoo_id=number)
        InvoiceFactory(odoo_id=number, contact_id=number, amount_total=1, currency_id=1)
        InvoiceLineFactory.create_batch(5, invoice_id=1, price_total=1, currency_id=1)
    with django_assert_max_num_queries(queries):
        assert api.get(path).status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "code", "wait"),
    [
        (OdooUnavailable("no answer"), 503, "odoo_unavailable", "30"),
        (OdooBusy("wait", retry_after=7), 503, None, "7"),
        (OdooBusy("wait"), 503, None, "30"),
        (OdooRefused("bad key"), 502, "odoo_refused", None),
        (OdooForbidden("no rights"), 502, "odoo_refused", None),
        (OdooRejected("where: no", reason="no"), 422, "odoo_rejected", None),
        (OdooMissing("gone"), 404, "odoo_missing", None),
    ],
)
def test_each_failure_of_odoo_has_its_own_answer(monkeypatch, error, status, code, wait):
    def fail():
        raise error

    monkeypatch.setattr("odoo_bridge.api.live.connect", fail)
    client = client_of(user_of("operator"))
    answer = client.get("/api/utils/odoo-invoices")
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == wait
    assert answer.json()["error"]["message"]
    assert code in (None, answer.json()["error"]["code"])


@pytest.mark.parametrize("common", [0, 10**9], ids=["along the list", "looked up"])
def test_common_and_rare_words_find_the_same(monkeypatch, common):
    monkeypatch.setattr("invoices.models._COMMON", common)
    ContactFactory(odoo_id=1, name="Acme", complete_name="Acme", email="hi@acme.example")
    ContactFactory(odoo_id=2, name="Blue", complete_name="Blue", city="Acme Town")
    InvoiceFactory(odoo_id=11, name="INV/1", contact_id=1)
    InvoiceFactory(odoo_id=12, name="INV/2", contact_id=2, ref="acme 7")
    InvoiceFactory(odoo_id=13, name="INV/3", contact_id=None, ref="ACME")
    InvoiceFactory(odoo_id=14, name="INV/4", contact_id=99, invoice_origin="")
    InvoiceFactory(odoo_id=15, name="INV/5", contact_id=2)

    def found(text, or_id=None):
        return sorted(Invoice.objects.search(text, or_id).values_list("pk", flat=True))

    assert found("acme") == [11, 12, 13, 15]
    assert found("acme blue") == [12, 15]
    assert found("acme inv/3") == [13]
    assert found("hi") == [11]
    assert found("me") == []
    assert found("inv") == [11, 12, 13, 14, 15]
    assert found("14") == []
    assert found("14", 14) == [14]
    assert found("7", 11) == [11, 12]


# Values that can match nothing --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ("currency=euro", "currency", "invalid"),
        ("currency=E", "currency", "invalid"),
        ("currency=EUR,", "currency", "blank"),
        ("currency=", "currency", "blank"),
        ("currency=EUR,XXX", "currency", "does_not_exist"),
        ("move_type=invoice", "move_type", "invalid_choice"),
        ("move_type=entry", "move_type", "invalid_choice"),
        ("state=posted,Draft", "state", "invalid_choice"),
        ("state=", "state", "blank"),
        ("payment_state=", "payment_state", "blank"),
        ("contact=0", "contact", "min_value"),
        ("journal=-1", "journal", "min_value"),
        ("date_from=2026-02-02&date_to=2026-02-01", "date_to", "invalid"),
        ("due_from=2026-02-02&due_to=2026-02-01", "due_to", "invalid"),
        ("amount_from=2&amount_to=1.99", "amount_to", "invalid"),
        ("per_page=1001", "per_page", "max_value"),
        ("per_page=" + "9" * 5000, "per_page", "max_value"),
        ("per_page=0", "per_page", "invalid"),
        ("ordering=contact_name", "ordering", "invalid_choice"),
        ("state=posted&state=draft", "state", "repeated"),
        ("fields=name,contact", "fields", "invalid"),
    ],
)
def test_a_value_that_can_match_nothing_is_an_error_that_names_it(api, query, name, code):
    ReferenceFactory(kind="res.currency", odoo_id=1, code="EUR")
    answer = api.get(f"/api/invoices?{query}")
    assert answer.status_code == 400, answer.content
    assert [one["code"] for one in answer.json()["error"]["fields"][name]] == [code]


@pytest.mark.parametrize(
    "query",
    [
        "currency=eur",
        "currency=EUR",
        "payment_state=of_a_module",
        "date_from=2026-02-01&date_to=2026-02-01",
        "amount_from=-1&amount_to=-1",
        "per_page=1000",
        "move_type=out_invoice,in_receipt&state=draft,posted,cancel",
    ],
)
def test_what_could_match_is_asked_for(api, query):
    ReferenceFactory(kind="res.currency", odoo_id=1, code="EUR")
    assert api.get(f"/api/invoices?{query}").status_code == 200


def test_before_the_first_copy_no_code_is_known_and_none_refused(api):
    assert api.get("/api/invoices?currency=EUR").json()["count"] == 0


def test_an_expansion_may_be_named_among_the_fields(api):
    InvoiceFactory(odoo_id=7, contact=ContactFactory(odoo_id=3, name="Acme"))
    for fields in ("name,contact", "name"):
        [row] = api.get(f"/api/invoices?fields={fields}&expand=contact").json()["results"]
        assert set(row) == {"name", "contact"}
        assert row["contact"]["name"] == "Acme"
    row = api.get("/api/invoices/7?fields=lines,state&expand=lines").json()
    assert set(row) == {"lines", "state"}
    assert api.get("/api/invoices/7?fields=lines").status_code == 400


def test_who_made_a_record_is_told_without_a_name(api):
    made = {None: None, UserFactory(username="ann"): "other", api.user: "me"}
    for number, user in enumerate(made, start=1):
        InvoiceFactory(odoo_id=number, created_by=user, change_seq=number)
        ContactFactory(odoo_id=number, created_by=user, change_seq=number)
    SyncStateFactory(stream="invoices", change_seq=3)
    SyncStateFactory(stream="contacts", change_seq=3)
    for path in ("/api/invoices", "/api/contacts"):
        for query in ("", "?fields=created_by", "/changes"):
            rows = api.get(path + query).json()["results"]
            assert [row["created_by"] for row in rows] == list(made.values()), path + query
        assert api.get(f"{path}/3").json()["created_by"] == "me"
        [own] = api.get(f"{path}?created_by=me").json()["results"]
        assert (own["odoo_id"], own["created_by"]) == (3, "me")
        for form in ("csv", "ndjson"):
            said = b"".join(api.get(f"{path}/export?format={form}&fields=created_by"))
            assert [said.count(word) for word in (b"me", b"other", b"ann", b"@")] == [1, 1, 0, 0]
