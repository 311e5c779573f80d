"""Records as Odoo's ORM sees them: one transaction, one version, one user's view.

What a model does beyond storing its values lives in ``contacts`` and ``invoices``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from odoo_bridge.demo import base, contacts, invoices
from odoo_bridge.demo.database import Row
from odoo_bridge.demo.domain import parse_moment
from odoo_bridge.demo.errors import (
    OdooError,
    missing_error,
    user_error,
    validation_error,
    value_error,
)
from odoo_bridge.demo.fields import Field
from odoo_bridge.demo.views import View

ADMIN = 2  # Odoo's first real user

EMPTY: dict[str, Any] = {
    "boolean": False,
    "integer": 0,
    "float": 0.0,
    "monetary": 0.0,
    "many2many": [],
}


class Environment(View):
    """One transaction: what it shows, and what it changes."""

    def link_other_side(self, known: Field, record_id: int, commands: Any) -> None:
        """Change a many2many from its other side: the rows there keep their stamps."""
        held = self.other_side(known, record_id)
        wanted = apply_links(held, commands)
        for each in {*held} ^ {*wanted}:
            row = self.existing(known.relation, each)
            links = {*row[known.inverse]} ^ {record_id}
            self.put(known.relation, {**row, known.inverse: sorted(links)})

    # Changing

    def create(self, model: str, values: Mapping[str, Any], record_id: int | None = None) -> int:
        """Create one record with Odoo's defaults, checks and computed fields; return its id."""
        self.check_names(model, values, "create")
        values = dict(values)
        commands = {
            name: values.pop(name)
            for name in list(values)
            if not self.models[model].fields[name].has_column
        }
        row = self.blank(model)
        row["id"] = self.tx.database.next_id(model, record_id)
        for name, value in values.items():
            row[name] = self.convert(model, self.models[model].fields[name], value)
        match model:
            case "res.partner":
                contacts.create(self, row)
            case "account.move":
                invoices.create(self, row, commands)
            case "account.move.line":
                invoices.create_line(self, row)
            case _:
                self._fill_in(model, row)
                self._check_required(model, row)
                self.put(model, row)
                self._link_other_sides(model, row["id"], commands)
        return int(row["id"])

    def _fill_in(self, model: str, row: Row) -> None:
        """Set what Odoo sets by itself in a record that says nothing of it."""
        if model == "res.users":
            row["company_id"] = row["company_id"] or base.COMPANY
            if not row["partner_id"]:
                row["partner_id"] = self.create("res.partner", {"name": row["name"]})
        if model == "product.product" and not row["product_tmpl_id"]:
            template = {"name": row["name"], "list_price": row["list_price"]}
            row["product_tmpl_id"] = self.create("product.template", template)
        if model == "account.fiscal.position":
            row["company_id"] = row["company_id"] or base.COMPANY

    def blank(self, model: str) -> Row:
        """Return a row with Odoo's defaults and this transaction's stamps."""
        if model not in self._blanks:
            self._blanks[model] = {
                name: EMPTY.get(known.type, False) if known.default is None else known.default
                for name, known in self.models[model].fields.items()
                if known.has_column and (known.store or name != "display_name")
            } | {"create_uid": ADMIN, "write_uid": ADMIN}
        stamps = {"create_date": self.tx.stamp, "write_date": self.tx.stamp}
        return self._blanks[model] | stamps

    def write(self, model: str, ids: Iterable[int], values: Mapping[str, Any]) -> None:
        """Write the same values on existing records; their stamp moves whatever the values are."""
        self.check_names(model, values, "write")
        values = dict(values)
        commands = {
            name: values.pop(name)
            for name in list(values)
            if not self.models[model].fields[name].has_column
        }
        fields = self.models[model].fields
        changes = {name: self.convert(model, fields[name], each) for name, each in values.items()}
        links = [name for name in changes if fields[name].type == "many2many"]
        for record_id in ids:
            row = self.existing(model, record_id)
            changes |= {name: apply_links(row[name], values[name]) for name in links}
            match model:
                case "res.partner":
                    contacts.write(self, record_id, changes)
                case "account.move":
                    invoices.write(self, record_id, changes, commands)
                case "account.move.line":
                    invoices.write_line(self, record_id, changes)
                case _:
                    self.touch(model, record_id, **changes)
                    self._link_other_sides(model, record_id, commands)

    def _link_other_sides(self, model: str, record_id: int, commands: Mapping[str, Any]) -> None:
        for name, links in commands.items():
            self.link_other_side(self.models[model].fields[name], record_id, links)

    def unlink(self, model: str, ids: Iterable[int]) -> None:
        ids = list(ids)
        for record_id in ids:
            self.existing(model, record_id)
        match model:
            case "res.partner":
                contacts.unlink(self, ids)
            case "account.move":
                invoices.unlink(self, ids)
            case "account.move.line":
                invoices.unlink_lines(self, ids)
            case _:
                self._check_unused(model, set(ids))
                self.drop(model, ids)

    def _check_unused(self, model: str, ids: set[int]) -> None:
        for name, holder in self.models.items():
            for known in holder.fields.values():
                if known.relation != model or not known.restricts:
                    continue
                if not any(row[known.name] in ids for row in self.tx.rows(name).values()):
                    continue
                if model == "account.payment.term":
                    raise user_error("Those payment terms are still used by some records.")
                raise validation_error(
                    "The operation cannot be completed: Another model is using the record you are "
                    f"trying to delete.\n\nThe troublemaker is: '{holder.label}' ({name})\n"
                    f"Thanks to the following constraint: '{known.string}' ({known.name})\n"
                    "How about archiving the record instead?"
                )

    def existing(self, model: str, record_id: int) -> Row:
        row = self.tx.get(model, record_id)
        if row is None:
            raise missing_error(model, record_id, ADMIN)
        return row

    def put(self, model: str, row: Row) -> None:
        self._labels.pop((model, row["id"]), None)
        self.tx.put(model, row["id"], row)

    def touch(self, model: str, record_id: int, **changes: Any) -> None:
        """Change values and move the stamp."""
        changes.setdefault("write_date", self.tx.stamp)
        self.put(model, {**self.tx.row(model, record_id), **changes})

    def update(self, model: str, record_id: int, **changes: Any) -> bool:
        """Change computed values; like Odoo, write nothing when nothing differs."""
        row = self.tx.row(model, record_id)
        if all(row[name] == value for name, value in changes.items()):
            return False
        self.touch(model, record_id, **changes)
        return True

    def drop(self, model: str, ids: Iterable[int]) -> None:
        """Delete rows; what pointed to them is emptied by the database, without a new stamp."""
        gone = set(ids)
        for record_id in gone:
            self._labels.pop((model, record_id), None)
            self.tx.drop(model, record_id)
            for each in self.external_ids(model, record_id):
                self.tx.drop("ir.model.data", each)
        for name, holder in self.models.items():
            for known in holder.fields.values():
                if known.relation != model or not known.has_column:
                    continue
                if known.indexed:
                    pointing = [i for each in gone for i in self.tx.linked(name, known.name, each)]
                elif known.type == "many2one":
                    rows = self.tx.rows(name)
                    pointing = [i for i, row in rows.items() if row[known.name] in gone]
                else:
                    rows = self.tx.rows(name)
                    pointing = [i for i, row in rows.items() if gone.intersection(row[known.name])]
                for each in pointing:
                    row = self.tx.row(name, each)
                    value: Any = False
                    if known.type == "many2many":
                        value = [i for i in row[known.name] if i not in gone]
                    self.put(name, {**row, known.name: value})

    def external_ids(self, model: str, record_id: int) -> list[int]:
        """Return the ``ir.model.data`` that name a record."""
        found = self.tx.linked("ir.model.data", "res_id", record_id)
        return [each for each in found if self.tx.row("ir.model.data", each)["model"] == model]

    def convert(self, model: str, known: Field, value: Any) -> Any:
        """Return a value as it is stored. Raises Odoo's error for one that does not fit."""
        if value is None:
            value = False
        match known.type:
            case "boolean":
                return bool(value)
            case "integer":
                return int(value or 0)
            case "float" | "monetary":
                return float(value or 0)
            case "many2many":
                return apply_links([], value)
            case _ if value is False:
                return False
            case "date":
                return value if isinstance(value, date) else date.fromisoformat(value)
            case "datetime":
                moment = parse_moment(value)
                return moment if isinstance(moment, datetime) else False
            case "selection":
                if value not in (option for option, _ in known.selection):
                    raise value_error(f"Wrong value for {model}.{known.name}: {value!r}")
                return value
            case "many2one":
                # The company and its contact point to each other; the first is made without a check.
                if self.tx.get(known.relation, value) is None and self.tx.rows(known.relation):
                    raise validation_error(
                        "The operation cannot be completed: Another model is using the record you "
                        "are trying to delete.\n\n"
                        f"The troublemaker is: '{self.models[model].label}' ({model})\n"
                        f"Thanks to the following constraint: '{known.string}' ({known.name})\n"
                        "How about archiving the record instead?"
                    )
                return int(value)
        return str(value)

    def check_names(self, model: str, values: Mapping[str, Any], method: str) -> None:
        fields = self.fields(model)
        for name in values:
            if name in fields:
                continue
            if self.major < 19:
                raise value_error(f"Invalid field {name!r} on model {model!r}")
            if method == "write":
                raise OdooError("builtins.KeyError", name)
            raise value_error(f"Invalid field {name!r} in {model!r}")

    def _check_required(self, model: str, row: Row) -> None:
        for name, known in self.models[model].fields.items():
            if known.required and known.type not in EMPTY and row[name] is False:
                raise validation_error(
                    "The operation cannot be completed: Missing required value for the field "
                    f"'{known.string}' ({name})."
                )


def apply_links(held: list[int], commands: Any) -> list[int]:
    """Return a many2many's ids after Odoo's commands, or after a plain list of ids."""
    ids = [] if all(isinstance(each, int) for each in commands or [0]) else list(held)
    for command in commands or []:
        match command:
            case int():
                ids.append(command)
            case [6, _, [*new]] | (6, _, [*new]) | (6, _, (*new,)):
                ids = list(new)
            case [4, one, *_] | (4, one, *_):
                ids.append(one)
            case [3, one, *_] | (3, one, *_):
                ids = [each for each in ids if each != one]
            case [5, *_] | (5, *_):
                ids = []
            case _:
                raise value_error(f"Wrong command for a many2many field: {command!r}")
    return sorted(set(ids))
