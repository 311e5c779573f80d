"""The promise, shown on a real Odoo: what another client does there, and what a run makes of it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from contacts.models import Contact
from invoices.models import Invoice, InvoiceLine
from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.odoo.connect import connect
from odoo_bridge.sync.control import cancel, confirm_gone
from odoo_bridge.sync.run import run_queued
from odoo_bridge.tests.runs import GOOD, assert_equal_to_odoo, sync, sync_all, synced

pytestmark = [pytest.mark.odoo, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=["jsonrpc", "json2"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def odoo(bridge_on_real_odoo: Any) -> Any:
    return bridge_on_real_odoo


def test_the_first_copy_is_exact_and_the_second_finds_nothing(odoo: Any) -> None:
    rows = sync_all("reconcile")
    assert all(row.created_count == row.inventoried_count > 0 for row in rows)
    assert_equal_to_odoo()
    for row in sync_all("reconcile"):
        assert (row.created_count, row.updated_count, row.gone_count) == (0, 0, 0)


def test_what_another_client_does_is_here_after_one_changes_run(odoo: Any) -> None:
    parent = odoo.create("res.partner", name="Parent", is_company=True)
    child = odoo.create("res.partner", name="Child", parent_id=parent)
    archived = odoo.create("res.partner", name="To archive")
    restored = odoo.create("res.partner", name="To restore", active=False)
    deleted = odoo.create("res.partner", name="To delete")
    keep = odoo.create("res.partner", name="Keep")
    lose = odoo.create("res.partner", name="Lose")
    line = {"name": "Desk", "quantity": 2, "price_unit": 10.5}
    edited, paid, cancelled, dropped, merged = (
        odoo.invoice(contact, lines=[line]) for contact in (parent, parent, parent, parent, lose)
    )
    odoo.post([paid, merged])
    sync_all("reconcile")

    odoo.write("res.partner", [parent], name="Parent renamed")
    odoo.archive([archived])
    odoo.restore([restored])
    odoo.unlink("res.partner", [deleted])
    created = odoo.create("res.partner", name="Created")
    [line_id] = odoo.read("account.move", [edited], "invoice_line_ids")[0]["invoice_line_ids"]
    odoo.write("account.move", [edited], invoice_line_ids=[(1, line_id, {"price_unit": 99})])
    odoo.pay([paid])
    odoo.cancel([cancelled])
    odoo.unlink("account.move", [dropped])
    odoo.merge([lose], keep)
    new_invoice = odoo.invoice(created, lines=[line])
    rows = sync_all("changes")

    assert_equal_to_odoo()
    contacts = {row.pk: row for row in Contact.objects.all()}
    assert contacts[child].complete_name == "Parent renamed, Child"
    assert (contacts[archived].active, contacts[restored].active) == (False, True)
    assert contacts[deleted].gone_at and contacts[lose].gone_at
    assert contacts[created].gone_at is None
    invoices = {row.pk: row for row in Invoice.objects.all()}
    assert InvoiceLine.objects.get(pk=line_id).price_unit == 99
    assert invoices[paid].payment_state in ("paid", "in_payment")
    assert invoices[cancelled].state == "cancel"
    assert invoices[dropped].gone_at is not None
    assert invoices[merged].contact_id == keep
    assert invoices[new_invoice].contact_id == created
    assert rows[0].gone_count == 2


def test_a_late_commit_with_an_older_stamp_is_here_after_the_next_run(odoo: Any) -> None:
    contact = odoo.create("res.partner", name="Early")
    sync("contacts", "reconcile")
    with odoo.late_transaction() as sql:
        sql.execute(
            "update res_partner set name = 'Late', complete_name = 'Late', "
            "write_date = now() at time zone 'utc' where id = %s",
            [contact],
        )
        time.sleep(1.5)
        synced("contacts")
        assert Contact.objects.get(pk=contact).name == "Early"
    synced("contacts")
    assert Contact.objects.get(pk=contact).name == "Late"


def test_a_user_without_invoicing_still_gets_contacts(odoo: Any, settings: Any) -> None:
    odoo.create("res.partner", name="Acme")
    sync_all("reconcile")
    login, password, api_key = odoo.user_without_invoicing()
    settings.ODOO_USERNAME, settings.ODOO_PASSWORD = login, password
    if settings.ODOO_API_KEY:
        settings.ODOO_API_KEY = api_key
    odoo.create("res.partner", name="After")
    assert sync("contacts").status in GOOD
    assert Contact.objects.filter(name="After").exists()
    for stream in ("invoices", "invoice_lines"):
        row = sync(stream)
        assert row.status == SyncRun.Status.FAILED
        assert "account.move" in row.error
    assert not Invoice.objects.exclude(gone_at=None).exists()


def test_half_the_contacts_hidden_by_a_rule_marks_nothing_gone(odoo: Any, settings: Any) -> None:
    odoo.create_many("res.partner", [{"name": f"Visible {n}"} for n in range(60)])
    login, password, api_key = odoo.user_without_invoicing()
    settings.ODOO_USERNAME, settings.ODOO_PASSWORD = login, password
    if settings.ODOO_API_KEY:
        settings.ODOO_API_KEY = api_key
    assert sync("contacts", "reconcile").status in GOOD
    before = Contact.objects.present().count()
    half = sorted(Contact.objects.values_list("pk", flat=True))[before // 2 :]
    with odoo.hide_contacts([("id", "in", half)], username=login):
        row = sync("contacts")
        assert row.status == SyncRun.Status.NEEDS_CONFIRMATION, row.error
        assert Contact.objects.present().count() == before
    assert sync("contacts").status in GOOD
    assert not Contact.objects.exclude(gone_at=None).exists()


def test_deleted_contacts_are_confirmed_as_they_were_seen(odoo: Any, settings: Any) -> None:
    settings.ODOO_MAX_GONE_PERCENT = 0  # whatever other tests have left in this Odoo
    ids = odoo.create_many("res.partner", [{"name": f"Doomed {n}"} for n in range(60)])
    sync_all("reconcile")
    odoo.call("res.partner", "unlink", ids[:50])
    row = sync("contacts")
    assert row.status == SyncRun.Status.NEEDS_CONFIRMATION, row.error
    assert row.gone_review is not None
    assert row.gone_review.ids == sorted(ids[:50])
    odoo.call("res.partner", "unlink", ids[50:55])
    done = run_queued(confirm_gone(row.gone_review.pk, None).pk)
    assert done is not None
    assert (done.status, done.gone_count) == (SyncRun.Status.SUCCEEDED, 50), done.error
    gone = Contact.objects.exclude(gone_at=None).filter(pk__in=ids)
    assert sorted(gone.values_list("pk", flat=True)) == sorted(ids[:50])
    sync_all()
    assert_equal_to_odoo()


def test_a_cancelled_copy_goes_on_where_it_was(odoo: Any, settings: Any) -> None:
    odoo.create_many("res.partner", [{"name": f"Contact {n}"} for n in range(60)])
    settings.ODOO_PAGE_SIZE = 5
    row = sync("contacts", "reconcile", progress=lambda row: cancel(row.pk, None))
    assert (row.status, row.read_count) == (SyncRun.Status.CANCELLED, 5)
    assert SyncState.objects.get(pk="contacts").watermark is None
    settings.ODOO_PAGE_SIZE = 1000
    assert sync_all()[0].created_count == row.planned_count - 5
    assert_equal_to_odoo()


@pytest.mark.stops_odoo
def test_odoo_stopped_and_started_needs_no_hand(odoo: Any, client: Any) -> None:
    sync_all("reconcile")
    odoo.stop()
    try:
        row = sync("contacts")
        assert row.status == SyncRun.Status.FAILED
        assert "127.0.0.1" in row.error
        assert Contact.objects.present().exists()
        SyncState.objects.update(watermark=F("watermark") - timedelta(hours=1))
        ready = client.get("/api/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "stale")
    finally:
        odoo.start()
    odoo.create("res.partner", name="After the pause")
    synced("contacts")
    assert Contact.objects.filter(name="After the pause").exists()


def test_a_changes_run_with_nothing_to_do_asks_little_and_writes_nothing(odoo: Any) -> None:
    with odoo.late_transaction() as sql:
        sql.execute("update res_partner set write_date = write_date - interval '1 hour'")
        sql.execute("update account_move set write_date = write_date - interval '1 hour'")
        sql.execute("update account_move_line set write_date = write_date - interval '1 hour'")
    sync_all("reconcile")
    stored = {m: set(m.objects.values_list("pk", "stored_at")) for m in (Contact, Invoice)}
    for row in sync_all("changes"):
        assert row.odoo_calls <= 4
        assert row.read_count == 0
    for model, before in stored.items():
        assert set(model.objects.values_list("pk", "stored_at")) == before


def test_the_first_key_of_our_user_that_expires_is_found(odoo: Any) -> None:
    assert connect().key_expires_at() is None
    odoo.sql("update res_users_apikeys set expiration_date = '2030-02-01 12:00:00'")
    assert connect().key_expires_at() == datetime(2030, 2, 1, 12, tzinfo=UTC)
    odoo.sql("update res_users_apikeys set expiration_date = null")
