"""The WSGI entry point: ``gunicorn odoo_bridge.wsgi:application``."""

import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from odoo_bridge.runtime.startup import stop

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")

# With any other exit code gunicorn would restart the worker forever.
_APP_LOAD_ERROR = 4

try:
    application = get_wsgi_application()
except ImproperlyConfigured as exc:
    stop(str(exc), _APP_LOAD_ERROR)
