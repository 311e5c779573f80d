"""PostgreSQL and Redis on a bad day: restarted, cut off, full, locked, empty."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg.errors import OperationalError

from odoo_bridge import tasks
from odoo_bridge.demo import DemoOdoo, Fault
from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.sync.run import request
from odoo_bridge.tests.exactness.checker import Checker
from odoo_bridge.tests.exactness.killed import let_leases_run_out
from odoo_bridge.tests.exactness.test_processes_killed import Pause, held, queued
from odoo_bridge.tests.programs import a_worker, database_of_the_test, ended, eventually, services
from odoo_bridge.tests.proxy import DroppingProxy, dropping_proxy
from odoo_bridge.tests.runs import settle, sync, sync_all

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
Status = SyncRun.Status


def until_it_answers() -> None:
    def answers() -> bool:
        with suppress(OperationalError), psycopg.connect(database_of_the_test()):
            return True
        return False

    eventually(answers, 60)


def elsewhere(*statements: str) -> None:
    with psycopg.connect(database_of_the_test(), autocommit=True) as other:
        for statement in statements:
            other.execute(statement)


# PostgreSQL -------------------------------------------------------------------------------------------


@pytest.mark.services
@pytest.mark.processes
@pytest.mark.parametrize("how", ["restart", "kill"])
@pytest.mark.parametrize("moment", ["inventory", "page"])
def test_postgresql_that_goes_down_in_mid_run_loses_nothing(
    demo: DemoOdoo, check: Checker, settings: Any, how: str, moment: str
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 4, 1
    contacts = [demo.add("res.partner", name=f"Contact {n}") for n in range(30)]
    sync_all("reconcile")
    demo.write("res.partner", contacts, name="Changed")

    def down() -> None:
        services(how, "postgres")
        services("start", "postgres")
        until_it_answers()

    method, after = ("search_read", 0) if moment == "inventory" else ("read", 2)
    demo.faults.add(Fault("hook", "res.partner", method, skip=after, run=down))
    row = sync("contacts", "reconcile")
    assert (row.status, "database:" in row.error) == (Status.FAILED, True), row.error
    let_leases_run_out()  # of a run that could not even say that it failed
    settle()
    check()


def test_a_connection_that_is_terminated_fails_the_run_and_the_next_one_goes_on(
    demo: DemoOdoo, check: Checker, settings: Any
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 4, 1
    contacts = [demo.add("res.partner", name=f"Contact {n}") for n in range(30)]
    sync("contacts", "reconcile")
    for after in (0, 1, 3):
        demo.write("res.partner", contacts, name=f"Changed {after}")
        end = partial(elsewhere, f"SELECT pg_terminate_backend({backend()})")
        demo.faults.add(Fault("hook", "res.partner", "read", skip=after, run=end))
        row = sync("contacts", "reconcile")
        demo.faults.clear()
        assert (row.status, "database:" in row.error) == (Status.FAILED, True), row.error
        assert sync("contacts").status == Status.SUCCEEDED
        check("contacts")


def backend() -> int:
    """PostgreSQL's process for the connection of this test."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@contextmanager
def refused(code: str, when: str) -> Iterator[None]:
    """PostgreSQL fails with SQLSTATE ``code`` for a row of contacts ``when`` is true of."""
    elsewhere(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {when} THEN RAISE EXCEPTION 'injected' USING ERRCODE = '{code}'; END IF; "
        "RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON contacts_contact "
        "FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    try:
        yield
    finally:
        elsewhere("DROP TRIGGER refuse ON contacts_contact", "DROP FUNCTION refuse")


SERVER_ERRORS = {
    "disk full": "53100",
    "out of memory": "53200",
    "deadlock": "40P01",
    "lock not available": "55P03",
    "serialization failure": "40001",
    "cancelled by an administrator": "57014",
    "read-only after a failover": "25006",
}


@pytest.mark.parametrize("what", SERVER_ERRORS)
def test_an_error_of_the_server_is_never_taken_for_a_bad_record(
    demo: DemoOdoo, check: Checker, settings: Any, what: str
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 4, 1
    contacts = [demo.add("res.partner", name=f"Contact {n}") for n in range(12)]
    sync("contacts", "reconcile")
    watermark = SyncState.objects.get(pk="contacts").watermark
    demo.write("res.partner", contacts, name="Changed")
    with refused(SERVER_ERRORS[what], f"NEW.odoo_id = {contacts[6]}"):
        row = sync("contacts")
        assert (row.status, row.issue_count) == (Status.FAILED, 0), row.error
        assert SyncState.objects.get(pk="contacts").watermark == watermark
    assert sync("contacts").status == Status.SUCCEEDED
    check("contacts")


def test_a_lock_that_is_not_let_go_costs_a_run_and_nothing_else(
    demo: DemoOdoo, check: Checker
) -> None:
    acme = demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    demo.write("res.partner", [acme], name="Changed")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    with held(f"SELECT 1 FROM contacts_contact WHERE odoo_id = {acme} FOR UPDATE"):
        row = sync("contacts")
    assert (row.status, "lock timeout" in row.error) == (Status.FAILED, True), row.error
    connection.close()
    assert sync("contacts").status == Status.SUCCEEDED
    check("contacts")


def test_a_deadlock_costs_a_run_and_nothing_else(demo: DemoOdoo, check: Checker) -> None:
    acme = demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    demo.write("res.partner", [acme], name="Changed")

    def cross(other: psycopg.Connection, awaited: Callable[[], bool]) -> None:
        eventually(awaited, 30)
        other.execute("SELECT 1 FROM odoo_bridge_syncstate FOR UPDATE")
        other.rollback()

    with psycopg.connect(database_of_the_test()) as other:
        other.execute("SELECT 1 FROM contacts_contact WHERE odoo_id = %s FOR UPDATE", [acme])
        with held() as awaited, ThreadPoolExecutor(1) as threads:
            # The run holds its state and waits for the row; the other holds the row and waits for
            # the state. PostgreSQL ends the one that waited first.
            crossing = threads.submit(cross, other, awaited)
            row = sync("contacts")
            crossing.result(30)
    assert (row.status, "deadlock" in row.error) == (Status.FAILED, True), row.error
    assert sync("contacts").status == Status.SUCCEEDED
    check("contacts")


# Redis ------------------------------------------------------------------------------------------------


@pytest.mark.services
@pytest.mark.processes
@pytest.mark.redis
def test_redis_killed_five_times_under_a_running_task_loses_no_request(
    demo: DemoOdoo, check: Checker, log: Path
) -> None:
    """Redis comes back empty each time: what was queued there is gone."""
    contacts = [demo.add("res.partner", name=f"Contact {n}") for n in range(10)]
    sync("contacts", "reconcile")
    with a_worker(log) as worker:
        for number in range(5):
            demo.write("res.partner", contacts[:4], name=f"Round {number}")
            pause = Pause(demo, "res.partner", "read")
            running = queued()
            eventually(pause.reached.is_set, 60, log)
            lost = request("contacts", "changes", trigger=SyncRun.Trigger.API)
            services("kill", "redis")
            unsent = request("contacts", "changes", trigger=SyncRun.Trigger.API)
            assert unsent.status == Status.QUEUED
            pause.go.set()
            eventually(partial(ended, running), 60, log)
            assert running.status == Status.SUCCEEDED
            services("start", "redis")
            for row in (lost, unsent):
                swept(row, log)
                assert row.status in (Status.SUCCEEDED, Status.SKIPPED), row.error
            check("contacts")
        assert worker.poll() is None


@contextmanager
def redis_behind_a_proxy() -> Iterator[tuple[DroppingProxy, str]]:
    """The proxy, and Redis's address through it."""
    with dropping_proxy(settings.REDIS_URL) as proxy:
        url = urlsplit(settings.REDIS_URL)
        yield proxy, url._replace(netloc=f"127.0.0.1:{proxy.port}").geturl()


@pytest.mark.processes
@pytest.mark.redis
def test_a_worker_whose_redis_falls_silent_without_closing_notices_and_goes_on(
    demo: DemoOdoo, check: Checker, log: Path
) -> None:
    acme = demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    with redis_behind_a_proxy() as (proxy, url), a_worker(log, REDIS_URL=url) as worker:
        row = queued()
        eventually(partial(ended, row), 60, log)
        demo.write("res.partner", [acme], name="Written in silence")
        proxy.drop()
        # With the sweeper: a hint that was under way when the silence began is lost.
        row = request("contacts", "changes", trigger=SyncRun.Trigger.API)
        swept(row, log, 90)
        assert row.status == Status.SUCCEEDED, row.error
        check("contacts")
        assert worker.poll() is None


def swept(row: SyncRun, log: Path, seconds: float = 60) -> None:
    """Wait until ``row`` has ended, sweeping as the schedule does, though more often."""

    def done() -> bool:
        if ended(row):
            return True
        minute_ago = timezone.now() - timedelta(minutes=1)
        SyncRun.objects.filter(pk=row.pk, status=Status.QUEUED).update(queued_at=minute_ago)
        tasks.sweep()
        time.sleep(0.5)
        return False

    eventually(done, seconds, log)
