"""The API's pages in a real browser."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from accounts.models import GROUPS
from accounts.tests.factories import PASSWORD, UserFactory
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from odoo_bridge.tests.browser.pages import DESKTOP, PHONE, look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def somebody(settings: Any) -> Any:
    """A person of all groups who is not staff."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    return UserFactory(username="ann", groups=GROUPS)


def test_somebody_logs_in_finds_a_contact_and_makes_another(
    page: Any,
    live_server: Any,
    demo_odoo: Any,
    somebody: Any,
    expected_complaints: list[str],
) -> None:
    """From the root by clicking alone. What the form sends is in Odoo, once."""
    page.goto(f"{live_server.url}/api/")
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("User name or e-mail address").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="/api/contacts", exact=True).wait_for()
    look(page, "api-root")

    page.get_by_role("link", name="/api/contacts", exact=True).click()
    assert "Complete up to" in page.inner_text("main")
    page.get_by_text("More parameters").click()
    page.get_by_label("is_company").select_option("true")
    page.get_by_label("per_page").fill("5")
    page.get_by_role("button", name="Apply").first.click()
    # Only what was filled in is in the address.
    page.wait_for_url("**/api/contacts?is_company=true&per_page=5")
    companies = Contact.objects.filter(is_company=True).count()
    assert f"1 to 5 of {companies}" in page.inner_text("main")
    look(page, "api-contacts")
    first = page.locator("tbody tr").first.inner_text()
    page.get_by_role("link", name="Next").first.click()
    page.wait_for_url("**page=2*")
    assert page.locator("tbody tr").first.inner_text() != first
    page.get_by_role("link", name="Page by cursor").first.click()
    page.locator("tbody td a").first.click()
    page.wait_for_url(re.compile(r"/api/contacts/\d+$"))
    page.set_viewport_size(PHONE)
    look(page, "phone-api-contact")
    page.set_viewport_size(DESKTOP)

    page.goto(f"{live_server.url}/api/utils/odoo-contacts?limit=3")
    form = page.locator("form[data-send=POST]")
    key = form.get_by_label("Idempotency-Key").input_value()
    form.get_by_label("name required").fill("Nordlicht & Söhne <GmbH>")
    form.get_by_label("email").fill("nobody")
    form.get_by_label("is_company").select_option("true")
    form.get_by_label("country_code").fill("be")
    # What the browser itself would refuse goes to the API: its answer is what people come to see.
    form.evaluate("form => form.noValidate = true")
    expected_complaints.append("status of 400")
    form.get_by_role("button", name="Send POST").click()
    form.get_by_text("400 Bad Request").wait_for()
    assert form.locator("[aria-invalid=true]").count() == 2
    form.get_by_label("email").fill("hello@nordlicht.example")
    form.get_by_label("country_code").fill("BE")
    with page.expect_response("**/api/utils/odoo-contacts") as made:
        form.get_by_role("button", name="Send POST").click()
    sent = made.value.request
    assert made.value.status == 201
    assert sent.headers["idempotency-key"] == key
    assert sent.post_data_json == {
        "name": "Nordlicht & Söhne <GmbH>",
        "email": "hello@nordlicht.example",
        "is_company": True,
        "country_code": "BE",
    }
    form.get_by_text("201 Created").wait_for()
    # Sent again with the same key it is the same contact.
    with page.expect_response("**/api/utils/odoo-contacts") as again:
        form.get_by_role("button", name="Send POST").click()
    assert again.value.headers["idempotency-replayed"] == "true"
    assert Contact.objects.filter(name="Nordlicht & Söhne <GmbH>").count() == 1
    form.get_by_role("button", name="New key").click()
    assert form.get_by_label("Idempotency-Key").input_value() != key
    form.scroll_into_view_if_needed()
    look_after_sending(page)
    # As JSON: nothing is required of the inputs that are out of sight.
    form.get_by_label("name required").fill("")
    form.get_by_label("JSON").check()
    form.get_by_label("Body").fill('{"name": "Made as JSON"')
    form.get_by_role("button", name="Send POST").click()
    form.get_by_text("This is no JSON").wait_for()
    form.get_by_label("Body").fill('{"name": "Made as JSON"}')
    with page.expect_response("**/api/utils/odoo-contacts") as made:
        form.get_by_role("button", name="Send POST").click()
    assert made.value.status == 201
    assert Contact.objects.filter(name="Made as JSON").count() == 1
    form.locator("[data-result] a").click()
    page.wait_for_url(re.compile(r"/api/contacts/\d+$"))
    assert "Made as JSON" in page.inner_text("h1")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in").wait_for()


def look_after_sending(page: Any) -> None:
    """For a picture: ``look`` loads the page again, and so without the answer."""
    folder = os.environ.get("SCREENSHOTS")
    for scheme in ("light", "dark") if folder else ():
        page.emulate_media(color_scheme=scheme)
        page.screenshot(
            path=Path(str(folder)) / f"api-create-{scheme}.png",
        )
    page.emulate_media(color_scheme="light")


def test_without_javascript_one_can_log_in_and_read(
    page: Any, live_server: Any, somebody: Any
) -> None:
    ContactFactory(odoo_id=7, name="Nordlicht")
    ContactFactory(odoo_id=8, name="Else")
    plain = page.context.browser.new_context(java_script_enabled=False).new_page()
    plain.goto(f"{live_server.url}/api/contacts", wait_until="load")
    plain.get_by_role("link", name="Log in").last.click()
    plain.get_by_label("User name or e-mail address").fill("ann")
    plain.get_by_label("Password").fill(PASSWORD)
    plain.get_by_role("button", name="Log in").click()
    plain.wait_for_url("**/api/contacts")
    plain.get_by_placeholder("Search").fill("nordlicht")
    # Sends every field, filled in or not.
    plain.get_by_role("button", name="Apply").first.click()
    assert plain.locator("tbody tr").count() == 1
    assert "Nordlicht" in plain.inner_text("tbody")
    plain.locator("tbody a").first.click()
    plain.wait_for_url(re.compile(r"/api/contacts/\d+$"))
    plain.goto(f"{live_server.url}/api/auth/me")
    assert "Sending needs JavaScript" in plain.inner_text("main")
    plain.get_by_role("button", name="Log out").click()
    plain.get_by_role("link", name="Log in").wait_for()
