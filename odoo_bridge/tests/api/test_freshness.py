"""How fresh an answer is, and how a client can insist."""

import re
import socket
import threading
import time
from datetime import timedelta

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.utils import timezone
from django.utils.http import http_date, parse_http_date

from accounts.tests.factories import reader, scoped
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from invoices.models import Invoice, InvoiceLine
from invoices.tests.factories import InvoiceFactory, InvoiceLineFactory
from odoo_bridge.api.throttles import RefreshThrottle
from odoo_bridge.demo.faults import Fault
from odoo_bridge.models import Reference, SyncRun, SyncState
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.factories import ReferenceFactory, SyncStateFactory
from odoo_bridge.tests.runs import sync_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]
PATHS = ["/api/contacts", "/api/contacts?cursor=", "/api/contacts/7", "/api/invoices/7"]


@pytest.fixture
def rows():
    ReferenceFactory(kind=Reference.Kind.COMPANY, odoo_id=4, name="Azure")
    ContactFactory(odoo_id=7, name="Acme", company_id=4)
    InvoiceFactory(odoo_id=7, contact_id=7)
    InvoiceLineFactory(odoo_id=9, invoice_id=7)


@pytest.fixture
def rested(rows):
    """The same, and none of it was touched for an hour."""
    Reference.objects.update(stored_at=timezone.now() - timedelta(hours=1))
    for stream in all_streams():
        SyncStateFactory(stream=stream, watermark=timezone.now())


def again(api, path, answer):
    return api.get(path, headers={"If-None-Match": answer["ETag"]})


@pytest.mark.parametrize("path", PATHS)
def test_what_is_the_same_is_not_sent_again(api, rows, path):
    SyncStateFactory(stream="contacts", watermark=timezone.now())
    first = api.get(path)
    second = again(api, path, first)
    assert (first.status_code, second.status_code, second.content) == (200, 304, b"")
    assert second["ETag"] == first["ETag"]
    assert second.get("X-Odoo-Synced-At") == first.get("X-Odoo-Synced-At")
    assert "private" in first["Cache-Control"]
    assert "Authorization" in first["Vary"]


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/api/contacts", lambda: Contact.objects.update(name="Else")),
        ("/api/contacts", lambda: Reference.objects.update(name="Else")),
        ("/api/contacts", lambda: ContactFactory(odoo_id=8)),
        ("/api/contacts/7", lambda: Reference.objects.update(name="Else")),
        ("/api/invoices/7", lambda: Contact.objects.update(complete_name="Else")),
        ("/api/invoices/7", lambda: InvoiceLine.objects.update(gone_at=timezone.now())),
    ],
)
def test_whatever_changes_in_an_answer_changes_its_etag(api, rows, path, change):
    first = api.get(path)
    change()
    assert again(api, path, first).status_code == 200


def test_another_user_has_another_list(api, rows):
    first = api.get("/api/contacts")
    other = client_of(scoped(companies=[5]))
    assert again(other, "/api/contacts", first).status_code == 200


@pytest.mark.parametrize("path", ["/api/contacts/7", "/api/invoices/7"])
def test_one_row_says_since_when_it_is_as_it_is(api, rested, path):
    first = api.get(path)
    since = {"If-Modified-Since": first["Last-Modified"]}
    assert parse_http_date(first["Last-Modified"]) < timezone.now().timestamp() - 60
    assert api.get(path, headers=since).status_code == 304
    earlier = {"If-Modified-Since": http_date(parse_http_date(first["Last-Modified"]) - 1)}
    assert api.get(path, headers=earlier).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda then: Invoice.objects.update(stored_at=then),
        lambda then: Contact.objects.update(stored_at=then),
        lambda then: InvoiceLine.objects.update(stored_at=then, gone_at=then),
    ],
    ids=["invoice", "contact", "gone line"],
)
@pytest.mark.parametrize("minutes", [0, 10])
def test_a_date_of_before_a_change_does_not_pass(api, rested, change, minutes):
    since = {"If-Modified-Since": api.get("/api/invoices/7")["Last-Modified"]}
    change(timezone.now() - timedelta(minutes=minutes))
    answer = api.get("/api/invoices/7", headers=since)
    assert answer.status_code == 200
    # Two changes within a second have one date: what is so new has none.
    assert answer.has_header("Last-Modified") == bool(minutes)


def test_an_answer_that_a_scope_narrows_has_no_date(rested):
    client = client_of(scoped(companies=[4]))
    answer = client.get("/api/contacts/7")
    assert answer.status_code == 200
    assert not answer.has_header("Last-Modified")


# max_age ------------------------------------------------------------------------------------------
def synced(seconds_ago):
    SyncState.objects.update(watermark=timezone.now() - timedelta(seconds=seconds_ago))


def age_told_by(answer):
    """Seconds, in the sentence of a 503. On the clock of the database, which stands still within the
    transaction of a test."""
    return int(re.search(r"(\d+) seconds old", answer.json()["error"]["message"])[1])


def test_a_contact_older_than_the_client_takes_is_read_again(api, demo):
    acme = demo.add("res.partner", name="Acme")
    sync_all("reconcile")
    synced(seconds_ago=120)
    demo.write("res.partner", [acme], name="Acme New")
    path = f"/api/contacts/{acme}"
    before = SyncRun.objects.count()
    old = api.get(f"{path}?max_age=3600")
    assert (old.json()["name"], SyncRun.objects.count()) == ("Acme", before)
    new = api.get(f"{path}?max_age=60")
    assert new.json()["name"] == "Acme New"
    assert new["X-Odoo-Synced-At"] > old["X-Odoo-Synced-At"]
    made = SyncRun.objects.order_by("pk").last()
    assert (made.kind, made.trigger, made.requested_ids) == ("records", "api", [acme])
    assert made.requested_by is not None


def test_an_invoice_is_read_again_with_its_lines(api, demo):
    acme = demo.add("res.partner", name="Acme")
    lines = [{"name": "Chair", "quantity": 1, "price_unit": 10}]
    invoice = demo.add_invoice(contact=acme, lines=lines)
    sync_all("reconcile")
    synced(seconds_ago=120)
    line = InvoiceLine.objects.get(name="Chair").pk
    demo.write("account.move.line", [line], name="Armchair")
    answer = api.get(f"/api/invoices/{invoice}?max_age=60").json()
    assert [line["name"] for line in answer["lines"]] == ["Armchair"]


def test_a_record_that_was_just_made_is_found(api, demo):
    sync_all("reconcile")
    synced(seconds_ago=120)
    acme = demo.add("res.partner", name="Acme")
    assert api.get(f"/api/contacts/{acme}").status_code == 404
    assert api.get(f"/api/contacts/{acme}?max_age=60").json()["name"] == "Acme"


def test_a_record_that_was_just_deleted_is_a_404(api, demo):
    acme = demo.add("res.partner", name="Acme")
    sync_all("reconcile")
    synced(seconds_ago=120)
    demo.unlink("res.partner", [acme])
    assert api.get(f"/api/contacts/{acme}?max_age=60").status_code == 404
    assert Contact.objects.get(pk=acme).gone_at


def test_where_odoo_is_down_the_answer_is_its_age_never_an_old_row(api, rows, settings):
    settings.ODOO_URL = "http://127.0.0.1:9"
    SyncStateFactory(stream="contacts", watermark=timezone.now() - timedelta(seconds=312))
    answer = api.get("/api/contacts/7?max_age=60")
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert answer.json()["error"]["code"] == "too_old"
    assert 300 <= age_told_by(answer) < 360
    assert api.get("/api/contacts/7").status_code == 200


def test_a_request_waits_for_odoo_no_longer_than_it_may(api, demo, settings):
    acme = demo.add("res.partner", name="Acme")
    sync_all("reconcile")
    synced(seconds_ago=312)
    settings.ODOO_REFRESH_SECONDS = 0.5
    demo.faults.add(Fault("busy", model="res.partner", method="search", times=1, retry_after=60))
    started = time.monotonic()
    answer = api.get(f"/api/contacts/{acme}?max_age=60")
    assert time.monotonic() - started < 30
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "too_old"
    assert 300 <= age_told_by(answer) < 360
    made = SyncRun.objects.order_by("pk").last()
    assert (made.status, made.error_code) == ("failed", "odoo_timeout")


def test_a_request_does_not_wait_for_a_login_that_hangs(api, rows, settings):
    settings.ODOO_REFRESH_SECONDS = 0.5
    SyncStateFactory(stream="contacts", watermark=timezone.now() - timedelta(seconds=312))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        settings.ODOO_URL = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        answer = api.get("/api/contacts/7?max_age=60")
        assert answer.status_code == 503
        assert 300 <= age_told_by(answer) < 360
        # It would have gone on for a minute.
        [waiting] = [one for one in threading.enumerate() if one.name.startswith("odoo-connect")]
    waiting.join(timeout=20)
    assert not waiting.is_alive()


def test_reading_again_is_limited_per_user_and_what_is_young_does_not_count(api, demo, monkeypatch):
    acme = demo.add("res.partner", name="Acme")
    sync_all("reconcile")
    synced(seconds_ago=120)
    monkeypatch.setattr(RefreshThrottle, "THROTTLE_RATES", {"refreshes": "2/min"})
    # A cache of its own: tests that run beside this one empty the shared one.
    monkeypatch.setattr(RefreshThrottle, "cache", LocMemCache("refreshes", {}))
    path = f"/api/contacts/{acme}"
    for query in ("", "?max_age=3600", "?max_age=3600", "?max_age=60", "?max_age=60"):
        assert api.get(path + query).status_code == 200
    answer = api.get(f"{path}?max_age=60")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "throttled")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert api.get(f"{path}?max_age=3600").status_code == 200
    another = client_of(reader())
    assert another.get(f"{path}?max_age=60").status_code == 200


@pytest.mark.parametrize("odoo", ["there", "down", "unreadable"])
def test_what_a_user_may_not_see_is_answered_like_what_does_not_exist(demo, settings, odoo):
    acme = demo.add("res.partner", name="Acme", company_id=1)
    # Without a create_date: made at another moment than Odoo's record it would be another Odoo's.
    ContactFactory(odoo_id=acme, company_id=1, create_date=None)
    if odoo == "down":
        settings.ODOO_URL = "http://127.0.0.1:9"
    if odoo == "unreadable":
        demo.write_raw("res.partner", [acme], name=7)
    client = client_of(scoped(companies=[4]))
    outside, nowhere = (
        client.get(f"/api/contacts/{odoo_id}?max_age=0") for odoo_id in (acme, 4711)
    )
    assert outside.status_code == nowhere.status_code == (503 if odoo == "down" else 404)
    assert outside.content == nowhere.content


@pytest.mark.parametrize("max_age", ["-1", "soon", "1.5", "9" * 30])
def test_an_age_is_a_whole_number_of_seconds(api, rows, max_age):
    answer = api.get(f"/api/contacts/7?max_age={max_age}")
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {"max_age"}


def test_a_list_takes_no_age(api):
    assert api.get("/api/contacts?max_age=60").status_code == 400
