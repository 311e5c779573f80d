"""The methods that the demo Odoo answers, with the names and arguments of each version."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from odoo_bridge.demo import groups, imports, posting
from odoo_bridge.demo.database import Row
from odoo_bridge.demo.errors import OdooError, access_error, http_error, type_error, value_error
from odoo_bridge.demo.records import ADMIN, Environment
from odoo_bridge.demo.values import spell

Item = TypeVar("Item")

LOG_FIELDS = ("create_date", "write_date", "create_uid", "write_uid")
CLASSIC = "_classic_read"

# Methods of the model itself; the others are called on ids.
MODEL_METHODS = frozenset({
    "search", "search_read", "search_count", "read_group", "formatted_read_group", "fields_get",
    "create", "context_get", "load", "check_object_reference",
})  # fmt: skip
# Methods that only some models have.
ONLY_ON = {
    "action_post": ("account.move",),
    "button_draft": ("account.move",),
    "button_cancel": ("account.move",),
    "context_get": ("res.users",),
    "check_object_reference": ("ir.model.data",),
}
SINCE = {"formatted_read_group": 19}
UNTIL = {"read_group": 19}


class Records:
    """The ids a method is called on, as its ``self`` would be in Odoo."""

    def __init__(self, env: Environment, model: str, ids: list[int], context: dict[str, Any]):
        self.env = env
        self.model = model
        self.ids = ids
        self.context = context

    def _found(self, domain: Any, order: str | None = None) -> list[int]:
        active_test = bool(self.context.get("active_test", True))
        return self.env.search(self.model, domain, order, active_test=active_test)

    def search(
        self, domain: Any, offset: int = 0, limit: int | None = None, order: str | None = None
    ) -> list[int]:
        return _page(self._found(domain, order), offset, limit)

    def search_count(self, domain: Any, limit: int | None = None) -> int:
        return len(_page(self._found(domain, "id"), 0, limit))

    def search_read(
        self,
        domain: Any = None,
        fields: list[str] | None = None,
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
        load: str | None = CLASSIC,
    ) -> list[dict[str, Any]]:
        self._check_fields(fields)
        return self._rows(_page(self._found(domain or [], order), offset, limit), fields, load)

    def read(
        self, fields: list[str] | None = None, load: str | None = CLASSIC
    ) -> list[dict[str, Any]]:
        self._check_fields(fields)
        self.env.check_rows(self.model, self.ids)
        return self._rows(self.ids, fields, load)

    def _check_fields(self, fields: list[str] | None) -> None:
        for name in fields or ():
            if name not in self.env.fields(self.model):
                on = "on" if self.env.major >= 17 else "on model"
                raise value_error(f"Invalid field {name!r} {on} {self.model!r}")

    def _rows(
        self, ids: list[int], fields: list[str] | None, load: str | None
    ) -> list[dict[str, Any]]:
        env, model = self.env, self.model
        names = ["id", *(name for name in fields or env.fields(model) if name != "id")]
        columns = [(name, self._speller(name, load)) for name in names]
        rows = env.tx.rows(model)
        found = [rows[each] for each in ids if each in rows]
        return [{name: spelled(row) for name, spelled in columns} for row in found]

    def _speller(self, name: str, load: str | None) -> Callable[[Row], Any]:
        env = self.env
        known = env.fields(self.model)[name]
        get = env.getter(self.model, name)
        if known.type in ("date", "datetime"):
            return lambda row: spell(row[name])
        if known.type == "many2one" and load == CLASSIC:

            def labelled(row: Row) -> Any:
                held = row[name]
                return [held, env.label(known.relation, held)] if held is not False else False

            return labelled
        return get

    def read_group(
        self,
        domain: Any,
        fields: list[str],
        groupby: Any,
        offset: int = 0,
        limit: int | None = None,
        orderby: Any = False,
        lazy: bool = True,
    ) -> list[dict[str, Any]]:
        names = [groupby] if isinstance(groupby, str) else list(groupby)
        found = self._found(domain, "id")
        answer = groups.read_group(
            self.env, self.model, found, domain, fields, names, lazy=bool(lazy)
        )
        return _page(answer, offset, limit)

    def formatted_read_group(
        self,
        domain: Any,
        groupby: Any = (),
        aggregates: Any = (),
        having: Any = (),
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
    ) -> list[dict[str, Any]]:
        found = self._found(domain, "id")
        answer = groups.formatted_read_group(
            self.env, self.model, found, list(groupby), list(aggregates)
        )
        return _page(answer, offset, limit)

    def fields_get(
        self, allfields: list[str] | None = None, attributes: list[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        # Odoo shows the fields even of a model whose records are forbidden, as read-only in 14.
        rules = self.env.rules
        locked = rules is not None and self.model in rules.forbidden and self.env.major < 19
        answer = {}
        for name, known in self.env.fields(self.model).items():
            if allfields and name not in allfields:
                continue
            said = known.attributes()
            said["readonly"] = said["readonly"] or locked
            answer[name] = {
                key: value for key, value in said.items() if not attributes or key in attributes
            }
        return answer

    def create(self, vals_list: Any) -> int | list[int]:
        # One dict gives one id, a list gives a list; JSON-2 makes a list of both.
        if isinstance(vals_list, dict):
            return self.env.create(self.model, _without_log_fields(vals_list))
        return [self.env.create(self.model, _without_log_fields(vals)) for vals in vals_list]

    def write(self, vals: dict[str, Any]) -> bool:
        self.env.check_rows(self.model, self.ids)
        self.env.write(self.model, self.ids, _without_log_fields(vals))
        return True

    def unlink(self) -> bool:
        self.env.check_rows(self.model, self.ids)
        self.env.unlink(self.model, self.ids)
        return True

    def load(self, fields: list[str], data: list[list[str]]) -> dict[str, Any]:
        return imports.load(self.env, self.model, fields, data)

    def check_object_reference(
        self, module: str, xml_id: str, raise_on_access_error: bool = False
    ) -> tuple[str, int | bool]:
        found = imports.external_id(self.env, f"{module}.{xml_id}")
        if found is None:
            raise value_error(f"External ID not found in the system: {module}.{xml_id}")
        model, record_id = found
        if self.env.search(model, [("id", "=", record_id)], active_test=False):
            return model, record_id
        if raise_on_access_error:
            raise access_error(f'Not enough access rights on the external ID "{module}.{xml_id}"')
        return model, False

    def action_archive(self) -> None:
        self.write({"active": False})

    def action_unarchive(self) -> None:
        self.write({"active": True})

    def context_get(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"lang": "en_US", "tz": "UTC"}
        if self.env.major >= 16:
            answer["uid"] = ADMIN
        return answer

    def action_post(self) -> Any:
        posting.post(self.env, self.ids)
        if self.env.major < 16:
            # A recordset, which these versions cannot put into JSON but as its text.
            shown = ", ".join(map(str, self.ids)) + ("," if len(self.ids) == 1 else "")
            return f"account.move({shown})"
        return False

    def button_draft(self) -> None:
        posting.to_draft(self.env, self.ids)

    def button_cancel(self) -> None:
        posting.cancel(self.env, self.ids)


class OldRecords(Records):
    """Where 14 and 15 differ: the first argument's name, and no ``load`` in ``search_read``."""

    def search(
        self,
        args: Any,
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
        count: bool = False,
    ) -> Any:
        found = _page(self._found(args, order), offset, limit)
        return len(found) if count else found

    def search_count(self, args: Any) -> int:  # type: ignore[override]
        return len(self._found(args, "id"))

    def search_read(  # type: ignore[override]
        self,
        domain: Any = None,
        fields: list[str] | None = None,
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
    ) -> list[dict[str, Any]]:
        return super().search_read(domain, fields, offset, limit, order)


def _page(found: list[Item], offset: int, limit: int | None) -> list[Item]:
    offset = offset or 0
    return found[offset : offset + limit] if limit else found[offset:]


def _without_log_fields(values: dict[str, Any]) -> dict[str, Any]:
    # Odoo silently keeps these to itself.
    return {name: value for name, value in values.items() if name not in LOG_FIELDS}


def find_method(major: int, model: str, name: str) -> Callable[..., Any]:
    """Return the method, or raise what Odoo raises for a private or unknown one."""
    if name.startswith("_"):
        shown = f"{model}.{name}" if major >= 19 else name
        raise access_error(
            f"Private methods (such as {shown!r}) cannot be called remotely."
            if major >= 19
            else f"Private methods (such as {shown}) cannot be called remotely."
        )
    method = getattr(OldRecords if major < 16 else Records, name, None)
    fits = model in ONLY_ON.get(name, (model,)) and SINCE.get(name, 0) <= major
    if method is None or not fits or major > UNTIL.get(name, major):
        message = f"The method '{model}.{name}' does not exist"
        if major < 19:
            message = f"type object '{model}' has no attribute '{name}'"
        raise OdooError("builtins.AttributeError", message)
    return method


def bind(method: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments by name. Raises TypeError worded as Python does."""
    bound = inspect.signature(method).bind(None, *args, **kwargs)
    return {name: value for name, value in bound.arguments.items() if name != "self"}


def bind_rpc(
    major: int, model: str, name: str, args: list[Any], kwargs: dict[str, Any]
) -> tuple[list[int], dict[str, Any], dict[str, Any]]:
    """Sort the positional arguments of ``execute_kw`` into (ids, context, arguments by name)."""
    method = find_method(major, model, name)
    kwargs = dict(kwargs)
    context = kwargs.pop("context", None) or {}
    ids: Any = []
    if name not in MODEL_METHODS:
        if not args and "ids" not in kwargs:
            raise type_error(f"{name}() missing 1 required positional argument: 'ids'")
        ids = kwargs.pop("ids") if "ids" in kwargs else args[0]
        args = args[1:] if args else []
    try:
        named = bind(method, args, kwargs)
    except TypeError as error:
        raise type_error(f"{name}() {error}") from None
    return _as_ids(ids), context, named


def bind_json2(
    major: int, model: str, name: str, body: dict[str, Any]
) -> tuple[list[int], dict[str, Any], dict[str, Any]]:
    """Sort the body of a JSON-2 call into (ids, context, arguments by name)."""
    try:
        method = find_method(major, model, name)
    except OdooError as error:
        if error.name != "builtins.AttributeError":
            raise
        raise http_error("NotFound", error.message) from None
    named = dict(body)
    ids, context = named.pop("ids", []), named.pop("context", {})
    if not isinstance(context, dict):
        raise type_error(f"{type(context).__name__!r} object is not iterable")
    if ids and name in MODEL_METHODS:
        raise http_error("UnprocessableEntity", f"cannot call {model}.{name} with ids")
    try:
        bind(method, [], named)
    except TypeError as error:
        raise http_error("UnprocessableEntity", str(error)) from None
    return _as_ids(ids), context, named


def _as_ids(ids: Any) -> list[int]:
    ids = [ids] if isinstance(ids, int) else list(ids or [])
    for each in ids:
        if not isinstance(each, int):
            raise OdooError(
                "psycopg2.errors.InvalidTextRepresentation",
                f'invalid input syntax for type integer: "{each}"\n',
            )
    return ids


def call(
    env: Environment,
    model: str,
    name: str,
    ids: list[int],
    context: dict[str, Any],
    arguments: dict[str, Any],
) -> Any:
    """Run one method with arguments that were bound before."""
    method = find_method(env.major, model, name)
    if name not in ("fields_get", "context_get"):
        env.check_access(model)
    records = (OldRecords if env.major < 16 else Records)(env, model, ids, context)
    return method(records, **arguments)
