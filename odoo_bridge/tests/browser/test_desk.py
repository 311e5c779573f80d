"""The desk and the API's documentation in a real browser."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from contacts.models import Contact
from invoices.models import Invoice
from odoo_bridge.models import Heartbeat, SyncRun
from odoo_bridge.sync.run import run_queued
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.browser.pages import PASSWORD, PHONE, look
from odoo_bridge.tests.factories import SyncRunFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_staff_log_in_with_their_name_and_password(
    page: Any, live_server: Any, settings: Any
) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    get_user_model().objects.create_superuser("staff", "staff@example.com", PASSWORD)
    page.goto(f"{live_server.url}/admin/")
    look(page, "login")
    page.fill("#id_username", "staff")
    page.fill("#id_password", PASSWORD)
    with page.expect_navigation():
        page.click("[type=submit]")
    assert page.get_by_role("link", name="Overview").count() > 0


@pytest.fixture
def two_days() -> None:
    """What an installation looks like that runs since the day before yesterday."""
    now = timezone.now()
    PeriodicTask.objects.filter(name="bridge: sweep").update(last_run_at=now)
    Heartbeat.objects.create(name="worker", seen_at=now, holder="worker-1")
    for (place, stream), number in product(enumerate(all_streams()), range(1, 96)):
        at = now - timedelta(minutes=30 * number)
        SyncRunFactory(
            stream=stream,
            status=SyncRun.Status.SUCCEEDED,
            queued_at=at,
            started_at=at,
            finished_at=at + timedelta(seconds=0.4 + place + number * 7 % (11 + place) / 5),
            created_count=number * 13 % 97 * 6,
            updated_count=number * 29 % 131 * 5,
            gone_count=number % 17 * 4,
        )


def test_staff_read_the_overview_and_follow_a_figure(page: Any, two_days: None, site: str) -> None:
    page.goto(f"{site}/admin/")
    page.locator("#ob-charts canvas").nth(3).wait_for()
    page.set_viewport_size({"width": 1440, "height": 1060})
    look(page, "overview")
    contacts = page.get_by_role("region", name="Contacts", exact=True)
    assert "Fresh" in contacts.inner_text()
    assert "in Odoo" in contacts.inner_text()
    page.locator("#ob-charts canvas").nth(3).wait_for()
    drawn = page.evaluate(
        """() => [...document.querySelectorAll("#ob-charts canvas")].map(canvas =>
            canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
                .data.some(value => value > 0))"""
    )
    assert drawn == [True] * 4
    with page.expect_navigation():
        contacts.get_by_role("link", name=str(Contact.objects.count())).click()
    page.locator("#result_list .field-record").first.wait_for()


def test_the_overview_follows_a_run_without_being_asked(page: Any, site: str) -> None:
    run = SyncRun.objects.create(
        stream="contacts",
        kind="changes",
        trigger="admin",
        status=SyncRun.Status.RUNNING,
        phase=SyncRun.Phase.READING,
        planned_count=100,
        read_count=10,
    )
    page.goto(f"{site}/admin/")
    bar = page.get_by_label("Progress of the run of contacts")
    assert bar.get_attribute("value") == "10"
    charts: list[str] = []
    page.on("request", lambda asked: charts.append(asked.url) if "charts/" in asked.url else None)
    SyncRun.objects.filter(pk=run.pk).update(read_count=60)
    page.locator("#ob-live progress[value='60']").wait_for()
    SyncRun.objects.filter(pk=run.pk).update(
        status=SyncRun.Status.SUCCEEDED, started_at=Now(), finished_at=Now()
    )
    bar.wait_for(state="detached")
    page.wait_for_function("document.querySelectorAll('#ob-charts canvas').length === 4")
    assert charts


def test_staff_find_a_contact_and_open_its_invoice(page: Any, site: str) -> None:
    page.goto(f"{site}/admin/contacts/contact/")
    look(page, "contacts")
    invoice = Invoice.objects.filter(state="posted", move_type="out_invoice").latest("invoice_date")
    name = invoice.contact.complete_name
    page.fill("#searchbar", name)
    # Without waiting for it the next page would be asked for while this one is on its way.
    with page.expect_navigation():
        page.keyboard.press("Enter")
    with page.expect_navigation():
        page.locator("#result_list .field-record a", has_text=name).first.click()
    look(page, "contact")
    with page.expect_navigation():
        page.get_by_role("region", name="Invoices").get_by_role("link", name=invoice.name).click()
    look(page, "invoice")
    page.get_by_role("heading", name=invoice.name, exact=True).wait_for()
    assert page.get_by_role("region", name="Lines").locator("tbody tr").count() > 0
    assert page.locator("[name=_save]").count() == 0
    page.goto(f"{site}/admin/invoices/invoice/?state=posted")
    look(page, "invoices")


def test_staff_refresh_a_contact_from_odoo(page: Any, site: str, demo_odoo: Any) -> None:
    contact = Contact.objects.filter(is_company=True).latest("pk")
    demo_odoo.write("res.partner", [contact.pk], name="Renamed in Odoo")
    page.goto(f"{site}/admin/contacts/contact/{contact.pk}/change/")
    with page.expect_navigation():
        page.get_by_role("button", name="Refresh from Odoo").click()
    queued = SyncRun.objects.get(status=SyncRun.Status.QUEUED)
    run_queued(queued.pk)
    with page.expect_navigation():
        page.get_by_role("link", name=f"run #{queued.pk} of contacts").click()
    page.get_by_text("succeeded").first.wait_for()
    page.goto(f"{site}/admin/contacts/contact/{contact.pk}/change/")
    page.get_by_role("heading", name="Renamed in Odoo", exact=True).wait_for()
    assert page.get_by_role("link", name=f"records run #{queued.pk}").count() == 1


def test_a_phone_shows_records_without_scrolling_sideways(page: Any, site: str) -> None:
    page.set_viewport_size(PHONE)
    contact = Contact.objects.filter(invoices__isnull=False).earliest("pk")
    for name, path in (
        ("phone-overview", ""),
        ("phone-contacts", "contacts/contact/"),
        ("phone-contact", f"contacts/contact/{contact.pk}/change/"),
        ("phone-invoices", "invoices/invoice/"),
    ):
        page.goto(f"{site}/admin/{path}")
        look(page, name)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], name
