from contacts.views import ContactViewSet, LiveContactsView, LiveVersionView
from odoo_bridge.routes import both

urlpatterns = [
    *both("contacts", ContactViewSet, name="contacts", actions={"get": "list"}),
    *both("contacts/changes", ContactViewSet, name="contact-changes", actions={"get": "changes"}),
    *both("contacts/<int:odoo_id>", ContactViewSet, name="contact", actions={"get": "retrieve"}),
    *both("utils/odoo-version", LiveVersionView, name="live-version"),
    *both("utils/odoo-contacts", LiveContactsView, name="live-contacts"),
]
