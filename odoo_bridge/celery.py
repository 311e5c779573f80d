"""The Celery application. Its settings are the CELERY_* ones of ``settings.py``."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_shutting_down

# Here, so that it is imported before the worker forks the children it shares memory with.
from odoo_bridge.sync import stopping

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")

app = Celery("odoo_bridge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_shutting_down.connect
def _stop_runs(**_: Any) -> None:
    stopping.stop()
