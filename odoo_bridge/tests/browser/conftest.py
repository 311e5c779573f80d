"""Fixtures for tests marked ``browser``: the site of a copied demo Odoo in a headless Chromium."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings

from odoo_bridge.tests.browser.pages import DESKTOP, PASSWORD

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


@pytest.fixture
def expected_complaints() -> list[str]:
    """What the console may complain of: a test that provokes it adds words of it here."""
    return []


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, expected_complaints: list[str]) -> Iterator[Any]:
    """A page of a headless Chromium. What else its console complains of fails the test."""
    from django.db import connections
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    # Playwright runs an event loop in this thread, in which Django would refuse its database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport=DESKTOP, color_scheme="light")
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
    assert [one for one in complaints if not any(said in one for said in expected_complaints)] == []


@pytest.fixture
def demo_odoo(settings: Any) -> Iterator[Any]:
    """A demo Odoo 19 with a few contacts and invoices, copied once."""
    from odoo_bridge.demo import DemoOdoo
    from odoo_bridge.tests.connection import point_at
    from odoo_bridge.tests.runs import sync_all

    # For a picture more than a handful: months without an invoice look broken.
    contacts, invoices = (250, 900) if os.environ.get("SCREENSHOTS") else (60, 60)
    odoo = DemoOdoo(version="19.0", contacts=contacts, invoices=invoices)
    with odoo.serve() as server:
        point_at(settings, odoo, server.url)
        sync_all("reconcile")
        yield odoo


@pytest.fixture
def login(page: Any, live_server: Any, settings: Any) -> Callable[[Any], str]:
    """``login(user)`` opens a session for the browser and returns the site's address."""
    # The live server speaks plain HTTP and collects no static files.
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False

    def enter(user: Any) -> str:
        from django.test import Client

        client = Client()
        client.force_login(user)
        page.context.add_cookies(
            [
                {
                    "name": django_settings.SESSION_COOKIE_NAME,
                    "value": client.cookies[django_settings.SESSION_COOKIE_NAME].value,
                    "url": live_server.url,
                }
            ]
        )
        return str(live_server.url)

    return enter


@pytest.fixture
def site(demo_odoo: Any, login: Callable[[Any], str]) -> str:
    """The address of a site with a copied demo Odoo, an administrator logged in."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    return login(users.create_superuser("staff", "staff@example.com", PASSWORD))
