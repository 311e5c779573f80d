"""From Odoo to the database: streams (what), plan (which), fetch, store, run (in which order)."""
