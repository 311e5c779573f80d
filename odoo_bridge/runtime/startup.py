"""Errors at the start of a program, as a few lines with a remedy instead of a traceback."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, OperationalError, connection

from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.odoo.remedies import remedy

EXIT_FAILED, EXIT_CONFIGURATION = 1, 2
_MISSING_TABLE_OR_COLUMN = ("42P01", "42703")
_NO_PERMISSION = "42501"
_NO_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR)


@contextmanager
def explained(traceback: bool = False) -> Iterator[None]:
    """End the program with an explanation if the cause of an error is outside of its code.

    ``traceback``: pass every error on unchanged, for ``--traceback``.
    """
    try:
        yield
    except Exception as exc:
        text = None if traceback else explain(exc)
        if text is None:
            raise
        stop(text, EXIT_CONFIGURATION if isinstance(exc, ImproperlyConfigured) else EXIT_FAILED)


def stop(text: str, code: int = EXIT_CONFIGURATION) -> NoReturn:
    from odoo_bridge.odoo.redaction import redact

    sys.stderr.write(f"{redact(text)}\n")
    raise SystemExit(code)


def explain(exc: Exception) -> str | None:
    """The problem and its remedy; None if only a traceback explains the error."""
    from kombu.exceptions import OperationalError as BrokerError
    from redis.exceptions import RedisError

    if isinstance(exc, ImproperlyConfigured):
        return str(exc)
    if isinstance(exc, BridgeError):
        return f"{exc}\n{remedy(exc.code)}".strip()
    if isinstance(exc, Error):
        return _database(exc)
    if isinstance(exc, RedisError | BrokerError):
        return _redis(exc)
    if isinstance(exc, OSError) and exc.filename and exc.errno in _NO_PLACE:
        return f"{exc.filename}: {exc.strerror}.\nMake it writable for the user who runs this."
    return None


def _database(exc: Error) -> str | None:
    where = _database_name()
    try:
        # The error may be from an old connection, or from the attempt to open one.
        connection.close()
        connection.ensure_connection()
    except Error as failed:
        return f"{where}, cannot be used: {_reason(failed)}\n{_connection_remedy()}"
    state, text = getattr(exc.__cause__, "sqlstate", None), _reason(exc)
    if state in _MISSING_TABLE_OR_COLUMN or text.startswith(("no such table", "no such column")):
        return _unapplied(where)
    if state == _NO_PERMISSION:
        return (
            f"{where}: {str(exc).strip()}\nGrant this right to the user in DATABASE_URL; "
            'docs/operations.md, "The database", lists the rights that are needed.'
        )
    if isinstance(exc, OperationalError):
        return f"{where}: {text}\n{remedy('database')}"
    return None


def _unapplied(where: str) -> str | None:
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    count = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not count:
        return None
    return (
        f"{where}: {count} migrations are not applied, so tables or columns are missing.\n"
        "Run: python manage.py migrate"
    )


def _database_name() -> str:
    """The name of the database in messages, without the password."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"SQLite file {given['NAME']}"
    port = f":{given['PORT']}" if given["PORT"] else ""
    return f"PostgreSQL at {given['HOST'] or 'the local socket'}{port}, database {given['NAME']}"


def _connection_remedy() -> str:
    if connection.vendor == "sqlite":
        return (
            "Make the file and its folder writable for the user who runs this, or set DATABASE_URL."
        )
    return (
        "Start PostgreSQL, or correct host, port, user, password or database in DATABASE_URL. Create "
        "a missing database with createdb."
    )


def _redis(exc: Exception) -> str:
    from django.conf import settings

    parts = urlsplit(settings.REDIS_URL or "redis://")
    where = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else "its address"
    return (
        f"Redis at {where} cannot be used: {_reason(exc)}\n"
        "Start Redis, or correct host, port or password in REDIS_URL."
    )


def _reason(exc: Exception) -> str:
    """The first line of a driver's message, without the part before the actual error."""
    text = str(exc).strip().partition("\n")[0] or type(exc).__name__
    return text.rpartition(" failed: ")[2].removeprefix("FATAL:").strip().rstrip(".") + "."
