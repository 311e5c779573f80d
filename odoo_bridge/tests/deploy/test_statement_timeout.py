"""PostgreSQL's limit on the statements of web requests, and on nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection
from django.db.models.expressions import RawSQL
from django.test import Client
from rest_framework.test import APIClient

from accounts import tokens
from accounts.tests.factories import reader, user_of
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from contacts.views import ContactViewSet
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.models import SyncRun
from odoo_bridge.runtime import postgres
from odoo_bridge.tests.programs import database_of_the_test
from odoo_bridge.tests.runs import sync

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
SECONDS = 0.2


@pytest.fixture(autouse=True)
def _short(settings) -> Iterator[None]:
    settings.WEB_STATEMENT_TIMEOUT_SECONDS = SECONDS
    yield
    connection.close()


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Whoever reads ``table`` waits for as long as PostgreSQL lets them."""
    with psycopg.connect(database_of_the_test()) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


@pytest.fixture
def slow_rows(monkeypatch) -> None:
    """The API's contacts take longer than the limit allows."""
    rows = ContactViewSet.get_queryset
    sleeps = RawSQL("(SELECT 1 FROM pg_sleep(%s))", [2 * SECONDS])
    monkeypatch.setattr(
        ContactViewSet, "get_queryset", lambda view: rows(view).alias(one=sleeps).filter(one=1)
    )


@pytest.fixture
def slow_writes() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION sleep_first() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN PERFORM pg_sleep({2 * SECONDS}); RETURN NEW; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON contacts_contact "
            "FOR EACH STATEMENT EXECUTE FUNCTION sleep_first()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION sleep_first CASCADE")


def limit() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return cursor.fetchone()[0]


def api() -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(reader()).access}")
    return client


def logged_in() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user_of("superuser"), backend="accounts.backends.EmailOrUsernameBackend")
    return client


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("contacts_contact", "/api/contacts"),
        ("contacts_contact", "/api/contacts/7"),
        ("contacts_contact", "/api/contacts/changes"),
        ("accounts_user", "/api/contacts"),
        ("accounts_user", "/api/auth/me"),
    ],
)
def test_the_api_answers_503_in_its_shape(table, path):
    client = api()
    with locked(table):
        answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "query_timeout")
    assert int(answer["Retry-After"]) > 0
    assert client.get("/api/contacts").status_code == 200


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("contacts_contact", "/admin/contacts/contact/"),
        ("contacts_contact", "/admin/contacts/contact/7/change/"),
        # Read by middleware, and by the page that asks for a name and a password.
        ("django_session", "/admin/"),
        ("accounts_user", "/admin/"),
    ],
)
def test_the_admin_answers_503_with_a_page(table, path):
    client = logged_in()
    with locked(table):
        answer = client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "took too long" in answer.content.decode()
    assert int(answer["Retry-After"]) > 0


def test_the_page_of_the_api_is_503_as_well():
    client = logged_in()
    with locked("contacts_contact"):
        answer = client.get("/api/contacts", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert "took too long" in answer.content.decode()


@pytest.mark.parametrize("on_server", [True, False], ids=["cursor on the server", "in one piece"])
def test_a_slow_list_is_stopped_and_an_export_of_the_same_rows_is_not(
    slow_rows, monkeypatch, on_server
):
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", not on_server)
    ContactFactory(odoo_id=7, name="Slow")
    client = api()
    assert client.get("/api/contacts").json()["error"]["code"] == "query_timeout"
    answer = client.get("/api/contacts/export?format=ndjson")
    assert answer.status_code == 200
    assert b'"Slow"' in b"".join(answer.streaming_content)
    assert client.get("/api/contacts").json()["error"]["code"] == "query_timeout"


def test_a_run_has_no_limit_in_a_web_request_either(demo: DemoOdoo, slow_writes):
    odoo_id = demo.add("res.partner", name="Slow")
    client = api()
    # The program's own run, in the thread that served a request before.
    assert client.get("/api/contacts").status_code == 200
    first = sync(kind="full")
    assert first.status == SyncRun.Status.SUCCEEDED, first.error
    demo.write("res.partner", [odoo_id], name="Slower")
    answer = client.get(f"/api/contacts/{odoo_id}?max_age=0")
    assert answer.status_code == 200, answer.content
    assert answer.json()["name"] == Contact.objects.get(pk=odoo_id).name == "Slower"


def test_only_threads_that_serve_requests_have_the_limit():
    seen: dict[str, list[str]] = {}

    def web() -> None:
        with postgres.web_request():
            first = limit()
        # The thread's connection keeps it, and a new one gets it.
        with postgres.web_request():
            with postgres.no_statement_timeout():
                lifted = limit()
            again = limit()
            connection.close()
            seen["web"] = [first, lifted, again, limit()]
        connection.close()

    def worker() -> None:
        with postgres.no_statement_timeout():
            first = limit()
        seen["worker"] = [first, limit()]
        connection.close()

    for work in (web, worker):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == {"web": ["200ms", "0", "200ms", "200ms"], "worker": ["0", "0"]}


def test_a_connection_that_was_there_before_a_request_is_as_it_was_afterwards():
    connection.ensure_connection()
    with postgres.web_request():
        assert limit() == "200ms"
    assert limit() == "0"


def test_zero_is_no_limit(settings):
    settings.WEB_STATEMENT_TIMEOUT_SECONDS = 0
    with postgres.web_request():
        assert limit() == "0"
