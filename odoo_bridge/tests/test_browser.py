"""The desk and the API's documentation in a real browser."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.fixtures_browser import PASSWORD, look

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


def test_staff_find_a_contact_and_read_an_invoice(page: Any, site: str) -> None:
    page.goto(f"{site}/admin/contacts/contact/?is_company__exact=1")
    look(page, "contacts")
    name = page.locator("#result_list .field-__str__ a").last.inner_text()
    page.fill("#searchbar", name)
    # Without waiting for it the next page would be asked for while this one is on its way.
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert name in page.locator("#result_list").inner_text()

    page.goto(f"{site}/admin/invoices/invoice/?state__exact=posted")
    look(page, "invoices")
    with page.expect_navigation():
        page.locator("#result_list .field-name a").first.click()
    look(page, "invoice")
    assert page.locator("#lines-group .original").count() > 0
    assert page.locator("[name=_save]").count() == 0


def test_staff_read_the_runs(page: Any, site: str) -> None:
    page.goto(f"{site}/admin/odoo_bridge/syncrun/")
    look(page, "runs")
    assert page.locator("#result_list .field-stream").count() == len(all_streams())
