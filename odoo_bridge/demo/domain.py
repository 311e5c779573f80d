"""Odoo's search domains as Python functions of a row.

The comparison of datetimes is the trap this module must keep: up to 18 a domain's value is compared
with the stored microseconds, from 19 on it means its whole second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from odoo_bridge.demo.database import Row
from odoo_bridge.demo.errors import OdooError, type_error, value_error
from odoo_bridge.demo.fields import Field

if TYPE_CHECKING:
    from odoo_bridge.demo.views import View

Test = Callable[[Row], bool]

LIKES = ("like", "ilike", "=like", "=ilike", "not like", "not ilike")
OPERATORS = ("=", "!=", "<>", "in", "not in", "<", "<=", ">", ">=", "child_of", *LIKES)
NUMBERS = ("integer", "float", "monetary")
TEXTS = ("char", "text", "html")


def mentions(domain: Iterable[Any], name: str) -> bool:
    """Whether a condition of the domain is about that field."""
    return any(isinstance(item, list | tuple) and item and item[0] == name for item in domain)


def combine(*domains: list[Any]) -> list[Any]:
    """Join domains by "and"."""
    flat = [list(domain) for domain in domains if domain]
    conditions = [item for domain in flat for item in _explicit(domain)]
    return ["&"] * (len(flat) - 1) + conditions


def _explicit(domain: list[Any]) -> list[Any]:
    arity = {"!": 0, "&": 1, "|": 1}
    missing = 1
    for item in domain:
        missing += arity[item] if isinstance(item, str) else -1
    return ["&"] * -missing + domain


def wanted_ids(domain: Any) -> Collection[int] | None:
    """Return the only ids a domain can match, when it says so at its top level."""
    if not isinstance(domain, list | tuple) or any(item in ("|", "!") for item in domain):
        return None
    found: set[int] | None = None
    for item in domain:
        match item:
            case ["id", "in", [*ids]] | ("id", "in", [*ids]):
                pass
            case ["id", "=", int(one)] | ("id", "=", int(one)):
                ids = [one]
            case _:
                continue
        numbers = {each for each in ids if isinstance(each, int)}
        found = numbers if found is None else found & numbers
    return found


def compile_domain(env: View, model: str, domain: Any) -> Test:
    """Return the test a row of ``model`` must pass. Raises Odoo's error for a wrong domain."""
    old = env.major < 19
    if not isinstance(domain, list | tuple):
        if old:
            raise type_error(f"object of type '{type(domain).__name__}' has no len()")
        raise type_error(f"Domain() invalid argument type for domain: {domain!r}")
    stack: list[Test] = []
    try:
        for item in reversed(domain):
            if item == "!":
                stack.append(_negation(stack.pop()))
            elif item == "&":
                stack.append(_both(stack.pop(), stack.pop()))
            elif item == "|":
                stack.append(_either(stack.pop(), stack.pop()))
            else:
                stack.append(_leaf(env, model, item))
    except IndexError:
        if old:
            raise OdooError(
                "builtins.AssertionError", f"This domain is syntactically not correct: {domain!r}"
            ) from None
        raise value_error(f"Domain() malformed domain {domain!r}") from None
    if not stack:
        return _always
    test = stack.pop()
    while stack:
        test = _both(test, stack.pop())
    return test


def _always(row: Row) -> bool:
    return True


def _never(row: Row) -> bool:
    return False


def _negation(test: Test) -> Test:
    return lambda row: not test(row)


def _both(first: Test, second: Test) -> Test:
    return lambda row: first(row) and second(row)


def _either(first: Test, second: Test) -> Test:
    return lambda row: first(row) or second(row)


def _leaf(env: View, model: str, item: Any) -> Test:
    old = env.major < 19
    if not isinstance(item, list | tuple) or len(item) != 3:
        if not old:
            raise value_error(f"Domain() invalid item in domain: {item!r}")
        shown = tuple(item) if isinstance(item, list) else item
        raise value_error(f"Invalid leaf {shown}")
    name, operator, value = item
    if name in (0, 1):
        return _always if (name == value) == (operator == "=") else _never
    if operator not in OPERATORS:
        if old:
            raise value_error(f"Invalid leaf {tuple(item)}")
        raise value_error(f"Invalid operator in condition {tuple(item)}")
    head, _, rest = name.partition(".")
    field = env.fields(model).get(head)
    if field is None:
        place = "leaf" if old else "condition"
        raise value_error(f"Invalid field {model}.{head} in {place} {(head, operator, value)}")
    if rest:
        return _path(env, model, field, rest, operator, value)
    operator = "!=" if operator == "<>" else operator
    if operator == "child_of":
        return _child_of(env, model, field, value)
    if field.type in ("many2one", "one2many", "many2many"):
        return _relation(env, model, field, operator, value)
    if field.type == "datetime":
        return _moment(field.name, operator, value, whole_seconds=not old)
    if field.type == "date":
        value = [_day(v) for v in value] if isinstance(value, list) else _day(value)
    return _plain(env.getter(model, field.name), field, operator, value, empty_is_unset=not old)


def _path(env: View, model: str, field: Field, rest: str, operator: str, value: Any) -> Test:
    """A condition on the record a many2one points to; a row that points nowhere never matches."""
    if not field.relation:
        if env.major < 19:
            raise OdooError(
                "builtins.AttributeError",
                f"'{field.type.title()}' object has no attribute 'auto_join'",
            )
        raise value_error(f"Invalid field property {rest!r} on {field.name}")
    test = compile_domain(env, field.relation, [[rest, operator, value]])
    known: dict[int, bool] = {}
    related = env.tx.rows(field.relation)

    def matches(record_id: int) -> bool:
        if record_id not in known:
            known[record_id] = record_id in related and test(related[record_id])
        return known[record_id]

    if field.type == "many2one":
        name = field.name
        return lambda row: bool(row[name]) and matches(row[name])
    get = env.getter(model, field.name)
    return lambda row: any(matches(each) for each in get(row))


def _child_of(env: View, model: str, field: Field, value: Any) -> Test:
    top = field.relation or model
    family = set(value if isinstance(value, list | tuple) else [value])
    fresh = family
    while fresh and "parent_id" in env.fields(top):
        fresh = {child for each in fresh for child in env.tx.linked(top, "parent_id", each)}
        fresh -= family
        family |= fresh
    name = field.name
    return lambda row: row[name] in family and row[name] is not False


def _relation(env: View, model: str, field: Field, operator: str, value: Any) -> Test:
    get = env.getter(model, field.name)
    negative = operator in ("!=", "not in") or operator.startswith("not ")
    if operator in COMPARISONS:
        return _plain(get, field, operator, value)
    if isinstance(value, str):
        ids: set[Any] = _named(env, field.relation, operator, value)
    else:
        ids = set(value) if isinstance(value, list | tuple) else {value}
    empty = False in ids or None in ids
    ids -= {False, None}

    def one(row: Row) -> bool:
        held = get(row)
        return empty if held is False else held in ids

    def many(row: Row) -> bool:
        held = get(row)
        return not ids.isdisjoint(held) if held else empty

    test = one if field.type == "many2one" else many
    return _negation(test) if negative else test


def _named(env: View, model: str, operator: str, name: str) -> set[int]:
    """The records whose label fits: Odoo lets a condition name a record instead of its id."""
    # "=like" without wildcards is "=".
    fits = _like(operator.removeprefix("not ") if operator in LIKES else "=like", name)
    return {key for key in env.tx.rows(model) if fits(env.label(model, key))}


def parse_moment(value: Any) -> Any:
    """Return an aware datetime for Odoo's text; anything that is not text comes back as it is."""
    if not isinstance(value, str):
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return value
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise value_error(f"Invalid term {value!r} in expression date: {value!r}") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _day(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        raise value_error(f"Invalid isoformat string: {value!r}") from None


def _moment(name: str, operator: str, value: Any, *, whole_seconds: bool) -> Test:
    if operator in LIKES:
        raise value_error(f"Operator {operator!r} cannot be used on {name!r}")
    values = value if isinstance(value, list | tuple) else [value]
    only_date = all(isinstance(each, str) and len(each) == 10 for each in values)
    moments = [parse_moment(each) for each in values]
    if operator in ("=", "!=", "in", "not in"):
        second = timedelta(seconds=1) if whole_seconds else timedelta()

        def equal(row: Row) -> bool:
            held = row[name]
            for moment in moments:
                if not moment or not held:
                    if held is False and not moment:
                        return True
                elif moment == held or moment <= held < moment + second:
                    return True
            return False

        if whole_seconds:
            moments = [each and each.replace(microsecond=0) for each in moments]
        return _negation(equal) if operator in ("!=", "not in") else equal
    limit = moments[0]
    if not limit:
        return _never
    if whole_seconds:
        limit = limit.replace(microsecond=0)
        unit = timedelta(days=1) if only_date else timedelta(seconds=1)
        if operator in (">", "<="):
            limit += unit
            operator = ">=" if operator == ">" else "<"
    compare = COMPARISONS[operator]
    return lambda row: row[name] is not False and compare(row[name], limit)


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda held, value: held < value,
    "<=": lambda held, value: held <= value,
    ">": lambda held, value: held > value,
    ">=": lambda held, value: held >= value,
}


def _plain(
    get: Callable[[Row], Any],
    field: Field,
    operator: str,
    value: Any,
    *,
    empty_is_unset: bool = False,
) -> Test:
    if operator in LIKES:
        fits = _like(operator.removeprefix("not "), str(value))

        def like(row: Row) -> bool:
            held = get(row)
            return isinstance(held, str) and fits(held)

        return _negation(like) if operator.startswith("not ") else like
    if operator in COMPARISONS:
        compare = COMPARISONS[operator]
        if field.type in NUMBERS:
            return lambda row: compare(get(row), value or 0)
        if value is False or value is None:
            return _never
        return lambda row: get(row) is not False and compare(get(row), value)
    values = value if isinstance(value, list | tuple) else [value]
    allowed = {False if each is None else each for each in values}
    if empty_is_unset and field.type in TEXTS and not allowed.isdisjoint(("", False)):
        allowed |= {"", False}

    def equal(row: Row) -> bool:
        return get(row) in allowed

    return _negation(equal) if operator in ("!=", "not in") else equal


def _like(operator: str, value: str) -> Callable[[str], bool]:
    pattern = value if operator.startswith("=") else f"%{value}%"
    # A backslash takes the meaning from what follows it.
    source = "".join(
        {"%": ".*", "_": "."}.get(part) or re.escape(part.removeprefix("\\"))
        for part in re.split(r"(\\[\\%_]|[%_])", pattern)
    )
    flags = re.DOTALL | (re.IGNORECASE if operator.endswith("ilike") else 0)
    match = re.compile(source, flags).fullmatch
    return lambda held: match(held) is not None
