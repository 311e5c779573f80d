"""No secret gets out: not into the database, an answer, a page, a log or a terminal."""

import base64
import html
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import user_of
from contacts.tests.factories import ContactFactory
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.demo.errors import OdooError
from odoo_bridge.demo.faults import Fault
from odoo_bridge.models import OdooWrite, SyncIssue, SyncRun
from odoo_bridge.odoo.redaction import HIDDEN, redact
from odoo_bridge.runtime.logs import JsonFormatter, PlainFormatter, show_redacted
from odoo_bridge.sync.run import run
from odoo_bridge.tests.clients import client_of

CANARY = "kanari/Päss+w0rd\"'&\\#7"


def spellings(secret: str) -> list[str]:
    """As others quote it, found independently of how it is hidden."""
    pair = base64.b64encode(f"admin:{secret}".encode()).decode()
    return [
        secret,
        quote(secret, safe=""),
        json.dumps(secret),
        json.dumps({"args": ["demo", 2, secret]}),
        json.dumps(json.dumps([secret])),
        repr(secret),
        html.escape(secret),
        f"redis://:{quote(secret, safe='')}@redis:6379/0",
        f"Authorization: Basic {pair}",
        base64.b64encode(secret.encode()).decode(),
        base64.urlsafe_b64encode(f"x{secret}y".encode()).decode(),
    ]


# Pieces of it that are in no other text: a spelling that was hidden in part is not hidden.
PIECES = ("kanari", "w0rd", "a2FuYXJp", "thbmFya", "rYW5hcm")


def is_clean(text: str) -> bool:
    return not any(piece in text for piece in PIECES)


@pytest.mark.parametrize("quoted", spellings(CANARY), ids=range(len(spellings(CANARY))))
def test_a_secret_is_hidden_however_it_is_spelled(settings: Any, quoted: str) -> None:
    settings.ODOO_PASSWORD = CANARY
    shown = redact(f"Odoo said <{quoted}> about res.partner 7")
    assert is_clean(shown), shown
    assert shown.startswith("Odoo said ") and shown.endswith(" about res.partner 7")


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "JWT_SIGNING_KEY", "ODOO_PASSWORD", "ODOO_API_KEY", "REDIS_URL", "CACHE_URL"],
)
def test_each_secret_of_the_settings_is_one(settings: Any, name: str) -> None:
    value = f"redis://:{quote(CANARY, safe='')}@redis/0" if name.endswith("_URL") else CANARY
    setattr(settings, name, value)
    assert redact(f"a {CANARY} b") == f"a {HIDDEN} b"
    settings.DATABASES["default"]["PASSWORD"], before = (
        "pass-of-db",
        settings.DATABASES["default"].get("PASSWORD"),
    )
    try:
        assert redact("a pass-of-db b") == f"a {HIDDEN} b"
    finally:
        settings.DATABASES["default"]["PASSWORD"] = before


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc", "Authorization: Bearer [hidden]"),
        ("{'Authorization': 'bearer 0123456789abcdef'}", "{'Authorization': 'bearer [hidden]'}"),
        ("with Bearer 0123456789abcdef01, and", "with Bearer [hidden], and"),
        ("password=a&db=b", "password=[hidden]&db=b"),
        ('{"password": "a b", "db": "b"}', '{"password": [hidden]", "db": "b"}'),
        ("postgres://u:p@h/d", "postgres://u:[hidden]@h/d"),
        ("token eyJhbGciOi.eyJzdWIi.c2ln end", "token [hidden] end"),
    ],
)
def test_what_looks_like_a_credential_is_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "res.partner 7: no name",
        "Wrong login or password: try again, or reset the password in Settings.",
        "basic information about the bearer is missing",
        "odoo.example.com cannot be reached at http://odoo:8069/web?email=a@b.example",
        "The administrator admin may not read account.move (admins)",
    ],
)
def test_what_is_no_secret_stays(settings: Any, text: str) -> None:
    settings.ODOO_USERNAME, settings.ODOO_PASSWORD = "admin", "admin"
    assert redact(text) == text


def test_a_short_secret_is_hidden_where_it_stands_alone(settings: Any) -> None:
    settings.ODOO_USERNAME, settings.ODOO_PASSWORD = "bridge", "admin"
    assert redact("admin, administrator, 'admin'") == "[hidden], administrator, '[hidden]'"
    settings.ODOO_USERNAME = "admin"
    assert redact("user admin: ['demo', 2, 'admin']") == "user admin: ['demo', 2, '[hidden]']"


# Everywhere ---------------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What was logged, in both formats."""
    found: list[str] = []

    class Collects(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handlers = [Collects(), Collects()]
    for handler, formatter in zip(handlers, (PlainFormatter(), JsonFormatter()), strict=True):
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
    yield found
    for handler in handlers:
        logging.getLogger().removeHandler(handler)


def everything_stored() -> str:
    """All columns of all rows of all tables."""
    return "\n".join(
        str(value)
        for model in apps.get_models(include_auto_created=True)
        for row in model._default_manager.values_list()
        for value in row
    )


def raises(name: str, transport: str) -> Fault:
    """Each call ends with an exception of Odoo's, which quotes the call."""
    error = OdooError(name, f"call ('demo', 2, {CANARY!r}) failed: {json.dumps(CANARY)} {CANARY}")
    body: dict[str, Any] = {"name": error.name, "message": error.message}
    if transport == "jsonrpc":
        body = {"jsonrpc": "2.0", "id": 1, "error": {"code": 200, "message": "x", "data": body}}
    code = 200 if transport == "jsonrpc" else error.status
    return Fault("status", times=None, code=code, body=json.dumps(body))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("transport", "name"),
    [
        ("jsonrpc", "odoo.exceptions.AccessError"),
        ("jsonrpc", "odoo.exceptions.UserError"),
        ("jsonrpc", "psycopg2.OperationalError"),
        ("jsonrpc", "redirect"),
        ("json2", "odoo.exceptions.MissingError"),
        ("json2", "odoo.exceptions.SessionExpiredException"),
        ("json2", "builtins.TypeError"),
    ],
    indirect=["transport"],
)
def test_what_odoo_quotes_gets_nowhere(
    demo: DemoOdoo,
    settings: Any,
    lines: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    transport: str,
    name: str,
) -> None:
    demo.password = settings.ODOO_PASSWORD = CANARY
    monkeypatch.setattr("odoo_bridge.odoo.retry.READ_ATTEMPTS", 1)
    ContactFactory(odoo_id=demo.add("res.partner", name="Acme"))
    client = client_of(user_of("superuser"))
    assert client.get("/api/utils/odoo-contacts").status_code == 200  # the login works
    if name == "redirect":
        fault = Fault("redirect", times=None, location=f"/web/login?p={quote(CANARY, safe='')}")
    else:
        fault = raises(name, transport)
    demo.faults.add(fault)

    shown = []
    run("contacts", "changes", trigger=SyncRun.Trigger.API)
    run("contacts", "records", trigger=SyncRun.Trigger.API, ids=[1])
    for answer in (
        client.get("/api/utils/odoo-contacts"),
        client.post(
            "/api/utils/odoo-contacts",
            {"name": "Acme"},
            headers={"Idempotency-Key": "a-key-of-mine"},
            format="json",
        ),
        client.get("/api/sync/runs"),
        client.get("/api/sync/issues"),
    ):
        shown.append(answer.content.decode())
    for command in (["check_odoo"], ["sync_odoo", "contacts"], ["sync_odoo", "contacts", "--json"]):
        try:
            call_command(*command)
        except (CommandError, SystemExit) as exc:
            shown.append(str(exc))
    assert SyncRun.objects.exclude(error="").exists()
    assert OdooWrite.objects.exists()

    staff = Client()
    staff.force_login(user_of("superuser"))
    for model in (SyncRun, SyncIssue, OdooWrite):
        kind = model._meta.model_name
        shown.append(staff.get(reverse(f"admin:odoo_bridge_{kind}_changelist")).content.decode())
        for row in model.objects.all():
            page = staff.get(reverse(f"admin:odoo_bridge_{kind}_change", args=[row.pk]))
            assert page.status_code == 200
            shown.append(page.content.decode())
    printed = capsys.readouterr()
    for text in (everything_stored(), *shown, *lines, printed.out, printed.err):
        assert is_clean(text), text[:3000]


def logged(formatter: logging.Formatter, message: str, *args: Any, **extra: Any) -> str:
    try:
        raise ValueError(f"{CANARY}\nForged: {CANARY}")
    except ValueError:
        record = logging.LogRecord("a", 40, "a.py", 1, message, args, sys.exc_info())
    record.stack_info = f"Stack:\n{CANARY}"
    vars(record).update(extra)
    return formatter.format(record)


@pytest.mark.parametrize("formatter", [PlainFormatter(), JsonFormatter()], ids=["plain", "json"])
def test_logs_hide_secrets_in_tracebacks_arguments_and_extras(
    settings: Any, formatter: logging.Formatter
) -> None:
    settings.ODOO_PASSWORD = CANARY
    text = logged(formatter, "a %s", CANARY, details={"key": [CANARY]})
    assert is_clean(text), text
    assert "ValueError" in text and "a [hidden]" in text


@pytest.mark.parametrize("formatter", [PlainFormatter(), JsonFormatter()], ids=["plain", "json"])
@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_no_text_makes_a_line_of_its_own(formatter: logging.Formatter, end: str) -> None:
    forged = f"{end}2026-02-01 09:30:00,000 ERROR forged: \x1b[31mred\x1b[0m \x9b1m \u202e"
    record = logging.LogRecord("a", 40, "a.py", 1, "a %s", (forged,), None)
    text = formatter.format(record)
    assert len(text.splitlines()) == 1
    assert text.isprintable()
    try:
        raise ValueError(forged)
    except ValueError:
        record = logging.LogRecord("a", 40, "a.py", 1, "a", (), sys.exc_info())
    first, *others = formatter.format(record).splitlines()
    assert all(line.startswith("| ") for line in others)
    assert all(line.isprintable() for line in (first, *others))


def test_json_logs_stay_json() -> None:
    record = logging.LogRecord("a", 40, "a.py", 1, "a\u2028\x85\x1bä", (), None)
    assert json.loads(JsonFormatter().format(record))["message"] == "a\u2028\x85\x1bä"


def test_the_format_of_the_settings_is_one_of_ours(settings: Any) -> None:
    made = settings.LOGGING["formatters"]
    assert {name: one["()"].rpartition(".")[2] for name, one in made.items()} == {
        "plain": "PlainFormatter",
        "json": "JsonFormatter",
    }


def test_a_traceback_that_nobody_caught_shows_no_secret(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ODOO_PASSWORD = CANARY
    try:
        raise ValueError(CANARY)
    except ValueError as exc:
        show_redacted(type(exc), exc, exc.__traceback__)
    assert "ValueError" in (shown := capsys.readouterr().err)
    assert is_clean(shown)


def test_debug_pages_are_off_unless_asked_for(settings: Any) -> None:
    assert settings.DEBUG is False
