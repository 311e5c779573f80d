"""An answer of the API as a page."""

import json
import shlex
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from django.db import DatabaseError
from django.db.models import ForeignKey
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.urls import reverse
from django.utils.safestring import SafeString
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from odoo_bridge.api.browse.frame import TemplatePage, not_to_be_kept, shell
from odoo_bridge.api.browse.operations import Field, Operation, below, operations, template_of
from odoo_bridge.api.browse.shown import shown
from odoo_bridge.api.renderers import Json

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
# In the bar above the rows, and so not among the filters.
_OF_PAGES = ("page", "cursor", "per_page")
_SIZES = (25, 100, 1000)
# As pagination.py has them. It cannot be imported here: it needs the renderers that DRF's settings name.
USUAL_SIZE, MAX_SIZE = 100, 1000
# What only a client that keeps the answer can use.
_HIDDEN_HEADERS = {"content-type", "content-length"}


class Page(TemplatePage, BrowsableAPIRenderer):
    """For ``DEFAULT_RENDERER_CLASSES``, behind JSON: only who asks for HTML gets it.

    DRF's own page asks serializers and filters for forms; the rows here need neither. Its class
    stays above this one, because it is by that class that the schema leaves pages out.
    """

    template = "odoo_bridge/browse/answer.html"

    def template_for(self, view: Any) -> str:
        return self.template

    def context(self, request: Request, response: Response, view: Any, data: Any) -> dict[str, Any]:
        return _context(request, response, view, data)


def failure(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    """The page of an address without a view, or with one that broke. Asks no database."""
    answer = HttpResponse(status=status)
    answer.content = loader.get_template(Page.template).render(
        {
            **shell(request),
            "title": answer.reason_phrase,
            "method": request.method,
            "status": status,
            "error": {"code": code, "message": message},
        }
    )
    not_to_be_kept(answer)
    return answer


# The parts of a page ------------------------------------------------------------------------------
def _context(request: Request, response: Response, view: Any, data: Any) -> dict[str, Any]:
    path = template_of(request._request.resolver_match)
    operation = operations().get((path, request.method or ""))
    getting = operations().get((path, "GET"))
    text = _json(data)
    plain = json.loads(text) if text else None
    error = plain.get("error") if isinstance(plain, dict) and response.status_code >= 400 else None
    at_root = path == _root() and isinstance(plain, dict) and "groups" in plain
    described = operation or getting or next(iter(_here(path)), None)
    return {
        **_heading(path, described, plain, response.status_code),
        "method": request.method,
        "status": response.status_code,
        "reason": response.reason_phrase,
        "error": error if isinstance(error, dict) else None,
        "retry_after": response.get("Retry-After"),
        "complete_up_to": _moment(response.get("X-Odoo-Synced-At")),
        "crumbs": _crumbs(request),
        "path": request.path,
        "json": text,
        "groups": _groups(plain) if at_root else None,
        "body": [] if isinstance(error, dict) or at_root else _body(request, getting, plain),
        "rows": _rows_of(plain),
        "pages": _pages(request, getting, plain),
        # Who may not look has nothing to ask for.
        "filters": _filters(request, getting) if response.status_code not in (401, 403) else None,
        "links": list(_links(request, path)),
        "forms": [_form(one, request, plain) for one in _here(path) if _may_send(one, request)],
        "request_lines": _request_lines(request),
        "curl": _curl(request),
        "response_lines": _response_lines(response),
    }


def _heading(path: str, described: Operation | None, plain: Any, status: int) -> dict[str, str]:
    """A row is headed by its name, anything else by what the operation does."""
    found = {
        "title": described.summary if described else "",
        "description": described.description if described else "",
    }
    name = plain.get("name") if isinstance(plain, dict) and path.endswith("}") else None
    if status == 200 and isinstance(name, str) and name:
        return found | {"title": name, "kind": found["title"]}
    return found


def _json(data: Any) -> str:
    """The answer as a client would get it, spread out to be read."""
    if data is None:
        return ""
    return json.dumps(json.loads(Json().render(data)), indent=2, ensure_ascii=False)


def _moment(header: str | None) -> datetime | None:
    return datetime.fromisoformat(header) if header else None


class _Crumb(NamedTuple):
    name: str
    address: str


def _crumbs(request: Request) -> list[_Crumb]:
    parts = [part for part in request.path.split("/") if part]
    paths = ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
    known = {path for path, method in operations() if method == "GET"}
    return [
        _Crumb(part, path if _is_known(path, known) else "")
        for part, path in zip(parts, paths, strict=True)
    ]


def _is_known(path: str, known: set[str]) -> bool:
    return path in known or any(_fits(path, template) for template in known if "{" in template)


def _fits(path: str, template: str) -> bool:
    ours, theirs = path.split("/"), template.split("/")
    return len(ours) == len(theirs) and all(
        here == there or (there.startswith("{") and here.isdigit())
        for here, there in zip(ours, theirs, strict=True)
    )


def _groups(plain: Any) -> list[dict[str, Any]]:
    """The groups of the root, with addresses as short as a page can have them."""
    return [
        {
            "name": group["name"],
            "routes": [
                {**route, "addresses": [urlsplit(url).path for url in route["urls"]]}
                for route in group["routes"]
            ],
        }
        for group in plain["groups"]
    ]


# Rows ---------------------------------------------------------------------------------------------
def _rows_of(plain: Any) -> list[Any] | None:
    rows = plain.get("results") if isinstance(plain, dict) else None
    return rows if isinstance(rows, list) else None


def _body(request: Request, getting: Operation | None, plain: Any) -> list[SafeString]:
    rows = _rows_of(plain)
    links = {**_addresses_by_column(), **_address_of_rows(getting)}
    if rows is None:
        return [shown(plain, links)] if plain not in (None, "") else []
    beside = {
        name: value
        for name, value in plain.items()
        if name not in ("results", "count", "next", "previous")
    }
    parts = [shown(beside, links)] if beside else []
    return [*parts, shown(rows, links, _headings(request, getting))] if rows else parts


@cache
def _addresses_by_column() -> dict[str, str]:
    """Column -> the address of the row that it names, for all columns of mirrored rows that do."""
    details = {
        operation.view.cls.queryset.model: operation.path
        for operation in operations().values()
        if operation.method == "GET"
        and operation.path.endswith("/{odoo_id}")
        and getattr(operation.view.cls, "queryset", None) is not None
    }
    return {
        field.attname: _with_a_place(details[field.related_model])
        for model in details
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.related_model in details
    }


def _address_of_rows(listing: Operation | None) -> dict[str, str]:
    """For the id of a row of a list: where the list has an address for each."""
    if listing is None or listing.parameters:
        return {}
    single = f"{listing.path}/{{"
    for path, method in operations():
        if method == "GET" and path.startswith(single) and path.endswith("}"):
            name = path[len(single) : -1]
            return {column: _with_a_place(path) for column in (name, "id")}
    return {}


def _with_a_place(path: str) -> str:
    return path[: path.index("{")] + "{}" + path[path.index("}") + 1 :]


def _headings(request: Request, getting: Operation | None) -> dict[str, str]:
    """Column -> the address that orders by it; the other way round where it does already."""
    ordering = (
        next((one for one in getting.query if one.name == "ordering"), None) if getting else None
    )
    if ordering is None:
        return {}
    now = request.query_params.get("ordering")
    names = [name for name in ordering.choices if not name.startswith("-")]
    return {name: _address(request, ordering=f"-{name}" if now == name else name) for name in names}


def _address(request: Request, **changed: Any) -> str:
    """This address with other parameters; the page goes, for it counts other rows then."""
    kept = {
        name: value
        for name, value in request.query_params.items()
        if name not in changed and name not in ("page", "cursor")
    }
    kept |= {name: value for name, value in changed.items() if value is not None}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


# Pages and filters --------------------------------------------------------------------------------
def _pages(request: Request, getting: Operation | None, plain: Any) -> dict[str, Any] | None:
    rows = _rows_of(plain)
    if rows is None or getting is None:
        return None
    known = {one.name for one in getting.query}
    found: dict[str, Any] = {"rows": len(rows)}
    if "next_after" in plain:
        place = {"after": plain["next_after"], "feed": plain["feed"]}
        return found | {"next": _address(request, **place) if plain["more"] else None}
    if "per_page" not in known:
        # Read live: from the last id on.
        more = rows and len(rows) == _number(request, "limit", USUAL_SIZE)
        return found | {"next": _address(request, after=rows[-1]["id"]) if more else None}
    found |= {"next": plain.get("next"), "previous": plain.get("previous")}
    size = min(_number(request, "per_page", USUAL_SIZE), MAX_SIZE)
    found["sizes"] = [(one, _address(request, per_page=one), one == size) for one in _SIZES]
    if "cursor" in request.query_params:
        return found | {"by_number": _address(request, cursor=None)}
    number = _number(request, "page", 1)
    last = max(-(-plain["count"] // size), 1)
    first_row = (number - 1) * size + 1
    return found | {
        "number": number,
        "last": last,
        "range": f"{first_row:,} to {first_row + len(rows) - 1:,} of {plain['count']:,}",
        "first_address": _address(request),
        "last_address": _address(request, page=last),
        "by_cursor": _address(request, cursor="") if "cursor" in known else None,
    }


def _number(request: Request, name: str, usual: int) -> int:
    """A parameter that the view took: as large as a page can be, however it was written."""
    digits = request.query_params.get(name, "").strip().lstrip("0+")[:9]
    return int(digits) if digits.isdecimal() else usual


class _Input(NamedTuple):
    field: Field
    value: str


def _filters(request: Request, getting: Operation | None) -> dict[str, Any] | None:
    fields = [one for one in getting.query if one.name not in ("page", "cursor")] if getting else []
    if not fields:
        return None
    given = request.query_params
    inputs = {one.name: _Input(one, given.get(one.name, "")) for one in fields}
    return {
        "search": inputs.pop("search", None),
        "ordering": inputs.pop("ordering", None),
        "inputs": list(inputs.values()),
        "active": [
            (name, value, _address(request, **{name: None}))
            for name, value in given.items()
            if name not in _OF_PAGES
        ],
    }


# Links and forms ----------------------------------------------------------------------------------
def _here(path: str) -> list[Operation]:
    return [operations()[path, method] for method in _WRITES if (path, method) in operations()]


class _Link(NamedTuple):
    operation: Operation
    name: str
    address: str


def _links(request: Request, path: str) -> Iterator[_Link]:
    """The routes below this one that the user may use; a route with formats once for each."""
    for operation in below(path):
        if path == _root() or not operation.is_allowed(request):
            continue
        for address in _filled(operation, request):
            formats = next((one.choices for one in operation.query if one.name == "format"), ())
            known = {one.name for one in operation.query}
            same = {name: value for name, value in request.query_params.items() if name in known}
            for form in formats:
                query = urlencode({**same, "format": form})
                yield _Link(operation, f"{operation.summary}: {form}", f"{address}?{query}")
            if not formats:
                yield _Link(operation, operation.summary, address)


def _filled(operation: Operation, request: Request) -> list[str]:
    """The addresses of ``operation`` with what is known from the one of ``request``."""
    given = request.parser_context["kwargs"]
    path = operation.path
    for name, value in given.items():
        path = path.replace(f"{{{name}}}", str(value))
    return replace(operation, path=path).addresses()


@cache
def _root() -> str:
    return reverse("root")


def _may_send(operation: Operation, request: Request) -> bool:
    try:
        return operation.is_allowed(request)
    except DatabaseError:
        return False


def _form(operation: Operation, request: Request, plain: Any) -> dict[str, Any]:
    present = plain if operation.method == "PATCH" and isinstance(plain, dict) else {}
    return {
        "operation": operation,
        "address": request.path,
        "headers": [_Input(one, str(uuid.uuid4())) for one in operation.headers],
        "inputs": [_Input(one, _present(one, present)) for one in operation.body or ()],
        "has_body": operation.body is not None,
        "example": _example(operation, present),
    }


def _present(field: Field, present: Mapping[str, Any]) -> str:
    if field.name in present:
        value = present[field.name]
        return "" if value is None else str(value)
    # What must be written as JSON is easier to change than to begin.
    return field.example if field.kind == "json" and field.required else ""


def _example(operation: Operation, present: Mapping[str, Any]) -> str:
    known = {one.name for one in operation.body or ()} & present.keys()
    if not known:
        return operation.example
    values = {name: value for name, value in present.items() if name in known}
    return json.dumps(values, indent=2, ensure_ascii=False)


# The exchange -------------------------------------------------------------------------------------
def _request_lines(request: Request) -> list[tuple[str, str]]:
    return [("Accept", Json.media_type), ("Authorization", "Bearer <access token>")]


def _curl(request: Request) -> str:
    address = shlex.quote(request.build_absolute_uri())
    method = "" if request.method in ("GET", "HEAD") else f"-X {request.method} "
    return f'curl {method}-H "Authorization: Bearer $TOKEN" {address}'


def _response_lines(response: Response) -> list[tuple[str, str]]:
    lines = [
        (name, value) for name, value in response.items() if name.lower() not in _HIDDEN_HEADERS
    ]
    return [("Content-Type", Json.media_type), *sorted(lines)]
