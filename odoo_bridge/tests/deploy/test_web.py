"""The web server answers others while clients or Odoo keep it waiting."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts import tokens
from accounts.tests.factories import reader, user_of
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from odoo_bridge.api import waiting
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.demo.faults import Fault
from odoo_bridge.runtime import connections
from odoo_bridge.runtime.connections import MAX_BODY, MAX_HEAD, verdict
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.programs import a_program, eventually, free_port

# Of the worker that the tests start, from odoo_bridge/gunicorn.py.
THREADS = 8


class Web:
    """One worker of gunicorn with the project's configuration, and its clients."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, token: str = "", timeout: float = 20) -> tuple[int, Any, Any]:
        """Status, headers and body of an answer, on a connection of its own."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            client.request("GET", path, headers=headers)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            client.close()

    def send(self, data: bytes, **options: Any) -> socket.socket:
        """A client that has sent ``data`` and reads nothing."""
        client = socket.socket()
        for option, value in options.items():
            client.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
        client.settimeout(20)
        client.connect(("127.0.0.1", self.port))
        client.sendall(data)
        return client

    def serves_others(self) -> None:
        for path in ("/api/health/live", "/admin/login/"):
            # Far less than any of the attacks lasts.
            assert self.get(path, timeout=5)[0] == 200, path


@pytest.fixture
def web(demo: DemoOdoo, tmp_path: Path) -> Iterator[Web]:
    port, log = free_port(), tmp_path / "web.log"
    command = ["gunicorn", "--config", "odoo_bridge/gunicorn.py", "--workers", "1"]
    command += ["--bind", f"127.0.0.1:{port}", "odoo_bridge.wsgi"]
    with a_program(log, *command):
        served = Web(port)

        def answers() -> bool:
            with suppress(OSError):
                return served.get("/api/health/live")[0] == 200
            return False

        eventually(answers, 60, log)
        # Loaded once, so that what follows is not about starting.
        served.serves_others()
        yield served


def head(method: str, path: str, **headers: Any) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


@pytest.mark.processes
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_others_are_served_while_clients_or_odoo_keep_the_server_waiting(
    web: Web, demo: DemoOdoo
) -> None:
    _half_requests(web)
    _clients_that_do_not_read(web)
    _a_frozen_odoo(web, demo)


def _half_requests(web: Web) -> None:
    body = head("POST", "/api/auth/token", Content_Type="application/json", Content_Length=50)
    with ExitStack() as clients:
        for part in (b"", body[:20], body[:-2], body, body + b'{"user'):
            for _ in range(2 * THREADS):
                clients.enter_context(web.send(part))
        web.serves_others()
        # Each of them may still complete its request.
        late = clients.enter_context(web.send(body + b'{"username": "a",'))
        late.sendall(b' "password": "b"}'.ljust(33))
        assert late.recv(4096).startswith(b"HTTP/1.1 401 ")
    web.serves_others()


def _clients_that_do_not_read(web: Web) -> None:
    ContactFactory()
    fields = ", ".join(
        f'"{field.column}"' for field in Contact._meta.concrete_fields if not field.primary_key
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO contacts_contact (odoo_id, {fields}) SELECT 1000 + n, {fields} "
            "FROM contacts_contact, generate_series(1, 20000) n"
        )
    accounts = [tokens.issue(reader()).access for _ in range(2 * THREADS)]
    path = "/api/contacts/export?format=ndjson"
    with ExitStack() as clients:
        for token in accounts:
            clients.enter_context(
                web.send(head("GET", path, Authorization=f"Bearer {token}"), SO_RCVBUF=4096)
            )
        web.serves_others()
        found = [web.get(path, tokens.issue(reader()).access) for _ in range(2)]
        assert [status for status, _, _ in found] == [503, 503]
        assert json.loads(found[0][2])["error"]["code"] == "busy"
        assert int(found[0][1]["Retry-After"]) > 0
        # Whole pages, which no thread waits with.
        for token in accounts:
            page = head("GET", "/api/contacts?per_page=1000", Authorization=f"Bearer {token}")
            clients.enter_context(web.send(page, SO_RCVBUF=4096))
        web.serves_others()
    fresh = tokens.issue(reader()).access
    eventually(lambda: web.get(path, fresh)[0] == 200, 30)


def _a_frozen_odoo(web: Web, demo: DemoOdoo) -> None:
    token = tokens.issue(user_of("operator")).access
    assert web.get("/api/utils/odoo-contacts", token)[0] == 200
    thaw = threading.Event()
    demo.faults.add(Fault("hook", "res.partner", times=None, run=lambda: thaw.wait(60)))
    statuses: list[int] = []

    def ask() -> None:
        with suppress(OSError):
            statuses.append(web.get("/api/utils/odoo-contacts", token, timeout=60)[0])

    asking = [threading.Thread(target=ask, daemon=True) for _ in range(18)]
    try:
        for thread in asking:
            thread.start()
        # As many as may not wait are told so at once, while the others wait.
        eventually(lambda: len(statuses) == 18 - THREADS // 2, 30)
        assert set(statuses) == {503}
        web.serves_others()
    finally:
        thaw.set()
        demo.faults.clear()
    for thread in asking:
        thread.join(60)
    assert statuses.count(200) == THREADS // 2
    assert web.get("/api/utils/odoo-contacts", token)[0] == 200


# Parts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrived", "what"),
    [
        (b"", ("wait", 0)),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", ("wait", 0)),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ("ready", 0)),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", ("wait", 0)),
        (b"POST / HTTP/1.1\r\ncontent-length:3\r\n\r\nabc", ("ready", 0)),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", ("ready", 0)),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", ("ready", 0)),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", ("refuse", 411)),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), ("refuse", 413)),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD, ("refuse", 431)),
    ],
)
def test_a_thread_gets_whole_requests_only(arrived: bytes, what: tuple[str, int]) -> None:
    assert verdict(arrived) == what


def test_a_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TAKE_SECONDS", 0.2)
    monkeypatch.setattr(connections, "MAX_UNSENT", 1000)
    here, there = socket.socketpair()
    with there:
        outgoing = connections._Outgoing(here)
        with pytest.raises(ConnectionAbortedError):
            outgoing.sendall(b"x" * 10_000_000)
        outgoing.close()
    assert connections._held.size == 0


def test_more_is_not_held_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_HELD", 100)
    here, there = socket.socketpair()
    with there:
        outgoing = connections._Outgoing(here)
        with pytest.raises(ConnectionAbortedError):
            outgoing.sendall(b"x" * 101)
        outgoing.sendall(b"x" * 100)
        assert there.recv(200) == b"x" * 100
        outgoing.close()
    assert connections._held.size == 0


@pytest.mark.django_db
def test_an_account_has_one_export_at_a_time() -> None:
    ContactFactory()
    clients = []
    for _ in range(2):
        clients.append(APIClient())
        clients[-1].force_authenticate(reader())
    first = clients[0].get("/api/contacts/export")
    refused = clients[0].get("/api/contacts/export")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "export_running")
    assert int(refused["Retry-After"]) > 0
    assert clients[1].get("/api/contacts/export").status_code == 200
    assert b"".join(first.streaming_content)  # type: ignore[attr-defined]
    assert clients[0].get("/api/contacts/export").status_code == 200


@pytest.mark.django_db
def test_whoever_may_not_wait_is_told_at_once(
    demo: DemoOdoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact = ContactFactory(odoo_id=demo.add("res.partner", name="Acme"))
    monkeypatch.setattr(waiting.slots, "number", 0)
    client = client_of(user_of("superuser"))
    new = {"name": "Acme"}
    key = {"Idempotency-Key": "a-new-key"}
    for answer in (
        client.get("/api/utils/odoo-version"),
        client.get("/api/utils/odoo-contacts"),
        client.get(f"/api/contacts/{contact.odoo_id}?max_age=0"),
        client.get("/api/contacts/export"),
        client.post("/api/utils/odoo-contacts", new, headers=key, format="json"),
    ):
        assert answer.status_code == 503, answer.content
        assert answer.json()["error"]["code"] == "busy"
        assert answer["Retry-After"]
    # What waits for nobody is answered.
    assert client.get("/api/contacts").status_code == 200
    assert client.post("/api/utils/odoo-contacts", {}, headers=key, format="json").status_code


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["res.partner", None])
def test_a_live_call_waits_for_odoo_no_longer_than_in_all(
    demo: DemoOdoo, settings: Any, model: str | None
) -> None:
    """Retries, and the connection with its login, included."""
    settings.ODOO_LIVE_SECONDS = 1.0
    client = client_of(user_of("superuser"))
    demo.faults.add(Fault("delay", model, times=None, seconds=5))
    started = time.monotonic()
    answer = client.get("/api/utils/odoo-contacts")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "odoo_unavailable")
    # One call alone would take longer.
    assert time.monotonic() - started < 5


@pytest.mark.django_db
def test_a_write_without_an_answer_in_time_is_settled_by_its_key(
    demo: DemoOdoo, settings: Any
) -> None:
    client = client_of(user_of("writer"))
    key = {"Idempotency-Key": "a-key-of-mine"}

    def write() -> Any:
        return client.post("/api/utils/odoo-contacts", {"name": "Acme"}, headers=key, format="json")

    assert client.get("/api/utils/odoo-version").status_code == 403  # and connect once
    settings.ODOO_LIVE_SECONDS = 2.0
    demo.faults.add(Fault("delay", "res.partner", "load", times=1, seconds=4))
    answer = write()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "outcome_unknown")
    settings.ODOO_LIVE_SECONDS = 30.0
    eventually(lambda: write().status_code == 201, 30)
    found = [row for row in demo.rows("res.partner").values() if row.get("name") == "Acme"]
    assert len(found) == 1
