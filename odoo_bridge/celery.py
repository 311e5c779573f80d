"""The Celery application. Its settings are the CELERY_* ones of ``settings.py``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")

app = Celery("odoo_bridge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
