"""All addresses: the admin, the API, its documentation. Each with and without trailing slash."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from odoo_bridge.views import LiveView, ReadyView

admin.site.site_header = admin.site.site_title = "odoo-bridge"
admin.site.index_title = "The mirror"

api = [
    path("", include("accounts.urls")),
    path("", include("contacts.urls")),
    path("", include("invoices.urls")),
    re_path(r"^health/live/?$", LiveView.as_view(), name="live"),
    re_path(r"^health/ready/?$", ReadyView.as_view(), name="ready"),
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^docs/?$", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    re_path(r"^redoc/?$", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include(api)),
    re_path(r"^docs/?$", RedirectView.as_view(pattern_name="docs")),
]
handler404 = "odoo_bridge.views.not_found"
