"""The API's documentation in a real browser, whose console shows what the policy refused."""

from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def addresses(page: Any) -> list[str]:
    """What the page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def foreign(asked: list[str], site: str) -> list[str]:
    return [url for url in asked if not url.startswith((site, "data:", "blob:"))]


def test_swagger_ui_needs_nothing_from_elsewhere(page: Any, live_server: Any) -> None:
    asked = addresses(page)
    page.goto(f"{live_server.url}/api/docs")
    page.locator(".opblock").first.wait_for()
    assert page.get_by_text("/api/contacts", exact=True).count() > 0
    assert foreign(asked, live_server.url) == []


def test_redoc_needs_nothing_from_elsewhere_and_can_be_searched(
    page: Any, live_server: Any
) -> None:
    asked = addresses(page)
    page.goto(f"{live_server.url}/api/redoc")
    page.get_by_role("heading", name="Mirrored contacts").wait_for()
    page.get_by_placeholder("Search...").fill("mirrored contacts")
    page.locator("[data-role='search:results'] [role=menuitem]").first.wait_for()
    # Styled by the sheets it writes itself, which carry the number too.
    menu = page.locator(".menu-content").evaluate("node => getComputedStyle(node).position")
    assert menu == "sticky"
    assert foreign(asked, live_server.url) == []
