"""``check_odoo`` ends with a verdict and what to do, whatever stands in the way of a sync."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from odoo_bridge.demo import DemoOdoo
from odoo_bridge.demo.faults import Fault
from odoo_bridge.odoo import retry
from odoo_bridge.odoo.connect import disconnect
from odoo_bridge.odoo.remedies import REMEDIES
from odoo_bridge.tests.deploy.test_commands import call
from odoo_bridge.tests.programs import free_port

pytestmark = pytest.mark.django_db
both = pytest.mark.parametrize("transport", ["jsonrpc", "json2"], indirect=True)


@pytest.fixture(autouse=True)
def _one_attempt(monkeypatch):
    monkeypatch.setattr(retry, "READ_ATTEMPTS", 1)


@pytest.fixture(autouse=True)
def _an_administrator():
    get_user_model().objects.create_superuser("admin", "admin@example.com")


def report_of_check() -> dict[str, Any]:
    code, text = call("check_odoo", "--json")
    report = json.loads(text)
    assert code == (0 if report["ready"] else 1)
    disconnect()
    return report


def check() -> dict[str, Any]:
    """The report, after it was compared with what a person reads."""
    report = report_of_check()
    code, shown = call("check_odoo")
    assert code == (0 if report["ready"] else 1)
    for problem in report["problems"]:
        assert problem["message"] and problem["remedy"]
    lines = shown.splitlines()
    if report["ready"]:
        assert lines[-1].startswith("Ready: first copy in about ")
        assert lines[-1].endswith("Next: manage.py sync_odoo")
    else:
        assert shown.rstrip().endswith(report["verdict"])
        assert lines[-1] == f"To do: {report['problems'][0]['remedy']}"
    return report


def stopped_by(code: str) -> tuple[str, str]:
    """The message and the remedy of the only problem, which has this code."""
    report = check()
    assert [problem["code"] for problem in report["problems"]] == [code]
    return report["problems"][0]["message"], report["problems"][0]["remedy"]


@contextmanager
def web_server(
    status: int = 200, body: bytes = b"<title>Welcome</title>", **headers: str
) -> Iterator[str]:
    """A web server that is no Odoo."""

    class Site(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value.replace("PATH", self.path))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@both
def test_ready_with_an_estimate(demo):
    for number in range(20):
        demo.add("res.partner", name=f"Contact {number}")
    report = check()
    assert report["ready"] and report["problems"] == report["warnings"] == []
    assert report["first_copy_seconds"] == 1
    assert report["verdict"].startswith("Ready: first copy in about 1 s.")


# Where is it --------------------------------------------------------------------------------------


def test_nobody_listens(settings):
    settings.ODOO_URL = f"http://127.0.0.1:{free_port()}"
    message, remedy = stopped_by("odoo_unavailable")
    assert "cannot be reached" in message and "ODOO_URL" in remedy


@pytest.mark.parametrize("status", [200, 400, 404])
def test_another_web_server(settings, status: int):
    with web_server(status) as settings.ODOO_URL:
        message, remedy = stopped_by("not_odoo")
    assert f"({status}, Welcome)" in message
    assert "ODOO_URL" in remedy and "path" in remedy


def test_a_redirect_names_the_address(settings):
    with web_server(301, Location="https://odoo.example.comPATH") as settings.ODOO_URL:
        message, _remedy = stopped_by("odoo_moved")
    assert message.endswith("set ODOO_URL=https://odoo.example.com")


def test_a_redirect_to_a_page(settings):
    with web_server(303, Location="/web/login") as settings.ODOO_URL:
        message, _remedy = stopped_by("odoo_moved")
    assert message.endswith("/web/login: correct ODOO_URL")


def test_https_where_http_is_spoken(settings):
    with web_server() as address:
        settings.ODOO_URL = address.replace("http://", "https://")
        _message, remedy = stopped_by("odoo_tls")
    assert "http://" in remedy


def test_an_odoo_that_does_not_answer_in_time(demo, settings):
    settings.ODOO_TIMEOUT_SECONDS = 0.3
    demo.faults.add(Fault("delay", "res.company", "search", seconds=1.0, times=None))
    message, remedy = stopped_by("odoo_timeout")
    assert "0.3 s" in message and "ODOO_TIMEOUT_SECONDS" in remedy


def test_an_odoo_that_is_too_old(settings):
    version = {"server_version": "13.0", "server_version_info": [13, 0, 0, "final", 0, ""]}
    with web_server(body=json.dumps({"result": version}).encode()) as settings.ODOO_URL:
        message, _remedy = stopped_by("odoo_too_old")
    assert "is Odoo 13.0; the oldest supported version is 14" in message


# Which database -----------------------------------------------------------------------------------


@both
def test_a_wrong_database_is_named_with_those_that_are_there(demo, settings):
    settings.ODOO_DB = "prod"
    message, remedy = stopped_by("wrong_database")
    assert message.startswith("ODOO_DB=prod does not exist")
    assert remedy == "This Odoo has one database: set ODOO_DB=demo"


def test_no_database_where_one_is_needed(demo, settings, monkeypatch):
    settings.ODOO_DB = ""
    monkeypatch.setattr(
        "odoo_bridge.management.commands.check_odoo.databases", lambda: ["one", "two"]
    )
    message, remedy = stopped_by("wrong_database")
    assert "set ODOO_DB" in message
    assert remedy == "Set ODOO_DB to one of the databases there: one, two."


def test_a_wrong_database_where_the_server_lists_none(demo, settings):
    settings.ODOO_DB = "prod"
    demo.faults.add(Fault("access_denied", "web", "database_list", times=None))
    assert "does not list them" in stopped_by("wrong_database")[1]


# Who are we ---------------------------------------------------------------------------------------


@both
def test_a_wrong_password_or_key(demo, settings):
    settings.ODOO_PASSWORD = "wrong-secret"
    if settings.ODOO_API_KEY:
        settings.ODOO_API_KEY = "wrong-secret"
    message, remedy = stopped_by("odoo_refused")
    assert "refused" in message and "wrong-secret" not in message
    assert remedy == REMEDIES["odoo_refused"]


def test_a_key_without_a_login_before_19(settings):
    odoo = DemoOdoo(version="14.0", contacts=0, invoices=0)
    with odoo.serve("127.0.0.1", 0) as server:
        settings.ODOO_URL, settings.ODOO_DB, settings.ODOO_USERNAME = server.url, "demo", ""
        settings.ODOO_API_KEY = "key"
        message, _remedy = stopped_by("odoo_refused")
    assert "is Odoo 14.0" in message and message.endswith("set ODOO_USERNAME")


def test_rpc_that_is_switched_off(demo):
    demo.faults.add(Fault("status", "common", "login", code=404, times=None))
    message, remedy = stopped_by("no_rpc")
    assert "RPC is disabled" in message and "ODOO_API_KEY" in remedy


@both
def test_a_user_of_the_portal(demo):
    [user] = demo.rows("res.users")
    demo.write_raw("res.users", [user], share=True)
    message, remedy = stopped_by("odoo_portal")
    assert "portal user" in message and "internal user" in remedy


@both
def test_a_user_without_the_rights(demo):
    demo.forbid("account.move")
    report = check()
    assert [problem["code"] for problem in report["problems"]] == ["odoo_forbidden"]
    assert "Invoicing: Read-only" in report["verdict"]
    demo.forbid("account.move.line")
    disconnect()
    assert "(1 more above)" in check()["verdict"]


@both
def test_companies_that_are_not_the_users(demo, settings):
    settings.ODOO_COMPANY_IDS = [1, 77, 78]
    message, remedy = stopped_by("wrong_company")
    assert message == (
        "ODOO_COMPANY_IDS names 77, 78, but the Odoo user may act only for 1 (My Company)"
    )
    assert "ODOO_COMPANY_IDS" in remedy


# What stops nothing -------------------------------------------------------------------------------


def test_extra_fields_that_do_not_exist_are_a_warning(demo, settings):
    settings.ODOO_EXTRA_FIELDS = {"res.partner": ["x_nothing", "comment"], "sale.order": ["x"]}
    report = check()
    assert report["ready"]
    first, second = report["warnings"]
    assert "res.partner:x_nothing" in first and "does not exist" in first
    assert "sale.order, which is not copied" in second


def test_what_the_bridge_itself_lacks_is_a_warning(demo, settings, tmp_path):
    get_user_model().objects.all().delete()
    settings.WHITENOISE_USE_FINDERS, settings.STATIC_ROOT = False, tmp_path
    report = check()
    assert report["ready"]
    assert ["collectstatic" in text for text in report["warnings"]] == [True, False]
    assert "createsuperuser" in report["warnings"][1]


def test_a_record_that_cannot_be_read_stops_nothing(demo):
    bad = demo.add("res.partner", name="Bad")
    demo.faults.add(Fault("poison_record", model="res.partner", ids=[bad], times=None))
    assert check()["ready"]
