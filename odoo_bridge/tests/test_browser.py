"""The admin and the API's documentation in a real browser.

SCREENSHOTS=docs/images keeps what the browser saw: the README shows one of them.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connections

from odoo_bridge.demo import DemoOdoo
from odoo_bridge.models import SyncRun
from odoo_bridge.sync.run import run
from odoo_bridge.sync.streams import all_streams

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct-horse-battery"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A page of a headless Chromium. What its console complains of fails the test."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    # Playwright runs an event loop in this thread, in which Django would refuse its database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(f"{message.text} {message.location}")
                if message.type == "error"
                else None
            ),
        )
        yield page
        browser.close()
        # Inside Playwright's loop the test had a connection of its own.
        connections.close_all()
    assert complaints == []


@pytest.fixture
def site(page: Any, live_server: Any, settings: Any) -> Iterator[str]:
    """A site with a copied demo Odoo, and staff logged in."""
    # The live server speaks plain HTTP and collects no static files.
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    odoo = DemoOdoo(version="19.0", contacts=60, invoices=60)
    with odoo.serve() as server:
        settings.ODOO_URL, settings.ODOO_DB = server.url, "demo"
        settings.ODOO_USERNAME = settings.ODOO_PASSWORD = "admin"
        settings.ODOO_API_KEY = ""
        for stream in all_streams():
            row = run(stream, "reconcile", trigger=SyncRun.Trigger.COMMAND)
            assert row.status == SyncRun.Status.SUCCEEDED, row.error
        get_user_model().objects.create_superuser("staff", "staff@example.com", PASSWORD)
        page.goto(f"{live_server.url}/admin/")
        page.fill("#id_username", "staff")
        page.fill("#id_password", PASSWORD)
        with page.expect_navigation():
            page.click("[type=submit]")
        page.locator("#user-tools").wait_for()
        yield live_server.url


def shot(page: Any, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_staff_find_a_contact_and_read_an_invoice(page: Any, site: str) -> None:
    page.goto(f"{site}/admin/contacts/contact/?is_company__exact=1")
    shot(page, "contacts")
    name = page.locator("#result_list tbody tr .field-__str__ a").last.inner_text()
    page.fill("#searchbar", name)
    # Without waiting for it the next page would be asked for while this one is on its way.
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert name in page.locator("#result_list").inner_text()

    page.goto(f"{site}/admin/invoices/invoice/?state__exact=posted")
    with page.expect_navigation():
        page.locator("#result_list tbody tr .field-name a").first.click()
    assert page.locator("#lines-group tbody tr.has_original").count() > 0
    assert page.locator("[name=_save]").count() == 0
    shot(page, "invoice")


def test_staff_read_the_runs_and_may_edit_schedules(page: Any, site: str) -> None:
    page.goto(f"{site}/admin/odoo_bridge/syncrun/")
    assert page.locator("#result_list tbody tr").count() == len(all_streams())
    shot(page, "runs")
    page.goto(f"{site}/admin/django_celery_beat/periodictask/")
    with page.expect_navigation():
        page.get_by_role("link", name="contacts: changes").click()
    page.locator("[name=_save]").wait_for()


def test_the_documentation_needs_nothing_from_elsewhere(page: Any, site: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/api/docs")
    page.locator(".opblock").first.wait_for()
    assert page.get_by_text("/api/contacts", exact=True).count() > 0
    assert [url for url in asked if not url.startswith((site, "data:"))] == []
