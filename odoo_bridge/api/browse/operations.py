"""What the API can do, as its OpenAPI schema describes it: the forms, links and lists of the pages."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from django.urls import ResolverMatch
from rest_framework.request import Request, clone_request

JSON = "application/json"
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Field:
    """An input of a form. ``kind``: choice, several, number, decimal, date, moment, json, password,
    email or text; ``typed``: what its value is in JSON: boolean, number, json or text."""

    name: str
    kind: str
    typed: str
    description: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    default: str = ""
    example: str = ""
    limits: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Operation:
    """One method of one route. ``path`` is a template: ``/api/contacts/{odoo_id}``."""

    method: str
    path: str
    group: str
    summary: str
    description: str
    view: Any
    query: tuple[Field, ...] = ()
    headers: tuple[Field, ...] = ()
    # None: the request has no body.
    body: tuple[Field, ...] | None = None
    example: str = ""
    # path parameter -> the values it may have, where these are few
    of_path: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    def addresses(self) -> list[str]:
        """The paths that can be opened as they are: none where an id is needed."""
        known, found = dict(self.of_path), [self.path]
        for name in self.parameters:
            choices = known.get(name, ())
            found = [path.replace(f"{{{name}}}", choice) for path in found for choice in choices]
        return found

    def is_allowed(self, request: Request) -> bool:
        """Whether the user who asks has the right to it. Asks no rows."""
        view = self.view.cls(**self.view.initkwargs)
        view.request = clone_request(request, self.method)
        view.args, view.kwargs = (), {}
        view.action_map = getattr(self.view, "actions", None) or {}
        view.action = view.action_map.get(self.method.lower())
        return all(one.has_permission(view.request, view) for one in view.get_permissions())


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """All operations by path and method, ordered by path."""
    # Not at the top: they import DRF's views, which import the renderers that the settings name.
    from drf_spectacular.generators import EndpointEnumerator

    from odoo_bridge.api.schema import schema

    paths, schemas = schema()["paths"], schema()["components"]["schemas"]
    endpoints = EndpointEnumerator().get_api_endpoints()
    views = {(path, method): view for path, _regex, method, view in endpoints}
    found = {}
    for path, methods in paths.items():
        for method, described in methods.items():
            key = (path, method.upper())
            found[key] = _operation(*key, described, views[key], schemas)
    return found


def template_of(match: ResolverMatch | None) -> str:
    """The path of a route as the schema spells it."""
    route = match.route if match else ""
    return "/" + _PARAMETER.sub(r"{\1}", route).strip("/")


def below(path: str) -> Iterator[Operation]:
    """The routes that go on from ``path`` and need nothing more to be known."""
    wanted = set(re.findall(r"{(\w+)}", path))
    for operation in operations().values():
        needed = set(operation.parameters) - {name for name, _ in operation.of_path}
        if operation.path.startswith(f"{path}/") and needed <= wanted:
            yield operation


# From OpenAPI to fields ---------------------------------------------------------------------------
def _operation(
    path: str, method: str, described: Mapping[str, Any], view: Any, schemas: Mapping[str, Any]
) -> Operation:
    parameters = described.get("parameters", [])

    def placed(where: str) -> tuple[Field, ...]:
        return tuple(
            _parameter(one, schemas) for one in parameters if one["in"] == where and "schema" in one
        )

    content = described.get("requestBody", {}).get("content", {}).get(JSON)
    body, example = None, ""
    if content is not None:
        shown = content.get("example", {})
        body = _body(content["schema"], schemas, shown)
        example = json.dumps(shown, indent=2, ensure_ascii=False)
    return Operation(
        method,
        path,
        (described.get("tags") or [""])[0],
        described.get("summary", ""),
        _plain(described.get("description", "")),
        view,
        query=placed("query"),
        headers=tuple(one for one in placed("header") if one.required),
        body=body,
        example=example,
        of_path=tuple((one.name, one.choices) for one in placed("path") if one.choices),
    )


def _parameter(described: Mapping[str, Any], schemas: Mapping[str, Any]) -> Field:
    schema = {"description": described.get("description", ""), **described["schema"]}
    # In an address a list is one text, with commas.
    one = schema.pop("items") if schema.get("type") == "array" else None
    if one:
        schema |= {"type": "string", "enum": _resolved(one, schemas).get("enum", ())}
    field = _field(described["name"], schema, schemas, required=described.get("required", False))
    return replace(field, kind="several") if one else field


def _body(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], example: Mapping[str, Any]
) -> tuple[Field, ...]:
    described = _resolved(schema, schemas)
    required = set(described.get("required", ()))
    return tuple(
        _field(name, one, schemas, required=name in required, example=example.get(name))
        for name, one in described.get("properties", {}).items()
        if not one.get("readOnly")
    )


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """``schema`` with what it refers to, and the first of several alternatives."""
    found = dict(schema)
    parts = [*found.pop("allOf", ()), *found.get("anyOf", ())[:1], *found.get("oneOf", ())[:1]]
    if "$ref" in found:
        parts.append(schemas[found.pop("$ref").rsplit("/", 1)[-1]])
    for part in parts:
        # What stands beside a reference says more than what it refers to.
        found = {**_resolved(part, schemas), **found}
    return found


def _field(
    name: str,
    schema: Mapping[str, Any],
    schemas: Mapping[str, Any],
    *,
    required: bool = False,
    example: Any = None,
) -> Field:
    described = _resolved(schema, schemas)
    kind, typed = _kind(described)
    if name == "password":
        kind = "password"
    choices = described.get("enum", ())
    if described.get("type") == "boolean":
        choices = ("true", "false")
    limits = {"min": "minimum", "max": "maximum", "maxlength": "maxLength"}
    if typed == "json" and example is not None:
        example = json.dumps(example, indent=2, ensure_ascii=False)
    # A list of choices is in the form; OpenAPI repeats it in the text.
    text = re.split(r"(?:^|\n+)\* `", described.get("description") or "")[0]
    return Field(
        name,
        kind,
        typed,
        _plain(text),
        required,
        tuple(_word(one) for one in choices if one not in (None, "")),
        _word(described.get("default", "")),
        _word("" if example is None else example),
        tuple(
            (attribute, described[key])
            for attribute, key in limits.items()
            if key in described and (attribute == "maxlength") != (kind == "number")
        ),
    )


def _kind(described: Mapping[str, Any]) -> tuple[str, str]:
    """What the input is, and what its value is in JSON."""
    form, kind = described.get("format"), described.get("type", "string")
    if kind in ("array", "object"):
        return "json", "json"
    if kind == "boolean" or "enum" in described:
        return "choice", {"boolean": "boolean", "integer": "number"}.get(kind, "text")
    if kind == "integer":
        return "number", "number"
    if kind == "number" or form == "decimal":
        return "decimal", "text"
    known = {"date": "date", "date-time": "moment", "password": "password", "email": "email"}
    return known.get(str(form), "text"), "text"


def _plain(markdown: str) -> str:
    """A description without the marks of code. Only empty lines end a paragraph."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", markdown.replace("`", "")).strip()


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
