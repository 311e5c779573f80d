"""The gateway: what Odoo sends, and what is made of it."""
