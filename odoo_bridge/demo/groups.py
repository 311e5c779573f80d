"""``read_group`` and ``formatted_read_group``: rows counted and summed by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import product
from typing import Any

from odoo_bridge.demo.database import Row
from odoo_bridge.demo.domain import NUMBERS, combine
from odoo_bridge.demo.errors import OdooError, value_error
from odoo_bridge.demo.records import Environment
from odoo_bridge.demo.values import spell

# "total:sum(amount_total)", "amount_total:sum" or "amount_total"
SPEC = re.compile(r"^(?P<name>\w+)(:(?P<function>\w+)(\((?P<field>\w+)\))?)?$")


def _sum(values: list[Any]) -> Any:
    # PostgreSQL adds decimals exactly; adding floats would not.
    if any(isinstance(value, float) for value in values):
        return float(sum((Decimal(repr(value)) for value in values), Decimal(0)))
    return sum(values)


AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "sum": _sum,
    "min": min,
    "max": max,
    "avg": lambda values: float(_sum(values)) / len(values),
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "array_agg": list,
}

Group = tuple[tuple[Any, ...], list[Row]]


def group_rows(env: Environment, model: str, ids: Iterable[int], names: list[str]) -> list[Group]:
    """Return the groups in order of their values; without names there is one, even if empty."""
    for name in names:
        known = env.fields(model).get(name)
        if known is None:
            raise value_error(f"Invalid field {name!r} on model {model!r}")
        if known.type == "many2many" and env.major < 15:
            raise OdooError(
                "builtins.AssertionError",
                "Fields in 'groupby' must be regular database-persisted fields (no function or "
                "related fields), or function fields with store=True",
            )
    rows = env.tx.rows(model)
    if not names:
        return [((), [rows[each] for each in ids])]
    found: dict[tuple[Any, ...], list[Row]] = {}
    for each in ids:
        row = rows[each]
        # A record with two tags is in the groups of both.
        for group in product(*(_values(env, model, name, row) for name in names)):
            found.setdefault(group, []).append(row)

    def order(group: Group) -> list[tuple[bool, Any]]:
        parts: list[tuple[bool, Any]] = []
        for name, value in zip(names, group[0], strict=True):
            known = env.fields(model)[name]
            if value is False and known.type != "boolean":
                parts.append((True, ""))
            else:
                shown = env.label(known.relation, value) if known.relation else value
                parts.append((False, shown))
        return parts

    return sorted(found.items(), key=order)


def _values(env: Environment, model: str, name: str, row: Row) -> list[Any]:
    known = env.fields(model)[name]
    if known.type == "many2many":
        return env.linked(known, row) or [False]
    return [row[name]]


def aggregate(env: Environment, model: str, name: str, function: str, rows: list[Row]) -> Any:
    """Return one aggregate as Odoo sends it, or None when there is nothing to aggregate."""
    known = env.fields(model)[name]
    values = [row[name] for row in rows if known.type in NUMBERS or row[name] is not False]
    if not values and not function.startswith("count"):
        return None
    answer = AGGREGATES[function](values)
    return spell(answer) if isinstance(answer, date | datetime) else answer


def parse_spec(env: Environment, model: str, spec: str) -> tuple[str, str, str]:
    """Return (key in the answer, field, function) of one aggregate."""
    parts = SPEC.match(spec)
    name = parts and (parts["field"] or parts["name"])
    if parts is None or name not in env.fields(model):
        old = env.major < 17
        where = f"on model {model!r}" + ("" if old else f" for {spec!r}.")
        raise value_error(f"Invalid field {name or spec!r} {where}")
    function = parts["function"] or "sum"
    if function not in AGGREGATES:
        raise value_error(f"Invalid aggregation function {function!r}.")
    return parts["name"], str(name), function


def _group_value(env: Environment, model: str, name: str, value: Any) -> Any:
    known = env.fields(model)[name]
    if known.type in ("many2one", "many2many") and value is not False:
        return [value, env.label(known.relation, value)]
    return spell(value) if isinstance(value, date | datetime) else value


def _conditions(names: list[str], values: Iterable[Any]) -> list[Any]:
    return [[name, "=", value] for name, value in zip(names, values, strict=True)]


def read_group(
    env: Environment,
    model: str,
    ids: list[int],
    domain: list[Any],
    fields: Iterable[str],
    groupby: list[str],
    *,
    lazy: bool,
) -> list[dict[str, Any]]:
    used = groupby[:1] if lazy else groupby
    specs = [
        parse_spec(env, model, each) for each in fields if each != "__count" and each not in groupby
    ]
    old = env.major < 17
    if old and groupby:
        # These versions take the plain "id" out of grouped answers.
        specs = [each for each in specs if each[0] != "id"]
    count_key = f"{used[0]}_count" if lazy and len(used) == 1 else "__count"
    answer = []
    for values, rows in group_rows(env, model, ids, used):
        group: dict[str, Any] = {
            name: _group_value(env, model, name, value)
            for name, value in zip(used, values, strict=True)
        }
        group[count_key] = len(rows)
        for key, name, function in specs:
            found = aggregate(env, model, name, function, rows)
            group[key] = False if found is None and not old else found
        conditions = combine(domain, _conditions(used, values))
        if groupby or not old:
            group["__domain"] = conditions or [[1, "=", 1]]
        if len(groupby) > len(used):
            group["__context"] = {"group_by": groupby[len(used) :]}
        answer.append(group)
    return answer


def formatted_read_group(
    env: Environment, model: str, ids: list[int], groupby: list[str], aggregates: Iterable[str]
) -> list[dict[str, Any]]:
    specs = [each if each == "__count" else parse_spec(env, model, each) for each in aggregates]
    answer = []
    for values, rows in group_rows(env, model, ids, groupby):
        group: dict[str, Any] = {
            name: _group_value(env, model, name, value)
            for name, value in zip(groupby, values, strict=True)
        }
        conditions = combine(*([each] for each in _conditions(groupby, values)))
        group["__extra_domain"] = conditions or [[1, "=", 1]]
        for spec in specs:
            if isinstance(spec, str):
                group[spec] = len(rows)
                continue
            _, name, function = spec
            found = aggregate(env, model, name, function, rows)
            group[f"{name}:{function}"] = False if found is None else found
        answer.append(group)
    return answer
