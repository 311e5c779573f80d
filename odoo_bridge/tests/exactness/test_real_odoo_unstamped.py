"""On a real Odoo 19 and 14: what changes a record without moving its stamp is here after a reconcile."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from odoo_bridge.tests.connection import point_at
from odoo_bridge.tests.exactness.checker import Checker, Journal, RealTruth
from odoo_bridge.tests.real_odoo.client import RealOdoo
from odoo_bridge.tests.runs import sync_all

pytestmark = [pytest.mark.django_db(transaction=True)]
TABLES = ("res_partner", "account_move", "account_move_line")


@pytest.fixture(
    params=[
        pytest.param(19, marks=pytest.mark.odoo),
        pytest.param(14, marks=pytest.mark.odoo14),
    ]
)
def odoo(request: pytest.FixtureRequest, settings: Any) -> RealOdoo:
    odoo = request.getfixturevalue({19: "real_odoo", 14: "real_odoo14"}[request.param])
    point_at(settings, odoo, odoo.url, "json2" if odoo.version >= 19 else "jsonrpc")
    # Only what has a new stamp is to be read again by itself.
    settings.ODOO_OVERLAP = timedelta(0)
    return odoo


class Record(NamedTuple):
    """What a cause changes: one field of one record."""

    model: str
    id: int
    field: str


Cause = Callable[[RealOdoo], tuple[Record, Callable[[], None]]]


def company(odoo: RealOdoo, **values: Any) -> int:
    return odoo.create("res.partner", name="Unstamped", is_company=True, **values)


def new_user(odoo: RealOdoo, login: str) -> int:
    return odoo.create("res.users", name=login, login=login)


def deleted_tag(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    tags = [odoo.create("res.partner.category", name=f"Tag {n}") for n in range(2)]
    contact = company(odoo, category_id=[(6, 0, tags)])
    return (
        Record("res.partner", contact, "category_id"),
        lambda: odoo.unlink("res.partner.category", tags[0]),
    )


def tag_given_from_its_side(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    tag, contact = odoo.create("res.partner.category", name="Given"), company(odoo)
    return (
        Record("res.partner", contact, "category_id"),
        lambda: odoo.write("res.partner.category", tag, partner_ids=[(4, contact)]),
    )


def tag_moved_between_contacts(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    """As many contacts have it before and after, and the sum of their ids is the same."""
    contacts = [company(odoo) for _ in range(4)]
    first, second, third, fourth = contacts
    tag = odoo.create("res.partner.category", name="Moved", partner_ids=[(6, 0, [first, fourth])])
    assert first + fourth == second + third
    return (
        Record("res.partner", second, "category_id"),
        lambda: odoo.write("res.partner.category", tag, partner_ids=[(6, 0, [second, third])]),
    )


def deleted_salesperson(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    user = new_user(odoo, "leaves-contact")
    contact = company(odoo, user_id=user)
    return Record("res.partner", contact, "user_id"), lambda: odoo.unlink("res.users", user)


def deleted_salesperson_of_an_invoice(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    user = new_user(odoo, "leaves-invoice")
    invoice = odoo.invoice(company(odoo), invoice_user_id=user)
    return Record("account.move", invoice, "invoice_user_id"), lambda: odoo.unlink(
        "res.users", user
    )


def deleted_payment_term(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    """Odoo forbids it while an invoice names the term; its database lets go of the term."""
    term = odoo.create("account.payment.term", name="Goes")
    invoice = odoo.invoice(company(odoo), invoice_payment_term_id=term)
    return Record("account.move", invoice, "invoice_payment_term_id"), lambda: _ignore(
        odoo.sql("delete from account_payment_term where id = %s", term)
    )


def deleted_origin_of_a_credit_note(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    contact = company(odoo)
    origin = odoo.invoice(contact)
    note = odoo.invoice(contact, move_type="out_refund", reversed_entry_id=origin)
    return Record("account.move", note, "reversed_entry_id"), lambda: odoo.unlink(
        "account.move", origin
    )


def deleted_address(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    """Of the delivery from 16 on; before that the invoice's own, if it is a child's."""
    contact = company(odoo)
    if odoo.version < 16:
        child = odoo.create("res.partner", name="Child", parent_id=contact)
        invoice = odoo.invoice(child)
        return Record("account.move", invoice, "partner_id"), lambda: odoo.unlink(
            "res.partner", child
        )
    address = odoo.create("res.partner", name="Depot", type="delivery")
    invoice = odoo.invoice(contact, partner_shipping_id=address)
    return Record("account.move", invoice, "partner_shipping_id"), lambda: odoo.unlink(
        "res.partner", address
    )


def deleted_tax(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    """One of no percent, so that no tax line holds on to it."""
    sales = [("type_tax_use", "=", "sale"), ("company_id", "=", 1)]
    [tax] = odoo.search("account.tax", sales, limit=1)
    copies = [
        odoo.call("account.tax", "copy", [tax], {"name": f"Nothing {n}", "amount": 0})
        for n in range(2)
    ]
    taxes = [one[0] if isinstance(one, list) else one for one in copies]
    lines = [{"name": "Taxed", "quantity": 1, "price_unit": 10.0, "tax_ids": [(6, 0, taxes)]}]
    invoice = odoo.invoice(company(odoo), lines)
    [line] = odoo.read("account.move", invoice, "invoice_line_ids")[0]["invoice_line_ids"]
    return Record("account.move.line", line, "tax_ids"), lambda: odoo.unlink(
        "account.tax", taxes[0]
    )


def product_that_went(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    """14 lets go of a product that is deleted; later ones of none, but modules merge them in SQL."""
    products = [odoo.create("product.product", name=f"Product {n}") for n in range(2)]
    lines = [{"product_id": products[0], "name": "It", "quantity": 1, "price_unit": 10.0}]
    invoice = odoo.invoice(company(odoo), lines)
    [line] = odoo.read("account.move", invoice, "invoice_line_ids")[0]["invoice_line_ids"]
    record = Record("account.move.line", line, "product_id")
    if odoo.version < 16:
        return record, lambda: odoo.unlink("product.product", products[0])
    return record, lambda: _ignore(
        odoo.sql(
            "update account_move_line set product_id = %s where product_id = %s",
            products[1],
            products[0],
        )
    )


def deleted_note(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    """A line without an amount: its invoice need not be computed anew, and keeps its stamp on 14."""
    lines: list[Any] = [
        {"name": "Work", "quantity": 1, "price_unit": 10.0},
        {"name": "Thanks", "display_type": "line_note"},
    ]
    invoice = odoo.invoice(company(odoo), lines)
    ids = odoo.read("account.move", invoice, "invoice_line_ids")[0]["invoice_line_ids"]
    [note] = odoo.search("account.move.line", [("id", "in", ids), ("name", "=", "Thanks")])
    return Record("account.move", invoice, "invoice_line_ids"), lambda: odoo.unlink(
        "account.move.line", note
    )


def rank_counted_by_posting(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    contact = company(odoo)
    invoice = odoo.invoice(contact)
    return Record("res.partner", contact, "customer_rank"), lambda: odoo.post(invoice)


def merged_account(odoo: RealOdoo) -> tuple[Record, Callable[[], None]]:
    """Odoo merges accounts in SQL from 18 on."""
    invoice = odoo.invoice(company(odoo))
    [line] = odoo.read("account.move", invoice, "invoice_line_ids")[0]["invoice_line_ids"]
    [account] = [row["account_id"] for row in odoo.read("account.move.line", line, "account_id")]
    other = odoo.call("account.account", "copy", [account])
    other = other[0] if isinstance(other, list) else other
    return Record("account.move.line", line, "account_id"), lambda: _ignore(
        odoo.sql("update account_move_line set account_id = %s where id = %s", other, line)
    )


def _ignore(_answer: Any) -> None:
    pass


CAUSES: list[Cause] = [
    deleted_tag,
    tag_given_from_its_side,
    tag_moved_between_contacts,
    deleted_salesperson,
    deleted_salesperson_of_an_invoice,
    deleted_payment_term,
    deleted_origin_of_a_credit_note,
    deleted_address,
    deleted_tax,
    product_that_went,
    deleted_note,
    rank_counted_by_posting,
    merged_account,
]


def value_and_stamp(odoo: RealOdoo, record: Record) -> tuple[Any, Any]:
    [row] = odoo.read(record.model, record.id, record.field, "write_date")
    return row[record.field], row["write_date"]


def test_what_moves_no_stamp_is_here_after_a_reconcile(odoo: RealOdoo, journal: Journal) -> None:
    made = {cause.__name__: cause(odoo) for cause in CAUSES}
    for table in TABLES:
        # All a day old: nothing is read again for being recent.
        odoo.sql(f"update {table} set write_date = write_date - interval '1 day'")
    sync_all("reconcile")
    idle = sync_all("reconcile")
    assert [row.read_count for row in idle] == [0, 0, 0]
    before = {name: value_and_stamp(odoo, record) for name, (record, _act) in made.items()}

    for _record, act in made.values():
        act()

    unmoved = []
    for name, (record, _act) in made.items():
        value, stamp = value_and_stamp(odoo, record)
        assert value != before[name][0], f"{name} changed nothing"
        if stamp == before[name][1]:
            unmoved.append(name)
    # Odoo 19 counts with a new stamp; 14 recomputes the name an invoice shows of its contact.
    moved = {"rank_counted_by_posting"} if odoo.version >= 19 else {"deleted_address"}
    if odoo.version >= 19:
        moved.add("deleted_note")
    assert set(made) - set(unmoved) == moved
    sync_all("changes")
    sync_all("reconcile")
    Checker(RealTruth(odoo), journal)()
    assert [row.read_count for row in sync_all("reconcile")] == [0, 0, 0]


def test_renaming_a_tag_reorders_it_in_odoo_and_changes_nothing_here(
    odoo: RealOdoo, journal: Journal
) -> None:
    tags = [odoo.create("res.partner.category", name=f"{n} first") for n in "AB"]
    company(odoo, category_id=[(6, 0, tags)])
    odoo.sql("update res_partner set write_date = write_date - interval '1 day'")
    sync_all("reconcile")
    odoo.write("res.partner.category", tags[0], name="C last")
    row = sync_all("reconcile")[0]
    assert (row.read_count, row.updated_count) == (0, 0)
    Checker(RealTruth(odoo), journal)()
