"""Logging in with a code, and setting a new password, in a real browser."""

import base64
from typing import Any

import pytest
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import passwords, second_factor
from accounts.models import User
from odoo_bridge.tests.browser.pages import PASSWORD, look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    User.objects.create_superuser("ann", "ann@example.com", PASSWORD)
    return str(live_server.url)


def log_in(page: Any, site: str) -> None:
    page.goto(f"{site}/admin/login/")
    page.fill("#id_username", "ann")
    page.fill("#id_password", PASSWORD)
    submit(page)


def submit(page: Any) -> None:
    with page.expect_navigation():
        page.locator("form[method=post] button[type=submit]").last.click()


def code_from(key: str) -> str:
    """What an authenticator app makes of the key that the page shows."""
    text = key.replace(" ", "")
    return f"{TOTP(base64.b32decode(text + '=' * (-len(text) % 8))).token():06d}"


def test_two_factor_login_is_set_up_and_used(page: Any, site: str) -> None:
    log_in(page, site)
    page.goto(f"{site}{reverse('admin:two_factor')}")
    # The picture is drawn: our policy allows it.
    assert page.locator("img[alt^=QR]").evaluate("image => image.naturalWidth") > 100
    look(page, "two-factor-setup")
    page.fill("#id_password", PASSWORD)
    page.fill("#id_otp", code_from(page.inner_text("#secret")))
    submit(page)
    codes = page.locator("#recovery-codes li").all_inner_texts()
    assert len(codes) == second_factor.RECOVERY_CODES
    # That code is used up: as if half a minute went by.
    TOTPDevice.objects.update(last_t=0)
    key = second_factor.secret(TOTPDevice.objects.get())

    page.context.clear_cookies()
    log_in(page, site)
    assert page.locator("#id_username").is_hidden()
    page.fill("#id_otp", "000000")
    submit(page)
    assert "This code is wrong" in page.content()
    TOTPDevice.objects.update(throttling_failure_count=0)
    page.fill("#id_otp", code_from(key))
    submit(page)
    assert page.get_by_role("link", name="Overview").count() > 0
    page.goto(f"{site}{reverse('admin:two_factor')}")
    assert "You have 10 recovery codes left" in page.content()


def test_a_person_sets_a_new_password_with_a_link(page: Any, site: str) -> None:
    page.goto(f"{site}/admin/login/")
    page.click("text=Forgotten your password?")
    assert "does not send e-mail" in page.content()
    link = f"{site}{passwords.make_link(User.objects.get())}"
    page.goto(link)
    look(page, "password-new")
    page.fill("#id_new_password1", "staple-battery-horse")
    page.fill("#id_new_password2", "staple-battery-horse")
    submit(page)
    assert "password was changed" in page.content()
    page.goto(link)
    assert "This link is not valid" in page.content()
