"""What Odoo answers is bounded before it is held: bytes on their way, values before they are parsed."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.conf import settings as django_settings

from contacts.models import Contact
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.models import SyncIssue, SyncRun
from odoo_bridge.odoo import http
from odoo_bridge.odoo.errors import OdooTooLarge
from odoo_bridge.odoo.http import MAX_BODY_BYTES, MAX_VALUES, json_value
from odoo_bridge.sync.run import run


@contextmanager
def a_server(body: bytes, **headers: str) -> Iterator[str]:
    class Site(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            # A connection closed with a part of the request unread is reset, and the answer lost.
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * MAX_VALUES + b"[]]",
        b"[" + b"{}," * (MAX_VALUES // 4) + b"{}]",
        b"[" + b"0," * (MAX_VALUES + 1) + b"0]",
        b'[{"a":"\\"",' + b'"b":[1],' * MAX_VALUES + b'"c":1}]',
    ],
    ids=["lists", "dicts", "numbers", "names"],
)
def test_too_many_values_are_not_parsed(body: bytes) -> None:
    with pytest.raises(OdooTooLarge):
        json_value(body)


@pytest.mark.parametrize(
    "value",
    [
        {"comment": "a,[{" * MAX_VALUES},
        {"comment": '\\",[' * MAX_VALUES, "x": [1, 2]},
        [[7, "a"]] * (MAX_VALUES // 10),
    ],
    ids=["a long text", "a long text with quotes", "many rows"],
)
def test_a_long_text_is_one_value(value: Any) -> None:
    assert json_value(json.dumps(value).encode()) == value


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 100_000, b"[NaN," * 100_000])
def test_what_is_nested_too_deeply_is_no_json(deep: bytes) -> None:
    with pytest.raises((ValueError, OdooTooLarge)):
        json_value(deep)


@pytest.mark.processes
def test_a_bomb_costs_little_memory() -> None:
    """Packed it is a thousandth; unpacked it would be four times the limit."""
    packed = gzip.compress(b"0" * (4 * MAX_BODY_BYTES), compresslevel=1)
    code = (
        "import resource, sys; from odoo_bridge.odoo.http import Client\n"
        "from odoo_bridge.odoo.errors import OdooTooLarge\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "client = Client(sys.argv[1], connections=1, timeout_seconds=60)\n"
        "try: client.call('POST', '/jsonrpc', b'{}')\n"
        "except OdooTooLarge: pass\n"
        "else: sys.exit('it was taken')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    with a_server(packed, Content_Encoding="gzip") as url:
        result = subprocess.run(
            [sys.executable, "-c", code, url],
            cwd=django_settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) * 1024 < 2 * MAX_BODY_BYTES


@pytest.mark.processes
def test_an_answer_of_small_values_takes_no_multiple_of_its_size() -> None:
    code = (
        "import resource, sys; from odoo_bridge.odoo.http import MAX_VALUES, json_value\n"
        "body = b'[' + b'[0],' * (MAX_VALUES // 2 - 2) + b'[0]]'\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "value = json_value(body)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) * 1024 < 128 * 1024 * 1024


@pytest.mark.django_db
@pytest.mark.parametrize("transport", ["jsonrpc", "json2"], indirect=True)
def test_a_page_that_is_too_large_is_read_in_halves(
    demo: DemoOdoo, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    ids = [demo.add("res.partner", name=f"Contact {n} " + "x" * 2000) for n in range(20)]
    monkeypatch.setattr(http.Client.call, "__defaults__", (None, {}, 30_000))
    done = run("contacts", "reconcile", trigger=SyncRun.Trigger.API)
    assert (done.status, done.error) == (SyncRun.Status.SUCCEEDED, "")
    assert Contact.objects.filter(odoo_id__in=ids).count() == 20


@pytest.mark.django_db
def test_a_record_that_is_too_large_is_an_issue_and_the_others_are_copied(
    demo: DemoOdoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [demo.add("res.partner", name=f"Contact {n}") for n in range(6)]
    large = demo.add("res.partner", name="x" * 100_000)
    monkeypatch.setattr(http.Client.call, "__defaults__", (None, {}, 60_000))
    done = run("contacts", "reconcile", trigger=SyncRun.Trigger.API)
    assert done.status == SyncRun.Status.SUCCEEDED_WITH_ISSUES
    [issue] = SyncIssue.objects.filter(odoo_id=large)
    assert "larger than 60,000 bytes" in issue.reason
    assert Contact.objects.filter(odoo_id__in=ids).count() == 6
