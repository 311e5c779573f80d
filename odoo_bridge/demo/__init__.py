"""A small Odoo over made-up data: for trying the product without one, and for its tests."""

from odoo_bridge.demo.churn import Churn
from odoo_bridge.demo.database import Clock, ConcurrentUpdate
from odoo_bridge.demo.errors import OdooError
from odoo_bridge.demo.faults import Fault
from odoo_bridge.demo.odoo import Call, DemoOdoo
from odoo_bridge.demo.server import Server

__all__ = ["Call", "Churn", "Clock", "ConcurrentUpdate", "DemoOdoo", "Fault", "OdooError", "Server"]
