"""Odoo's two protocols: what a request asks, and how answers and errors are spelled.

JSON-RPC (``/jsonrpc``, all versions) answers HTTP 200 even for errors; JSON-2 (``/json/2``, from 19)
answers bare values and real statuses.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from odoo_bridge.demo import methods
from odoo_bridge.demo.errors import OdooError, access_denied, http_error, missing_error, user_error
from odoo_bridge.demo.records import ADMIN

if TYPE_CHECKING:
    from odoo_bridge.demo.odoo import DemoOdoo

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
NO_RESULT = object()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Answer:
        body = json.dumps(value, default=str).encode()
        return cls(status, body, {"Content-Type": JSON, **headers})

    @classmethod
    def html(cls, status: int, body: str, **headers: str) -> Answer:
        return cls(status, body.encode(), {"Content-Type": HTML, **headers})


@dataclass
class Question:
    """One call: what it names, how to run it, and how its outcome is spelled."""

    model: str
    method: str
    kwargs: dict[str, Any]
    run: Callable[[], Any]
    result: Callable[[Any], Answer]
    error: Callable[[OdooError], Answer]
    refusal: Callable[[], OdooError] = access_denied


def as_odoo_error(error: Exception) -> OdooError:
    """Any exception as Odoo reports it: a fault of ours is a server error of Odoo's."""
    if isinstance(error, OdooError):
        return error
    return OdooError(f"builtins.{type(error).__name__}", str(error))


def read_request(demo: DemoOdoo, request: Request) -> Question | Answer:
    """Return the call a request asks for, or the answer when it asks for none."""
    path = request.path.partition("?")[0]
    if request.method == "POST" and path == "/jsonrpc":
        return _jsonrpc(demo, request)
    if request.method == "POST" and path == "/web/webclient/version_info":
        return _version_info(demo, request)
    if request.method == "POST" and path == "/web/database/list":
        return _database_list(demo, request)
    if demo.major >= 19:
        if request.method == "GET" and path in ("/web/version", "/json/version"):
            version = {"version_info": demo.version_info, "version": demo.version}
            return Question(
                "web", "version", {}, lambda: version, Answer.json, _jsonrpc_error(demo, None)
            )
        parts = path.split("/")
        if request.method == "POST" and parts[:3] == ["", "json", "2"] and len(parts) == 5:
            return _json2(demo, request, parts[3], parts[4])
    if request.method == "POST" and demo.major < 19:
        missing = http_error("NotFound", "404: Not Found")
        return _jsonrpc_error(demo, None, code=404)(missing)
    return Answer.html(404, "<!doctype html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n")


# JSON-RPC


def _jsonrpc_result(call_id: Any) -> Callable[[Any], Answer]:
    def spell(value: Any) -> Answer:
        answer = {"jsonrpc": "2.0", "id": call_id}
        # A method that returns nothing is answered without a result, as Odoo does.
        if value is not None and value is not NO_RESULT:
            answer["result"] = value
        return Answer.json(answer)

    return spell


def _jsonrpc_error(
    demo: DemoOdoo, call_id: Any, code: int | None = None
) -> Callable[[OdooError], Answer]:
    def spell(error: OdooError) -> Answer:
        known = {
            "code": code or (0 if demo.major >= 19 else 200),
            "message": "404: Not Found" if code == 404 else "Odoo Server Error",
            "data": _error_body(error),
        }
        return Answer.json({"jsonrpc": "2.0", "id": call_id, "error": known}, code or 200)

    return spell


def _error_body(error: OdooError) -> dict[str, Any]:
    return {
        "name": error.name,
        "message": error.message,
        "arguments": error.arguments,
        "context": {},
        "debug": "".join(traceback.format_exception(error)),
    }


def _envelope(request: Request) -> dict[str, Any] | Answer:
    try:
        envelope = json.loads(request.body or b"{}")
    except ValueError:
        return Answer.html(400, "Invalid JSON data")
    if not isinstance(envelope, dict):
        return Answer.html(400, "Invalid JSON-RPC data")
    return envelope


def _version_info(demo: DemoOdoo, request: Request) -> Question | Answer:
    envelope = _envelope(request)
    if isinstance(envelope, Answer):
        return envelope
    call_id = envelope.get("id")
    return Question(
        "web",
        "version_info",
        {},
        demo.version_answer,
        _jsonrpc_result(call_id),
        _jsonrpc_error(demo, call_id),
    )


def _database_list(demo: DemoOdoo, request: Request) -> Question | Answer:
    envelope = _envelope(request)
    if isinstance(envelope, Answer):
        return envelope
    call_id = envelope.get("id")
    return Question(
        "web",
        "database_list",
        {},
        lambda: [demo.database],
        _jsonrpc_result(call_id),
        _jsonrpc_error(demo, call_id),
    )


def _jsonrpc(demo: DemoOdoo, request: Request) -> Question | Answer:
    envelope = _envelope(request)
    if isinstance(envelope, Answer):
        return envelope
    call_id = envelope.get("id")
    result, error = _jsonrpc_result(call_id), _jsonrpc_error(demo, call_id)
    params = envelope.get("params") or {}
    try:
        service, method, args = params["service"], params["method"], params["args"]
    except KeyError as missing:
        message = f"jsonrpc() missing a required argument: {missing}"
        return error(OdooError("builtins.TypeError", message))
    if service == "common":
        run = _common(demo, method, args)
        question = Question("common", method, {}, run, result, error)
        if method in ("login", "authenticate"):
            # A refused login is not an error there, but the answer False.
            question.error = lambda refused: (
                result(False) if refused.name.endswith("AccessDenied") else error(refused)
            )
        return question
    if service != "object" or method not in ("execute", "execute_kw"):
        if service == "object":
            return error(OdooError("builtins.Exception", f"Method not found: {method}"))
        name = "KeyError" if demo.major >= 19 else "UnboundLocalError"
        return error(OdooError(f"builtins.{name}", str(service)))
    database, uid, password, model, name, *rest = args
    if method == "execute_kw":
        positional = list(rest[0]) if rest else []
        keywords = dict(rest[1]) if len(rest) > 1 and rest[1] else {}
    else:
        positional, keywords = list(rest), {}

    problem: OdooError | None = None
    ids: list[int] = []
    context: dict[str, Any] = {}
    try:
        ids, context, named = methods.bind_rpc(demo.major, model, name, positional, keywords)
    except OdooError as wrong:
        problem, named = wrong, {"args": positional, **keywords}

    def run_call() -> Any:
        demo.check_database(database)
        if uid != ADMIN:
            raise missing_error("res.users", uid, uid)
        if password not in (demo.password, demo.api_key):
            raise access_denied()
        if model not in demo.models:
            raise user_error(f"Object {model} doesn't exist")
        if problem is not None:
            raise problem
        return demo.call(model, name, ids, context, named)

    kwargs = _logged(name, ids, context, named)
    return Question(str(model), str(name), kwargs, run_call, result, error)


def _common(demo: DemoOdoo, method: str, args: list[Any]) -> Callable[[], Any]:
    def run() -> Any:
        match method, args:
            case "version", _:
                return demo.version_answer()
            case ("login", [database, login, password]) | (
                "authenticate",
                [database, login, password, _],
            ):
                demo.check_database(database)
                right = login == demo.username and password in (demo.password, demo.api_key)
                return ADMIN if right else False
        raise OdooError("builtins.Exception", f"Method not found: {method}")

    return run


def _logged(
    name: str, ids: list[int], context: dict[str, Any], named: dict[str, Any]
) -> dict[str, Any]:
    """The arguments by name, the same for both protocols. Never a password or key."""
    kwargs = dict(named)
    if name not in methods.MODEL_METHODS:
        kwargs["ids"] = ids
    if context:
        kwargs["context"] = context
    return kwargs


# JSON-2


def _json2_error(error: OdooError) -> Answer:
    headers = {"WWW-Authenticate": "Bearer "} if error.status == 401 else {}
    return Answer.json(_error_body(error), error.status, **headers)


def _invalid_key() -> OdooError:
    return http_error("Unauthorized", "Invalid apikey")


def _json2(demo: DemoOdoo, request: Request, model: str, name: str) -> Question | Answer:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return Answer.html(415, "<!doctype html>\n<title>415 Unsupported Media Type</title>\n")
    if request.headers.get("x-odoo-database", demo.database) != demo.database:
        return Answer.html(
            404, "<!DOCTYPE html>\n<title>404 Not Found</title>\n<p>No database is selected</p>\n"
        )
    problem: OdooError | None = None
    body: dict[str, Any] = {}
    ids: list[int] = []
    context: dict[str, Any] = {}
    named: dict[str, Any] = {}
    try:
        body = _json2_body(request)
        if model not in demo.models:
            raise http_error("NotFound", f"the model {model!r} does not exist")
        ids, context, named = methods.bind_json2(demo.major, model, name, body)
    except OdooError as wrong:
        problem, named = wrong, body

    def run_call() -> Any:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise http_error(
                "Unauthorized",
                "User not authenticated, use an API Key with a Bearer Authorization header.",
            )
        if key.strip() != demo.api_key:
            raise _invalid_key()
        if problem is not None:
            raise problem
        answer = demo.call(model, name, ids, context, named)
        return [answer] if name == "create" and isinstance(answer, int) else answer

    return Question(
        model,
        name,
        _logged(name, ids, context, named),
        run_call,
        lambda value: Answer(200, b"") if value is NO_RESULT else Answer.json(value),
        _json2_error,
        refusal=_invalid_key,
    )


def _json2_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise http_error("BadRequest", f"could not parse the body as json: {error}") from None
    # Odoo takes a body that is no object for one without arguments.
    return body if isinstance(body, dict) else {}
