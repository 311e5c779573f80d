"""The audit log: who logged in or exported, from where, and no secret of theirs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.forms.models import model_to_dict
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import MANAGERS, OPERATORS, SUPPORT
from accounts.tests.factories import PASSWORD, UserFactory, reader, staff, user_of
from contacts.tests.factories import ContactFactory
from odoo_bridge.models import AuditEntry
from odoo_bridge.operations import audit
from odoo_bridge.tasks import prune_audit

pytestmark = pytest.mark.django_db
WRONG = "no-horse-no-battery"
ROUTES = {
    "token": "/api/auth/token",
    "oauth": "/api/auth/token",
    "page": "/api/auth/session/login",
    "admin": "/admin/login/",
}


def log_in(door, username, password, **more):
    typed = {"username": username, "password": password, **more}
    client = APIClient()
    match door:
        case "token":
            return client.post("/api/auth/token", typed, format="json")
        case "oauth":
            form = {"grant_type": "password", **typed}
            return Client().post(
                "/api/auth/token",
                "&".join(f"{name}={value}" for name, value in form.items()),
                content_type="application/x-www-form-urlencoded",
            )
        case _:
            return Client().post(ROUTES[door], typed)


def export(client, **parameters):
    answer = client.get("/api/contacts/export", parameters)
    assert answer.status_code == 200, answer.content
    # The test's client closes what was read to its end.
    return b"".join(answer.streaming_content)


@pytest.fixture
def ann():
    return UserFactory(username="ann", is_superuser=True, is_staff=True)


@pytest.fixture
def api(ann):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(ann).access}")
    return client


def everything(entry):
    return str({**model_to_dict(entry), "at": entry.at})


# Logins -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("door", ROUTES)
def test_a_login_is_noted(ann, door, settings):
    settings.NUM_PROXIES = 1
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    client = Client(headers=headers)
    typed = {"username": "Ann", "password": PASSWORD}
    if door == "token":
        client.post(ROUTES[door], typed, content_type="application/json")
    elif door == "oauth":
        form = f"grant_type=password&username=Ann&password={PASSWORD}"
        client.post(ROUTES[door], form, content_type="application/x-www-form-urlencoded")
    else:
        assert client.post(ROUTES[door], typed).status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.event, entry.succeeded, entry.user, entry.username) == ("login", True, ann, "ann")
    assert (entry.address, entry.route) == ("203.0.113.7", ROUTES[door])
    wanted = "token" if door in ("token", "oauth") else "session"
    assert entry.detail == {"by": "password", "wanted": wanted}
    assert timezone.now() - entry.at < timedelta(minutes=1)


@pytest.mark.parametrize("door", ROUTES)
@pytest.mark.parametrize(
    ("typed", "known"), [("ann", "ann"), ("ann@example.com", "ann"), (PASSWORD, ""), ("bob", "")]
)
def test_a_failed_login_names_the_account_it_means_never_what_was_typed(ann, door, typed, known):
    log_in(door, typed, WRONG)
    entry = AuditEntry.objects.get()
    assert (entry.succeeded, entry.username) == (False, known)
    assert entry.detail["reason"] in ("authentication_failed", "invalid_login")
    for secret in (WRONG, PASSWORD, "bob"):
        assert secret not in everything(entry)


@pytest.mark.parametrize("door", ROUTES)
def test_a_lockout_is_noted_with_the_account(ann, door, settings):
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in("token", "ann", WRONG)
    AuditEntry.objects.all().delete()
    log_in(door, "ann", PASSWORD)
    entry = AuditEntry.objects.get()
    assert (entry.succeeded, entry.username) == (False, "ann")
    assert entry.detail["reason"] in ("locked_out", "authentication_failed", "invalid_login")


@pytest.mark.parametrize("door", ROUTES)
def test_a_code_that_is_missing_or_wrong_is_noted_without_the_code(ann, door):
    TOTPDevice.objects.create(user=ann, name="app", confirmed=True)
    log_in(door, "ann", PASSWORD)
    log_in(door, "ann", PASSWORD, otp="314159")
    wrong, missing = AuditEntry.objects.all()
    assert (missing.detail["by"], missing.detail["reason"]) == ("password", "otp_required")
    assert (wrong.detail["by"], wrong.detail["reason"]) == ("password and code", "otp_invalid")
    assert {missing.username, wrong.username} == {"ann"}
    assert "314159" not in everything(wrong)


def test_a_refresh_and_a_form_without_a_password_are_no_logins(ann):
    pair = tokens.issue(ann)
    assert (
        APIClient().post("/api/auth/token/refresh", {"refresh": pair.refresh}, format="json").data
    )
    log_in("admin", "ann", "")
    log_in("token", "ann", "")
    log_in("page", "", PASSWORD)
    assert not AuditEntry.objects.exists()


# Exports ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["csv", "xlsx", "ndjson"])
def test_an_export_is_noted_with_its_filters_and_rows(api, ann, form):
    ContactFactory.create_batch(3, is_company=True)
    ContactFactory()
    export(api, format=form, is_company="true", fields="odoo_id,name")
    entry = AuditEntry.objects.get()
    assert (entry.event, entry.username, entry.route) == ("export", "ann", "/api/contacts/export")
    assert (entry.rows, entry.succeeded) == (3, True)
    filters = {"is_company": "true", "fields": "odoo_id,name"}
    assert entry.detail == {"stream": "contacts", "format": form, "filters": filters}


def test_an_export_from_the_admin_is_noted_too(ann):
    row = ContactFactory(is_company=True)
    client = Client()
    client.force_login(ann, backend="accounts.backends.EmailOrUsernameBackend")
    action = {"action": "export_csv", "_selected_action": [row.pk]}
    answer = client.post("/admin/contacts/contact/", action)
    assert b"".join(answer.streaming_content)
    entry = AuditEntry.objects.get(event="export")
    assert (entry.username, entry.route) == ("ann", "/admin/contacts/contact/")
    assert (entry.rows, entry.succeeded, entry.detail["format"]) == (1, True, "csv")


def test_an_export_that_breaks_off_is_noted_as_such(api):
    ContactFactory.create_batch(1200)
    answer = api.get("/api/contacts/export?format=ndjson")
    entry = AuditEntry.objects.get()
    assert (entry.rows, entry.succeeded) == (None, None)
    next(iter(answer.streaming_content))
    # As the web server does when the client has gone; close() would end the test's connection too.
    for close in answer._resource_closers:
        close()
    entry.refresh_from_db()
    assert (entry.rows, entry.succeeded) == (500, False)


def test_what_is_refused_is_no_export(api):
    for query in ("format=pdf", "nothing=1", "is_company=perhaps"):
        assert api.get(f"/api/contacts/export?{query}").status_code == 400
    assert APIClient().get("/api/contacts/export").status_code == 401
    assert not AuditEntry.objects.exists()


def test_lists_are_not_noted(api):
    assert api.get("/api/contacts").status_code == 200
    assert not AuditEntry.objects.exists()


def test_texts_are_bounded_and_hold_no_secret_and_no_nul(rf, ann):
    request = rf.get("/api/" + "x" * 900)
    filters = {f"name{number}": "y" * 9000 for number in range(900)}
    given = {"nul": "a\0b\ud800", "token": "Bearer " + "s" * 400, "url": "http://u:secret-of@h/"}
    entry = audit.note(request, audit.Event.EXPORT, ann, succeeded=None, filters=filters, **given)
    assert entry is not None
    entry.refresh_from_db()
    assert len(entry.route) == 200
    assert len(everything(entry)) < 20_000
    assert entry.detail["nul"] == "ab?"
    assert "ssss" not in everything(entry)
    assert "secret-of" not in everything(entry)


# A log that cannot be written -----------------------------------------------------------------------
def test_without_the_log_people_log_in_and_export_and_the_log_file_says_so(api, caplog):
    ContactFactory(name="Seen")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE odoo_bridge_auditentry RENAME TO elsewhere")
    assert "access" in log_in("token", "ann", PASSWORD).json()
    assert log_in("page", "ann", PASSWORD).status_code == 302
    assert log_in("admin", "ann", PASSWORD).status_code == 302
    assert log_in("token", "ann", WRONG).status_code == 401
    assert b"Seen" in export(api)
    said = [one for one in caplog.messages if "audit log could not be written" in one]
    assert len(said) == 5


# In the admin ---------------------------------------------------------------------------------------
LIST = "admin:odoo_bridge_auditentry_changelist"


@pytest.mark.parametrize("role", [MANAGERS, "superuser", SUPPORT, OPERATORS])
def test_managers_and_superusers_read_it_and_nobody_changes_it(rf, ann, role):
    entry = audit.note(rf.get("/api/x"), audit.Event.LOGIN, ann, succeeded=False, reason="why")
    assert entry is not None
    client = Client()
    client.force_login(user_of(role) if role == "superuser" else staff(role))
    seen = 200 if role in (MANAGERS, "superuser") else 403
    page = client.get(reverse(LIST))
    row = reverse("admin:odoo_bridge_auditentry_change", args=[entry.pk])
    assert (page.status_code, client.get(row).status_code) == (seen, seen)
    if seen == 200:
        assert "reason: why" in page.content.decode()
        for query in ("?event__exact=export", "?q=ann", "?succeeded__exact=0", "?q=127.0.0"):
            assert client.get(reverse(LIST) + query).status_code == 200
    assert client.get(reverse("admin:odoo_bridge_auditentry_add")).status_code == 403
    assert client.post(row, {"username": "bob"}).status_code == 403
    delete = reverse("admin:odoo_bridge_auditentry_delete", args=[entry.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    entry.refresh_from_db()
    assert entry.username == "ann"


def test_an_entry_outlives_its_user(rf):
    bob = reader(username="bob")
    entry = audit.note(rf.get("/api/x"), audit.Event.LOGIN, bob, succeeded=True)
    bob.delete()
    entry.refresh_from_db()
    assert (entry.user, entry.username) == (None, "bob")


def test_entries_are_forgotten_after_180_days(rf, ann):
    old, new = (
        audit.note(rf.get("/api/x"), audit.Event.LOGIN, ann, succeeded=True) for _ in range(2)
    )
    for entry, days in ((old, 181), (new, 179)):
        at = timezone.now() - timedelta(days=days)
        AuditEntry.objects.filter(pk=entry.pk).update(at=at)
    prune_audit()
    assert AuditEntry.objects.get() == new


# What it costs --------------------------------------------------------------------------------------
@pytest.mark.parametrize("password", [PASSWORD, WRONG])
def test_a_login_costs_one_insert(ann, password, django_assert_max_num_queries):
    with django_assert_max_num_queries(40) as asked:
        log_in("token", "ann", password)
    ours = [one["sql"] for one in asked.captured_queries if "auditentry" in one["sql"]]
    assert [sql.split()[0] for sql in ours] == ["INSERT"]


def test_an_export_costs_one_insert_and_one_update(api, django_assert_max_num_queries):
    with django_assert_max_num_queries(40) as asked:
        export(api)
    ours = [one["sql"] for one in asked.captured_queries if "auditentry" in one["sql"]]
    assert [sql.split()[0] for sql in ours] == ["INSERT", "UPDATE"]
