from invoices.views import InvoiceViewSet, LiveInvoicesView
from odoo_bridge.routes import both

urlpatterns = [
    *both("invoices", InvoiceViewSet, name="invoices", actions={"get": "list"}),
    *both("invoices/<int:odoo_id>", InvoiceViewSet, name="invoice", actions={"get": "retrieve"}),
    *both("utils/odoo-invoices", LiveInvoicesView, name="live-invoices"),
]
