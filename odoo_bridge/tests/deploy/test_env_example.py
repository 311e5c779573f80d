"""``.env-example`` lists what the settings read; what is missing or wrong is named, all at once."""

import os
import re
import runpy
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from odoo_bridge.runtime.environment import ConfigurationError

ROOT: Path = settings.BASE_DIR
READ = re.compile(r'env\.(?!read_file|is_set|wrong|stop)\w+\(\s*"([A-Z_0-9]+)"')
LISTED = re.compile(r"^#?([A-Z][A-Z_0-9]*)=(.*)$", re.MULTILINE)
# Those that docker-compose.yml reads, and the settings do not.
COMPOSE = ["POSTGRES_PASSWORD", "REDIS_PASSWORD"]

WORKING = {
    "SECRET_KEY": "s" * 50,
    "JWT_SIGNING_KEY": "j" * 32,
    "ODOO_URL": "https://odoo.example.com",
    "ODOO_USERNAME": "bridge",
    "ODOO_PASSWORD": "secret-of-odoo",
    "DATABASE_URL": "postgres://bridge:secret-of-db@db.example.com/bridge",
    "REDIS_URL": "redis://redis.example.com:6379/0",
}
REQUIRED = ["SECRET_KEY", "JWT_SIGNING_KEY", "ODOO_URL", "DATABASE_URL", "REDIS_URL"]

# Values that cannot be used, of every variable. "secret-of" must not be shown.
WRONG = {
    "SECRET_KEY": ["secret-of", "secret-of\n" + "s" * 50],
    "JWT_SIGNING_KEY": ["secret-of"],
    "ODOO_URL": [
        "odoo.example.com",
        "ftp://odoo.example.com",
        "https://user:secret-of-odoo@odoo.example.com",
        "https://user:1/secret-of@odoo.example.com",
        "https://:secret-of-odoo@odoo.example.com",
        "https://[odoo",
        "https://odoo.example.com:port",
        "https://odoo.example.com:99999",
        "https://odoo example.com",
        "https://odoo..example.com",
        "'https://odoo.example.com'",
        "https://odoo.example.com/web",
        "https://odoo.example.com/web#action=7",
        "https://odoo.example.com/odoo/contacts",
        "https://odoo.example.com?db=x",
        "https://odoo.exam\tple.com",
    ],
    "ODOO_WEB_URL": ["odoo.example.com", "https://user:secret-of-odoo@odoo.example.com"],
    "ODOO_DB": ["secret-of\x07"],
    "ODOO_USERNAME": ["secret-of\x07"],
    "ODOO_PASSWORD": ["secret-of\nodoo", "secret-of\udcff"],
    "ODOO_API_KEY": ["secret-of odoo", "secret-of\r\nHost: x", "secret-of-ö"],
    "ODOO_COMPANY_IDS": ["1,two", "0", "-1", "1;2", "99999999999", "²"],
    "ODOO_CONNECTIONS": ["0", "33", "many", "1.5", "NaN"],
    "ODOO_LIVE_SECONDS": ["0", "soon", "3601"],
    "ODOO_PAGE_SIZE": ["10001", "0", "1e3"],
    "ODOO_TIMEOUT_SECONDS": ["0", "nan", "inf", "1e300", "soon"],
    "ODOO_REFRESH_SECONDS": ["0", "nan", "1e300", "x"],
    "ODOO_OVERLAP_SECONDS": ["60", "86401", "5m"],
    "ODOO_MAX_GONE_PERCENT": ["-1", "101", "nan", "5%"],
    "ODOO_EXTRA_FIELDS": [
        "x_loyalty",
        "res.partner:",
        ":x_loyalty",
        "res.partner:x y",
        "a:b:c",
        "a:b!!",
    ],
    "DATABASE_URL": [
        "mysql://bridge:secret-of-db@db/bridge",
        "bridge",
        "secret-of-db",
        "postgres://",
        "postgres://db",
        "postgres://db/",
        "postgres://bridge:secret-of/db@db:5432/bridge",
        "postgres://bridge:1/secret-of@db:5432/bridge",
        "postgres://bridge:secret-of?db@db/bridge",
        "postgres://bridge:1?secret-of@db/bridge",
        "postgres://bridge:secret-of#db@db/bridge",
        "postgres://bridge:1#secret-of@db/bridge",
        "postgres://bridge:secret-of@[db/bridge",
        "postgres://bridge:secret-of@[::1/bridge",
        "postgres://bridge:secret-of@db:port/bridge",
        "postgres://bridge:secret-of@db:99999/bridge",
        "postgres://bridge:secret-of%00@db/bridge",
        "postgres://bridge:secret of@db/bridge",
        '"postgres://bridge:secret-of@db/bridge"',
        "sqlite:bridge.sqlite3",
        "sqlite://bridge.sqlite3",
    ],
    "CACHE_URL": ["memcached://cache", "redis://:secret-of/cache@redis:6379/1"],
    "REDIS_URL": [
        "memory://",
        "redis.example.com",
        "redis://",
        "redis:///0",
        "http://redis.example.com",
        "redis://:secret-of/redis@redis:6379/0",
        "redis://:1/secret-of@redis:6379/0",
        "redis://:1?secret-of@redis:6379/0",
        "redis://:secret-of#redis@redis:6379/0",
        "redis://:1#secret-of@redis:6379/0",
        "redis://:secret-of@redis:port/0",
        "redis://:secret-of@redis:99999/0",
        "redis://:secret-of@[redis/0",
        "redis://redis/secret-of",
        "redis://redis/-1",
        "redis://redis/0/1",
        "'redis://redis/0'",
    ],
    "WEB_STATEMENT_TIMEOUT_SECONDS": ["-1", "3601", "nan", "30s"],
    "ALLOWED_HOSTS": ["https://bridge.example.com", "bridge:8000", "bridge.example.com/x", "a b"],
    "CSRF_TRUSTED_ORIGINS": ["bridge.example.com", "https://bridge.example.com/x", "https://"],
    "NUM_PROXIES": ["one", "-1"],
    "INSECURE_HTTP": ["maybe", "2"],
    "DEBUG": ["ture"],
    "REGISTRATION": ["public", "OPEN"],
    "REQUIRE_TOTP": ["everybody", "1"],
    "PUBLIC_URL": ["bridge.example.com", "https://user:secret-of@bridge.example.com"],
    "EMAIL_URL": [
        "mail.example.com",
        "smtp://",
        "imap://user:secret-of-mail@mail.example.com",
        "smtp://user:secret-of-mail@mail.example.com:port",
        "smtp://user:1/secret-of-mail@mail.example.com",
        "smtp+tls://user:secret-of-mail@mail.example.com/path",
    ],
    "DEFAULT_FROM_EMAIL": ["bridge", "a@b@c", "Bridge bridge@example.com", "a@b\nBcc: x@y"],
    "JWT_ACCESS_MINUTES": ["0", "1441"],
    "JWT_REFRESH_DAYS": ["1.5", "0"],
    "ONE_PROCESS": ["2", "yess"],
    "LOG_LEVEL": ["LOUD", "info"],
    "LOG_FORMAT": ["xml"],
}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Load the settings as from a checkout of its own, with these variables and this ``.env``."""
    (tmp_path / "odoo_bridge").mkdir()
    path = shutil.copy(ROOT / "odoo_bridge" / "settings.py", tmp_path / "odoo_bridge")

    def given(dotenv: bytes | None = None, /, **values: str | None) -> dict[str, Any]:
        for name in list(os.environ):
            monkeypatch.delenv(name)
        for name, value in values.items():
            if value is not None:
                monkeypatch.setenv(name, value)
        if dotenv is not None:
            (tmp_path / ".env").write_bytes(dotenv)
        return runpy.run_path(str(path))

    return given


def problems(load, dotenv: bytes | None = None, /, **values: str | None) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load(dotenv, **values)
    assert "secret-of" not in str(caught.value)
    return caught.value.problems


def test_env_example_lists_exactly_what_the_settings_read():
    read = set(READ.findall((ROOT / "odoo_bridge" / "settings.py").read_text()))
    listed = [name for name, _ in LISTED.findall((ROOT / ".env-example").read_text())]
    assert sorted(listed) == sorted([*read, *COMPOSE])


def test_every_variable_has_a_line_on_its_meaning():
    lines = (ROOT / ".env-example").read_text().splitlines()
    for before, line in pairwise(lines):
        if LISTED.match(line):
            assert before.startswith("# "), line


def test_the_defaults_shown_are_the_defaults(load):
    shown = {
        name: value
        for name, value in LISTED.findall((ROOT / ".env-example").read_text())
        if name not in WORKING and name != "ODOO_EXTRA_FIELDS"
    }
    plain, spelled = (
        {name: value for name, value in loaded.items() if name.isupper()}
        for loaded in (load(**WORKING), load(**{**WORKING, **shown}))
    )
    assert plain == spelled


def test_an_untouched_env_example_sets_nothing(load):
    example = (ROOT / ".env-example").read_bytes()
    assert set(problems(load, example)) == {*REQUIRED, "ODOO_USERNAME"}
    assert set(problems(load, example, ONE_PROCESS="1")) == {
        "ODOO_URL",
        "ODOO_USERNAME",
        "SECRET_KEY",
        "JWT_SIGNING_KEY",
    }


def test_every_variable_has_values_that_are_refused():
    listed = {name for name, _ in LISTED.findall((ROOT / ".env-example").read_text())}
    assert set(WRONG) == listed - {*COMPOSE}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_what_cannot_be_used_is_named(load, name: str, value: str):
    assert list(problems(load, **{**WORKING, name: value})) == [name]


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, "", " "], ids=["missing", "empty", "blank"])
def test_what_is_missing_is_named(load, name: str, value: str | None):
    found = problems(load, **{**WORKING, name: value})
    assert list(found) == [name]
    assert value == " " or "not set" in found[name]


def test_all_that_is_missing_or_wrong_is_named_at_once(load):
    wrong = {name: values[0] for name, values in WRONG.items()}
    assert set(problems(load, **wrong)) == set(WRONG)


@pytest.mark.parametrize("name", sorted(set(WRONG) - set(REQUIRED) - {"ODOO_PASSWORD"}))
def test_an_empty_variable_is_one_that_is_not_set(load, name: str):
    working = WORKING | ({"ODOO_API_KEY": "key"} if name == "ODOO_USERNAME" else {})
    absent, empty = (load(**{**working, name: value}) for value in (None, ""))
    of_both = [
        {name: value for name, value in one.items() if name.isupper()} for one in (absent, empty)
    ]
    assert of_both[0] == of_both[1]


@pytest.mark.parametrize(
    ("scheme", "port", "starttls", "tls"),
    [("smtp", 25, False, False), ("smtp+tls", 587, True, False), ("smtp+ssl", 465, False, True)],
)
def test_addresses_of_mail_servers(load, scheme: str, port: int, starttls: bool, tls: bool):
    given = {
        "EMAIL_URL": f"{scheme}://user%40example.com:p%3A%2Fw@mail.example.com",
        "DEFAULT_FROM_EMAIL": "Bridge <bridge@example.com>",
        "PUBLIC_URL": "https://bridge.example.com/",
    }
    found = load(**WORKING, **given)
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example.com", port)
    assert found["EMAIL_HOST_USER"] == "user@example.com"
    assert found["EMAIL_HOST_PASSWORD"] == "p:/w"
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (starttls, tls)
    assert (found["MAIL_ENABLED"], found["PUBLIC_URL"]) == (True, "https://bridge.example.com")


def test_a_mail_server_needs_a_sender_and_an_address_for_its_links(load):
    found = problems(load, **WORKING, EMAIL_URL="smtp://mail.example.com")
    assert set(found) == {"DEFAULT_FROM_EMAIL", "PUBLIC_URL"}
    assert load(**WORKING)["MAIL_ENABLED"] is False


def test_a_login_for_odoo_is_needed(load):
    assert "ODOO_PASSWORD" in problems(load, **{**WORKING, "ODOO_PASSWORD": ""})
    nothing = {"ODOO_USERNAME": "", "ODOO_PASSWORD": ""}
    assert "ODOO_API_KEY" in problems(load, **{**WORKING, **nothing})["ODOO_USERNAME"]
    assert load(**{**WORKING, **nothing, "ODOO_API_KEY": "key"})["ODOO_API_KEY"] == "key"


@pytest.mark.parametrize(
    ("url", "password", "host", "port"),
    [
        ("postgres://bridge:a%2Fb%40c%23d%3Fe%25f@db/bridge", "a/b@c#d?e%f", "db", ""),
        ("postgres://bridge:x@[::1]:5433/bridge", "x", "::1", 5433),
        ("postgresql://bridge@/bridge", "", "", ""),
        ("postgres:////var/run/postgresql/bridge", "", "/var/run/postgresql", ""),
        ("postgres://bridge:$x:y'z@db/bridge", "$x:y'z", "db", ""),
    ],
)
def test_addresses_of_postgresql(load, url: str, password: str, host: str, port: Any):
    found = load(**{**WORKING, "DATABASE_URL": url})["DATABASES"]["default"]
    assert (found["PASSWORD"], found["HOST"], found["PORT"]) == (password, host, port)
    assert found["NAME"] == "bridge"


@pytest.mark.parametrize(
    "url", ["redis://[::1]:6379/0", "rediss://:a%2Fb@redis", "redis://u:p@r/15"]
)
def test_addresses_of_redis(load, url: str):
    assert load(**{**WORKING, "REDIS_URL": url})["CELERY_BROKER_URL"] == url


def test_the_one_process_needs_no_database_and_no_redis(load):
    loaded = load(**{**WORKING, "ONE_PROCESS": "1", "DATABASE_URL": None, "REDIS_URL": None})
    assert "sqlite3" in loaded["DATABASES"]["default"]["ENGINE"]


# .env ---------------------------------------------------------------------------------------------

DOTENV = "\n".join(f"{name}={value}" for name, value in WORKING.items())


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("ODOO_PASSWORD=a", "a"),
        ("ODOO_PASSWORD=a b ", "a b"),
        ("ODOO_PASSWORD= a # a comment", "a"),
        ("ODOO_PASSWORD=a#b", "a#b"),
        ("ODOO_PASSWORD=$a", "$a"),
        ("ODOO_PASSWORD=a'b\"c", "a'b\"c"),
        ("ODOO_PASSWORD=' a # b '", " a # b "),
        ("ODOO_PASSWORD='a' # a comment", "a"),
        (r"ODOO_PASSWORD='a\n'", r"a\n"),
        (r'ODOO_PASSWORD="a\"b\\c" # a comment', 'a"b\\c'),
        ("  export ODOO_PASSWORD=ä€", "ä€"),
        ("ODOO_PASSWORD=a\nODOO_PASSWORD=b", "b"),
        ("ODOO_PASSWORD=a\n  # a comment\n\n", "a"),
    ],
)
@pytest.mark.parametrize(
    ("end", "mark"), [("\n", ""), ("\r\n", "\ufeff")], ids=["Unix", "Windows with a mark"]
)
def test_lines_of_dotenv(load, line: str, password: str, end: str, mark: str):
    text = mark + f"{line}\n{DOTENV.replace('ODOO_PASSWORD', '#')}\nODOO_DB=\n"
    loaded = load(text.replace("\n", end).encode())
    assert (loaded["ODOO_PASSWORD"], loaded["ODOO_DB"]) == (password, "")


@pytest.mark.parametrize(
    "line",
    [
        "ODOO_DB = secret-of",
        "ODOO_DB",
        "ODOO_DB='secret-of",
        'ODOO_DB="secret-of" x',
        "ODOO_DB=a\0b",
    ],
)
def test_a_line_of_dotenv_that_is_none_is_named_by_its_number(load, line: str):
    assert list(problems(load, f"{DOTENV}\n{line}\n".encode())) == [".env, line 8,"]


@pytest.mark.parametrize("content", [b"\xff\xfeO\x00D\x00", b"ODOO_DB=\xe4"])
def test_a_dotenv_that_is_not_utf_8_is_named(load, content: bytes):
    assert "UTF-8" in problems(load, content, **WORKING)[".env"]


@pytest.mark.parametrize("kind", ["folder", "loop"])
def test_a_dotenv_that_cannot_be_read_is_named(load, tmp_path: Path, kind: str):
    if kind == "folder":
        (tmp_path / ".env").mkdir()
    else:
        (tmp_path / ".env").symlink_to(".env")
    assert "cannot be read" in problems(load, **WORKING)[".env"]


def test_the_environment_wins_and_an_empty_variable_there_too(load):
    loaded = load(f"{DOTENV}\nODOO_DB=a\nODOO_API_KEY=b\n".encode(), ODOO_DB="c", ODOO_API_KEY="")
    assert (loaded["ODOO_DB"], loaded["ODOO_API_KEY"]) == ("c", "")


def test_the_demos_login_is_not_used_for_another_odoo(load, tmp_path: Path):
    (tmp_path / "var").mkdir()
    kept = f"ONE_PROCESS=1\nODOO_DB=demo\n{DOTENV.replace('odoo.example.com', 'demo')}"
    (tmp_path / "var" / "one-process.env").write_text(kept)
    assert load()["ODOO_DB"] == "demo"
    assert set(problems(load, b"ODOO_URL=https://mine.example.com\nSECRET_KEY=\n")) == {
        "ODOO_USERNAME"
    }
