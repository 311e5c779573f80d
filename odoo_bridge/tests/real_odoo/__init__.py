"""The promise, shown on a real Odoo."""
