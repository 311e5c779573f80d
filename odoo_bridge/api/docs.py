"""The API's documentation: the schema, Swagger UI and ReDoc, from our own files under the CSP."""

from typing import Any

from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from odoo_bridge.api.schema import OnceGenerator
from odoo_bridge.api.strict import StrictQuery


class SchemaView(StrictQuery, SpectacularAPIView):
    """The schema as YAML, or as JSON where ``Accept`` or ``?format=json`` says so."""

    query_parameters = ("format",)
    generator_class = OnceGenerator

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.query_params.get("format", "json") not in ("json", "yaml"):
            said = ErrorDetail("Must be yaml or json.", code="invalid_choice")
            raise ValidationError({"format": [said]})

    def get_renderers(self) -> list[BaseRenderer]:
        known: list[Any] = super().get_renderers()
        wanted = self.request.GET.get("format")
        return [renderer for renderer in known if renderer.format == wanted] or known


class SwaggerView(StrictQuery, SpectacularSwaggerView):
    # A page has nothing to say about itself to OPTIONS, which would look for a template.
    http_method_names = ["get", "head"]
    template_name = "odoo_bridge/swagger.html"


# Its search is a worker made of text it carries along.
@method_decorator(csp_update({"worker-src": ["blob:"]}), name="dispatch")
class RedocView(StrictQuery, SpectacularRedocView):
    http_method_names = ["get", "head"]
    template_name = "odoo_bridge/redoc.html"
