"""Contacts read from Odoo itself: our parameters, never a domain, model, method, order or context."""

import pytest

from accounts.tests.factories import UserFactory
from contacts.models import Contact
from odoo_bridge.models import Reference
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.runs import sync

pytestmark = pytest.mark.django_db
BOTH = pytest.mark.parametrize("transport", ["jsonrpc", "json2"], indirect=True)
CONTACTS, PARTNERS = "/api/utils/odoo-contacts", "/api/utils/odoo-partners"


@pytest.fixture
def odoo(demo):
    """A company with two contacts, an archived one, and the base of every demo Odoo, mirrored."""
    demo.acme = demo.add(
        "res.partner", name="Acme", is_company=True, country_id=1, vat="BE0477472701", ref="C-1"
    )
    demo.jane = demo.add(
        "res.partner",
        name="Jane",
        parent_id=demo.acme,
        email="Jane@acme.example",
        category_id=[[6, 0, [2]]],
    )
    demo.stock = demo.add("res.partner", name="Stock", parent_id=demo.acme, type="delivery")
    demo.old = demo.add("res.partner", name="100%_old", active=False)
    sync("contacts", "reconcile")
    return demo


@pytest.fixture
def operator():
    return client_of(UserFactory(groups=["operators"]))


def found(client, query="", path=CONTACTS):
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.json()
    rows = answer.json()["results"]
    assert answer.json()["count"] == len(rows)
    return [row["id"] for row in rows]


@BOTH
def test_live_contacts_come_typed_and_in_order(odoo, operator):
    rows = operator.get(f"{CONTACTS}?after=3").json()["results"]
    assert [row["id"] for row in rows] == [odoo.acme, odoo.jane, odoo.stock, odoo.old]
    acme, jane = rows[:2]
    assert (acme["name"], acme["is_company"], acme["email"]) == ("Acme", True, None)
    assert (jane["parent_id"], jane["commercial_partner_id"]) == (odoo.acme, odoo.acme)
    assert acme["write_date"].endswith("Z")


def test_what_odoo_has_now_is_shown_whatever_the_mirror_says(odoo, operator):
    new = odoo.add("res.partner", name="New")
    odoo.unlink("res.partner", [odoo.old])
    assert found(operator, "after=3") == [odoo.acme, odoo.jane, odoo.stock, new]


def test_our_parameters_become_odoos_conditions(odoo, operator):
    for query, ids in {
        "is_company=true&after=3": [odoo.acme],
        "active=false": [odoo.old],
        "type=delivery,invoice": [odoo.stock],
        "tag=2": [odoo.jane],
        f"parent={odoo.acme}": [odoo.jane, odoo.stock],
        f"commercial={odoo.acme}": [odoo.acme, odoo.jane, odoo.stock],
        "country=be,FR&after=3": [odoo.acme, odoo.jane],
        "email=jane@ACME.example": [odoo.jane],
        "vat=be0477472701": [odoo.acme, odoo.jane, odoo.stock],
        "ref=c-1": [odoo.acme],
        "company=1": [],
        "search=acme%20jane": [odoo.jane],
        # Itself, no wildcard.
        "search=%25": [odoo.old],
        "search=100%25_": [odoo.old],
        "email=%25": [],
        "updated_since=2099-01-01T00:00:00Z": [],
        "limit=2&after=3": [odoo.acme, odoo.jane],
        "": sorted(odoo.rows("res.partner")),
    }.items():
        assert found(operator, query) == ids, query


def test_partners_are_those_with_posted_invoices(odoo, operator):
    assert found(operator, path=PARTNERS) == []
    odoo.add_invoice(contact=odoo.jane, lines=[{"name": "Desk", "price_unit": 9}], post=True)
    assert found(operator, path=PARTNERS) == [odoo.acme, odoo.jane]
    assert found(operator, "is_company=true", path=PARTNERS) == [odoo.acme]


def test_a_user_reads_live_what_is_in_the_scope_as_in_the_mirror(odoo, operator):
    other = odoo.add("res.company", name="Other", currency_id=1, partner_id=1)
    odoo.write("res.partner", [odoo.old], company_id=other)
    odoo.write("res.partner", [odoo.acme], company_id=1)
    sync("contacts", "reconcile")
    here = {row.odoo_id: row for row in Reference.objects.filter(kind=Reference.Kind.COMPANY)}
    for companies, contacts in (
        ([], []),
        ([1], []),
        ([other], []),
        ([1, other], []),
        ([], [odoo.acme]),
        ([], [odoo.jane, odoo.old]),
        ([other], [odoo.acme]),
        ([], [999]),
    ):
        user = UserFactory(groups=["operators"])
        user.scope_companies.set([here[company] for company in companies])
        user.scope_contacts.through.objects.bulk_create(
            user.scope_contacts.through(user=user, contact_id=contact) for contact in contacts
        )
        operator.force_authenticate(user)
        visible = Contact.objects.present().visible_to(user).order_by("pk")
        assert found(operator) == list(visible.values_list("pk", flat=True)), (companies, contacts)


def test_the_name_of_a_contact_above_the_scope_finds_nothing(odoo, operator):
    """Odoo puts it into the complete name of those below."""
    assert found(operator, "search=acme&type=delivery") == [odoo.stock]
    operator.user.scope_contacts.set([odoo.stock])
    del operator.user.access
    assert found(operator, "search=acme") == []
    assert found(operator, "search=stock") == [odoo.stock]


SMUGGLED = [
    "domain=[]",
    "domain=[('id','>',0)]",
    "args=[]",
    "model=res.users",
    "method=unlink",
    "fields=password",
    "order=id desc",
    "ordering=name",
    "offset=1",
    "context={'active_test': false}",
    "load=",
    "user_ids.password=x",
    "user_ids.login__ilike=a",
    "parent_id.vat=x",
    "name=Acme",
    "id__in=1,2",
    "limit=101",
    "limit=0",
    "limit=all",
    "after=-1",
    "after=99999999999",
    "parent=[1]",
    "parent=1 or 1=1",
    "parent=('child_of',1)",
    "is_company=[['id','>',0]]",
    "active=maybe",
    "country=XX",
    "country_code=BE",
    "type=" + "x," * 10,
    "company=1,2",
    "search=%00",
    "search=" + "x" * 201,
    "updated_since=yesterday",
    "updated_since=0001-01-01T00:00:00%2B14:00",
]


@pytest.mark.parametrize("path", [CONTACTS, PARTNERS])
def test_nothing_but_our_parameters_gets_as_far_as_odoo(odoo, operator, path):
    asked = len(odoo.calls)
    for query in SMUGGLED:
        answer = operator.get(f"{path}?{query}")
        assert answer.status_code == 400, query
        assert answer.json()["error"]["fields"], query
    assert len(odoo.calls) == asked


def test_odoo_is_asked_with_our_fields_order_and_context_alone(odoo, operator):
    found(operator, "search=Jane')]%20|&email=%22%27%5B%5D")
    [search] = [call for call in odoo.calls[-2:] if call.method == "search"]
    assert search.model == "res.partner"
    assert set(search.kwargs) == {"domain", "order", "limit", "context"}
    assert (search.kwargs["order"], search.kwargs["limit"]) == ("id", 100)
    assert search.kwargs["context"] == {"active_test": False}
    names = {term[0] for term in search.kwargs["domain"] if isinstance(term, list)}
    assert names <= {"email", "id", "complete_name", "name", "phone", "vat", "ref", "city"}


def test_a_field_that_odoo_no_longer_has_is_left_out(odoo, operator):
    assert "ref" in operator.get(f"{CONTACTS}?search=jane").json()["results"][0]
    odoo.hide_field("res.partner", "ref")
    [row] = operator.get(f"{CONTACTS}?search=jane").json()["results"]
    assert "ref" not in row


def test_the_version_is_odoos(odoo, operator):
    assert operator.get("/api/utils/odoo-version").json() == {"version": "19.0", "major": 19}
    assert operator.get("/api/utils/odoo-version?model=x").status_code == 400


def test_each_user_may_ask_odoo_so_many_times_a_minute(odoo, operator, monkeypatch):
    monkeypatch.setattr("accounts.throttles.LiveThrottle.THROTTLE_RATES", {"live": "2/min"})
    paths = (CONTACTS, PARTNERS, "/api/utils/odoo-version")
    assert [operator.get(path).status_code for path in paths] == [200, 200, 429]
