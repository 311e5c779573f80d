"""The app that runs syncs: its schedules and the checks of its settings."""

import gc
import sys
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from odoo_bridge.runtime.logs import show_redacted
from odoo_bridge.runtime.postgres import limit_statements, read_moments_fast

_OBJECTS_BETWEEN_COLLECTIONS = 50_000


class OdooBridgeConfig(AppConfig):
    name = "odoo_bridge"
    verbose_name = "Sync"

    def ready(self) -> None:
        from odoo_bridge import checks  # noqa: F401
        from odoo_bridge.models.fields import add_exact_sum

        sys.excepthook = show_redacted
        connection_created.connect(read_moments_fast)
        connection_created.connect(add_exact_sum)
        connection_created.connect(limit_statements)
        # A page of records is ten thousand objects, none of them in a circle. Looking for circles
        # after each 700, as Python does, takes a third of the time in which they are read and mapped.
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)

        # Sent once per app, after the last migration: the tables of django_celery_beat are there
        # unless somebody migrated ours alone, which seed() finds out.
        post_migrate.connect(_seed, sender=self)
        post_migrate.connect(_tell_how_to_begin, sender=self)


def _seed(using: str, **_: Any) -> None:
    from odoo_bridge.operations.schedules import seed

    seed(using)


def _tell_how_to_begin(using: str, verbosity: int, stdout: Any = None, **_: Any) -> None:
    """After ``migrate``: nobody can log in before somebody makes the first administrator."""
    from odoo_bridge.checks import MAKE_ONE, NO_ADMINISTRATOR, administrator_exists

    if verbosity and stdout is not None and not administrator_exists(using):
        stdout.write(f"{NO_ADMINISTRATOR} {MAKE_ONE}")
