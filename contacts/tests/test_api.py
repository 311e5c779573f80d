from datetime import UTC, datetime, timedelta

import pytest

from contacts.tests.factories import ContactFactory
from odoo_bridge.tests.factories import ReferenceFactory, SyncStateFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def ids(api, query=""):
    answer = api.get(f"/api/contacts{query}")
    assert answer.status_code == 200, answer.json()
    return [row["odoo_id"] for row in answer.json()["results"]]


def test_a_contact_has_odoos_names_and_ids_also_of_rows_that_are_not_here(api):
    ContactFactory(odoo_id=7, name="Acme", parent_id=999, tag_ids=[3, 1], extra={"x_vip": True})
    row = api.get("/api/contacts/7").json()
    assert (row["odoo_id"], row["name"], row["parent_id"]) == (7, "Acme", 999)
    assert (row["tag_ids"], row["extra"]) == ([3, 1], {"x_vip": True})
    assert row["write_date"] == "2026-02-01T09:30:00Z"


def test_archived_contacts_are_listed_and_gone_ones_are_not(api):
    ContactFactory(odoo_id=1, active=False)
    ContactFactory(odoo_id=2, gone_at=NOW)
    assert ids(api) == [1]
    assert ids(api, "?include_gone=true") == [1, 2]
    assert api.get("/api/contacts/2").status_code == 404
    assert api.get("/api/contacts/2?include_gone=1").status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("is_company=true", [1]),
        ("is_company=0", [2, 3]),
        ("active=false", [3]),
        ("type=invoice", [3]),
        ("type=invoice,contact", [1, 3]),
        ("parent=1", [2]),
        ("commercial=1", [1, 2]),
        ("country=be", [1]),
        ("country=be,fr", [1, 2]),
        ("email=JANE@acme.example", [2]),
        ("vat=be0477472701", [1]),
        ("ref=c-3", [3]),
        ("ref=C", []),
        ("tag=4", [2]),
        ("tag=44", []),
        ("company=5", [3]),
        ("updated_since=2026-02-01T10:00:00Z", [3]),
        ("updated_since=2026-02-01T11:00:00%2B01:00", [3]),
        ("search=jane%20acme", [2]),
        ("search=", [1, 2, 3]),
        ("search=CME", [1, 2]),
        ("search=C-3", [3]),
        # One or two letters: a word begins with them.
        ("search=ol", [3]),
        ("search=ld", []),
        ("search=j%20acm", [2]),
        ("search=%25", []),
        ("is_company=true&active=false", []),
    ],
)
def test_filters(api, query, found):
    ContactFactory(
        odoo_id=1,
        name="Acme",
        is_company=True,
        country_code="BE",
        vat="BE0477472701",
        type="contact",
        commercial_contact_id=1,
    )
    ContactFactory(
        odoo_id=2,
        complete_name="Acme, Jane Doe",
        parent_id=1,
        commercial_contact_id=1,
        country_code="FR",
        email="jane@acme.example",
        type="delivery",
        tag_ids=[9, 4],
    )
    ContactFactory(
        odoo_id=3,
        name="Old",
        active=False,
        ref="C-3",
        company_id=5,
        write_date=NOW,
        type="invoice",
        tag_ids=[9],
    )
    assert ids(api, f"?{query}") == found


@pytest.mark.parametrize(
    "query",
    [
        "is_company=maybe",
        "parent=abc",
        "parent=99999999999999999999999",
        "parent=-1",
        "company=1.5",
        "updated_since=yesterday",
        "updated_since=0001-01-01T00:00:00%2B14:00",
        "search=%00",
        "is_compny=true",
        "per_page=0",
        "per_page=ten",
        "per_page=-5",
        "ordering=email",
        "ordering=name,odoo_id",
        "fields=name,secret",
        "expand=contact",
        "created_by=7",
        "tag=x",
        "page=1&cursor=",
    ],
)
def test_a_query_that_cannot_be_right_is_refused_by_name(api, query):
    ContactFactory()
    answer = api.get(f"/api/contacts?{query}")
    assert answer.status_code == 400, answer.json()
    assert answer.json()["error"]["code"] == "invalid"
    assert answer.json()["error"]["fields"]


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=999", "page=" + "9" * 5000])
def test_a_page_that_is_not_there_is_a_404(api, query):
    answer = api.get(f"/api/contacts?{query}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("odoo_id", ["0", "abc", "-1", "9" * 30, "9" * 5000, "%00"])
def test_an_id_that_is_not_there_is_a_404(api, odoo_id):
    answer = api.get(f"/api/contacts/{odoo_id}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("ordering", "found"),
    [
        ("name", [3, 1, 2]),
        ("-name", [2, 1, 3]),
        ("-odoo_id", [3, 2, 1]),
        ("write_date", [2, 1, 3]),
        ("-write_date", [3, 1, 2]),
    ],
)
def test_orderings(api, ordering, found):
    ContactFactory(odoo_id=1, name="Beta", write_date=NOW)
    ContactFactory(odoo_id=2, name="Gamma", write_date=NOW.replace(hour=9))
    ContactFactory(odoo_id=3, name="Alpha", write_date=None)
    assert ids(api, f"?ordering={ordering}") == found


def test_a_row_without_a_stamp_is_in_every_range_of_stamps_and_comes_last(api):
    at = datetime(2026, 2, 1, tzinfo=UTC)
    for number, stamp in ((1, at), (2, None), (3, at + timedelta(hours=1)), (4, None)):
        ContactFactory(odoo_id=number, write_date=stamp)

    assert ids(api, "?updated_since=1900-01-01T00:00:00Z") == [1, 3, 2, 4]
    assert ids(api, "?updated_since=2026-02-01T00:30:00Z") == [3, 2, 4]
    assert ids(api, "?updated_since=2099-01-01T00:00:00Z") == [2, 4]
    latest_first = "?updated_since=1900-01-01T00:00:00Z&ordering=-write_date"
    assert ids(api, latest_first) == [4, 2, 3, 1]
    # From page to page, too.
    seen, url = [], "/api/contacts?updated_since=1900-01-01T00:00:00Z&per_page=1&cursor="
    while url:
        answer = api.get(url).json()
        seen += [row["odoo_id"] for row in answer["results"]]
        url = answer["next"]
    assert seen == [1, 3, 2, 4]


def test_what_was_updated_since_comes_in_that_order(api):
    ContactFactory(odoo_id=1, write_date=NOW)
    ContactFactory(odoo_id=2, write_date=NOW.replace(hour=11))
    since = "?updated_since=2026-02-01T11:00:00Z"
    assert ids(api, since) == [2, 1]
    assert ids(api, f"{since}&ordering=odoo_id") == [1, 2]


@pytest.mark.parametrize("query", ["email=a", "page=1", "cursor=", "is_compny=1", "fields=x"])
def test_one_contact_takes_no_parameter_of_a_list(api, query):
    ContactFactory(odoo_id=7)
    assert api.get(f"/api/contacts/7?{query}").status_code == 400


def test_a_page_has_a_hundred_rows_and_at_most_a_thousand(api):
    ContactFactory.create_batch(101)
    assert len(ids(api)) == 100
    assert len(ids(api, "?per_page=1000")) == 101
    answer = api.get("/api/contacts?per_page=1001")
    assert answer.status_code == 400
    [said] = answer.json()["error"]["fields"]["per_page"]
    assert (said["code"], said["message"]) == ("max_value", "At most 1000.")


@pytest.mark.parametrize("country", ["Belgium", "B", "", "BE,Belgium", "BE,XX"])
def test_a_country_is_a_code_that_odoo_has(api, country):
    ReferenceFactory(kind="res.country", odoo_id=1, code="BE")
    answer = api.get(f"/api/contacts?country={country}")
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {"country"}


def test_answers_say_how_fresh_they_are(api):
    ContactFactory(odoo_id=7)
    assert not api.get("/api/contacts").has_header("X-Odoo-Synced-At")
    SyncStateFactory(stream="contacts", watermark=NOW)
    for path in ("/api/contacts", "/api/contacts/7"):
        assert api.get(path)["X-Odoo-Synced-At"] == "2026-02-01T12:00:00Z"
    assert not api.get("/api/contacts/8").has_header("X-Odoo-Synced-At")
