"""The demo Odoo, held against real ones."""
