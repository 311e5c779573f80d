"""Loads Django and what runs need; imported once by the process that tests fork their victims from."""

import django

django.setup()

import odoo_bridge.tests.exactness.killed  # noqa: E402
import odoo_bridge.tests.runs  # noqa: E402, F401
