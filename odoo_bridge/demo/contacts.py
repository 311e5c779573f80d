"""What Odoo computes and forbids for contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odoo_bridge.demo.database import Row
from odoo_bridge.demo.errors import user_error, validation_error

if TYPE_CHECKING:
    from odoo_bridge.demo.records import Environment
    from odoo_bridge.demo.views import View

ADDRESS = ("street", "street2", "zip", "city", "state_id", "country_id")
COMMERCIAL = ("vat", "company_registry")
TYPES_WITHOUT_NAME = ("invoice", "delivery", "other")


def label_field(env: View) -> str:
    """The stored field that holds "Company, Person"."""
    return "complete_name" if env.major >= 17 else "display_name"


def create(env: Environment, row: Row) -> None:
    if not row["name"] and row["type"] not in TYPES_WITHOUT_NAME:
        raise validation_error(
            "The operation cannot be completed: Contacts require a name"
            if env.major >= 16
            else "res_partner_check_name"
        )
    parent = env.tx.get("res.partner", row["parent_id"]) if row["parent_id"] else None
    if parent is not None:
        row.update(_inherited(env, row, parent))
    env.put("res.partner", row)
    _compute(env, row["id"])


def write(env: Environment, record_id: int, changes: Row) -> None:
    changes = dict(changes)
    if "category_id" in changes:
        changes["category_id"] = sorted(changes["category_id"])
    if changes.get("parent_id"):
        _check_family(env, record_id, changes["parent_id"])
    env.touch("res.partner", record_id, **changes)
    row = env.tx.row("res.partner", record_id)
    if changes.get("parent_id"):
        inherited = _inherited(env, row, env.tx.row("res.partner", row["parent_id"]))
        env.update("res.partner", record_id, **inherited)
    _compute(env, record_id)
    if not changes.keys().isdisjoint((*ADDRESS, *COMMERCIAL)):
        _hand_down(env, record_id)


def _inherited(env: Environment, row: Row, parent: Row) -> Row:
    """What a contact takes from its parent: the company's numbers, and a plain contact's address."""
    taken: Row = {}
    if not row["is_company"]:
        taken = {name: parent[name] for name in COMMERCIAL if name in parent}
    if row["type"] == "contact" and any(parent[name] for name in ADDRESS):
        taken |= {name: parent[name] for name in ADDRESS}
    return taken


def _hand_down(env: Environment, record_id: int) -> None:
    parent = env.tx.row("res.partner", record_id)
    for child in env.tx.linked("res.partner", "parent_id", record_id):
        taken = _inherited(env, env.tx.row("res.partner", child), parent)
        if taken and env.update("res.partner", child, **taken):
            _hand_down(env, child)


def _compute(env: Environment, record_id: int) -> None:
    """Recompute the stored fields of a contact and, when they changed, of those below it."""
    row = env.tx.row("res.partner", record_id)
    parent = env.tx.get("res.partner", row["parent_id"]) if row["parent_id"] else None
    if row["is_company"] or parent is None:
        top = record_id
        company = row["name"] if row["is_company"] else row["company_name"]
    else:
        top = parent["commercial_partner_id"] or parent["id"]
        head = env.tx.row("res.partner", top)
        company = head["name"] if head["is_company"] else row["company_name"]
    label = row["name"] or ""
    if parent is not None or row["company_name"]:
        if not label and row["type"] in TYPES_WITHOUT_NAME:
            options = dict(env.models["res.partner"].fields["type"].selection)
            label = options[row["type"]]
        if not row["is_company"]:
            label = f"{company or (parent and parent['name']) or ''}, {label}".strip()
    moved = row["commercial_partner_id"] not in (False, top)
    changed = env.update(
        "res.partner",
        record_id,
        commercial_partner_id=top,
        commercial_company_name=company,
        **{label_field(env): label},
    )
    if moved:
        for move in env.tx.linked("account.move", "partner_id", record_id):
            env.update("account.move", move, commercial_partner_id=top)
            for line in env.tx.linked("account.move.line", "move_id", move):
                env.update("account.move.line", line, partner_id=top)
    if changed:
        for child in env.tx.linked("res.partner", "parent_id", record_id):
            _compute(env, child)


def delivery_address(env: Environment, contact: int) -> int:
    """Return where a contact's goods go: an address of its own, else of its company, else itself."""
    default: int | None = None
    seen: set[int] = set()
    current: Any = contact
    while current:
        waiting = [current]
        while waiting:
            row = env.tx.row("res.partner", waiting.pop(0))
            if row["id"] in seen:
                continue
            seen.add(row["id"])
            if row["type"] == "delivery":
                return int(row["id"])
            if row["type"] == "contact" and default is None:
                default = row["id"]
            below = env.tx.linked("res.partner", "parent_id", row["id"])
            rows = [env.tx.row("res.partner", each) for each in sorted(below)]
            waiting = [
                each["id"] for each in rows if each["active"] and not each["is_company"]
            ] + waiting
        row = env.tx.row("res.partner", current)
        current = not row["is_company"] and row["parent_id"]
    return contact if default is None else default


def _check_family(env: Environment, record_id: int, parent_id: int) -> None:
    above: Any = parent_id
    while above:
        if above == record_id:
            raise validation_error("You cannot create recursive Partner hierarchies.")
        above = env.tx.row("res.partner", above)["parent_id"]


def unlink(env: Environment, ids: list[int]) -> None:
    """Delete contacts; those below them stay, without a parent. Used contacts are refused."""
    for record_id in ids:
        _check_unused(env, record_id)
    gone = set(ids)
    below = {
        child for each in ids for child in env.tx.linked("res.partner", "parent_id", each)
    } - gone
    env.drop("res.partner", ids)
    for child in below:
        _compute(env, child)


def _check_unused(env: Environment, record_id: int) -> None:
    for user in env.tx.linked("res.users", "partner_id", record_id):
        if env.tx.row("res.users", user)["active"]:
            raise validation_error("You cannot delete contacts linked to an active user.")
    own = env.tx.linked("account.move", "partner_id", record_id)
    states = {env.tx.row("account.move", move)["state"] for move in own}
    if env.major >= 16 and states & {"draft", "posted"}:
        raise user_error("The partner cannot be deleted because it is used in Accounting")
    # In 14 the invoice lets go of its contact, but its lines hold on to the company.
    held = bool(env.tx.linked("account.move.line", "partner_id", record_id))
    if env.major >= 16:
        held = held or bool(
            own or env.tx.linked("account.move", "commercial_partner_id", record_id)
        )
    if held:
        raise validation_error(
            "The operation cannot be completed: Another model is using the record you are trying "
            "to delete.\n\nThe troublemaker is: 'Journal Entry' (account.move)\nThanks to the "
            "following constraint: 'Commercial Entity' (commercial_partner_id)\n"
            "How about archiving the record instead?"
        )


def merge(env: Environment, sources: list[int], into: int) -> None:
    """Merge contacts as Odoo's wizard does: in SQL, so what pointed to them keeps its stamp."""
    gone = set(sources)
    for model, holder in env.models.items():
        for known in holder.fields.values():
            if known.relation != "res.partner" or known.type != "many2one" or not known.store:
                continue
            for source in gone:
                for each in env.tx.linked(model, known.name, source):
                    if (model, each) != ("res.partner", into):
                        env.put(model, {**env.tx.row(model, each), known.name: into})
    for source in gone:
        for each in env.external_ids("res.partner", source):
            env.put("ir.model.data", {**env.tx.row("ir.model.data", each), "res_id": into})
    env.drop("res.partner", gone)


def count_sale(env: Environment, partner_id: int, rank: str) -> None:
    """Raise a rank when an invoice is posted: up to 18 in SQL, so without a new stamp."""
    row = env.tx.row("res.partner", partner_id)
    for each in {partner_id, row["commercial_partner_id"] or partner_id}:
        held = env.tx.row("res.partner", each)
        raised = {**held, rank: held[rank] + 1}
        if env.major >= 19:
            raised["write_date"] = env.tx.stamp
        env.put("res.partner", raised)
