"""Every program ends with a few lines, never a traceback, when the reason lies outside of its code."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from odoo_bridge.runtime.startup import explain
from odoo_bridge.tests.programs import free_port

ROOT: Path = settings.BASE_DIR
PYTHON = Path(sys.executable)
WRONG = {
    "SECRET_KEY": "",
    "REDIS_URL": "redis://:secret-of/redis@redis/0",
    "DATABASE_URL": "postgres://bridge:secret-of/db@db:5432/bridge",
}


def run(*command: str | Path, **values: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        # Each program chooses the settings itself.
        env={k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"} | values,
        capture_output=True,
        text=True,
        timeout=120,
    )


def told(result: subprocess.CompletedProcess[str]) -> str:
    text = result.stdout + result.stderr
    assert "Traceback" not in text
    assert "secret-of" not in text
    return text


@pytest.mark.processes
@pytest.mark.parametrize(
    ("code", "command"),
    [
        (2, ["manage.py", "check"]),
        (2, ["manage.py", "migrate"]),
        (2, ["manage.py", "start"]),
        (2, ["manage.py", "check_odoo"]),
        (2, ["manage.py", "sync_odoo", "contacts"]),
        (2, ["-m", "celery", "-A", "odoo_bridge", "worker"]),
        (2, ["-m", "celery", "-A", "odoo_bridge", "beat"]),
        (2, ["-m", "pytest", "odoo_bridge/tests/engine/test_plan.py"]),
        (4, ["-c", "import odoo_bridge.wsgi"]),
        (
            2,
            [
                "-m",
                "gunicorn",
                "--config",
                "odoo_bridge/gunicorn.py",
                "--bind",
                "127.0.0.1:0",
                "odoo_bridge.wsgi",
            ],
        ),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else None,
)
def test_every_program_names_all_settings_that_are_wrong(code: int, command: list[str]):
    result = run(PYTHON, *command, **WRONG)
    assert result.returncode == code
    text = told(result)
    # The tests have secrets of their own.
    assert "pytest" in command or "SECRET_KEY is not set" in text
    assert "REDIS_URL must look like" in text and "DATABASE_URL must look like" in text


@pytest.mark.processes
@pytest.mark.parametrize("command", [["sync_odoo", "contacts"], ["start", "--port", "0"]])
def test_a_postgresql_that_is_away_is_named(command: list[str]):
    nobody = free_port()
    url = f"postgres://bridge:secret-of@127.0.0.1:{nobody}/bridge"
    result = run(PYTHON, "manage.py", *command, DATABASE_URL=url, ONE_PROCESS="1", REDIS_URL="")
    assert result.returncode == 1
    assert f"PostgreSQL at 127.0.0.1:{nobody}, database bridge" in told(result)
    assert "DATABASE_URL" in result.stderr


@pytest.mark.processes
def test_a_file_of_sqlite_that_cannot_be_written_is_named(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/none/bridge.sqlite3"
    result = run(PYTHON, "manage.py", "migrate", DATABASE_URL=url, ONE_PROCESS="1", REDIS_URL="")
    assert result.returncode == 1
    assert f"{tmp_path}/none/bridge.sqlite3" in told(result)


@pytest.mark.processes
def test_migrations_that_are_missing_are_named(tmp_path: Path):
    empty = f"sqlite:///{tmp_path}/bridge.sqlite3"
    result = run(
        PYTHON, "manage.py", "sync_odoo", DATABASE_URL=empty, ONE_PROCESS="1", REDIS_URL=""
    )
    assert result.returncode == 1
    assert "migrations are not applied" in told(result) and "manage.py migrate" in result.stderr


@pytest.mark.processes
def test_check_odoo_ends_with_a_verdict_on_our_own_database_too(tmp_path: Path):
    empty = f"sqlite:///{tmp_path}/bridge.sqlite3"
    result = run(
        PYTHON,
        "manage.py",
        "check_odoo",
        "--json",
        DATABASE_URL=empty,
        ONE_PROCESS="1",
        REDIS_URL="",
    )
    assert result.returncode == 1
    told(result)
    report = json.loads(result.stdout)
    assert [problem["code"] for problem in report["problems"]] == ["odoo_unavailable", "database"]
    assert "manage.py migrate" in report["problems"][1]["remedy"]


@pytest.mark.processes
def test_start_names_a_redis_that_is_away(tmp_path: Path):
    result = run(
        PYTHON,
        "manage.py",
        "start",
        "--port=0",
        DATABASE_URL=f"sqlite:///{tmp_path}/bridge.sqlite3",
        ONE_PROCESS="1",
        REDIS_URL=f"redis://:secret-of@127.0.0.1:{free_port()}/0",
    )
    assert result.returncode == 1
    assert "Redis at 127.0.0.1" in told(result) and "REDIS_URL" in result.stderr
    assert not (tmp_path / "bridge.sqlite3").exists()


def test_start_names_a_port_that_is_taken(settings):
    settings.ONE_PROCESS = True
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} .* not available .* --port"):
            call_command("start", "--port", str(port))


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_start_refuses_what_is_no_port(port: str):
    with pytest.raises(CommandError, match="is not a port"):
        call_command("start", f"--port={port}")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError) as caught:
        (tmp_path / "file" / "var").mkdir()
    assert f"{tmp_path}/file/var" in (explain(caught.value) or "")


@pytest.mark.django_db(transaction=True)
def test_an_error_of_the_code_keeps_its_traceback():
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM nothing_of_this_name")
    except Exception as exc:
        # All migrations are applied: the statement is wrong.
        assert explain(exc) is None
    assert explain(ValueError("no")) is None


# bin/start ----------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What bin/start needs, with the packages of the tests."""
    ignored = shutil.ignore_patterns("tests", "__pycache__")
    for name in ("bin", "odoo_bridge", "accounts", "contacts", "invoices"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    requirements = sorted(ROOT.glob("requirements*.txt"))
    for path in (ROOT / "manage.py", *requirements):
        shutil.copy(path, tmp_path)
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(PYTHON)
    for name in ("lib", "pyvenv.cfg"):
        (venv / name).symlink_to(PYTHON.parent.parent / name)
    installed = "".join(path.read_text() for path in requirements)
    (venv / ".installed-requirements.txt").write_text(installed)
    return tmp_path


def bin_start(checkout: Path) -> subprocess.CompletedProcess[str]:
    """Run it as far as the settings: the address it is given is refused right after them."""
    return subprocess.run(
        [checkout / "bin" / "start", "--host", "192.0.2.1"],
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.processes
def test_bin_start_takes_env_example_untouched_and_with_an_odoo(checkout: Path):
    shutil.copy(ROOT / ".env-example", checkout / ".env")
    untouched = bin_start(checkout)
    assert "loopback" in told(untouched)
    assert "ODOO_DB=demo" in (checkout / "var" / "one-process.env").read_text()

    filled = (checkout / ".env").read_text()
    for name in ("ODOO_URL", "ODOO_USERNAME", "ODOO_PASSWORD"):
        filled = filled.replace(f"\n{name}=", f"\n{name}=http://127.0.0.1:9")
    (checkout / ".env").write_text(filled)
    assert "loopback" in told(bin_start(checkout))
    assert "ODOO_DB" not in (checkout / "var" / "one-process.env").read_text()


@pytest.mark.processes
def test_bin_start_names_what_is_missing_of_an_odoo(checkout: Path):
    (checkout / ".env").write_text("ODOO_PASSWORD=secret-of\n")
    result = bin_start(checkout)
    assert result.returncode == 2
    assert "ODOO_URL is not set" in told(result) and "ODOO_USERNAME is not set" in result.stderr


@pytest.mark.processes
def test_bin_start_names_a_dotenv_or_a_folder_it_cannot_use(checkout: Path):
    (checkout / "var").write_text("")
    blocked = bin_start(checkout)
    assert blocked.returncode == 1
    assert "make that folder writable" in told(blocked)
    (checkout / ".env").mkdir()
    unread = bin_start(checkout)
    assert unread.returncode == 2
    assert ".env cannot be read" in told(unread)
