"""All URLs: the admin, the API and its documentation, each with and without a trailing slash."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.utils.module_loading import import_string
from django.views.generic import RedirectView

from odoo_bridge.api.docs import RedocView, SchemaView, SwaggerView
from odoo_bridge.api.health import LiveView, ReadyView, favicon
from odoo_bridge.api.root import RootView
from odoo_bridge.api.routes import both
from odoo_bridge.api.sync_views import IssuesView, RunsView, RunView, StartRunView, SyncView

admin.site.index_title = "Overview"
admin.site.index_template = "odoo_bridge/overview.html"
# unfold's site reads this attribute.
admin.site.extra_urls = lambda: [  # type: ignore[attr-defined]
    pattern for name in settings.ADMIN_URLS for pattern in import_string(name)()
]

api: list[URLPattern | URLResolver] = [
    path("", include("accounts.urls")),
    *(path("", include(f"{noun}.urls")) for noun in settings.NOUNS),
    *both("sync", SyncView, name="sync"),
    *both("sync/runs", RunsView, name="sync-runs"),
    *both("sync/runs/<int:run_id>", RunView, name="sync-run"),
    *both("sync/issues", IssuesView, name="sync-issues"),
    *both("sync/<str:stream>/run", StartRunView, name="sync-start"),
    *both("health/live", LiveView, name="live"),
    *both("health/ready", ReadyView, name="ready"),
    *both("schema", SchemaView, name="schema"),
    *both("docs", SwaggerView, name="docs", url_name="schema"),
    *both("redoc", RedocView, name="redoc", url_name="schema"),
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon, name="favicon"),
    *both("api", RootView, name="root"),
    path("api/", include(api)),
    path("docs", RedirectView.as_view(pattern_name="docs"), name="docs-short"),
    path("docs/", RedirectView.as_view(pattern_name="docs"), name="docs-short-slash"),
]
handler400 = "odoo_bridge.api.failures.bad_request"
handler404 = "odoo_bridge.api.failures.not_found"
handler500 = "odoo_bridge.api.failures.server_error"
