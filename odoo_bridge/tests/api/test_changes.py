"""The changes feed: a client that follows it has what a full list shows."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Max

from accounts.tests.factories import PASSWORD, reader, scoped
from contacts.models import Contact
from contacts.noun import CONTACTS
from contacts.tests.factories import ContactFactory
from invoices.models import Invoice, InvoiceLine
from invoices.noun import INVOICE_LINES, INVOICES
from invoices.tests.factories import InvoiceFactory, InvoiceLineFactory
from odoo_bridge.api.changes import content_fields
from odoo_bridge.demo.churn import Churn
from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.odoo.connect import disconnect
from odoo_bridge.sync.lease import locked_state
from odoo_bridge.sync.run import run
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.factories import SyncRunFactory, SyncStateFactory
from odoo_bridge.tests.runs import sync

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
CLIENT = Path(__file__).resolve().parents[3] / "docs" / "follow_changes.py"
FEEDS = {
    "contacts": (Contact, CONTACTS.rows),
    "invoices": (Invoice, INVOICES.rows),
    "invoices/lines": (InvoiceLine, INVOICE_LINES.rows),
}
pytestmark = pytest.mark.django_db


def changes(api, feed="contacts", /, **parameters):
    answer = api.get(f"/api/{feed}/changes", parameters)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def ids(page):
    return [row["odoo_id"] for row in page["results"]]


def test_a_row_carries_all_of_its_own_content_and_nothing_that_moves_without_it(api):
    SyncStateFactory(change_seq=1)
    ContactFactory(odoo_id=7, change_seq=1, country_id=3, country_code="BE")
    [row] = changes(api)["results"]
    listed = api.get("/api/contacts/7").json()
    elsewhere = {"write_date", "stored_at", "state_name", "country_name", "odoo_company_name"}
    elsewhere.add("salesperson_name")
    assert row == {name: value for name, value in listed.items() if name not in elsewhere}


def test_a_line_names_its_invoice(api):
    SyncStateFactory(stream="invoice_lines", change_seq=1)
    InvoiceLineFactory(odoo_id=7, invoice_id=3, change_seq=1)
    [row] = changes(api, "invoices/lines")["results"]
    assert (row["odoo_id"], row["invoice_id"]) == (7, 3)


def test_a_place_that_the_feed_never_reached_is_told_to_start_again(api):
    SyncStateFactory(change_seq=5)
    assert changes(api, after=5)["next_after"] == 5
    answer = api.get("/api/contacts/changes", {"after": 6})
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "feed_restarted")


def test_before_the_first_copy_the_feed_is_empty(api):
    page = changes(api)
    assert (page["results"], page["next_after"], page["more"]) == ([], 0, False)


def test_a_place_in_another_feed_is_told_to_start_again(api):
    """A backup was restored and has counted on: the number exists, and means something else."""
    SyncStateFactory(change_seq=5)
    before = changes(api)
    place = {"after": before["next_after"], "feed": before["feed"]}
    assert changes(api, **place)["feed"] == before["feed"]
    call_command("restart_feeds")
    answer = api.get("/api/contacts/changes", place)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "feed_restarted")
    again = changes(api, after=0, feed=before["feed"])
    assert again["feed"] != before["feed"]


def test_a_mirror_made_anew_has_another_feed():
    feeds = {SyncStateFactory(stream=stream).feed for stream in all_streams()}
    assert len(feeds) == len(all_streams())
    assert all(feeds)


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=0", "limit=1001", f"after={2**63}", "afer=1"]
)
def test_a_place_that_cannot_be_right_is_refused_by_name(api, query):
    answer = api.get(f"/api/contacts/changes?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [query.partition("=")[0]]


def test_what_may_not_be_seen_is_neither_shown_nor_looked_through_again():
    SyncStateFactory(stream="invoices", change_seq=90)
    ContactFactory(odoo_id=5)
    InvoiceFactory(odoo_id=1, contact_id=5, change_seq=10)
    InvoiceFactory(odoo_id=2, contact_id=6, change_seq=90)
    page = changes(client_of(scoped(contacts=[5])), "invoices")
    assert (ids(page), page["next_after"]) == ([1], 90)
    assert page["totals"] == {"count": 1, "sum_of_ids": 1}


def test_totals_come_with_the_last_page_and_leave_out_what_is_gone():
    SyncStateFactory(change_seq=4)
    for odoo_id in (1, 2, 3):
        ContactFactory(odoo_id=odoo_id, change_seq=odoo_id)
    ContactFactory(odoo_id=4, change_seq=4, gone_at=NOON)
    api = client_of(scoped(contacts=[1, 2, 4]))
    assert changes(api, limit=1)["totals"] is None
    assert changes(api)["totals"] == {"count": 2, "sum_of_ids": 3}
    everybody = client_of(reader())
    assert changes(everybody)["totals"] is None
    assert changes(everybody, totals="true")["totals"] == {"count": 3, "sum_of_ids": 6}


def test_totals_of_another_moment_than_the_page_are_left_out(monkeypatch):
    SyncStateFactory(change_seq=1)
    ContactFactory(odoo_id=1, change_seq=1)
    moments = iter([1, 2])
    monkeypatch.setattr("odoo_bridge.api.changes._state", lambda _stream: (next(moments), "feed"))
    assert changes(client_of(reader()), totals="true")["totals"] is None


@pytest.mark.parametrize("feed", FEEDS)
def test_a_page_takes_the_same_queries_for_any_number_of_rows(
    api, feed, django_assert_max_num_queries
):
    for number in range(1, 30):
        ContactFactory(odoo_id=number)
        InvoiceFactory(odoo_id=number, contact_id=number, currency_id=1, amount_total=1)
        InvoiceLineFactory(odoo_id=number, invoice_id=number, currency_id=1, price_total=1)
    for stream in all_streams():
        SyncStateFactory(stream=stream, change_seq=29)
    # Rights, freshness, the last change, rows, currencies.
    with django_assert_max_num_queries(5):
        assert len(changes(api, feed)["results"]) == 29


@pytest.mark.postgres
@pytest.mark.parametrize("feed", FEEDS)
def test_a_page_deep_in_the_feed_is_found_by_its_index(feed):
    model, _rows = FEEDS[feed]
    factory = {
        Contact: ContactFactory, Invoice: InvoiceFactory, InvoiceLine: InvoiceLineFactory
    }[model]  # fmt: skip
    model.objects.bulk_create(factory.build_batch(3000))
    last = model.objects.aggregate(last=Max("change_seq"))["last"]
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {model._meta.db_table}")
    deep = model.objects.filter(change_seq__gt=last - 100).order_by("change_seq")[:51]
    plan = deep.explain()
    assert "Index Scan using" in plan
    assert "change_seq" in plan
    assert "Sort" not in plan


# Writers at work --------------------------------------------------------------------------------
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_number_is_not_seen_before_all_below_it(api):
    """The slower of two writers began first: the feed waits for it."""
    SyncStateFactory(change_seq=0)
    first_has_a_number, first_may_commit, done = (threading.Event() for _ in range(3))

    def write(odoo_id, after_numbering):
        try:
            with locked_state(SyncRunFactory(status="running", kind="records")) as state:
                state.change_seq += 1
                ContactFactory(odoo_id=odoo_id, change_seq=state.change_seq)
                after_numbering()
        finally:
            connection.close()

    def wait():
        first_has_a_number.set()
        assert first_may_commit.wait(30)

    slow = threading.Thread(target=write, args=(1, wait))
    fast = threading.Thread(target=write, args=(2, done.set))
    slow.start()
    assert first_has_a_number.wait(30)
    fast.start()
    assert not done.wait(0.5)
    page = changes(api)
    assert (page["results"], page["next_after"]) == ([], 0)
    first_may_commit.set()
    slow.join()
    fast.join()
    assert ids(changes(api, after=page["next_after"])) == [1, 2]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_followers_of_a_busy_mirror_end_with_what_the_lists_show(
    demo, settings, live_server, tmp_path
):
    """Several runs of each stream store small pages side by side while followers read."""
    settings.ODOO_PAGE_SIZE = 7
    user = reader()
    acme = demo.add("res.partner", name="Acme", is_company=True)
    for number in range(60):
        contact = demo.add("res.partner", name=f"Contact {number}", parent_id=acme)
        demo.add_invoice(contact, [{"name": "Desk", "price_unit": number}])
    churn = Churn(demo, per_second=150)
    stop = threading.Event()
    followed = {feed: {} for feed in FEEDS}
    failures = []

    def until_stopped(work):
        def keep_working():
            try:
                while not stop.is_set():
                    work()
            except Exception as error:
                failures.append(error)
                raise
            finally:
                connection.close()

        return threading.Thread(target=keep_working)

    def run_changes():
        for stream in all_streams():
            run(stream, "changes", trigger=SyncRun.Trigger.SCHEDULE)

    def run_records():
        for stream in all_streams().values():
            ids = list(demo.rows(stream.odoo_model))[-40:]
            run(stream.name, "records", trigger=SyncRun.Trigger.HINT, ids=ids)

    place = dict.fromkeys(FEEDS, 0)
    reading = client_of(user)

    def read_a_little():
        for feed, rows in followed.items():
            page = changes(reading, feed, after=place[feed], limit=5)
            numbers = [row["change_seq"] for row in page["results"]]
            assert numbers == sorted(numbers)
            assert not numbers or numbers[0] > place[feed]
            assert page["next_after"] >= max(numbers, default=place[feed])
            keep(rows, page)
            place[feed] = page["next_after"]

    work = [run_changes, run_records, run_records, read_a_little]
    threads = [until_stopped(each) for each in work]
    churn.start()
    for thread in threads:
        thread.start()
    for _ in range(3):
        for feed in FEEDS:
            follow(live_server, user, feed, tmp_path / f"{feed[-5:]}.json")
    churn.stop()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []

    for stream in all_streams():
        # So much was deleted that a person would be asked.
        row = sync(stream, "reconcile", confirm_gone=True)
        assert row.status == SyncRun.Status.SUCCEEDED, row.error
    for feed, rows in followed.items():
        shown = full_list(client_of(user), feed)
        while (page := changes(reading, feed, after=place[feed], limit=5))["results"]:
            keep(rows, page)
            place[feed] = page["next_after"]
        assert rows == shown
        assert follow(live_server, user, feed, tmp_path / f"{feed[-5:]}.json") == shown
    assert Contact.objects.exclude(gone_at=None).exists()
    disconnect()


# The client of the documentation ----------------------------------------------------------------
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_client_of_the_documentation_keeps_up_with_rows_scopes_and_a_restored_mirror(
    live_server, tmp_path
):
    user, file = scoped(contacts=[5]), tmp_path / "copy.json"

    def copy():
        return sorted(follow(live_server, user, "invoices", file))

    def reach(number):
        SyncState.objects.update_or_create(stream="invoices", defaults={"change_seq": number})

    reach(30)
    for odoo_id in (5, 6):
        ContactFactory(odoo_id=odoo_id)
    for odoo_id, contact in ((1, 5), (2, 5), (3, 6), (4, 6)):
        InvoiceFactory(odoo_id=odoo_id, contact_id=contact, change_seq=10 + odoo_id)
    assert copy() == [1, 2]
    Invoice.objects.filter(pk=1).update(gone_at=NOON, change_seq=31)
    reach(31)
    assert copy() == [2]
    # An invoice leaves for somebody else's contact, another arrives.
    Invoice.objects.filter(pk=2).update(contact_id=6, change_seq=32)
    Invoice.objects.filter(pk=3).update(contact_id=5, change_seq=33)
    reach(33)
    assert copy() == [3]
    # The staff give another scope: no row has changed.
    user.scope_contacts.set([6])
    assert copy() == [2, 4]
    # A backup is restored, in which less had happened, and runs count on.
    Invoice.objects.filter(pk=2).delete()
    call_command("restart_feeds")
    reach(40)
    assert copy() == [4]


def keep(rows, page):
    for row in page["results"]:
        rows.pop(row["odoo_id"], None)
        if row["gone_at"] is None:
            rows[row["odoo_id"]] = row


def follow(server, user, feed, file):
    """Run the client of the documentation once; return the rows it has."""
    environment = os.environ | {"BRIDGE_USER": user.username, "BRIDGE_PASSWORD": PASSWORD}
    subprocess.run(
        [sys.executable, CLIENT, server.url, feed, file], env=environment, check=True, timeout=60
    )
    return {int(key): row for key, row in json.loads(file.read_text())["rows"].items()}


def full_list(api, feed):
    """What the lists show, the fields of the feed of it."""
    path = "contacts" if feed == "contacts" else "invoices"
    answer = api.get(f"/api/{path}", {"per_page": 1000}).json()
    assert answer["next"] is None
    rows = answer["results"]
    if feed == "invoices/lines":
        details = (api.get(f"/api/invoices/{row['odoo_id']}").json() for row in rows)
        rows = [line for detail in details for line in detail["lines"]]
    fields = content_fields(*FEEDS[feed])
    return {row["odoo_id"]: {name: row[name] for name in fields} for row in rows}
