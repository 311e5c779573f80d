"""Invoices made and posted in Odoo over the API, once for each Idempotency-Key."""

import threading
from decimal import Decimal
from uuid import uuid4

import pytest

from accounts.tests.factories import UserFactory, user_of
from invoices.models import Invoice, InvoiceLine
from odoo_bridge.demo import Fault
from odoo_bridge.models import OdooWrite, Reference
from odoo_bridge.odoo import retry
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.runs import sync, sync_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]
BOTH = pytest.mark.parametrize("transport", ["jsonrpc", "json2"], indirect=True)
PATH = "/api/utils/odoo-invoices"
TAX, PURCHASE_TAX, NO_TAX = 1, 2, 4
DESK = 1


@pytest.fixture
def odoo(demo):
    """The demo Odoo with one customer, mirrored."""
    demo.customer = demo.add("res.partner", name="Acme", is_company=True)
    sync_all("reconcile")
    return demo


@pytest.fixture
def writer():
    return client_of(UserFactory(groups=["writers"]))


LINE = {"name": "Consulting", "quantity": 2, "price_unit": "95.50", "tax_ids": [TAX]}


def make(client, odoo, key=None, **body):
    body = {
        "move_type": "out_invoice",
        "contact_id": odoo.customer,
        "lines": [LINE],
        **body,
    }
    headers = {"Idempotency-Key": key or str(uuid4())}
    return client.post(PATH, body, format="json", headers=headers)


def post(client, odoo_id, key=None, body=None):
    headers = {"Idempotency-Key": key or str(uuid4())}
    return client.post(f"{PATH}/{odoo_id}/post", body or {}, format="json", headers=headers)


def moves(odoo):
    return list(odoo.rows("account.move"))


def sent(odoo, method="load"):
    return [call for call in odoo.calls if call.method == method]


@BOTH
def test_an_invoice_is_in_odoo_and_in_the_mirror_when_the_answer_arrives(odoo, writer):
    answer = make(
        writer,
        odoo,
        currency_code="USD",
        invoice_date="2026-11-03",
        invoice_date_due="2026-12-03",
        ref="PO 7",
        lines=[LINE, {"product_code": "LAMP", "price_unit": 39.5, "tax_ids": [TAX, 3]}],
        amount_total="267.45",
    )
    assert answer.status_code == 201, answer.json()
    row = answer.json()
    assert (row["state"], row["currency_code"], row["ref"]) == ("draft", "USD", "PO 7")
    assert (row["amount_untaxed"], row["amount_tax"], row["amount_total"]) == (
        "230.50",
        "36.95",
        "267.45",
    )
    assert (row["invoice_date"], row["invoice_date_due"]) == ("2026-11-03", "2026-12-03")
    assert [(line["name"], line["product_id"], line["tax_ids"]) for line in row["lines"]] == [
        ("Consulting", None, [1]),
        ("[LAMP] Reading lamp", 2, [1, 3]),
    ]
    mirrored = Invoice.objects.get(pk=row["odoo_id"])
    assert (mirrored.contact_id, mirrored.created_by) == (odoo.customer, writer.user)
    reader = client_of(user_of("reader"))
    assert row["created_by"] == "me"
    seen = reader.get(f"/api/invoices/{row['odoo_id']}").json()
    assert seen == {**row, "created_by": "other"}


@BOTH
def test_an_invoice_is_posted_with_the_same_request(odoo, writer):
    row = make(writer, odoo, post=True).json()
    assert (row["state"], row["name"]) == ("posted", "INV/2026/00001")
    assert Invoice.objects.get(pk=row["odoo_id"]).state == "posted"
    assert odoo.row("account.move", row["odoo_id"])["state"] == "posted"


@BOTH
def test_a_draft_is_posted_and_its_new_state_is_here_with_the_answer(odoo, writer):
    made = make(writer, odoo).json()["odoo_id"]
    answer = post(writer, made)
    assert answer.status_code == 200, answer.json()
    assert answer.json()["state"] == "posted"
    assert Invoice.objects.get(pk=made).state == "posted"
    assert Invoice.objects.get(pk=made).created_by == writer.user
    # Posted by somebody else meanwhile: that is what was wished for.
    assert post(writer, made).status_code == 200
    assert len(sent(odoo, "action_post")) == 1


def test_posting_for_somebody_else_does_not_change_who_made_it(odoo, writer):
    made = odoo.add_invoice(contact=odoo.customer, lines=[{"name": "Desk", "price_unit": 10}])
    sync("invoices", "changes")
    assert post(writer, made).status_code == 200
    assert Invoice.objects.get(pk=made).created_by is None


@pytest.mark.parametrize(
    ("move_type", "tax"),
    [
        ("out_refund", TAX),
        ("in_invoice", PURCHASE_TAX),
        ("in_refund", PURCHASE_TAX),
        ("out_receipt", TAX),
        ("in_receipt", PURCHASE_TAX),
    ],
)
def test_every_kind_of_invoice_can_be_made_and_posted(odoo, writer, move_type, tax):
    row = make(
        writer,
        odoo,
        move_type=move_type,
        invoice_date="2026-11-03",
        lines=[{**LINE, "tax_ids": [tax]}],
        post=True,
    ).json()
    assert (row["move_type"], row["state"], row["amount_total"]) == (move_type, "posted", "219.65")


def test_the_same_key_gives_the_same_answer_and_one_invoice(odoo, writer):
    key = str(uuid4())
    first = make(writer, odoo, key, post=True)
    assert make(writer, odoo, key, post=True).json() == first.json()
    assert make(writer, odoo, key).status_code == 422
    assert moves(odoo) == [first.json()["odoo_id"]]
    assert len(sent(odoo, "action_post")) == 1


IMPOSSIBLE = [
    ({"move_type": "entry"}, "move_type"),
    ({"contact_id": 999_999}, "contact_id"),
    ({"company_id": 99}, "company_id"),
    ({"currency_code": "XXX"}, "currency_code"),
    ({"currency_code": "usd"}, "currency_code"),
    ({"invoice_date": "yesterday"}, "invoice_date"),
    ({"move_type": "in_invoice", "post": True}, "invoice_date"),
    ({"lines": []}, "lines"),
    ({"lines": [LINE] * 201}, "lines"),
    ({"lines": [{**LINE, "tax_ids": None}]}, "lines.0.tax_ids"),
    ({"lines": [LINE, {"price_unit": 1, "tax_ids": []}]}, "lines.1.name"),
    ({"lines": [{**LINE, "quantity": "1e400"}]}, "lines.0.quantity"),
    ({"lines": [{**LINE, "price_unit": "NaN"}]}, "lines.0.price_unit"),
    ({"lines": [{**LINE, "account_id": 1}]}, "lines.0.account_id"),
    ({"lines": [{**LINE, "product_id": 1, "product_code": "DESK"}]}, "lines.0.product_code"),
    ({"lines": [{**LINE, "tax_ids": ["1; drop"]}]}, "lines.0.tax_ids.0"),
    ({"amount_total": "much"}, "amount_total"),
    ({"state": "posted"}, "state"),
    ({"invoice_line_ids": [[0, 0, {}]]}, "invoice_line_ids"),
    ({"partner_id": 1}, "partner_id"),
    ({"journal_id": 1}, "journal_id"),
    ({"context": {"check_move_validity": False}}, "context"),
    ({"created_by": 1}, "created_by"),
]


def test_a_body_that_cannot_be_right_is_refused_before_odoo_is_asked(odoo, writer):
    for body, field in IMPOSSIBLE:
        answer = make(writer, odoo, **body)
        assert answer.status_code == 400, (body, answer.json())
        assert field in answer.json()["error"]["fields"], (body, answer.json())
    # What is not known here was looked up, and nothing sent.
    assert {call.method for call in odoo.calls} & {"load", "create", "write"} == set()
    assert not OdooWrite.objects.exists()


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        ({"product_id": 999}, "product_id", "does_not_exist"),
        ({"product_code": "SOFA"}, "product_code", "does_not_exist"),
        ({"product_code": "TWICE"}, "product_code", "ambiguous"),
        ({"product_code": "OLD"}, "product_code", "does_not_exist"),
        ({"tax_ids": [999]}, "tax_ids", "does_not_exist"),
        ({"tax_ids": [PURCHASE_TAX]}, "tax_ids", "invalid"),
    ],
)
def test_products_and_taxes_are_looked_up_before_anything_is_made(odoo, writer, line, field, code):
    for code_of_product, active in (("TWICE", True), ("TWICE", True), ("OLD", False)):
        odoo.add("product.product", name="x", default_code=code_of_product, active=active)
    answer = make(writer, odoo, lines=[LINE, {**LINE, **line}])
    assert answer.status_code == 400
    [said] = answer.json()["error"]["fields"][f"lines.1.{field}"]
    assert said["code"] == code
    assert moves(odoo) == []
    assert not OdooWrite.objects.exists()


@BOTH
def test_totals_that_are_not_the_expected_ones_keep_the_invoice_a_draft(odoo, writer):
    key = str(uuid4())
    answer = make(writer, odoo, key, post=True, amount_total="229.20")
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "totals_differ"
    assert "219.65" in error["message"]
    assert [error["odoo_id"]] == moves(odoo)
    assert odoo.row("account.move", error["odoo_id"])["state"] == "draft"
    assert Invoice.objects.get(pk=error["odoo_id"]).created_by == writer.user
    assert make(writer, odoo, key, post=True, amount_total="229.20").json() == answer.json()


def test_a_price_that_odoo_stores_otherwise_is_noticed(odoo, writer):
    key = str(uuid4())
    odoo.faults.add(Fault("status", "account.move", "read", code=502, times=retry.READ_ATTEMPTS))
    assert make(writer, odoo, key, post=True).json()["error"]["code"] == "unfinished"
    [line] = [
        each for each, row in odoo.rows("account.move.line").items() if row["name"] == "Consulting"
    ]
    odoo.write("account.move.line", [line], price_unit=95.0)
    answer = make(writer, odoo, key, post=True)
    assert answer.json()["error"]["code"] == "totals_differ"
    assert "line 1" in answer.json()["error"]["message"]
    assert not sent(odoo, "action_post")


def test_a_draft_that_odoo_will_not_post_is_told_with_its_id(odoo, writer):
    answer = make(writer, odoo, post=True, lines=[{**LINE, "quantity": -2}])
    assert answer.status_code == 422, answer.json()
    error = answer.json()["error"]
    assert (error["code"], [error["odoo_id"]]) == ("not_posted", moves(odoo))
    assert Invoice.objects.get(pk=error["odoo_id"]).state == "draft"


def test_an_invoice_that_odoo_will_not_post_is_a_422_with_its_words(odoo, writer):
    made = make(writer, odoo).json()["odoo_id"]
    odoo.cancel([made])
    answer = post(writer, made)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "odoo_rejected"
    assert "draft" in answer.json()["error"]["message"]


# When Odoo does not answer ------------------------------------------------------------------------
@BOTH
@pytest.mark.parametrize("step", ["load", "action_post"])
def test_an_answer_lost_after_the_commit_changes_nothing(odoo, writer, step):
    odoo.faults.add(Fault("after_commit_reset", "account.move", step))
    answer = make(writer, odoo, post=True)
    assert (answer.status_code, answer.json()["state"]) == (201, "posted")
    assert moves(odoo) == [answer.json()["odoo_id"]]
    assert (len(sent(odoo)), len(sent(odoo, "action_post"))) == (1, 1)


@pytest.mark.parametrize("step", ["load", "action_post"])
def test_an_outage_after_any_step_is_got_over_by_the_same_request(odoo, writer, step):
    key = str(uuid4())
    odoo.faults.add(
        Fault("after_commit_reset", "account.move", step),
        Fault("reset", "ir.model.data", times=retry.READ_ATTEMPTS),
        # Once for the state before the post, then while it is looked up.
        Fault("reset", "account.move", "read", skip=2, times=retry.READ_ATTEMPTS),
    )
    first = make(writer, odoo, key, post=True)
    assert first.status_code == 503
    assert first.json()["error"]["code"] == ("outcome_unknown" if step == "load" else "unfinished")
    odoo.faults.clear()
    answer = make(writer, odoo, key, post=True)
    assert (answer.status_code, answer.json()["state"]) == (201, "posted")
    assert moves(odoo) == [answer.json()["odoo_id"]]
    assert (len(sent(odoo)), len(sent(odoo, "action_post"))) == (1, 1)


def test_posting_while_an_earlier_post_is_at_work(odoo, writer, settings):
    made = make(writer, odoo).json()["odoo_id"]
    key, release = str(uuid4()), threading.Event()
    settings.ODOO_TIMEOUT_SECONDS = 1
    odoo.faults.add(Fault("hook", "account.move", "action_post", run=release.wait))
    assert post(writer, made, key).json()["error"]["code"] == "outcome_unknown"
    release.set()
    answer = post(writer, made, key)
    assert (answer.status_code, answer.json()["state"]) == (200, "posted")


def test_a_currency_that_was_activated_after_the_first_copy_can_be_used(odoo, writer):
    currencies = Reference.objects.filter(kind=Reference.Kind.CURRENCY)
    currencies.filter(code="USD").update(active=False)
    assert make(writer, odoo, currency_code="USD").json()["currency_code"] == "USD"
    currencies.filter(code="USD").delete()
    made = make(writer, odoo, currency_code="USD").json()
    assert (made["currency_code"], made["amount_total"]) == ("USD", "219.65")
    assert make(writer, odoo, currency_code="XXX").status_code == 400


# Who may ------------------------------------------------------------------------------------------
def test_a_writer_scoped_to_contacts_writes_for_them_only(odoo, writer):
    other = odoo.add("res.partner", name="Other")
    sync("contacts", "changes")
    foreign = make(writer, odoo, contact_id=other).json()["odoo_id"]
    scoped = client_of(UserFactory(groups=["writers"]))
    scoped.user.scope_contacts.set([odoo.customer])
    answer = make(scoped, odoo, contact_id=other)
    assert answer.status_code == 400
    assert "contact_id" in answer.json()["error"]["fields"]
    assert post(scoped, foreign).status_code == 404
    own = make(scoped, odoo).json()["odoo_id"]
    assert post(scoped, own).status_code == 200


def test_a_writer_scoped_to_a_company_writes_for_that_one(odoo, writer):
    other, _made = Reference.objects.get_or_create(kind=Reference.Kind.COMPANY, odoo_id=2)
    own = Reference.objects.get(kind=Reference.Kind.COMPANY, odoo_id=1)
    writer.user.scope_companies.set([own])
    made = make(writer, odoo).json()
    assert made["company_id"] == 1
    assert sent(odoo)[0].kwargs["context"]["allowed_company_ids"] == [1]
    answer = make(writer, odoo, company_id=2)
    assert answer.status_code == 400
    foreign = client_of(UserFactory(groups=["writers"]))
    foreign.user.scope_companies.set([other])
    assert post(foreign, made["odoo_id"]).status_code == 404


def scope(client, *contacts):
    """Narrow the client's user to these contacts, as the next request finds it."""
    client.user.scope_contacts.set(contacts)
    client.force_authenticate(UserFactory._meta.model.objects.get(pk=client.user.pk))


def test_an_old_key_posts_and_shows_nothing_outside_a_narrower_scope(odoo, writer):
    other = odoo.add("res.partner", name="Other")
    sync("contacts", "changes")
    unfinished, posted = str(uuid4()), str(uuid4())
    done = make(writer, odoo).json()["odoo_id"]
    assert post(writer, done, posted).status_code == 200
    odoo.faults.add(Fault("busy", "account.move", "action_post"))
    assert make(writer, odoo, unfinished, post=True).json()["error"]["code"] == "unfinished"
    asked = len(odoo.calls)
    scope(writer, other)
    assert make(writer, odoo, unfinished, post=True).status_code == 400
    assert post(writer, done, posted).status_code == 404
    assert len(odoo.calls) == asked
    assert Invoice.objects.filter(state="posted").count() == 1
    scope(writer)
    assert make(writer, odoo, unfinished, post=True).json()["state"] == "posted"
    assert post(writer, done, posted)["Idempotency-Replayed"] == "true"


def test_an_answer_names_no_contact_outside_the_scope_neither_new_nor_again(odoo, writer):
    """An invoice that is owed by a contact of the scope, and addressed to another one."""
    other = odoo.add("res.partner", name="Other")
    sync("contacts", "changes")
    made, key = make(writer, odoo).json()["odoo_id"], str(uuid4())
    assert post(writer, made, key).json()["contact_name"] == "Acme"
    Invoice.objects.filter(pk=made).update(commercial_contact=other)
    scope(writer, other)
    again = post(writer, made, key)
    assert (again.status_code, again.json()["contact_name"]) == (200, "")
    odoo.write_raw("account.move", [made], commercial_partner_id=other)
    assert post(writer, made).json()["contact_name"] == ""


def test_an_invoice_that_is_not_here_cannot_be_posted(odoo, writer):
    made = odoo.add_invoice(contact=odoo.customer, lines=[{"name": "Desk", "price_unit": 10}])
    assert post(writer, made).status_code == 404
    assert not OdooWrite.objects.exists()


@pytest.mark.parametrize("body", [{"state": "posted"}, {"method": "button_cancel"}])
def test_posting_takes_no_body(odoo, writer, body):
    made = make(writer, odoo).json()["odoo_id"]
    assert post(writer, made, body=body).status_code == 400
    assert Invoice.objects.get(pk=made).state == "draft"


def test_amounts_of_many_digits_arrive_as_they_were_sent(odoo, writer):
    line = {"name": "Power", "quantity": "123456.789", "price_unit": "0.123456", "tax_ids": []}
    row = make(writer, odoo, lines=[line]).json()
    [made] = InvoiceLine.objects.filter(invoice_id=row["odoo_id"])
    assert (made.quantity, made.price_unit) == (Decimal("123456.789"), Decimal("0.123456"))
    assert row["amount_total"] == "15241.48"
