"""Records as one user sees them: what there is, which match, in which order, under which name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from odoo_bridge.demo import contacts, invoices
from odoo_bridge.demo.database import Row, Transaction
from odoo_bridge.demo.domain import Test, compile_domain, mentions, wanted_ids
from odoo_bridge.demo.errors import access_error, user_error, value_error
from odoo_bridge.demo.fields import Field, Model

ORDER = re.compile(r"^(\s*[a-z0-9_]+(\s+(asc|desc))?\s*(,|$))+(?<!,)$", re.IGNORECASE)


@dataclass
class Rules:
    """What the user may not see: whole models, rows, fields."""

    forbidden: set[str] = field(default_factory=set)
    hidden_rows: list[tuple[str, Test]] = field(default_factory=list)
    hidden_fields: dict[str, set[str]] = field(default_factory=dict)


class View:
    """What one transaction shows. Without ``rules`` that is everything, as for Odoo's superuser."""

    def __init__(
        self,
        tx: Transaction,
        models: Mapping[str, Model],
        major: int,
        rules: Rules | None = None,
        companies: Iterable[int] | None = None,
    ) -> None:
        self.tx = tx
        self.models = models
        self.major = major
        self.rules = rules
        self.companies = companies
        self._labels: dict[tuple[str, int], str] = {}
        self._blanks: dict[str, Row] = {}

    # What there is

    def fields(self, model: str) -> dict[str, Field]:
        fields = self.models[model].fields
        hidden = self.rules and self.rules.hidden_fields.get(model)
        if not hidden:
            return fields
        return {name: each for name, each in fields.items() if name not in hidden}

    def check_access(self, model: str) -> None:
        if self.rules is not None and model in self.rules.forbidden:
            raise access_error(
                f"You are not allowed to access '{self.models[model].label}' ({model}) records.\n\n"
                "No group currently allows this operation.\n\n"
                "Contact your administrator to request access if necessary."
            )

    def visible(self, model: str) -> Test | None:
        """Return the test of the record rules, or None when every row may be seen."""
        tests: list[Test] = []
        if self.rules is not None:
            tests += [
                lambda row, hidden=hidden: not hidden(row)  # type: ignore[misc]
                for name, hidden in self.rules.hidden_rows
                if name == model
            ]
        if self.companies is not None and "company_id" in self.models[model].fields:
            allowed = {False, *self.companies}
            tests.append(lambda row: row["company_id"] in allowed)
        if not tests:
            return None
        return lambda row: all(test(row) for test in tests)

    def check_rows(self, model: str, ids: Iterable[int]) -> None:
        """Raise AccessError when one of these existing records is hidden by a rule."""
        visible = self.visible(model)
        if visible is None:
            return
        rows = self.tx.rows(model)
        if any(each in rows and not visible(rows[each]) for each in ids):
            raise access_error(
                "Due to security restrictions, you are not allowed to access "
                f"'{self.models[model].label}' ({model}) records.\n\n"
                "Contact your administrator to request access if necessary."
            )

    # Looking

    def search(
        self,
        model: str,
        domain: Any,
        order: str | None = None,
        *,
        active_test: bool = True,
    ) -> list[int]:
        """Return the ids that match, in order."""
        test = compile_domain(self, model, domain)
        rows = self.tx.rows(model)
        only = wanted_ids(domain)
        if only is not None:
            candidates: Iterable[tuple[int, Row]] = [(i, rows[i]) for i in only if i in rows]
        else:
            candidates = rows.items()
        active_test = active_test and "active" in self.models[model].fields
        if active_test and not mentions(domain, "active"):
            candidates = [(key, row) for key, row in candidates if row["active"]]
        visible = self.visible(model)
        if visible is not None:
            candidates = [(key, row) for key, row in candidates if visible(row)]
        return self.sort(model, [key for key, row in candidates if test(row)], order)

    def sort(self, model: str, ids: list[int], order: str | None) -> list[int]:
        """Order as PostgreSQL does: an absent value comes last, or first when descending."""
        order = order or self.models[model].order
        if not ORDER.match(order):
            raise user_error(
                f'Invalid "order" specified ({order}). A valid "order" specification is a '
                "comma-separated list of valid field names (optionally followed by asc/desc for "
                "the direction)"
            )
        rows = self.tx.rows(model)
        ids.sort()
        for part in reversed(order.split(",")):
            name, _, direction = part.strip().partition(" ")
            descending = direction.strip().lower() == "desc"
            if name == "id":
                ids.sort(reverse=descending)
                continue
            if name not in self.fields(model):
                raise value_error(f"Invalid field {name!r} on model {model!r}")
            get = self.getter(model, name)
            known = self.fields(model)[name]

            def key(
                record_id: int, get: Callable[[Row], Any] = get, known: Field = known
            ) -> tuple[bool, Any]:
                value = get(rows[record_id])
                if value is False and known.type != "boolean":
                    return True, 0
                if known.type == "many2one":
                    return False, self.label(known.relation, value)
                return False, value

            ids.sort(key=key, reverse=descending)
        return ids

    def getter(self, model: str, name: str) -> Callable[[Row], Any]:
        """Return the function that finds a field's value for a row."""
        known = self.models[model].fields[name]
        if known.type == "one2many":
            return lambda row: self.children(model, known, row["id"])
        if known.type == "many2many":
            return lambda row: self.linked(known, row)
        if name == "display_name" and not known.store:
            return lambda row: self.label(model, row["id"])
        return lambda row: row[name]

    def children(self, model: str, known: Field, record_id: int) -> list[int]:
        """Return the ids of a one2many field."""
        ids = sorted(self.tx.linked(known.relation, known.inverse, record_id))
        rows = self.tx.rows(known.relation)
        if known.name == "invoice_line_ids":
            ids = [each for each in ids if invoices.is_shown(rows[each])]
        if known.name == "child_ids":
            ids = [each for each in ids if rows[each]["active"]]
        visible = self.visible(known.relation)
        return ids if visible is None else [each for each in ids if visible(rows[each])]

    def linked(self, known: Field, row: Row) -> Any:
        """Return the ids of a many2many field, in the order of the other model."""
        ids = self.other_side(known, row["id"]) if known.inverse else row[known.name]
        others = self.tx.rows(known.relation)
        if not isinstance(ids, list) or not others.keys() >= set(ids):
            return ids  # made wrong on purpose
        visible = self.visible(known.relation)
        if visible is not None:
            ids = [each for each in ids if visible(others[each])]
        return self.sort(known.relation, list(ids), None) if len(ids) > 1 else ids

    def other_side(self, known: Field, record_id: int) -> list[int]:
        rows = self.tx.rows(known.relation)
        return [key for key, row in rows.items() if record_id in row[known.inverse]]

    def label(self, model: str, record_id: int) -> str:
        """Return a record's display name."""
        key = (model, record_id)
        if key not in self._labels:
            row = self.tx.get(model, record_id)
            self._labels[key] = "" if row is None else self._label(model, row)
        return self._labels[key]

    def _label(self, model: str, row: Row) -> str:
        name: str = row.get("name") or ""
        match model:
            case "res.partner":
                return row[contacts.label_field(self)] or ""
            case "account.move":
                return invoices.label(self, row)
            case "account.move.line":
                move = self.label("account.move", row["move_id"])
                return f"{move} {name}" if row["parent_state"] == "posted" else name
            case "account.account" if self.major < 19:
                return f"{row['code']} {name}"
            case "product.product" if row["default_code"]:
                return f"[{row['default_code']}] {name}"
            case "res.country.state":
                return f"{name} ({self.tx.row('res.country', row['country_id'])['code']})"
        return name
