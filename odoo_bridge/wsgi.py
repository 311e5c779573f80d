"""The WSGI entry point: ``gunicorn odoo_bridge.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")

application = get_wsgi_application()
