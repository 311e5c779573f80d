"""The Django app of the bridge: signals, schedules and system checks."""

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
        # A page of records has ten thousand objects and no reference cycles. Python's default, a search
        # for cycles after every 700 objects, takes a third of the time for reading and mapping.
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)

        # The signal is sent once per app, after the last migration. So the tables of django_celery_beat
        # exist, unless only our app was migrated; seed() checks that.
        post_migrate.connect(_seed, sender=self)
        post_migrate.connect(_tell_how_to_begin, sender=self)


def _seed(using: str, **_: Any) -> None:
    from odoo_bridge.operations.schedules import seed

    seed(using)


def _tell_how_to_begin(using: str, verbosity: int, stdout: Any = None, **_: Any) -> None:
    """After ``migrate``, remind that nobody can log in before the first administrator exists."""
    from odoo_bridge.checks import MAKE_ONE, NO_ADMINISTRATOR, administrator_exists

    if verbosity and stdout is not None and not administrator_exists(using):
        stdout.write(f"{NO_ADMINISTRATOR} {MAKE_ONE}")
