from invoices.filters import SummaryFilters
from invoices.views import (
    DebtViewSet,
    InvoiceLineViewSet,
    InvoiceViewSet,
    LiveInvoicesView,
    PostInvoiceView,
)
from odoo_bridge.api.nouns import noun_routes
from odoo_bridge.api.routes import both

urlpatterns = [
    *noun_routes(InvoiceViewSet),
    *noun_routes(InvoiceLineViewSet, at="invoices/lines", only=["changes"]),
    *both(
        "invoices/summary",
        InvoiceViewSet,
        name="invoice-summary",
        actions={"get": "summary"},
        filterset_class=SummaryFilters,
        pagination_class=None,
    ),
    *both("invoices/ageing", DebtViewSet, name="invoice-ageing", actions={"get": "list"}),
    *both(
        "contacts/<int:odoo_id>/invoices",
        InvoiceViewSet,
        name="contact-invoices",
        actions={"get": "of_contact"},
    ),
    *both("utils/odoo-invoices", LiveInvoicesView, name="live-invoices"),
    *both("utils/odoo-invoices/<int:odoo_id>/post", PostInvoiceView, name="post-invoice"),
]
