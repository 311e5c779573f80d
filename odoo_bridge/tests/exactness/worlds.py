"""What people do in Odoo, in one vocabulary for the demo Odoo and a real one.

A ``Change`` is a few small numbers, so a random history can be written down, shrunk and replayed:
``which`` and ``value`` are taken modulo what there is when it is made.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from odoorpc.error import RPCError

from odoo_bridge.demo import ConcurrentUpdate, DemoOdoo, OdooError
from odoo_bridge.tests.real_odoo.client import RealOdoo


class Change(NamedTuple):
    kind: str
    which: int = 0
    value: int = 0


class Nothing(Exception):
    """There is no record this change could be made to."""


@dataclass
class World:
    """The records that were made here, and what can be done with them.

    ``doer`` has the methods that DemoOdoo, a transaction of it and RealOdoo share.
    """

    doer: Any
    contacts: list[int] = field(default_factory=list)
    invoices: list[int] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    # How many changes of each kind Odoo accepted.
    made: Counter[str] = field(default_factory=Counter)

    # What Odoo itself refuses (a contact with invoices cannot be deleted) is a part of its life.
    REFUSALS = (OdooError, ConcurrentUpdate, RPCError, Nothing)

    def make(self, change: Change) -> None:
        with suppress(*self.REFUSALS):
            getattr(self, change.kind)(change)
            self.made[change.kind] += 1

    def _contact(self, number: int) -> int:
        return _one_of(self.contacts, number)

    def _invoice(self, number: int) -> int:
        return _one_of(self.invoices, number)

    # Contacts -----------------------------------------------------------------------------------

    def create(self, change: Change) -> None:
        values: dict[str, Any] = {
            "name": f"Contact {change.value}",
            "is_company": not change.value % 3,
        }
        if self.contacts and change.value % 2:
            values["parent_id"] = self._contact(change.which)
        self.contacts.append(self.new("res.partner", **values))

    def rename(self, change: Change) -> None:
        """Renaming a company also changes the full name of everyone in it."""
        self.doer.write("res.partner", [self._contact(change.which)], name=f"New {change.value}")

    def touch(self, change: Change) -> None:
        """A write that changes nothing moves the stamp all the same."""
        contact = self._contact(change.which)
        self.doer.write("res.partner", [contact], function=self.function_of(contact))

    def describe(self, change: Change) -> None:
        self.doer.write(
            "res.partner",
            [self._contact(change.which)],
            function=("", "Käufer 🛒", "مدير", "line\nbreak")[change.value % 4],
            street=f"{change.value}\tTab \\N 'quote'",
        )

    def archive(self, change: Change) -> None:
        self.doer.write("res.partner", [self._contact(change.which)], active=change.value % 2 == 0)

    def delete(self, change: Change) -> None:
        contact = self._contact(change.which)
        self.doer.unlink("res.partner", [contact])
        self.contacts.remove(contact)

    def adopt(self, change: Change) -> None:
        parent, child = self._contact(change.which), self._contact(change.value)
        if parent != child:
            self.doer.write("res.partner", [child], parent_id=parent)

    def merge(self, change: Change) -> None:
        """Odoo rewrites in SQL what pointed to the contact that goes: nothing gets a new stamp."""
        source, into = self._contact(change.which), self._contact(change.value)
        if source == into:
            raise Nothing
        self.doer.merge([source], into)
        self.contacts.remove(source)

    def bulk(self, change: Change) -> None:
        """One transaction, so one stamp for all of them."""
        self.write_many(sorted(self.contacts)[: 3 + change.which % 20], f"Bulk {change.value}")

    # Invoices -----------------------------------------------------------------------------------

    def invoice(self, change: Change) -> None:
        lines = [
            {"name": f"Work {n}", "quantity": n + 1, "price_unit": change.value + 0.1 * n}
            for n in range(1 + change.value % 3)
        ]
        self.invoices.append(self.new_invoice(self._contact(change.which), lines))

    def post(self, change: Change) -> None:
        self.doer.post([self._invoice(change.which)])

    def pay(self, change: Change) -> None:
        self.doer.pay([self._invoice(change.which)])

    def cancel(self, change: Change) -> None:
        self.doer.cancel([self._invoice(change.which)])

    def delete_invoice(self, change: Change) -> None:
        invoice = self._invoice(change.which)
        self.doer.unlink("account.move", [invoice])
        self.invoices.remove(invoice)

    def add_line(self, change: Change) -> None:
        line = {"name": "One more", "quantity": 1, "price_unit": float(change.value)}
        self._edit_lines(change, [[0, 0, line]])

    def edit_line(self, change: Change) -> None:
        line = self._line(change)
        self._edit_lines(change, [[1, line, {"price_unit": change.value + 0.25}]])

    def remove_line(self, change: Change) -> None:
        self._edit_lines(change, [[2, self._line(change), 0]])

    def _line(self, change: Change) -> int:
        return _one_of(self.lines_of(self._invoice(change.which)), change.value)

    def _edit_lines(self, change: Change, commands: list[Any]) -> None:
        self.doer.write("account.move", [self._invoice(change.which)], invoice_line_ids=commands)

    # What moves no stamp ------------------------------------------------------------------------

    def tag(self, change: Change) -> None:
        """A new tag on a contact and, from the tag's own side, on others."""
        others = {self._contact(change.which + n) for n in range(change.value % 3)}
        links = [[4, contact, 0] for contact in sorted(others)]
        tag = self.new("res.partner.category", name=f"Tag {change.value}", partner_ids=links)
        self.tags.append(tag)
        self.doer.write("res.partner", [self._contact(change.which)], category_id=[[4, tag, 0]])

    def give_tag(self, change: Change) -> None:
        """A tag has other contacts: said of the tag, so no contact gets a stamp."""
        chosen = {self._contact(change.which + n) for n in range(change.value % 4)}
        links = [[6, 0, sorted(chosen)]]
        tag = _one_of(self.tags, change.value)
        self.doer.write("res.partner.category", [tag], partner_ids=links)

    def rename_tag(self, change: Change) -> None:
        """Odoo lists the tags of a contact by their names."""
        tag = _one_of(self.tags, change.which)
        self.doer.write("res.partner.category", [tag], name=f"{change.value % 9} renamed")

    def delete_tag(self, change: Change) -> None:
        tag = _one_of(self.tags, change.which)
        self.doer.unlink("res.partner.category", [tag])
        self.tags.remove(tag)

    def sell(self, change: Change) -> None:
        """A new salesperson gets a contact and an invoice."""
        name = f"user-{self.new_login()}"
        user = self.new("res.users", name=name, login=name)
        self.users.append(user)
        self.doer.write("res.partner", [self._contact(change.which)], user_id=user)
        self.doer.write("account.move", [self._invoice(change.value)], invoice_user_id=user)

    def delete_user(self, change: Change) -> None:
        """The database lets go of the salesperson wherever it is named."""
        user = _one_of(self.users, change.which)
        self.doer.unlink("res.users", [user])
        self.users.remove(user)

    def refund(self, change: Change) -> None:
        """A credit note of an invoice, which may be deleted later."""
        lines = [{"name": "Back", "quantity": 1, "price_unit": 1.0}]
        origin = self._invoice(change.which)
        note = self.new_invoice(
            self._contact(change.value), lines, move_type="out_refund", reversed_entry_id=origin
        )
        self.invoices.append(note)

    # Where the two Odoos differ -----------------------------------------------------------------

    def new_login(self) -> str:
        """Unique in Odoo, and the same each time a history is replayed."""
        return f"{id(self):x}-{self.made.total()}"

    def new(self, model: str, **values: Any) -> int:
        raise NotImplementedError

    def new_invoice(self, contact: int, lines: list[Any], **values: Any) -> int:
        raise NotImplementedError

    def lines_of(self, invoice: int) -> list[int]:
        raise NotImplementedError

    def function_of(self, contact: int) -> Any:
        raise NotImplementedError

    def write_many(self, contacts: list[int], name: str) -> None:
        raise NotImplementedError


CONTACT_CHANGES = (
    *("create", "rename", "touch", "describe", "archive"),
    *("delete", "adopt", "merge", "bulk"),
)
INVOICE_CHANGES = (
    *("invoice", "post", "pay", "cancel", "delete_invoice"),
    *("add_line", "edit_line", "remove_line"),
)
UNSTAMPED_CHANGES = (
    *("tag", "give_tag", "rename_tag", "delete_tag"),
    *("sell", "delete_user", "refund"),
)
CHANGES = CONTACT_CHANGES + INVOICE_CHANGES + UNSTAMPED_CHANGES


class DemoWorld(World):
    doer: DemoOdoo

    def new(self, model: str, **values: Any) -> int:
        return self.doer.add(model, **values)

    def new_invoice(self, contact: int, lines: list[Any], **values: Any) -> int:
        return self.doer.add_invoice(contact=contact, lines=lines, **values)

    def lines_of(self, invoice: int) -> list[int]:
        asked = {"fields": ["invoice_line_ids"], "load": ""}
        answer = self.doer.call("account.move", "read", [invoice], {}, asked)
        return list(answer[0]["invoice_line_ids"]) if answer else []

    def function_of(self, contact: int) -> Any:
        return self.doer.row("res.partner", contact)["function"]

    def write_many(self, contacts: list[int], name: str) -> None:
        with self.doer.transaction() as tx:
            for contact in contacts:
                tx.write("res.partner", [contact], name=f"{name} of {contact}")


class RealWorld(World):
    doer: RealOdoo

    def new(self, model: str, **values: Any) -> int:
        return self.doer.create(model, **values)

    def new_invoice(self, contact: int, lines: list[Any], **values: Any) -> int:
        return self.doer.invoice(contact, lines=lines, **values)

    def lines_of(self, invoice: int) -> list[int]:
        [move] = self.doer.read("account.move", [invoice], "invoice_line_ids")
        return list(move["invoice_line_ids"])

    def function_of(self, contact: int) -> Any:
        return self.doer.read("res.partner", [contact], "function")[0]["function"]

    def write_many(self, contacts: list[int], name: str) -> None:
        self.doer.write("res.partner", contacts, name=name)


def _one_of(ids: list[int], number: int) -> int:
    if not ids:
        raise Nothing
    return ids[number % len(ids)]
