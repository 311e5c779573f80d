"""The one-process mode, as bin/start calls it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings


def start(tmp_path: Path, *words: str, **values: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "ONE_PROCESS": "1",
        "REGISTRATION": "open",
        "DATABASE_URL": f"sqlite:///{tmp_path}/bridge.sqlite3",
        "REDIS_URL": "",
        "NO_COLOR": "1",
        "COLUMNS": "200",
        **values,
    }
    return subprocess.run(
        [sys.executable, "manage.py", "start", *words],
        cwd=settings.BASE_DIR,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.processes
def test_everything_works_once_from_an_empty_database(tmp_path: Path):
    result = start(tmp_path, "--check", "--demo", ODOO_URL="http://127.0.0.1:8769")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "One-process mode" in result.stdout
    assert "Everything works." in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.processes
def test_the_admins_password_is_shown_once(tmp_path: Path):
    # Nothing listens on port 9: the copy fails, after the admin was made.
    first = start(tmp_path, "--check", ODOO_URL="http://127.0.0.1:9", ODOO_TIMEOUT_SECONDS="1")
    again = start(tmp_path, "--check", ODOO_URL="http://127.0.0.1:9", ODOO_TIMEOUT_SECONDS="1")
    assert (first.returncode, again.returncode) == (1, 1)
    assert "password" in first.stdout
    assert "password" not in again.stdout


@pytest.mark.processes
@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "bridge.example.com"])
def test_another_address_than_loopback_is_refused(tmp_path: Path, host: str):
    result = start(tmp_path, "--host", host)
    assert result.returncode == 1
    assert "loopback" in result.stderr
    assert not (tmp_path / "bridge.sqlite3").exists()


@pytest.mark.processes
def test_a_deployment_is_told_its_three_programs(tmp_path: Path):
    result = start(tmp_path, ONE_PROCESS="0", REDIS_URL="redis://127.0.0.1:9/0")
    assert result.returncode == 1
    assert "celery -A odoo_bridge beat" in result.stderr
