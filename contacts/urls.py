from contacts.filters import ContactExportFilters
from contacts.views import ContactViewSet, LiveContactsView, LivePartnersView, LiveVersionView
from odoo_bridge.api.routes import both
from odoo_bridge.api.throttles import ExportThrottle, RefreshThrottle

urlpatterns = [
    *both("contacts", ContactViewSet, name="contacts", actions={"get": "list"}),
    *both("contacts/changes", ContactViewSet, name="contact-changes", actions={"get": "changes"}),
    *both(
        "contacts/export",
        ContactViewSet,
        name="contact-export",
        actions={"get": "export"},
        filterset_class=ContactExportFilters,
        pagination_class=None,
        throttle_classes=[ExportThrottle],
    ),
    *both(
        "contacts/<int:odoo_id>",
        ContactViewSet,
        name="contact",
        actions={"get": "retrieve"},
        throttle_classes=[RefreshThrottle],
    ),
    *both("utils/odoo-version", LiveVersionView, name="live-version"),
    *both("utils/odoo-contacts", LiveContactsView, name="live-contacts"),
    *both("utils/odoo-partners", LivePartnersView, name="live-partners"),
]
