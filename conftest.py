"""What every test stands on: an environment of its own, no network, an empty demo Odoo."""

import gc
import os
import socket
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from odoo_bridge.runtime.startup import stop

# Before Django loads the settings. A developer's .env and shell must not change what tests see;
# only where PostgreSQL and Redis are is theirs to say.
environ.Env.read_env(Path(__file__).parent / "odoo_bridge" / "tests" / "test.env", overwrite=True)
_scratch = tempfile.TemporaryDirectory(prefix="odoo-bridge-tests-")
os.environ.setdefault("DATABASE_URL", f"sqlite:///{_scratch.name}/bridge.sqlite3")
os.environ.setdefault("REDIS_URL", "")
# Without Redis there is only the broker in memory, which is allowed in one process alone.
os.environ["ONE_PROCESS"] = "0" if os.environ["REDIS_URL"] else "1"
os.environ["DJANGO_SETTINGS_MODULE"] = "odoo_bridge.settings"

try:
    import_module(os.environ["DJANGO_SETTINGS_MODULE"])
except ImproperlyConfigured as problems:
    # The addresses of PostgreSQL and Redis are the caller's. pytest would show where this is raised.
    stop(str(problems))

ON_POSTGRES = os.environ["DATABASE_URL"].startswith("postgres")
ON_REDIS = bool(os.environ["REDIS_URL"])


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    for noun in settings.NOUNS:
        config.addinivalue_line("filterwarnings", f"error::RuntimeWarning:{noun}")
    if not ON_POSTGRES:
        # A file, not SQLite's database in memory: threads then see one database, as in bin/start.
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = (
            f"{_scratch.name}/test.sqlite3"
        )
    # As if somebody had run collectstatic.
    settings.STATIC_ROOT = f"{_scratch.name}/static"
    (Path(settings.STATIC_ROOT) / "admin").mkdir(parents=True)
    # A live server's thread must not keep its connection when the test database is dropped.
    settings.DATABASES["default"]["CONN_MAX_AGE"] = 0
    # Argon2 is slow on purpose; no test is about that.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """Give each parallel process two Redis databases of its own: for the queue, and the next one for
    the cache. A Redis has 16, enough for the eight processes that bin/test starts.

    Through its environment: it loads the settings before it comes to this file.
    """
    if ON_REDIS:
        for number, spec in enumerate(specs):
            url = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{2 * number}")
            spec.env["REDIS_URL"] = url.geturl()


def pytest_unconfigure(config: pytest.Config) -> None:
    _scratch.cleanup()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("LONG") != "1":
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
    _slow_ones_first(items)
    absent = {
        "postgres": None if ON_POSTGRES else "PostgreSQL: DATABASE_URL names none",
        "redis": None if ON_REDIS else "Redis: REDIS_URL names none",
        "services": None
        if "TEST_SERVICES" in os.environ
        else "PostgreSQL and Redis are not ours to stop: their addresses were given",
    }
    for item in items:
        for marker, reason in absent.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def _slow_ones_first(items: list[pytest.Item]) -> None:
    """Of the tests that empty the tables, which come last: a parallel process that is given a slow
    one at the end works on while the others have nothing left to do."""

    def empties_tables(item: pytest.Item) -> bool:
        mark = item.get_closest_marker("django_db")
        return bool(mark and mark.kwargs.get("transaction"))

    at = next((place for place, item in enumerate(items) if empties_tables(item)), len(items))
    # Too slow for coverage, too.
    items[at:] = sorted(items[at:], key=lambda item: not item.get_closest_marker("no_cover"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """CI=true: a skipped test counts as a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("CI") == "true" and skipped and exitstatus == 0:
        reporter.write_line(f"CI=true: {len(skipped)} tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def _only_this_machine() -> Iterator[None]:
    """Refuse connections to anywhere but this machine and the services the environment names."""
    named = {
        urlsplit(os.environ.get(name, "")).hostname
        for name in ("DATABASE_URL", "REDIS_URL", "TEST_ODOO_URL", "TEST_ODOO14_URL")
    }
    allowed = {"127.0.0.1", "::1", "localhost", *(host for host in named if host)}
    for host in list(allowed):
        try:
            allowed |= {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
        except OSError:
            continue
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in allowed:
            raise RuntimeError(f"a test tried to reach {address[0]}")
        real(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", connect)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _empty_cache(request: pytest.FixtureRequest) -> Iterator[None]:
    """Throttles, caches and queues must not remember the test before."""
    from django.core.cache import caches

    for name in caches:
        caches[name].clear()
    if ON_REDIS and request.node.get_closest_marker("redis"):
        # A worker would carry out the messages that another test left.
        with redis.Redis.from_url(os.environ["REDIS_URL"]) as connection:
            connection.flushdb()
    yield


@pytest.fixture(autouse=True)
def _free_slots() -> None:
    """An export that the test before did not read to its end waits for the garbage collector, and
    takes one of the few places for requests that wait."""
    from odoo_bridge.api.waiting import slots

    if slots.is_taken:
        gc.collect()


@pytest.fixture(autouse=True)
def _fresh_gateways() -> Iterator[None]:
    """A connection must not outlive the Odoo of its test."""
    from odoo_bridge.odoo.connect import disconnect

    yield
    disconnect()


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask Odoo again at once: the waits between attempts have tests of their own."""
    from odoo_bridge.tests.connection import short_wait

    monkeypatch.setattr("tenacity.wait_exponential_jitter", short_wait)


@pytest.fixture
def transport(request: pytest.FixtureRequest) -> str:
    """``jsonrpc``, unless ``@pytest.mark.parametrize("transport", [...], indirect=True)``."""
    return getattr(request, "param", "jsonrpc")


@pytest.fixture
def demo(settings: Any, transport: str) -> Iterator[Any]:
    """An empty demo Odoo 19 on a free port, with the bridge connected to it."""
    from odoo_bridge.demo import DemoOdoo
    from odoo_bridge.tests.connection import point_at

    odoo = DemoOdoo(version="19.0", contacts=0, invoices=0)
    with odoo.serve("127.0.0.1", 0) as server:
        point_at(settings, odoo, server.url, transport)
        yield odoo


@pytest.fixture
def api(db: None) -> Any:
    """A client of the API that acts as a reader, ``api.user``."""
    from accounts.tests.factories import reader
    from odoo_bridge.tests.clients import client_of

    return client_of(reader())
