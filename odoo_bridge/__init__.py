"""odoo-bridge: an exact, fast copy of an Odoo database's contacts and invoices."""

# Here and nowhere else; bin/start and pyproject.toml read this line.
__version__ = "1.0.0"

from odoo_bridge.celery import app as celery_app

__all__ = ["__version__", "celery_app"]
