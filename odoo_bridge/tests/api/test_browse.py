"""The API as pages: the same answers, for a person with a browser."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.http import http_date
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory, reader, scoped, user_of
from accounts.tokens import issue
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from invoices.tests.factories import InvoiceFactory, InvoiceLineFactory
from odoo_bridge.models import Reference
from odoo_bridge.tests.api.test_routes import PAGES, ROLES, TABLE, path_of, rows  # noqa: F401
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.factories import ReferenceFactory, SyncStateFactory

pytestmark = pytest.mark.django_db

# What browsers send when somebody types an address.
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
LOGIN = "/api/auth/session/login"


def browser(user=None, **options):
    client = Client(headers={"Accept": BROWSER}, **options)
    if user:
        client.force_login(user)
    return client


def text(answer):
    return answer.content.decode()


# Which answers are pages --------------------------------------------------------------------------
@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("role", ROLES)
def test_a_page_has_the_status_that_json_has_for_a_token(role):
    user = user_of(role)
    # The table of JSON has each route with both endings.
    slash = "/" if ROLES.index(role) % 2 else ""
    for route, methods in TABLE.items():
        # The one before may have logged out.
        client = browser(user)
        for method, status in methods.items():
            path = path_of(route, slash)
            answer = client.generic(method, path, "{}", content_type="application/json")
            where = f"{method} {path} as {role}: {answer.status_code}"
            assert answer.status_code == status[role], where
            if answer.streaming:
                b"".join(answer)  # an account has one export at a time
            own_form = route in PAGES or ("export" in route and status[role] == 200)
            if not own_form:
                assert answer["Content-Type"] == "text/html; charset=utf-8", where


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/*", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("application/json, text/html", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("text/html", "text/html; charset=utf-8"),
        ("text/html, application/json;q=0.9", "text/html; charset=utf-8"),
        (BROWSER, "text/html; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("path", ["/api", "/api/contacts", "/api/contacts/7", "/api/nothing"])
def test_only_who_asks_for_html_gets_a_page(path, accept, content_type):
    ContactFactory(odoo_id=7)
    client = client_of(reader())
    answer = client.get(path, headers={"Accept": accept} if accept else None)
    assert answer["Content-Type"] == content_type


@pytest.mark.parametrize("accept", ["image/png", "application/xml", "text/csv"])
def test_what_is_neither_is_still_refused_in_json(accept):
    answer = Client().get("/api/health/live", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (406, "application/json")
    assert answer.json()["error"]["code"] == "not_acceptable"


@pytest.mark.parametrize(
    "accept",
    ["text/", "text/html;q=x", "text/*;;;", "text/html" * 900, ",,text/html,,", "text/html;q=2"],
)
@pytest.mark.parametrize("path", ["/api/health/live", "/api/nothing", LOGIN])
def test_a_strange_header_is_no_mistake_of_ours(accept, path):
    assert Client().get(path, headers={"Accept": accept}).status_code in (200, 404, 406)


@pytest.mark.parametrize("method", ["head", "options", "put", "delete"])
def test_other_methods_are_answered_as_pages_too(method):
    ContactFactory(odoo_id=7)
    for path in ("/api", "/api/contacts", "/api/contacts/7"):
        answer = getattr(browser(reader()), method)(path)
        assert answer.status_code == {"head": 200, "options": 200}.get(method, 405)
        assert answer["Content-Type"] == "text/html; charset=utf-8"


def test_json_may_still_be_indented():
    answer = Client().get("/api/health/live", headers={"Accept": "application/json; indent=4"})
    assert text(answer) == '{\n    "status": "alive"\n}'


def test_a_file_is_a_file_in_a_browser_too():
    ContactFactory(odoo_id=7)
    answer = browser(reader()).get("/api/contacts/export?format=ndjson")
    assert answer["Content-Type"] == "application/x-ndjson"
    assert browser(reader()).get("/api/contacts?format=json").status_code == 400


def test_json_costs_no_more_queries_than_without_pages():
    user = reader()
    ContactFactory(odoo_id=7)
    token = {"Authorization": f"Bearer {issue(user).access}"}
    Client().get("/api/contacts", headers=token)
    with CaptureQueriesContext(connection) as asked:
        assert Client().get("/api/contacts", headers=token).status_code == 200
    tables = "".join(query["sql"] for query in asked)
    assert "django_session" not in tables
    # Who asks, how fresh, how many, and the rows.
    assert len(asked) == 4
    with CaptureQueriesContext(connection) as asked:
        assert Client().get("/api/contacts").status_code == 401
    assert len(asked) == 0


# What caches may keep -----------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/api/contacts", "/api/contacts/7", "/api/sync", "/api/nothing"])
def test_every_answer_varies_by_what_it_is_made_for(path):
    ContactFactory(odoo_id=7)
    token = {"Authorization": f"Bearer {issue(reader()).access}"}
    assert "Accept" in Client().get(path, headers=token)["Vary"]
    page = browser(reader()).get(path)
    assert {"Accept", "Authorization", "Cookie"} <= set(page["Vary"].split(", "))
    assert "no-store" in page["Cache-Control"]
    assert "ETag" not in page
    assert "Last-Modified" not in page


@pytest.mark.parametrize("path", ["/api/contacts", "/api/contacts?cursor=", "/api/contacts/7"])
def test_a_page_is_never_answered_with_nothing_new(path):
    ContactFactory(odoo_id=7)
    SyncStateFactory(stream="contacts", watermark=timezone.now())
    user = reader()
    token = {"Authorization": f"Bearer {issue(user).access}"}
    json = Client().get(path, headers=token)
    known = {
        "If-None-Match": json["ETag"],
        "If-Modified-Since": http_date(timezone.now().timestamp()),
    }
    assert browser(user).get(path, headers=known).status_code == 200
    assert browser(user).get(path, headers={"If-None-Match": "*"}).status_code == 200
    # The same rows as JSON: there it holds, with the session as with the token.
    client = Client()
    client.force_login(user)
    only = {"If-None-Match": json["ETag"]}
    assert client.get(path, headers=only).status_code == 304
    assert "Cookie" in client.get(path, headers=only)["Vary"]


def test_another_user_of_the_same_browser_gets_another_answer():
    ReferenceFactory(kind=Reference.Kind.COMPANY, odoo_id=4, name="Azure")
    ContactFactory(odoo_id=7, company_id=4)
    client = Client()
    client.force_login(reader())
    first = client.get("/api/contacts")
    client.force_login(scoped(companies=[5]))
    second = client.get("/api/contacts", headers={"If-None-Match": first["ETag"]})
    assert (second.status_code, second.json()["count"]) == (200, 0)


# Sessions -----------------------------------------------------------------------------------------
def token_of(page):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text(page)).group(1)


def log_in(client, username="ann", password=PASSWORD, **also):
    token = token_of(client.get(LOGIN))
    given = {"username": username, "password": password, "csrfmiddlewaretoken": token, **also}
    return client.post(LOGIN, given)


def test_the_login_page_links_to_a_new_password_where_mail_can_be_sent(settings):
    address = reverse("admin:admin_password_reset")
    settings.MAIL_ENABLED = True
    assert f'href="{address}"' in text(browser().get(LOGIN))
    settings.MAIL_ENABLED = False
    assert address not in text(browser().get(LOGIN))


@pytest.mark.parametrize("name", ["ann", "ANN", "ann@example.com"])
def test_logging_in_and_out(name):
    reader(username="ann")
    client = browser(enforce_csrf_checks=True)
    answer = log_in(client, name)
    assert (answer.status_code, answer["Location"]) == (302, "/api")
    page = client.get("/api/contacts")
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    out = client.post("/api/auth/session/logout", {"csrfmiddlewaretoken": token_of(page)})
    assert (out.status_code, out["Location"]) == (302, "/api")
    assert client.get("/api/contacts").status_code == 401
    assert client.get("/api/contacts", headers={"Accept": "*/*"}).status_code == 401


def test_logging_in_and_out_needs_the_token_of_the_form():
    client = browser(reader(username="ann"), enforce_csrf_checks=True)
    refused = client.post("/api/auth/session/logout")
    assert refused.status_code == 403
    assert "load the page again" in text(refused)
    assert "<style" not in text(refused)
    assert client.get("/api/auth/me").status_code == 200
    other = browser(enforce_csrf_checks=True)
    assert other.post(LOGIN, {"username": "ann", "password": PASSWORD}).status_code == 403
    assert other.get("/api/auth/me").status_code == 401


def test_a_login_begins_a_new_session():
    UserFactory(username="ann")
    client = browser()
    client.session.save()
    before = client.session.session_key
    log_in(client)
    assert client.session.session_key != before


@pytest.mark.parametrize(
    ("given", "to"),
    [
        ("/api/contacts?country=BE", "/api/contacts?country=BE"),
        ("/admin/", "/admin/"),
        ("https://evil.example.com/", "/api"),
        ("//evil.example.com/", "/api"),
        ("/\\evil.example.com", "/api"),
        ("javascript:alert(1)", "/api"),
        ("", "/api"),
    ],
)
def test_after_logging_in_it_goes_on_to_where_somebody_wanted(given, to):
    UserFactory(username="ann")
    client = browser()
    assert log_in(client, next=given)["Location"] == to
    assert f'href="{to}"' in text(client.get(LOGIN, {"next": given}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"password": ""},
        {"username": ""},
        {"username": "nobody"},
        {"username": "a\x00"},
        {"username": "x" * 300},
    ],
)
def test_who_is_not_known_stays_outside(wrong):
    UserFactory(username="ann")
    client = browser()
    answer = log_in(client, **wrong)
    assert answer.status_code == 401
    assert 'role="alert"' in text(answer)
    assert client.get("/api/auth/me").status_code == 401


def test_a_locked_user_cannot_log_in():
    UserFactory(username="ann", is_active=False)
    assert log_in(browser()).status_code == 401


def test_wrong_passwords_lock_the_page_and_the_tokens_together():
    UserFactory(username="ann")
    client, api = browser(), APIClient()
    for number in range(5):
        if number % 2:
            log_in(client, "ANN", "wrong")
        else:
            api.post("/api/auth/token", {"username": "ann", "password": "wrong"}, format="json")
    locked = log_in(client)
    assert locked.status_code == 429
    assert int(locked["Retry-After"]) > 800
    assert "Too many wrong passwords" in text(locked)
    body = {"username": "ann", "password": PASSWORD}
    assert api.post("/api/auth/token", body, format="json").status_code == 429


@pytest.mark.throttled
def test_an_address_has_as_many_attempts_as_for_tokens():
    client, api = browser(), APIClient()
    token = token_of(client.get(LOGIN))
    given = {"username": "", "password": "", "csrfmiddlewaretoken": token}
    statuses = [client.post(LOGIN, given).status_code for _ in range(10)]
    statuses += [api.post("/api/auth/token", {}, format="json").status_code for _ in range(10)]
    assert 429 not in statuses
    limited = client.post(LOGIN, given)
    assert limited.status_code == 429
    assert limited["Content-Type"] == "text/html; charset=utf-8"
    # Looking at the form is no attempt.
    assert client.get(LOGIN).status_code == 200


def _locked(user):
    user.is_active = False
    user.save()


def _new_password(user):
    user.set_password("another-horse-battery")
    user.save()


@pytest.mark.parametrize(
    "ending",
    [_locked, _new_password, User.end_tokens, User.delete],
    ids=["locked", "new password", "revoked", "deleted"],
)
def test_what_ends_tokens_ends_sessions(ending):
    user = reader(username="ann", is_staff=True)
    client = browser()
    log_in(client)
    admin = browser(user)
    assert [one.get("/api/contacts").status_code for one in (client, admin)] == [200, 200]
    ending(User.objects.get(pk=user.pk))
    assert [one.get("/api/contacts").status_code for one in (client, admin)] == [401, 401]
    assert admin.get("/admin/").status_code == 302


def test_after_revoking_one_can_log_in_again():
    user = reader(username="ann")
    user.end_tokens()
    client = browser()
    log_in(client)
    assert client.get("/api/contacts").status_code == 200


def test_a_session_sees_what_the_api_lets_its_user_see():
    ContactFactory(odoo_id=7, name="OURS")
    ContactFactory(odoo_id=9, name="FOREIGN")
    client = browser(scoped(contacts=[7]))
    page = text(client.get("/api/contacts"))
    assert "OURS" in page
    assert "FOREIGN" not in page
    assert client.get("/api/contacts/9").status_code == 404


def test_an_unapproved_user_is_told_why_there_is_nothing():
    client = browser(UserFactory())
    page = client.get("/api/contacts")
    assert page.status_code == 403
    assert "not in the group readers" in text(page)
    root = text(client.get("/api"))
    assert 'href="/api/auth/me"' in root
    assert 'href="/api/contacts"' not in root


def test_a_token_counts_for_more_than_the_session():
    client = browser(reader(username="ann"))
    other = {"Authorization": f"Bearer {issue(UserFactory(username='ben')).access}"}
    assert client.get("/api/contacts", headers=other).status_code == 403
    assert client.get("/api/contacts", headers={"Authorization": "Bearer x"}).status_code == 401


WRITES = [
    ("POST", "/api/sync/contacts/run"),
    ("POST", "/api/utils/odoo-contacts"),
    ("POST", "/api/utils/odoo-invoices"),
    ("POST", "/api/utils/odoo-invoices/7/post"),
    ("PATCH", "/api/auth/me"),
    ("POST", "/api/auth/password"),
]


def test_all_writes_with_a_session_are_tried_here():
    open_to_all = {
        *("api/auth/register", "api/auth/token", "api/auth/logout", "api/auth/password/reset"),
    }
    known = {
        (method, path_of(route))
        for route, methods in TABLE.items()
        for method in methods
        if method != "GET" and route not in PAGES and not any(map(route.startswith, open_to_all))
    }
    assert known == set(WRITES)


@pytest.mark.parametrize("accept", ["application/json", BROWSER])
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_write_with_a_session_needs_the_csrf_token(method, path, accept):
    user = user_of("superuser")
    client = browser(user, enforce_csrf_checks=True)

    def send(**headers):
        return client.generic(
            method,
            path,
            '{"nothing": 1}',
            "application/json",
            headers={"Accept": accept, **headers},
        )

    refused = send()
    assert refused.status_code == 403
    assert "CSRF" in text(refused)
    assert send(**{"X-CSRFToken": "x" * 32}).status_code == 403
    # Refused for what is wrong with it, once the token is there.
    token = token_of(client.get("/api/auth/me"))
    assert send(**{"X-CSRFToken": token}).status_code in (400, 404)
    by_token = {"Authorization": f"Bearer {issue(user).access}"}
    assert send(**by_token).status_code in (400, 404)


# The root -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", ROLES)
def test_the_root_lists_what_the_user_may_use(role):
    client = client_of(user_of(role))
    answer = client.get("/api").json()
    assert client.get("/api/").json() == answer
    listed = {
        (route["method"], route["path"].strip("/"))
        for group in answer["groups"]
        for route in group["routes"]
    }
    refused = (401, 403)
    expected = {
        (method, re.sub(r"<\w+:(\w+)>", r"{\1}", route))
        for route, methods in TABLE.items()
        if route not in PAGES and route != "api"
        for method, statuses in methods.items()
        if statuses[role] not in refused
    }
    assert listed == expected
    assert set(answer["documentation"]) == {"docs", "redoc", "schema"}


def test_the_addresses_of_the_root_lead_somewhere():
    client = browser(user_of("superuser"))
    groups = client.get("/api", headers={"Accept": "application/json"}).json()["groups"]
    routes = [route for group in groups for route in group["routes"]]
    page = text(client.get("/api"))
    for route in routes:
        for url in route["urls"]:
            path = url.removeprefix("http://testserver")
            assert f'href="{path}"' in page
            if route["method"] == "GET" and "/utils/" not in path:
                answer = client.head(path)
                assert answer.status_code in (200, 503), path
                # Read to its end, as a server does: an account has one export at a time.
                assert not (answer.streaming and b"".join(answer))
    runs = next(route for route in routes if route["path"] == "/api/sync/{stream}/run")
    assert len(runs["urls"]) == 3


# What a page shows --------------------------------------------------------------------------------
NASTY = '"><script>alert(1)</script>'


def test_texts_from_odoo_are_texts():
    ContactFactory(
        odoo_id=7,
        name="<script>alert(1)</script>",
        complete_name=NASTY,
        website="javascript:alert(1)",
        city="' onmouseover='alert(1)",
        extra={"<img src=x onerror=alert(1)>": [{"a": "</pre><script>"}]},
    )
    InvoiceFactory(odoo_id=7, contact_id=7, name=NASTY, ref="{{ 7 }}{% now %}")
    InvoiceLineFactory(odoo_id=7, invoice_id=7, name="<b onclick=alert(1)>")
    client = browser(reader())
    for path in (
        "/api/contacts", "/api/contacts/7", "/api/contacts/changes", "/api/invoices",
        "/api/invoices?expand=contact,lines", "/api/invoices/7", "/api/contacts/7/invoices",
        "/api/invoices/ageing",
    ):  # fmt: skip
        page = text(client.get(path))
        assert "alert(1)" in page or "ageing" in path
        tags = re.findall(r"<[^>]*>", page)
        assert not [tag for tag in tags if "alert" in tag and " title=" not in tag], path
        assert not re.search(r"<[^>]*\son\w+\s*=", re.sub(r'"[^"]*"', '""', page)), path
        assert 'href="javascript:' not in page
        # All scripts are files of this server.
        assert re.findall(r"<script(?! src=\"/static/)", page) == []


@pytest.mark.parametrize(
    "query",
    ["search=%3Cscript%3E", "%3Cscript%3E=1", "ordering=%22%3E%3Cscript%3E", "cursor=%3Cscript%3E"],
)
def test_what_was_asked_is_a_text_too(query):
    for path in (f"/api/contacts?{query}", f"/api/<script>?{query}", f"{LOGIN}?next=<script>"):
        page = text(browser(reader()).get(path))
        assert "script" in page
        assert re.findall(r"<script(?! src=\"/static/)", page) == [], path


@pytest.mark.usefixtures("rows")
def test_no_page_needs_more_than_the_policy_of_the_api():
    client = browser(user_of("superuser"))
    for path in ("/api", "/api/contacts", "/api/contacts/7", "/api/auth/me", "/api/nothing", LOGIN):
        answer = client.get(path)
        page = text(answer)
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert re.findall(r"<style|\sstyle=|\son\w+=", page) == [], path
        sources = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]*)"', page)
        assert sources
        assert all(source.startswith("/static/") for source in sources)


def test_a_page_says_up_to_when_it_is_complete():
    ContactFactory(odoo_id=7)
    moment = datetime(2026, 2, 1, 9, 30, 5, tzinfo=UTC)
    client = browser(reader())
    assert "Complete up to" not in text(client.get("/api/contacts"))
    SyncStateFactory(stream="contacts", watermark=moment)
    for path in ("/api/contacts", "/api/contacts/7"):
        page = client.get(path)
        assert page["X-Odoo-Synced-At"] == "2026-02-01T09:30:05Z"
        assert "Complete up to" in text(page)
        assert "1 Feb 2026, 09:30:05 UTC" in text(page)
        assert "X-Odoo-Synced-At: 2026-02-01T09:30:05Z" in text(page)


def test_rows_lead_to_their_pages_and_to_what_they_name():
    ContactFactory(odoo_id=7, parent_id=5)
    InvoiceFactory(odoo_id=8, contact_id=7)
    client = browser(reader())
    contacts = text(client.get("/api/contacts"))
    assert 'href="/api/contacts/7"' in contacts
    assert 'href="/api/contacts/5"' in contacts
    invoices = text(client.get("/api/invoices"))
    assert 'href="/api/invoices/8"' in invoices
    assert 'href="/api/contacts/7"' in invoices
    assert 'href="/api/contacts/7/invoices"' in text(client.get("/api/contacts/7"))
    assert 'href="/api/contacts/export?country=BE&amp;format=csv"' in text(
        client.get("/api/contacts?country=BE")
    )


def test_what_is_nested_in_rows_has_columns_of_its_own():
    InvoiceFactory(odoo_id=8, amount_total=12)
    page = text(browser(reader()).get("/api/invoices/summary"))
    assert '<th scope="col">in_currency.total</th>' in page
    assert "{" not in page[: page.index("<details class=")]


def links(page):
    found = re.findall(r'<a[^>]*href="([^"]*)"[^>]*>([^<]*)</a>', text(page))
    return {name: address.replace("&amp;", "&") for address, name in found}


def test_pages_by_number_and_by_cursor_can_be_turned():
    for odoo_id in range(1, 8):
        ContactFactory(odoo_id=odoo_id, country_code="BE")
    client = browser(reader())
    first = client.get("/api/contacts?country=BE&per_page=3&search=")
    assert "1 to 3 of 7" in text(first)
    second = client.get(links(first)["Next"])
    assert "4 to 6 of 7" in text(second)
    assert "country: BE" in text(second)
    last = client.get(links(second)["Last"])
    assert "7 to 7 of 7" in text(last)
    assert "Next" not in links(last)
    assert "1 to 3 of 7" in text(client.get(links(last)["First"]))
    by_cursor = client.get(links(first)["Page by cursor"])
    assert 'href="/api/contacts/1"' in text(by_cursor)
    later = client.get(links(by_cursor)["Next"])
    assert 'href="/api/contacts/4"' in text(later)
    assert 'href="/api/contacts/1"' in text(client.get(links(later)["Previous"]))
    assert links(by_cursor)["Page by number"] == "/api/contacts?country=BE&per_page=3"


def test_a_feed_can_be_followed_page_by_page():
    for odoo_id in range(1, 4):
        ContactFactory(odoo_id=odoo_id)
    SyncStateFactory(stream="contacts", change_seq=3)
    client = browser(reader())
    page = client.get("/api/contacts/changes?limit=2")
    following = client.get(links(page)["Next"])
    assert following.status_code == 200
    assert "1 row" in text(following)
    assert "Next" not in links(following)


@pytest.mark.parametrize(
    "query", ["per_page=00000000050", "page=+1", "per_page=" + "9" * 5000, "page=0001"]
)
def test_however_a_number_is_written_the_page_stands(query):
    ContactFactory()
    json = browser(reader()).get(f"/api/contacts?{query}", headers={"Accept": "*/*"})
    assert browser(reader()).get(f"/api/contacts?{query}").status_code == json.status_code


def test_fields_left_empty_in_a_form_ask_for_nothing():
    ContactFactory(odoo_id=7, country_code="BE")
    ContactFactory(odoo_id=8, country_code="FR")
    client = browser(reader())
    query = "/api/contacts?country=BE&is_company=&ordering=&page=&parent=&updated_since=&fields="
    page = client.get(query)
    assert page.status_code == 200
    assert "1 to 1 of 1" in text(page)
    # A program that sends them has made a mistake, as before.
    assert client.get(query, headers={"Accept": "application/json"}).status_code == 400


def test_filters_have_a_form_that_knows_what_they_take():
    ContactFactory(is_company=True)
    page = text(browser(reader()).get("/api/contacts?is_company=true&ordering=-name"))
    assert "<option selected>true</option>" in page
    assert "<option selected>-name</option>" in page
    names = set(re.findall(r'id="q-(\w+)" name="\w+"', page))
    assert 'name="search"' in page
    assert {"country", "updated_since", "created_by", "fields", "per_page"} <= names
    assert "ordering=name" in page


def test_a_thousand_rows_are_one_page():
    Contact.objects.bulk_create(
        ContactFactory.build(odoo_id=number, name=f"Contact {number}") for number in range(1, 1001)
    )
    page = text(browser(reader()).get("/api/contacts?per_page=1000"))
    assert page.count("<tr>") == 1001
    assert 'href="/api/contacts/1000"' in page
    assert "1 to 1,000 of 1,000" in page
    # What no row has is a name at the end, not forty thousand empty cells.
    assert len(page) < 2_500_000


# Errors -------------------------------------------------------------------------------------------
def test_errors_are_pages_too(monkeypatch):
    client = browser(user_of("superuser"), raise_request_exception=False)
    for path, status, said in [
        ("/api/contacts?serch=acme", 400, "serch"),
        ("/api/contacts?page=9", 404, "There is no page"),
        ("/api/contacts/9", 404, "Not found"),
        ("/api/nothing", 404, "There is nothing at this URL"),
        ("/api/auth/token", 405, "not allowed"),
        ("/api/contacts/changes?after=99", 410, "start again with after=0"),
    ]:
        answer = client.get(path)
        assert (answer.status_code, answer["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert said in text(answer), path
    anonymous = browser().get("/api/contacts?country=BE")
    assert anonymous.status_code == 401
    assert anonymous["WWW-Authenticate"] == 'Bearer realm="api"'
    assert "<select" not in text(anonymous)
    assert f'href="{LOGIN}?next=%2Fapi%2Fcontacts%3Fcountry%3DBE"' in text(anonymous)

    def fail(*_, **__):
        raise OperationalError("connection to server at db.internal as bridge failed")

    monkeypatch.setattr("contacts.views.ContactViewSet.get_queryset", fail)
    down = client.get("/api/contacts")
    assert (down.status_code, down["Retry-After"]) == (503, "5")
    assert "Try again after 5 seconds" in text(down)
    assert "db.internal" not in text(down)

    def break_(*_, **__):
        raise KeyError("<b>what Odoo sent</b>")

    monkeypatch.setattr("contacts.views.ContactViewSet.get_queryset", break_)
    broken = client.get("/api/contacts")
    assert (broken.status_code, broken["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert "what Odoo sent" not in text(broken)


def test_without_a_database_there_is_a_page_that_says_so(monkeypatch):
    client = browser(reader())
    operations_are_known = client.get("/api").status_code

    def fail(*_, **__):
        raise OperationalError("connection to server at db.internal failed")

    assert operations_are_known == 200
    with monkeypatch.context() as patch:
        patch.setattr("django.db.models.query.QuerySet._fetch_all", fail)
        patch.setattr("django.db.models.query.QuerySet.iterator", fail)
        answer = client.get("/api/contacts")
        alive = client.get("/api/health/live")
    assert answer.status_code == 503
    assert "The database is not available" in text(answer)
    assert alive.status_code == 200


# Forms --------------------------------------------------------------------------------------------
def key_in(page):
    return re.search(r'value="([0-9a-f-]{36})" data-header="Idempotency-Key"', text(page)).group(1)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_writes_have_a_form_for_those_who_may_send_it(method, path):
    client = browser(user_of("superuser"))
    page = client.get(path)
    assert f'data-send="{method}"' in text(page)
    if "utils" in path:
        keys = {key_in(page), key_in(client.get(path))}
        assert len(keys) == 2
        assert {uuid.UUID(key).version for key in keys} == {4}
    else:
        assert "Idempotency-Key" not in text(page)
    assert "data-send" not in text(browser(reader()).get(path)) or "/api/auth/" in path
    assert "data-send" not in text(browser().get(path))


@pytest.mark.usefixtures("rows")
def test_a_writer_who_may_not_read_live_still_has_the_form():
    page = browser(user_of("writer")).get("/api/utils/odoo-contacts")
    assert page.status_code == 403
    assert 'data-send="POST"' in text(page)


def test_a_form_has_an_input_for_each_key_of_the_body():
    page = text(browser(user_of("writer")).get("/api/utils/odoo-invoices"))
    for name, typed in [
        ("move_type", "text"),
        ("contact_id", "number"),
        ("post", "boolean"),
        ("lines", "json"),
    ]:
        assert re.search(rf'name="{name}" data-typed="{typed}"', page), name
    assert re.search(r'name="lines"[^>]*required', page)
    register = text(browser().get("/api/auth/register"))
    assert re.search(r'name="password"[^>]*\s+type="password"', register)


def test_the_own_account_is_in_its_form():
    client = browser(UserFactory(first_name="Ann <b>", last_name="Lee"))
    page = text(client.get("/api/auth/me"))
    assert re.search(r'name="first_name"[^>]*value="Ann &lt;b&gt;"', page)
    token = token_of(client.get("/api/auth/me"))
    answer = client.patch(
        "/api/auth/me", {"first_name": "Anna"}, "application/json", headers={"X-CSRFToken": token}
    )
    assert answer.status_code == 200
    assert re.search(r'name="first_name"[^>]*value="Anna"', text(answer))


def test_the_session_cookie_is_that_of_the_admin():
    staff = UserFactory(username="ann", is_staff=True, is_superuser=True)
    client = browser()
    log_in(client)
    assert client.cookies[django_settings.SESSION_COOKIE_NAME]["httponly"]
    assert client.get("/admin/").status_code == 200
    assert 'href="/admin/"' in text(client.get("/api"))
    assert 'href="/admin/"' not in text(browser(reader()).get("/api"))
    User.objects.filter(pk=staff.pk).update(last_login=timezone.now() - timedelta(days=1))
