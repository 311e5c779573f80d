"""Parts that every operation of the schema has: authentication, errors, and an example."""

from copy import deepcopy
from typing import Any

from django.urls import reverse
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import permissions, serializers

from odoo_bridge.api.examples import example_of
from odoo_bridge.api.strict import StrictSerializer


class FailureDetailSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="A code for programs: required, unknown, invalid ...")
    message = serializers.CharField(help_text="A message for people.")


class FailureErrorSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="A code for programs, which does not change.")
    message = serializers.CharField(help_text="A message for people.")
    fields = serializers.DictField(  # type: ignore[assignment]  # the name is the API's
        child=FailureDetailSerializer(many=True),
        required=False,
        help_text="With the code `invalid`: the errors of each wrong parameter or key, with dots for "
        "nested bodies. `non_field_errors` stands for the request as a whole.",
    )
    odoo_id = serializers.IntegerField(
        required=False, help_text="The id of the record, if it exists in Odoo despite the error."
    )


class FailureSerializer(serializers.Serializer):
    """The shape of every error."""

    error = FailureErrorSerializer()


# status -> (description, code, message)
FAILURES = {
    400: (
        "The request is not valid; `fields` lists the errors.",
        "invalid",
        "The request is not valid.",
    ),
    401: ("The token is missing or no longer valid.", "token_not_valid", "Log in again."),
    403: ("The account may not do this.", "permission_denied", "Ask the staff of this bridge."),
    404: ("It does not exist, or is outside the user's scope.", "not_found", "Not found."),
    406: ("No format that `Accept` allows is available.", "not_acceptable", "Not in that format."),
    409: ("A request with this key is in progress.", "in_progress", "Try again in a moment."),
    410: ("The feed was restarted.", "feed_restarted", "Start again with after=0."),
    415: ("The body is not JSON.", "unsupported_media_type", "Unsupported media type."),
    422: (
        "Odoo rejected the request; the message is Odoo's own.",
        "odoo_rejected",
        "The due date is missing.",
    ),
    429: (
        "Too many requests; wait the number of seconds given in `Retry-After`.",
        "throttled",
        "Too many requests.",
    ),
    502: ("Odoo refused the bridge's login or rights.", "odoo_refused", "Staff must act."),
    503: (
        "The database, or Odoo if the request needs it, is not available; try again after "
        "`Retry-After` seconds.",
        "database_unavailable",
        "The database is not available.",
    ),
}


def _failure_example(status: int) -> dict[str, Any]:
    _description, code, message = FAILURES[status]
    error: dict[str, Any] = {"code": code, "message": message}
    if status == 400:
        nothing = {"code": "unknown", "message": "Unknown parameter."}
        error["fields"] = {"serch": [nothing]}
    return {"error": error}


_SHOWN = ("application/json", "text/csv")


class Schema(AutoSchema):
    """For ``DEFAULT_SCHEMA_CLASS``."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        noun, action = getattr(self.view, "noun", None), getattr(self.view, "action", "")
        example = example_of(operation["operationId"], noun, action, bool(self._is_list_view()))
        for parameter in operation.get("parameters", ()):
            if parameter.get("explode") is False:
                # An empty value between commas is refused, and so is an empty list.
                parameter["schema"]["minItems"] = 1
        for media_type, value in example.get("request", {}).items():
            operation["requestBody"]["content"][media_type]["example"] = value
        for status, body in operation["responses"].items():
            # A workbook cannot be shown as an example.
            if status < "300" and "response" in example:
                kinds = [kind for kind in body["content"] if kind in _SHOWN]
                body["content"][kinds[0]]["example"] = deepcopy(example["response"])
            if status >= "400":
                for content in body["content"].values():
                    if "examples" not in content:
                        content["example"] = _failure_example(int(status))
        return operation

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        statuses = self._failing() | {int(code) for code in bodies if code >= "400"}
        for status in sorted(statuses):
            bodies[str(status)] = self._failure(status) | bodies.get(str(status), {})
        return dict(sorted(bodies.items()))

    def _failing(self) -> set[int]:
        """The error statuses that follow from the kind of operation."""
        statuses = {400, 406, 503}
        allowing = (permissions.AllowAny, permissions.IsAuthenticated)
        auth = self.get_auth()
        if auth and {} not in auth:
            statuses.add(401)
            if any(type(one) not in allowing for one in self.view.get_permissions()):
                statuses.add(403)
        # A page beyond the last one is a 404 too.
        paged: Any = self._is_list_view() and self._get_paginator()  # type: ignore[no-untyped-call]
        if "{" in self.path or paged:
            statuses.add(404)
        if self.method in ("POST", "PUT", "PATCH"):
            statuses.add(415)
        if self.view.get_throttles():
            statuses.add(429)
        return statuses

    def _failure(self, status: int) -> dict[str, Any]:
        component = self.resolve_serializer(FailureSerializer, "response")
        return {
            "description": FAILURES[status][0] if status in FAILURES else "",
            "content": {"application/json": {"schema": component.ref}},
        }


class StrictSchema(OpenApiSerializerExtension):
    """Describes the rules that ``StrictSerializer`` enforces for a body."""

    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(
            self.target, direction, bypass_extensions=True
        )
        if direction != "request":
            return schema
        for name, described in schema.get("properties", {}).items():
            field = self.target.fields[name]
            text = isinstance(field, serializers.CharField) and not field.allow_blank
            if text and field.trim_whitespace and not {"pattern", "format"} & set(described):
                # Surrounding spaces are removed before validation.
                described["pattern"] = r"\S"
            if isinstance(field, serializers.DecimalField):
                spelled = {key: described.pop(key) for key in ("type", "format", "pattern")}
                described["anyOf"] = [spelled, {"type": "number"}]
        # A copy, because the generator modifies it.
        rules = deepcopy(getattr(self.target, "rules", {}))
        return {**schema, "additionalProperties": False, **rules}


class TokenScheme(OpenApiAuthenticationExtension):
    """Swagger UI fetches a token with name and password, or accepts a token."""

    target_class = "accounts.authentication.TokenAuthentication"
    priority = 1
    name = ["account", "bearer"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        token = reverse("token")
        return [
            {
                "type": "oauth2",
                "description": "User name or e-mail address, and password. Leave the client_id and the "
                "client_secret empty.",
                "flows": {"password": {"tokenUrl": token, "refreshUrl": token, "scopes": {}}},
            },
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        ]
