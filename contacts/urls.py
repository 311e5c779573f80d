from contacts.views import ContactViewSet, LiveContactsView, LivePartnersView, LiveVersionView
from odoo_bridge.api.nouns import noun_routes
from odoo_bridge.api.routes import both

urlpatterns = [
    *noun_routes(ContactViewSet),
    *both("utils/odoo-version", LiveVersionView, name="live-version"),
    *both("utils/odoo-contacts", LiveContactsView, name="live-contacts"),
    *both("utils/odoo-partners", LivePartnersView, name="live-partners"),
]
