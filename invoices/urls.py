from invoices.filters import InvoiceExportFilters, SummaryFilters
from invoices.views import (
    DebtViewSet,
    InvoiceLineViewSet,
    InvoiceViewSet,
    LiveInvoicesView,
    PostInvoiceView,
)
from odoo_bridge.api.routes import both
from odoo_bridge.api.throttles import ExportThrottle, RefreshThrottle

urlpatterns = [
    *both("invoices", InvoiceViewSet, name="invoices", actions={"get": "list"}),
    *both(
        "invoices/summary",
        InvoiceViewSet,
        name="invoice-summary",
        actions={"get": "summary"},
        filterset_class=SummaryFilters,
        pagination_class=None,
    ),
    *both("invoices/ageing", DebtViewSet, name="invoice-ageing", actions={"get": "list"}),
    *both("invoices/changes", InvoiceViewSet, name="invoice-changes", actions={"get": "changes"}),
    *both(
        "invoices/lines/changes",
        InvoiceLineViewSet,
        name="invoice-line-changes",
        actions={"get": "changes"},
    ),
    *both(
        "invoices/export",
        InvoiceViewSet,
        name="invoice-export",
        actions={"get": "export"},
        filterset_class=InvoiceExportFilters,
        pagination_class=None,
        throttle_classes=[ExportThrottle],
    ),
    *both(
        "invoices/<int:odoo_id>",
        InvoiceViewSet,
        name="invoice",
        actions={"get": "retrieve"},
        throttle_classes=[RefreshThrottle],
    ),
    *both(
        "contacts/<int:odoo_id>/invoices",
        InvoiceViewSet,
        name="contact-invoices",
        actions={"get": "of_contact"},
    ),
    *both("utils/odoo-invoices", LiveInvoicesView, name="live-invoices"),
    *both("utils/odoo-invoices/<int:odoo_id>/post", PostInvoiceView, name="post-invoice"),
]
