"""The app that runs syncs: its schedules and the checks of its settings."""

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from odoo_bridge.postgres import read_moments_fast


class OdooBridgeConfig(AppConfig):
    name = "odoo_bridge"
    verbose_name = "Sync"

    def ready(self) -> None:
        from odoo_bridge import checks  # noqa: F401

        connection_created.connect(read_moments_fast)
        # Sent once per app, after the last migration: the tables of django_celery_beat are there
        # unless somebody migrated ours alone, which seed() finds out.
        post_migrate.connect(_seed, sender=self)


def _seed(using: str, **_: Any) -> None:
    from odoo_bridge.schedules import seed

    seed(using)
