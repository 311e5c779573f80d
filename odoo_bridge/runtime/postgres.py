"""The bridge's connections to PostgreSQL: a fast parser of timestamps and, for web requests, a time
limit for each statement."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection as default
from django.db.backends.base.base import BaseDatabaseWrapper

# SQLSTATE query_canceled: by statement_timeout, or by an administrator.
_CANCELED = "57014"


def read_moments_fast(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """For the signal ``connection_created``. The driver parses each timestamp with a regular expression,
    which takes a tenth of the time of a list's page."""
    if connection.vendor != "postgresql":
        return
    from django.db.backends.postgresql.psycopg_any import BaseTzLoader

    class Moments(BaseTzLoader):
        timezone = UTC  # Django registers its own loader unless this is its time zone

        def load(self, data: Any) -> datetime:
            try:
                return datetime.fromisoformat(bytes(data).decode())
            except ValueError:
                # Infinity and five-digit years: let the driver raise its own error.
                loaded: datetime = super().load(data)
                return loaded

    connection.connection.adapters.register_loader("timestamptz", Moments)


# The time limit of web requests -------------------------------------------------------------------


class _Thread(threading.local):
    """``is_web``: whether this thread is serving a web request. ``limited``: its connection of the
    driver that has the limit."""

    is_web = False
    limited: Any = None


_thread = _Thread()


@contextmanager
def web_request() -> Iterator[None]:
    """In this block, PostgreSQL cancels statements that take longer than WEB_STATEMENT_TIMEOUT_SECONDS.

    A connection that is opened for a request keeps the limit, because the web server's threads do
    nothing else; this costs one statement per connection. A connection that the thread had before has
    the limit only during the request. Other threads are not affected.
    """
    known = _thread.limited
    before, _thread.is_web = _thread.is_web, True
    limit_statements(default)
    borrowed = _thread.limited if _thread.limited is not known else None
    try:
        yield
    finally:
        _thread.is_web = before
        if borrowed is not None and borrowed is _thread.limited:
            _end_limit()


@contextmanager
def no_statement_timeout() -> Iterator[None]:
    """In this block, statements of a web request have no time limit."""
    before, _thread.is_web = _thread.is_web, False
    _end_limit()
    try:
        yield
    finally:
        _thread.is_web = before
        limit_statements(default)


def limit_statements(connection: Any, **_: Any) -> None:
    """Set the limit on an open connection if this thread is serving a web request.

    Also the receiver of the signal ``connection_created``.
    """
    seconds = settings.WEB_STATEMENT_TIMEOUT_SECONDS
    driver = connection.connection
    if not (_thread.is_web and seconds and driver and connection.vendor == "postgresql"):
        return
    # A transaction that is open when a request begins belongs to other code, and its rollback would
    # undo the setting.
    if driver is _thread.limited or connection.in_atomic_block:
        return
    # A broken connection fails at its first query, or is replaced before that.
    with suppress(connection.Database.Error):
        driver.execute(f"SET statement_timeout = {math.ceil(seconds * 1000)}")
        _thread.limited = driver


def _end_limit() -> None:
    driver, _thread.limited = _thread.limited, None
    connection: Any = default
    if driver is not None and driver is connection.connection:
        with suppress(connection.Database.Error):
            driver.execute("RESET statement_timeout")


def was_canceled(exc: BaseException | None) -> bool:
    """Whether ``exc`` means that PostgreSQL canceled a statement."""
    return getattr(getattr(exc, "__cause__", None), "sqlstate", None) == _CANCELED
