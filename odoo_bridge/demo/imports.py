"""``load``: records from a table of text, with external ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odoo_bridge.demo.errors import OdooError
from odoo_bridge.demo.fields import Field
from odoo_bridge.demo.records import Environment

Cells = dict[str, str]
TRUE, FALSE = ("1", "true", "yes"), ("0", "false", "no", "")


def load(env: Environment, model: str, fields: list[str], data: list[list[str]]) -> dict[str, Any]:
    """Create or rewrite the records of ``data``, all or none of them.

    A row whose cells outside a one2many are empty holds a further line of the record above it.
    """
    ids: list[int] = []
    try:
        for record in _records(env, model, fields, data):
            ids.append(_load(env, model, *record))
    except OdooError as error:
        env.tx.rollback()
        said = {"type": "error", "record": 0, "rows": {"from": 0, "to": 0}}
        return {"ids": False, "messages": [{**said, "message": error.message}], "nextrow": 0}
    return {"ids": ids, "messages": [], "nextrow": 0}


def external_id(env: Environment, name: str) -> tuple[str, int] | None:
    """Return the model and id behind ``module.name``."""
    module, _, rest = name.partition(".")
    for each in env.tx.linked("ir.model.data", "name", rest):
        row = env.tx.row("ir.model.data", each)
        if row["module"] == module:
            return row["model"], row["res_id"]
    return None


def _records(
    env: Environment, model: str, fields: list[str], data: list[list[str]]
) -> list[tuple[Cells, dict[str, list[Cells]]]]:
    """Return each record's own cells, and the cells of its lines by one2many field."""
    many = {name for name, known in env.fields(model).items() if known.type == "one2many"}
    records: list[tuple[Cells, dict[str, list[Cells]]]] = []
    for row in data:
        cells: Cells = {}
        lines: dict[str, Cells] = {}
        for path, cell in zip(fields, row, strict=True):
            head, _, rest = path.partition("/")
            if head in many:
                lines.setdefault(head, {})[rest] = cell
            else:
                cells[path] = cell
        if any(cells.values()) or not records:
            records.append((cells, {}))
        for name, line in lines.items():
            if any(line.values()):
                records[-1][1].setdefault(name, []).append(line)
    return records


def _load(env: Environment, model: str, cells: Cells, lines: Mapping[str, list[Cells]]) -> int:
    name = cells.pop("id", "")
    values: dict[str, Any] = _values(env, model, cells)
    names: dict[str, list[str]] = {}
    for field, rows in lines.items():
        known = env.fields(model)[field]
        names[field] = [row.pop("id", "") for row in rows]
        values[field] = [
            _command(env, known.relation, line_name, _values(env, known.relation, row))
            for line_name, row in zip(names[field], rows, strict=True)
        ]
    found = external_id(env, name) if name else None
    if found is not None:
        env.write(model, [found[1]], values)
        return found[1]
    made = env.create(model, values)
    _name(env, name, model, made)
    # 14 makes an invoice's lines anew from its form and forgets what they were to be called.
    for field, line_names in names.items() if env.major >= 16 else ():
        known = env.fields(model)[field]
        for line_name, line in zip(
            line_names, env.getter(model, field)({"id": made}), strict=False
        ):
            _name(env, line_name, known.relation, line)
    return made


def _command(env: Environment, model: str, name: str, values: dict[str, Any]) -> list[Any]:
    found = external_id(env, name) if name else None
    return [0, 0, values] if found is None else [1, found[1], values]


def _name(env: Environment, name: str, model: str, record_id: int) -> None:
    if name:
        module, _, rest = name.partition(".")
        env.create(
            "ir.model.data", {"module": module, "name": rest, "model": model, "res_id": record_id}
        )


def _values(env: Environment, model: str, cells: Cells) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path, cell in cells.items():
        name, _, by = path.partition("/")
        known = env.fields(model).get(name)
        if known is None:
            raise OdooError("builtins.ValueError", f"Invalid field name {name!r}")
        values[name] = _value(env, known, by, cell)
    return values


def _value(env: Environment, known: Field, by: str, cell: str) -> Any:
    label = known.string
    match known.type:
        case "many2one" | "many2many":
            ids = [int(each) for each in cell.split(",") if each] if by == ".id" else []
            for each in ids:
                if env.tx.get(known.relation, each) is None:
                    raise _wrong(
                        f"No matching record found for database id '{each}' in field '{label}'"
                    )
            return [[6, 0, ids]] if known.type == "many2many" else (ids or [False])[0]
        case "boolean":
            if cell.lower() not in TRUE + FALSE:
                raise _wrong(f"Unknown value '{cell}' for boolean field '{label}'")
            return cell.lower() in TRUE
        case "selection" if cell and cell not in (option for option, _ in known.selection):
            raise _wrong(f"Value '{cell}' not found in selection field '{label}'")
        case "float" | "monetary" | "integer":
            return float(cell or 0) if known.type != "integer" else int(cell or 0)
    return cell or False


def _wrong(message: str) -> OdooError:
    return OdooError("builtins.ValueError", message)
