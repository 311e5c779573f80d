"""Idempotent writes to Odoo: store the request, call Odoo, then copy the result into the mirror."""
