"""Changing Odoo, once for each idempotent request: the row first, then the call, then the mirror."""
