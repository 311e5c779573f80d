"""``kill -9`` of the web with requests in mid-flight, and a Redis that leaves them hanging."""

import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from accounts import tokens
from accounts.tests.factories import user_of
from odoo_bridge import tasks
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.models import OdooWrite, SyncRun
from odoo_bridge.sync.run import run_queued
from odoo_bridge.tests.exactness.checker import Checker
from odoo_bridge.tests.exactness.test_processes_killed import Pause, held
from odoo_bridge.tests.exactness.test_servers_broken import redis_behind_a_proxy
from odoo_bridge.tests.programs import a_program, eventually, free_port
from odoo_bridge.tests.runs import sync, sync_all

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
]
Status = SyncRun.Status


class Web:
    """gunicorn as a deployment runs it, and somebody who asks it."""

    def __init__(self, pid: int, port: int, token: str) -> None:
        self._pid, self._url = pid, f"http://127.0.0.1:{port}/api/"
        self._authorization = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and the answer. Raises OSError when there is none."""
        asked = urllib.request.Request(
            self._url + path,
            data=json.dumps(body or {}).encode(),
            headers={"Content-Type": "application/json", **self._authorization, **headers},
        )
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.load(exc)

    def begin(self, path: str, body: Any = None, **headers: str) -> threading.Thread:
        """Ask, and expect no answer."""

        def ask() -> None:
            with suppress(OSError):
                self.post(path, body, **headers)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        return asking

    def kill(self) -> None:
        """All of its processes at once."""
        os.killpg(self._pid, signal.SIGKILL)


@contextmanager
def a_web(log: Path, token: str, **environment: str) -> Iterator[Web]:
    port = free_port()
    command = ["gunicorn", "--config", "odoo_bridge/gunicorn.py", "--workers", "1"]
    command += ["--bind", f"127.0.0.1:{port}", "odoo_bridge.wsgi"]
    with a_program(log, *command, **environment) as program:

        def listens() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return "Booting worker" in log.read_text()
            return False

        eventually(listens, 60, log)
        yield Web(program.pid, port, token)


def token_of(role: str) -> str:
    user = user_of(role)
    assert user
    return tokens.issue(user).access


@pytest.mark.parametrize("moment", ["before its row is there", "before its hint is sent"])
def test_a_request_for_a_run_whose_web_is_killed_is_carried_out_or_was_never_made(
    demo: DemoOdoo, check: Checker, log: Path, moment: str
) -> None:
    demo.add("res.partner", name="Acme")
    token = token_of("operator")
    with redis_behind_a_proxy() as (proxy, url), a_web(log, token, REDIS_URL=url) as web:
        if moment == "before its row is there":
            with held("LOCK TABLE odoo_bridge_syncrun IN EXCLUSIVE MODE") as awaited:
                asking = web.begin("sync/contacts/run", {"kind": "reconcile"})
                eventually(awaited, 60, log)
                web.kill()
        else:
            # Redis hears nothing from here on, so it is about to be told when it is killed.
            warm = web.post("sync/invoices/run", {"kind": "reconcile"})
            assert warm[0] == 202, warm
            proxy.deaf = True
            proxy.drop()
            asking = web.begin("sync/contacts/run", {"kind": "reconcile"})
            eventually(SyncRun.objects.filter(stream="contacts").exists, 60, log)
            web.kill()
        asking.join(60)
    # PostgreSQL may have stored the row of a client that is dead, or not: both are whole.
    left = list(SyncRun.objects.filter(status=Status.QUEUED))
    if moment == "before its hint is sent":
        assert {row.stream for row in left} == {"contacts", "invoices"}
    for row in left:
        assert run_queued(row.pk)
    sync_all("reconcile")
    check()


@pytest.mark.parametrize("after", ["asked again", "never asked again"])
def test_a_write_whose_web_is_killed_while_odoo_is_at_it_is_made_once_and_is_here(
    demo: DemoOdoo, check: Checker, tmp_path: Path, after: str
) -> None:
    logs = [tmp_path / "killed.log", tmp_path / "next.log"]
    check.journal.files.append(logs[0])
    sync("contacts", "reconcile")
    token = token_of("writer")
    body, key = {"name": "Acme"}, {"Idempotency-Key": str(uuid4())}
    pause = Pause(demo, "res.partner", "load")
    with a_web(logs[0], token) as web:
        asking = web.begin("utils/odoo-contacts", body, **key)
        eventually(pause.reached.is_set, 60, logs[0])
        web.kill()
        asking.join(60)
        # Odoo knows nothing of it, and does what it was asked.
        pause.go.set()
        eventually(lambda: named(demo, "Acme") != [], 60)
    demo.faults.clear()
    [acme] = named(demo, "Acme")
    if after == "asked again":
        check.journal.files.append(logs[1])
        with a_web(logs[1], token) as web:
            # For all that is known the first one is still at it.
            assert web.post("utils/odoo-contacts", body, **key)[0] == 409
            minutes_pass()
            status, row = web.post("utils/odoo-contacts", body, **key)
            assert (status, row["odoo_id"]) == (201, acme)
    else:
        minutes_pass()
        tasks.resolve_writes()
    write = OdooWrite.objects.get()
    assert (write.odoo_id, write.attempts) == (acme, 1)
    assert named(demo, "Acme") == [acme]
    check("contacts")


def named(demo: DemoOdoo, name: str) -> list[int]:
    return [key for key, row in demo.rows("res.partner").items() if row["name"] == name]


def minutes_pass() -> None:
    """What they do to a write that nobody is at any more."""
    OdooWrite.objects.update(
        claimed_until=Now() - timedelta(seconds=1), sent_at=Now() - timedelta(minutes=5)
    )


def test_a_redis_that_falls_silent_keeps_no_request_waiting_for_long(
    demo: DemoOdoo, check: Checker, log: Path
) -> None:
    demo.add("res.partner", name="Acme")
    token = token_of("operator")
    with redis_behind_a_proxy() as (proxy, url), a_web(log, token, REDIS_URL=url) as web:
        assert web.post("sync/contacts/run", {"kind": "reconcile"})[0] == 202
        proxy.deaf = True
        proxy.drop()
        # With a limit on its patience: an answer that hangs on Redis fails here.
        status, row = web.post("sync/invoices/run", {"kind": "reconcile"})
        assert (status, row["status"]) == (202, "queued")
    for row in SyncRun.objects.filter(status=Status.QUEUED):
        assert run_queued(row.pk)
    sync_all("reconcile")
    check()
