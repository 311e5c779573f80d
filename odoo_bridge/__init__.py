"""odoo-bridge: an exact, fast copy of an Odoo database's contacts and invoices."""

from odoo_bridge.celery import app as celery_app

__all__ = ["celery_app"]
