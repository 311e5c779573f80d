"""The test client of a real Odoo does what its names say, on the versions the tests use."""

import datetime
import json
import urllib.error
import urllib.request
from typing import Any

import odoorpc
import psycopg
import pytest

from odoo_bridge.odoo import retry
from odoo_bridge.odoo.connect import disconnect
from odoo_bridge.tests.real_odoo.client import RealOdoo


@pytest.fixture(
    params=[
        pytest.param("real_odoo", id="19", marks=pytest.mark.odoo),
        pytest.param("real_odoo14", id="14", marks=pytest.mark.odoo14),
    ]
)
def odoo(request: pytest.FixtureRequest) -> RealOdoo:
    return request.getfixturevalue(request.param)


def contact(odoo: RealOdoo, name: str = "Acme", **values: Any) -> int:
    return odoo.create("res.partner", name=name, **values)


def field(odoo: RealOdoo, model: str, record_id: int, name: str) -> Any:
    [record] = odoo.read(model, record_id, name)
    return record[name]


def json2(odoo: RealOdoo, model: str, method: str, **arguments: Any) -> Any:
    request = urllib.request.Request(
        f"{odoo.url}/json/2/{model}/{method}",
        json.dumps(arguments).encode(),
        {
            "Authorization": f"bearer {odoo.api_key}",
            "X-Odoo-Database": odoo.database,
            "Content-Type": "application/json",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return json.load(answer)


def test_a_copy_has_the_demo_data(odoo):
    assert odoo.count("res.partner") >= 30
    assert odoo.count("account.move", [("move_type", "!=", "entry")]) >= 1


def test_records_are_created_changed_found_and_deleted(odoo):
    ids = odoo.create_many("res.partner", [{"name": f"Batch {n}"} for n in range(3)])
    assert len(set(odoo.sql("select write_date from res_partner where id = any(%s)", ids))) == 1
    odoo.write("res.partner", ids[:2], name="Renamed")
    assert odoo.search("res.partner", [("name", "=", "Renamed")]) == ids[:2]
    odoo.unlink("res.partner", ids)
    assert odoo.read("res.partner", odoo.search("res.partner", [("id", "in", ids)]), "name") == []


def test_an_archived_contact_is_still_found_and_can_be_restored(odoo):
    contact_id = contact(odoo)
    odoo.archive(contact_id)
    assert field(odoo, "res.partner", contact_id, "active") is False
    assert odoo.search("res.partner", [("id", "=", contact_id)]) == [contact_id]
    odoo.restore(contact_id)
    assert field(odoo, "res.partner", contact_id, "active") is True


def test_an_invoice_is_posted_and_paid(odoo):
    lines = [{"name": "Work", "quantity": 2, "price_unit": 50.0, "tax_ids": [(5,)]}]
    move_id = odoo.invoice(contact(odoo), lines)
    assert field(odoo, "account.move", move_id, "state") == "draft"
    odoo.post(move_id)
    assert field(odoo, "account.move", move_id, "state") == "posted"
    odoo.pay(move_id, amount=40.0)
    assert field(odoo, "account.move", move_id, "payment_state") == "partial"
    assert field(odoo, "account.move", move_id, "amount_residual") == 60.0
    odoo.pay(move_id)
    assert field(odoo, "account.move", move_id, "payment_state") in ("paid", "in_payment")
    assert field(odoo, "account.move", move_id, "amount_residual") == 0.0


@pytest.mark.parametrize("move_type", ["out_invoice", "out_refund", "in_invoice", "in_refund"])
def test_every_kind_of_invoice_can_be_posted(odoo, move_type):
    move_id = odoo.invoice(contact(odoo), move_type=move_type)
    odoo.post(move_id)
    assert field(odoo, "account.move", move_id, "state") == "posted"


def test_drafts_and_posted_invoices_can_be_cancelled(odoo):
    contact_id = contact(odoo)
    draft, posted = odoo.invoice(contact_id), odoo.invoice(contact_id)
    odoo.post(posted)
    odoo.cancel([draft, posted])
    states = {move["state"] for move in odoo.read("account.move", [draft, posted], "state")}
    assert states == {"cancel"}


def test_merged_contacts_are_gone_and_their_invoices_point_to_the_one_left(odoo):
    sources = [contact(odoo, f"Twin {n}", email=f"{n}@example.com") for n in range(4)]
    into = contact(odoo, "Only one")
    move_id = odoo.invoice(sources[3])
    lines = "select distinct partner_id, write_date from account_move_line where move_id = %s"
    [(before, stamp)] = odoo.sql(lines, move_id)
    odoo.merge(sources, into)
    assert odoo.search("res.partner", [("id", "in", [*sources, into])]) == [into]
    assert field(odoo, "account.move", move_id, "partner_id") == into
    # The trap: the merge rewrites what points to a merged contact, and stamps may stay as they were.
    assert before == sources[3]
    assert odoo.sql(lines, move_id) == [(into, stamp)]


def test_a_late_transaction_shows_an_old_stamp_only_after_its_block(odoo):
    late, early = contact(odoo, "Late"), contact(odoo, "Early")
    with odoo.late_transaction() as sql:
        sql.execute(
            "update res_partner set name = 'Late, changed', write_date = now() at time zone 'utc' "
            "where id = %s",
            [late],
        )
        odoo.write("res.partner", early, name="Early, changed")
        assert field(odoo, "res.partner", late, "name") == "Late"
    assert field(odoo, "res.partner", late, "name") == "Late, changed"
    [(older,)] = odoo.sql("select write_date from res_partner where id = %s", late)
    [(newer,)] = odoo.sql("select write_date from res_partner where id = %s", early)
    assert isinstance(older, datetime.datetime) and older < newer


def test_a_late_transaction_that_fails_leaves_nothing(odoo):
    contact_id = contact(odoo, "Before")
    with pytest.raises(psycopg.errors.UndefinedColumn), odoo.late_transaction() as sql:
        sql.execute("update res_partner set name = 'After' where id = %s", [contact_id])
        sql.execute("update res_partner set no_such_column = 1")
    assert field(odoo, "res.partner", contact_id, "name") == "Before"


def test_a_user_without_invoicing_sees_contacts_and_no_invoices(odoo):
    login, password, api_key = odoo.user_without_invoicing()
    for secret in (password, api_key):
        limited = odoo.as_user(login, secret, api_key)
        assert limited.count("res.partner") > 0
        for model in ("account.move", "account.move.line"):
            with pytest.raises(odoorpc.error.RPCError) as refused:
                limited.count(model)
            assert refused.value.info["data"]["name"] == "odoo.exceptions.AccessError"


def test_contacts_are_hidden_from_one_user_until_the_rule_is_removed(odoo):
    login, password, api_key = odoo.user_without_invoicing()
    limited = odoo.as_user(login, password, api_key)
    ids = [contact(odoo, "Hidden", ref=ref) for ref in ("a", "b", "c")]
    domain = [("id", "in", ids), ("name", "=", "Hidden"), "|", ("ref", "=", "a"), ("ref", "=", "b")]
    with odoo.hide_contacts(domain, login):
        assert limited.search("res.partner", [("id", "in", ids)]) == ids[2:]
        assert odoo.search("res.partner", [("id", "in", ids)]) == ids
    assert limited.search("res.partner", [("id", "in", ids)]) == ids


def test_contacts_can_be_hidden_from_everybody(odoo):
    contact_id = contact(odoo, "Secret")
    hidden = odoo.hide_contacts([("name", "=", "Secret")])
    assert odoo.search("res.partner", [("id", "=", contact_id)]) == []
    hidden.remove()
    assert odoo.search("res.partner", [("id", "=", contact_id)]) == [contact_id]


@pytest.mark.stops_odoo
def test_a_stopped_server_refuses_connections_and_answers_again_when_started(odoo):
    before = odoo.count("res.partner")
    odoo.stop()
    try:
        with pytest.raises(urllib.error.URLError):
            odoo.count("res.partner")
    finally:
        odoo.start()
    assert odoo.count("res.partner") == before


@pytest.mark.odoo
def test_the_templates_key_opens_a_copy_over_json2(real_odoo):
    over_rpc = real_odoo.search("res.partner")
    context = {"active_test": False}
    over_json2 = json2(real_odoo, "res.partner", "search", domain=[], order="id", context=context)
    assert over_json2 == over_rpc


@pytest.mark.odoo
def test_a_new_users_key_opens_a_copy_over_json2(real_odoo):
    limited = real_odoo.as_user(*real_odoo.user_without_invoicing())
    assert json2(limited, "res.partner", "search_count", domain=[]) > 0
    with pytest.raises(urllib.error.HTTPError) as refused:
        json2(limited, "account.move", "search_count", domain=[])
    assert refused.value.code == 403


@pytest.mark.django_db
def test_check_odoo_says_what_stands_in_the_way(odoo, settings, monkeypatch):
    """The demo stands in for most of this in test_check_odoo.py; here are Odoo's own words."""
    from odoo_bridge.tests.deploy.test_check_odoo import report_of_check

    monkeypatch.setattr(retry, "READ_ATTEMPTS", 1)

    def given(database: str = odoo.database, user: RealOdoo = odoo, key: str = "") -> None:
        settings.ODOO_URL, settings.ODOO_DB, settings.ODOO_API_KEY = odoo.url, database, key
        settings.ODOO_USERNAME, settings.ODOO_PASSWORD = user.username, user.password
        settings.ODOO_COMPANY_IDS = []
        disconnect()

    def stopped_by(code: str) -> str:
        problems = report_of_check()["problems"]
        assert code in {problem["code"] for problem in problems}, problems
        return problems[0]["message"] + problems[0]["remedy"]

    groups = [(6, 0, [odoo.xml_id("base.group_portal")])]
    odoo.create(
        "res.users",
        name="Portal",
        login="portal-user",
        password="portal-of-tests",
        **{"group_ids" if odoo.version >= 19 else "groups_id": groups},
    )
    for key in ["", odoo.api_key] if odoo.version >= 19 else [""]:
        given(key=key)
        assert report_of_check()["ready"]
        given("no_such_db", key=key)
        assert odoo.database in stopped_by("wrong_database")
        given(key=key)
        settings.ODOO_COMPANY_IDS = [999]
        assert "the Odoo user may act only for" in stopped_by("wrong_company")
    given("")
    assert "set ODOO_DB" in stopped_by("wrong_database")
    given(user=odoo.as_user("portal-user", "portal-of-tests", ""))
    stopped_by("odoo_portal")
    given(user=odoo.as_user(*odoo.user_without_invoicing()))
    stopped_by("odoo_forbidden")
    # Five bad logins would lock our address out.
    given(user=odoo.as_user("admin", "wrong", ""))
    stopped_by("odoo_refused")
    if odoo.version >= 19:
        given(key="wrong")
        stopped_by("odoo_refused")
    else:
        given(user=odoo.as_user("", "", ""), key="key")
        assert "set ODOO_USERNAME" in stopped_by("odoo_refused")
