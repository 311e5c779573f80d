"""A demo Odoo that is in use: someone keeps creating, renaming, posting, paying, deleting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from odoo_bridge.demo.database import ConcurrentUpdate, Row
from odoo_bridge.demo.errors import OdooError
from odoo_bridge.demo.seed import FIRST, HEADS, LAST, TRADES, WORK

if TYPE_CHECKING:
    from odoo_bridge.demo.odoo import DemoOdoo


class Churn:
    """Makes random changes through the public interface, at a rate, in a thread of its own."""

    def __init__(self, demo: DemoOdoo, per_second: float = 1.0, seed: int = 1) -> None:
        self.demo = demo
        self.per_second = per_second
        self.made = 0
        self._random = Random(seed)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._changes: dict[Callable[[], None], int] = {
            self._create_contact: 3,
            self._rename_contact: 4,
            self._archive_contact: 1,
            self._delete_contact: 1,
            self._create_invoice: 4,
            self._post_invoice: 4,
            self._pay_invoice: 3,
            self._cancel_invoice: 1,
            self._delete_draft: 1,
        }

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="demo-odoo-churn", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1 / self.per_second):
            self.step()

    def step(self) -> None:
        """Make one change; what Odoo refuses is left alone."""
        change = self._random.choices(list(self._changes), list(self._changes.values()))[0]
        try:
            change()
        except (OdooError, ConcurrentUpdate):
            return
        self.made += 1

    def _pick(self, model: str, fits: Callable[[Row], bool]) -> int:
        """Return a record that fits. Raises when there is none, as Odoo would for a wrong id."""
        ids = [key for key, row in self.demo.rows(model).items() if fits(row)]
        if not ids:
            raise OdooError("odoo.exceptions.MissingError", f"no {model} to change")
        return self._random.choice(ids)

    def _create_contact(self) -> None:
        name = f"{self._random.choice(FIRST)} {self._random.choice(LAST)}"
        parent = self._pick("res.partner", lambda row: row["is_company"])
        self.demo.add("res.partner", name=name, parent_id=parent, email="new@example.com")

    def _rename_contact(self) -> None:
        contact = self._pick("res.partner", lambda row: True)
        name = f"{self._random.choice(HEADS)} {self._random.choice(TRADES)}"
        self.demo.write("res.partner", [contact], name=name)

    def _archive_contact(self) -> None:
        contact = self._pick("res.partner", lambda row: row["id"] > 3)
        active = self.demo.row("res.partner", contact)["active"]
        self.demo.write("res.partner", [contact], active=not active)

    def _delete_contact(self) -> None:
        self.demo.unlink("res.partner", [self._pick("res.partner", lambda row: row["id"] > 3)])

    def _create_invoice(self) -> None:
        contact = self._pick("res.partner", lambda row: row["active"])
        price = round(self._random.uniform(5, 500), 2)
        line = {"name": self._random.choice(WORK), "price_unit": price, "tax_ids": [1]}
        self.demo.add_invoice(contact, [line])

    def _post_invoice(self) -> None:
        self.demo.post([self._pick("account.move", _is("draft"))])

    def _pay_invoice(self) -> None:
        self.demo.pay([self._pick("account.move", _is("posted", due=True))])

    def _cancel_invoice(self) -> None:
        self.demo.cancel([self._pick("account.move", _is("draft"))])

    def _delete_draft(self) -> None:
        self.demo.unlink("account.move", [self._pick("account.move", _is("draft"))])


def _is(state: str, *, due: bool = False) -> Callable[[Row], bool]:
    def fits(row: Row) -> bool:
        invoice = row["move_type"] != "entry" and row["state"] == state
        return invoice and (not due or row["amount_residual"] > 0)

    return fits
