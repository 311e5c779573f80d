"""System checks of settings that are valid by themselves but cannot work together."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import connections

from odoo_bridge.sync.extras import MARK
from odoo_bridge.sync.streams import Column, Stream, streams_of

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "[::1]", "testserver"}


@register()
def values_fit(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    public = set(settings.ALLOWED_HOSTS) - LOOPBACK_HOSTS
    if settings.CELERY_BROKER_URL.startswith("memory:") and not settings.ONE_PROCESS:
        found.append(
            Error(
                "The broker is in memory, but web, worker and beat are separate processes.",
                hint="Set REDIS_URL, or use the one-process mode (bin/start).",
                id="odoo_bridge.E001",
            )
        )
    if settings.JWT_SIGNING_KEY == settings.SECRET_KEY:
        found.append(
            Error(
                "JWT_SIGNING_KEY is the same as SECRET_KEY.",
                hint="Use two different keys, so that a leak of one does not reveal the other.",
                id="odoo_bridge.E002",
            )
        )
    if settings.INSECURE_HTTP and public:
        found.append(
            Error(
                f"INSECURE_HTTP is on, but ALLOWED_HOSTS names {', '.join(sorted(public))}.",
                hint="Passwords and tokens would be sent unencrypted. Put an HTTPS proxy in front, "
                "set NUM_PROXIES, and turn INSECURE_HTTP off.",
                id="odoo_bridge.E003",
            )
        )
    if settings.DEBUG and public:
        found.append(
            Error(
                f"DEBUG is on, but ALLOWED_HOSTS names {', '.join(sorted(public))}.",
                hint="Visitors would see settings and stack traces. Turn DEBUG off.",
                id="odoo_bridge.E004",
            )
        )
    if sqlite and not settings.ONE_PROCESS:
        found.append(
            Warning(
                "DATABASE_URL is SQLite, but web, worker and beat are separate processes.",
                hint="They would block each other at every write. Use PostgreSQL.",
                id="odoo_bridge.W002",
            )
        )
    return found


@register(deploy=True)
def proxies_are_counted(**_: Any) -> list[CheckMessage]:
    public = set(settings.ALLOWED_HOSTS) - LOOPBACK_HOSTS
    if not public or settings.INSECURE_HTTP or settings.NUM_PROXIES:
        return []
    # Only a note, because a server may serve HTTPS itself. Requests show more
    # (client_address.ProxyWatch).
    return [
        Info(
            f"ALLOWED_HOSTS names {', '.join(sorted(public))}, but NUM_PROXIES is 0.",
            hint="Behind a proxy all clients would share its address, and with it rate limits and "
            "lockouts. Set NUM_PROXIES to the number of your proxies.",
            id="odoo_bridge.I001",
        )
    ]


def static_files_are_there() -> bool:
    """Whether the web server can find the static files of the admin."""
    found_in_packages = settings.DEBUG or settings.WHITENOISE_USE_FINDERS
    return found_in_packages or (Path(settings.STATIC_ROOT) / "admin").is_dir()


def administrator_exists(using: str = "default") -> bool:
    users = get_user_model()._default_manager.using(using)
    return users.filter(is_superuser=True, is_active=True).exists()


NO_STATIC_FILES = (
    "The static files were not collected: the admin and the API's pages have no styles."
)
COLLECT_THEM = "Run manage.py collectstatic --noinput, then restart the web server."
NO_ADMINISTRATOR = "No administrator exists, so nobody can log in to the admin or approve accounts."
MAKE_ONE = "Run manage.py createsuperuser."


@register(deploy=True)
def static_files_collected(**_: Any) -> list[CheckMessage]:
    if static_files_are_there():
        return []
    # Only a note: the Docker image collects them when it is built, and a deployment may do so after
    # this check.
    return [Info(NO_STATIC_FILES, hint=COLLECT_THEM, id="odoo_bridge.I002")]


@register()
def streams_exist(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    names: list[str] = []
    for noun in settings.NOUNS:
        try:
            names += [stream.name for stream in streams_of(noun)]
        except (ImportError, AttributeError) as exc:
            found.append(
                Error(f"NOUNS names {noun}, which is not a noun: {exc}", id="odoo_bridge.E005")
            )
    for name in sorted({name for name in names if names.count(name) > 1}):
        found.append(
            Error(
                f"Two streams are called {name}.",
                hint="A stream's name is the key of its state: it must be unique.",
                id="odoo_bridge.E006",
            )
        )
    return found


@register()
def extra_fields_fit(**_: Any) -> list[CheckMessage]:
    """Check ``ODOO_EXTRA_FIELDS`` as far as possible without Odoo; ``check_odoo`` does the rest."""
    found: list[CheckMessage] = []
    streams: dict[str, Stream] = {}
    for noun in settings.NOUNS:
        with suppress(ImportError, AttributeError):
            streams |= {stream.odoo_model: stream for stream in streams_of(noun)}
    for model, spelled in settings.ODOO_EXTRA_FIELDS.items():
        names = [name.removesuffix(MARK) for name in spelled]
        if model not in streams:
            found.append(
                Warning(
                    f"ODOO_EXTRA_FIELDS names {model}, which is not copied.",
                    hint=f"The copied models are {', '.join(streams)}.",
                    id="odoo_bridge.W005",
                )
            )
            continue
        for name in sorted({name for name in names if names.count(name) > 1}):
            found.append(
                Warning(
                    f"ODOO_EXTRA_FIELDS names {model}:{name} more than once.",
                    hint=f"Name it once, with or without {MARK}.",
                    id="odoo_bridge.W003",
                )
            )
        columns = {
            column.sources[0]: ours
            for ours, column in streams[model].columns.items()
            if isinstance(column, Column)
        }
        for name in sorted(columns.keys() & set(names)):
            found.append(
                Warning(
                    f"ODOO_EXTRA_FIELDS names {model}:{name}, which is copied already.",
                    hint=f"It is the column {columns[name]}. Remove it from ODOO_EXTRA_FIELDS.",
                    id="odoo_bridge.W004",
                )
            )
    return found


@register(Tags.database)
def schedules_expire(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Runs with ``migrate`` and with ``check --database default``."""
    from django_celery_beat.models import PeriodicTask

    found: list[CheckMessage] = []
    for using in databases or []:
        if PeriodicTask._meta.db_table not in connections[using].introspection.table_names():
            continue
        endless = PeriodicTask.objects.using(using).filter(
            enabled=True,
            one_off=False,
            task__startswith="odoo_bridge.tasks.",
            expires=None,
            expire_seconds=None,
        )
        found += [
            Warning(
                f'The schedule "{name}" has no expiry.',
                hint="While the worker is down its messages pile up, and later all of them run. "
                'Set "expire seconds" to its interval.',
                id="odoo_bridge.W001",
            )
            for name in endless.order_by("name").values_list("name", flat=True)
        ]
    return found
