"""How invoices and their lines are made in the demo Odoo."""

from odoo_bridge.demo.base import ADMIN_CONTACT

LINE = {"name": "Desk", "quantity": 2, "price_unit": 10.5}


def invoice(demo):
    return demo.add_invoice(contact=ADMIN_CONTACT, lines=[LINE])


def line(demo):
    lines = demo.row("account.move", invoice(demo))["id"]
    return next(
        odoo_id
        for odoo_id, row in demo.rows("account.move.line").items()
        if row["move_id"] == lines and row["name"] == "Desk"
    )


MAKE = {"invoices": invoice, "invoice_lines": line}
