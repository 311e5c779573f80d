"""The API's documentation in a real browser, whose console shows what the policy refused."""

from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tokens import issue

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


@pytest.fixture
def swagger(page: Any, live_server: Any) -> Any:
    UserFactory(username="ann")
    page.goto(f"{live_server.url}/api/docs")
    page.locator(".opblock").first.wait_for()
    return page


def authorize(page: Any, scheme: str, **values: str) -> None:
    """Log in with one of the forms of the Authorize dialog, and close it."""
    page.locator(".scheme-container .authorize").click()
    form = page.locator(".auth-container", has_text=scheme)
    for field, value in values.items():
        form.locator(f"#{field}").fill(value)
    form.locator(".authorize").click()
    form.get_by_text("Logout").wait_for()
    form.locator(".btn-done").click()


def try_me(page: Any) -> str:
    """Run GET /api/auth/me from its page, and return what the page shows of the answer."""
    operation = page.locator("#operations-auth-auth_me_retrieve")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response")
    answer.wait_for()
    return str(answer.inner_text())


def test_in_swagger_ui_name_and_password_log_in(swagger: Any) -> None:
    authorize(swagger, "(OAuth2, password)", oauth_username="ann", oauth_password=PASSWORD)
    assert '"username": "ann"' in try_me(swagger)


def test_in_swagger_ui_a_token_logs_in(swagger: Any) -> None:
    access = issue(User.objects.get(username="ann")).access
    authorize(swagger, "(http, Bearer)", **{"auth-bearer-value": access})
    assert '"username": "ann"' in try_me(swagger)
