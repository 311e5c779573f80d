"""``.env-example`` lists what the settings read; what is missing or impossible names itself."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR
READ = re.compile(
    r'(?:env\.\w+|_one_of|_whole|_at_least|_yes_no|_ids|_http_url|_redis_url|_database)\(\s*"([A-Z_0-9]+)"'
)
LISTED = re.compile(r"^#?([A-Z][A-Z_0-9]*)=(.*)$", re.MULTILINE)

WORKING = {
    "SECRET_KEY": "s" * 50,
    "JWT_SIGNING_KEY": "j" * 32,
    "ODOO_URL": "https://odoo.example.com",
    "ODOO_USERNAME": "bridge",
    "ODOO_PASSWORD": "secret-of-odoo",
    "DATABASE_URL": "postgres://bridge:secret-of-db@db.example.com/bridge",
    "REDIS_URL": "redis://redis.example.com:6379/0",
}


def start(**values: str | None) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of their own. None leaves a variable out."""
    given = {name: value for name, value in {**WORKING, **values}.items() if value is not None}
    # Not in the checkout: its .env and var/ belong to whoever works there.
    code = (
        "import pathlib, runpy, environ; environ.Env.read_env = lambda *a, **k: None; "
        "s = runpy.run_path('odoo_bridge/settings.py'); print(s['DATABASES']['default']['ENGINE'])"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_env_example_lists_exactly_what_the_settings_read():
    read = set(READ.findall((ROOT / "odoo_bridge" / "settings.py").read_text()))
    listed = [name for name, _ in LISTED.findall((ROOT / ".env-example").read_text())]
    assert sorted(listed) == sorted(read)


def test_every_variable_has_a_line_on_its_meaning():
    lines = (ROOT / ".env-example").read_text().splitlines()
    for before, line in pairwise(lines):
        if LISTED.match(line):
            assert before.startswith("# "), line


def test_the_defaults_shown_are_the_defaults():
    shown = {
        name: value
        for name, value in LISTED.findall((ROOT / ".env-example").read_text())
        if name not in WORKING and name != "ODOO_EXTRA_FIELDS"
    }
    plain, spelled = start(), start(**shown)
    assert plain.returncode == spelled.returncode == 0, spelled.stderr


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "JWT_SIGNING_KEY", "ODOO_URL", "DATABASE_URL", "REDIS_URL"]
)
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_what_is_missing_stops_the_start_and_is_named(name: str, value: str | None):
    result = start(**{name: value})
    assert result.returncode != 0
    assert name in result.stderr.splitlines()[-1]


def test_a_login_for_odoo_is_needed():
    result = start(ODOO_PASSWORD="")
    assert result.returncode != 0
    assert "ODOO_PASSWORD" in result.stderr.splitlines()[-1]
    assert start(ODOO_USERNAME="", ODOO_PASSWORD="", ODOO_API_KEY="key").returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("JWT_SIGNING_KEY", "short"),
        ("ODOO_URL", "odoo.example.com"),
        ("ODOO_URL", "ftp://odoo.example.com"),
        ("ODOO_URL", "https://user:secret-of-odoo@odoo.example.com"),
        ("ODOO_URL", "https://[odoo"),
        ("ODOO_URL", "https://odoo.example.com:port"),
        ("DATABASE_URL", "mysql://bridge:secret-of-db@db/bridge"),
        ("DATABASE_URL", "bridge"),
        ("REDIS_URL", "memory://"),
        ("REDIS_URL", "redis.example.com"),
        ("ODOO_COMPANY_IDS", "1,two"),
        ("ODOO_CONNECTIONS", "0"),
        ("ODOO_CONNECTIONS", "many"),
        ("ODOO_PAGE_SIZE", "10001"),
        ("ODOO_TIMEOUT_SECONDS", "0"),
        ("ODOO_TIMEOUT_SECONDS", "nan"),
        ("ODOO_OVERLAP_SECONDS", "60"),
        ("ODOO_MAX_GONE_PERCENT", "-1"),
        ("ODOO_EXTRA_FIELDS", "x_loyalty"),
        ("DEBUG", "ture"),
        ("INSECURE_HTTP", "maybe"),
        ("ONE_PROCESS", "2"),
        ("NUM_PROXIES", "one"),
        ("REGISTRATION", "public"),
        ("JWT_ACCESS_MINUTES", "0"),
        ("JWT_REFRESH_DAYS", "1.5"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_what_is_impossible_stops_the_start_and_is_named(name: str, value: str):
    result = start(**{name: value})
    assert result.returncode != 0
    assert name in result.stderr.splitlines()[-1]
    assert "secret-of" not in result.stderr


def test_the_one_process_needs_no_database_and_no_redis():
    result = start(ONE_PROCESS="1", DATABASE_URL=None, REDIS_URL=None)
    assert result.returncode == 0, result.stderr
    assert "sqlite3" in result.stdout
