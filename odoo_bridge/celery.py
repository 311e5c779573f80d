"""The Celery application. Its settings are the CELERY_* ones of ``settings.py``."""

import os
import signal
from types import FrameType
from typing import Any

from celery import Celery
from celery.signals import task_prerun, worker_process_init, worker_shutting_down
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Imported here, before the worker forks the children with which this module shares memory.
from odoo_bridge.sync import stopping

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")

app = Celery("odoo_bridge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_configure.connect
def _load_settings(**_: Any) -> None:
    """End Celery's programs with the settings' error message; other programs load the settings
    before."""
    try:
        settings.INSTALLED_APPS  # noqa: B018 reading one setting loads them all
    except ImproperlyConfigured as exc:
        from odoo_bridge.runtime.startup import stop

        stop(str(exc))


@worker_shutting_down.connect
def _stop_runs(**_: Any) -> None:
    stopping.stop()


@worker_process_init.connect
def _is_a_child(**_: Any) -> None:
    # The pool installs its signal handlers after this signal and before the first task.
    task_prerun.connect(_leave_the_first_sigterm_to_the_parent)


def _leave_the_first_sigterm_to_the_parent(**_: Any) -> None:
    """Ignore the first SIGTERM in a child: systemd and ``kill -- -GROUP`` send it to every process of a
    worker, and the parent stops its children. Celery would make this child abort its task at once."""
    task_prerun.disconnect(_leave_the_first_sigterm_to_the_parent)

    def ignore_once(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before)

    before = signal.signal(signal.SIGTERM, ignore_once)
