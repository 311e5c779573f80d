"""Programs that tests start, stop and kill: Celery's worker and beat, PostgreSQL and Redis."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from odoo_bridge.models import SyncRun

_FROM_SETTINGS = ("ODOO_URL", "ODOO_PASSWORD", "ODOO_API_KEY", "ODOO_PAGE_SIZE", "ODOO_CONNECTIONS")


def database_of_the_test() -> str:
    """The address of the database the tests use, for a program that is no test."""
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    return f"{base}/{connection.settings_dict['NAME']}"


def environment_of_the_test() -> dict[str, str]:
    """The environment for a program that shall use the database and the Odoo of the test."""
    return {
        **os.environ,
        "DATABASE_URL": database_of_the_test(),
        **{name: str(getattr(settings, name)) for name in _FROM_SETTINGS},
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def a_program(log: Path, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m ...``, in a process group of its own, ended with the block if it has not."""
    with log.open("wb") as output:
        program = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=settings.BASE_DIR,
            env={**environment_of_the_test(), **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield program
        finally:
            if program.poll() is None:
                program.send_signal(signal.SIGTERM)
            try:
                program.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()


@contextmanager
def a_worker(
    log: Path, children: int = 2, pool: str = "prefork", **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """``celery worker`` as a deployment runs it, on the database and the Odoo of the test."""
    command = ["celery", "-A", "odoo_bridge", "worker", "-P", pool, "-c", str(children)]
    with a_program(log, *command, "-l", "INFO", **environment) as worker:
        yield worker


@contextmanager
def a_beat(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with a_program(log, "celery", "-A", "odoo_bridge", "beat", "-l", "INFO") as beat:
        yield beat


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def eventually(true: Callable[[], Any], seconds: float = 20, log: Path | None = None) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, log.read_text()[-3000:] if log else "it never came true"
        time.sleep(0.1)


def ended(run: SyncRun) -> bool:
    run.refresh_from_db()
    return run.status not in (SyncRun.Status.QUEUED, SyncRun.Status.RUNNING)


def services(*words: str) -> None:
    """``bin/services``: stop, start, restart or kill what the tests talk to."""
    subprocess.run([os.environ["TEST_SERVICES"], *words], check=True, timeout=60)
