"""What changes a record in Odoo without moving its stamp: each ``reconcile`` finds it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from contacts.models import Contact
from invoices.models import Invoice, InvoiceLine
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.mirror.names import Names
from odoo_bridge.models import Reference, SyncRun
from odoo_bridge.odoo.connect import connect
from odoo_bridge.sync import references, unstamped
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.connection import point_at
from odoo_bridge.tests.runs import sync, synced

pytestmark = pytest.mark.django_db(transaction=True)
CONTACT, MOVE, LINE = "res.partner", "account.move", "account.move.line"
MODELS = {"contacts": CONTACT, "invoices": MOVE, "invoice_lines": LINE}
# Every column of ours that such a change can reach, by stream: Odoo's field, and another value.
FIELDS: dict[str, dict[str, Any]] = {
    "contacts": {
        "parent_id": False,
        "commercial_partner_id": 1,
        "state_id": False,
        "country_id": 3,
        "company_id": 1,
        "category_id": [3],
        "user_id": False,
        "customer_rank": 7,
        "supplier_rank": 1,
    },
    "invoices": {
        "partner_id": 1,
        "commercial_partner_id": 1,
        "partner_shipping_id": False,
        "currency_id": 2,
        "company_id": 2,
        "journal_id": 2,
        "fiscal_position_id": False,
        "invoice_payment_term_id": False,
        "invoice_user_id": False,
        "reversed_entry_id": False,
    },
    "invoice_lines": {
        "move_id": None,
        "product_id": False,
        "product_uom_id": 2,
        "account_id": 1,
        "currency_id": 2,
        "sequence": 5,
        "tax_ids": [3],
    },
}


@pytest.fixture(params=["19.0"])
def demo(request: pytest.FixtureRequest, settings: Any) -> Iterator[DemoOdoo]:
    odoo = DemoOdoo(version=request.param)
    odoo.clock.step(timedelta(hours=-1))
    settings.ODOO_EXTRA_FIELDS = {}
    with odoo.serve() as server:
        point_at(settings, odoo, server.url)
        yield odoo


every_kind_of_odoo = pytest.mark.parametrize("demo", ["14.0", "18.0", "19.0"], indirect=True)


def copy_all(demo: DemoOdoo) -> None:
    """Copy everything, an hour after it was made: nothing is read again for being recent."""
    demo.clock.step(timedelta(hours=1))
    for stream in all_streams():
        synced(stream, "reconcile")


def reconcile_all() -> dict[str, SyncRun]:
    return {stream: synced(stream, "reconcile") for stream in all_streams()}


def a_scene(demo: DemoOdoo) -> dict[str, int]:
    """One record of each stream that has a value in every field, and others beside them."""
    demo.add("res.company", id=2, name="Second", currency_id=1, partner_id=1)
    company = demo.add(CONTACT, name="Acme", is_company=True)
    person = demo.add(
        CONTACT, name="Jane", parent_id=company, state_id=1, country_id=4, user_id=2,
        category_id=[[6, 0, [1, 2]]], customer_rank=2,
    )  # fmt: skip
    demo.add(CONTACT, name="Else", category_id=[[6, 0, [1]]], user_id=2)
    first = demo.add_invoice(company, [{"name": "A", "price_unit": 1}])
    line = {"name": "B", "product_id": 1, "price_unit": 2, "tax_ids": [[6, 0, [1, 4]]]}
    note = demo.add_invoice(
        person, [line, {"name": "C"}], "out_refund", reversed_entry_id=first,
        fiscal_position_id=1, invoice_payment_term_id=2, invoice_user_id=2,
    )  # fmt: skip
    [line_id] = [
        row["id"]
        for row in demo.rows(LINE).values()
        if row["move_id"] == note and row["product_id"]
    ]
    return {"contacts": person, "invoices": note, "invoice_lines": line_id, "first": first}


@pytest.mark.parametrize("demo", ["14.0", "19.0"], indirect=True)
def test_each_field_that_changes_without_a_stamp_is_read_again(demo: DemoOdoo) -> None:
    scene = a_scene(demo)
    copy_all(demo)
    assert [row.read_count for row in reconcile_all().values()] == [0, 0, 0]
    missed = []
    for stream, fields in FIELDS.items():
        for field, value in fields.items():
            held = demo.row(MODELS[stream], scene[stream])
            if field not in held:
                continue  # another version's
            value = scene["first"] if value is None else value
            assert held[field] != value, field
            demo.write_raw(MODELS[stream], [scene[stream]], **{field: value})
            row = synced(stream, "reconcile")
            if row.read_count < 1 or row.updated_count != 1 or differs(demo, stream, field, scene):
                missed.append(field)
    assert missed == []


def differs(demo: DemoOdoo, stream: str, field: str, scene: dict[str, int]) -> bool:
    [column] = [
        name
        for name, column in all_streams()[stream].columns.items()
        if column.sources == (field,) and not name.endswith("_code")
    ]
    there = demo.row(MODELS[stream], scene[stream])[field] or None
    here = getattr(all_streams()[stream].model.objects.get(pk=scene[stream]), column) or None
    return bool(here != there)


def test_every_reference_list_and_counter_of_ours_is_among_the_fields_above(demo: DemoOdoo) -> None:
    for name, stream in all_streams().items():
        mapper = stream.bind(connect().fields(stream.odoo_model), object())  # type: ignore[arg-type]
        assert {one.field for one in unstamped.tracked(mapper)} == set(FIELDS[name])


@every_kind_of_odoo
def test_what_goes_leaves_no_name_behind(demo: DemoOdoo) -> None:
    scene = a_scene(demo)
    user = demo.add("res.users", login="leaver", partner_id=1, company_id=1)
    demo.write(CONTACT, [scene["contacts"]], user_id=user)
    demo.write(MOVE, [scene["invoices"]], invoice_user_id=user)
    copy_all(demo)
    demo.unlink("res.partner.category", [1])
    demo.unlink("res.users", [user])
    demo.unlink("account.tax", [4])
    demo.unlink(MOVE, [scene["first"]])
    for stream in all_streams():
        synced(stream, "changes")
    reconcile_all()
    contact = Contact.objects.get(pk=scene["contacts"])
    assert (contact.tag_ids, contact.salesperson_id) == ([2], None)
    note = Invoice.objects.get(pk=scene["invoices"])
    assert (note.salesperson_id, note.reversed_entry_id) == (None, None)
    assert InvoiceLine.objects.get(pk=scene["invoice_lines"]).tax_ids == [1]
    assert [row.read_count for row in reconcile_all().values()] == [0, 0, 0]


@every_kind_of_odoo
def test_tags_set_from_their_own_side_arrive(demo: DemoOdoo) -> None:
    contacts = [demo.add(CONTACT, name=f"Contact {n}") for n in range(4)]
    tag = demo.add("res.partner.category", name="Moved", partner_ids=[[6, 0, contacts[::3]]])
    copy_all(demo)
    assert contacts[0] + contacts[3] == contacts[1] + contacts[2]
    demo.write("res.partner.category", [tag], partner_ids=[[6, 0, contacts[1:3]]])
    assert synced("contacts", "reconcile").read_count == 4
    named = Contact.objects.filter(tag_ids=[tag]).order_by("pk").values_list("pk", flat=True)
    assert list(named) == contacts[1:3]


def test_tags_are_kept_by_id_whatever_they_are_called(demo: DemoOdoo) -> None:
    contact = demo.add(CONTACT, name="Jane", category_id=[[6, 0, [4, 2, 1]]])
    copy_all(demo)
    assert demo.call(CONTACT, "read", [contact], {}, {"fields": ["category_id"]})[0][
        "category_id"
    ] == [2, 4, 1]
    demo.write("res.partner.category", [1], name="A first")
    assert Contact.objects.get(pk=contact).tag_ids == [1, 2, 4]
    row = synced("contacts", "reconcile")
    assert (row.read_count, row.updated_count) == (0, 0)


@pytest.mark.parametrize("demo", ["14.0", "18.0"], indirect=True)
def test_a_rank_counted_in_sql_arrives(demo: DemoOdoo) -> None:
    contact = demo.add(CONTACT, name="Acme")
    invoice = demo.add_invoice(contact, [{"name": "A", "price_unit": 1}])
    copy_all(demo)
    demo.post([invoice])
    synced("contacts", "changes")
    assert Contact.objects.get(pk=contact).customer_rank == 0
    synced("contacts", "reconcile")
    assert Contact.objects.get(pk=contact).customer_rank == 1


def test_a_difference_is_found_among_many(demo: DemoOdoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unstamped, "SUMMED_AT_ONCE", 50)
    monkeypatch.setattr(unstamped, "GROUPED_AT_ONCE", 30)
    monkeypatch.setattr(unstamped, "_FEW", 3)
    with demo.transaction() as tx:
        contacts = [
            tx.add(CONTACT, name=f"Contact {n}", user_id=2, category_id=[[6, 0, [1]]])
            for n in range(120)
        ]
    copy_all(demo)
    demo.write_raw(CONTACT, [contacts[17], contacts[118]], user_id=False)
    demo.write_raw(CONTACT, [contacts[40]], category_id=[])
    calls = len(demo.calls)
    row = synced("contacts", "reconcile")
    assert (row.read_count, row.updated_count) == (3, 3)
    # Not by listing them all: two are pinned down in 120.
    assert len(demo.calls) - calls < 60


def test_rows_that_are_read_again_anyway_are_no_difference(demo: DemoOdoo) -> None:
    """They have a new stamp, are new, or are gone: none of them makes the others be read."""
    contacts = [demo.add(CONTACT, name=f"Contact {n}", user_id=2) for n in range(9)]
    copy_all(demo)
    demo.write(CONTACT, contacts[:2], user_id=False)
    demo.add(CONTACT, name="New", user_id=2)
    demo.unlink(CONTACT, contacts[2:3])
    calls = len(demo.calls)
    row = synced("contacts", "reconcile")
    assert (row.read_count, row.updated_count, row.gone_count) == (3, 2, 1)
    reads = [call for call in demo.calls[calls:] if call.method == "read" and call.model == CONTACT]
    assert len(reads) == 1


def test_an_extra_field_that_changes_without_a_stamp_is_read_again(
    demo: DemoOdoo, settings: Any
) -> None:
    settings.ODOO_EXTRA_FIELDS = {"res.partner": ["write_uid"]}
    contact = demo.add(CONTACT, name="Jane")
    copy_all(demo)
    demo.write_raw(CONTACT, [contact], write_uid=False)
    assert synced("contacts", "reconcile").updated_count == 1
    assert Contact.objects.get(pk=contact).extra == {"write_uid": None}


def test_a_record_that_cannot_be_copied_does_not_make_others_be_read(demo: DemoOdoo) -> None:
    good, bad = (demo.add(CONTACT, name=name, user_id=2) for name in ("Good", "Bad"))
    copy_all(demo)
    demo.write_raw(CONTACT, [bad], user_id=False, email=7)
    row = sync(kind="reconcile")
    assert (row.status, row.read_count, row.issue_count) == ("succeeded_with_issues", 1, 1)
    again = sync(kind="reconcile")
    assert (again.read_count, again.issue_count) == (1, 1)
    assert Contact.objects.get(pk=good).salesperson_id == 2


@every_kind_of_odoo
def test_the_lines_of_an_invoice_follow_lines_that_come_and_go(demo: DemoOdoo) -> None:
    """Up to 15 a note leaves no stamp on its invoice when it is deleted or added by itself."""
    lines: list[Any] = [
        {"name": "Work", "price_unit": 1},
        {"name": "Thanks", "display_type": "line_note"},
    ]
    invoice = demo.add_invoice(demo.add(CONTACT, name="Acme"), lines)
    copy_all(demo)
    work, note = Invoice.objects.get(pk=invoice).line_ids
    demo.unlink(LINE, [note])
    for stream in all_streams():
        synced(stream, "changes")
    assert Invoice.objects.get(pk=invoice).line_ids == [work]
    again = demo.add(LINE, name="Bye", display_type="line_note", move_id=invoice)
    for stream in all_streams():
        synced(stream, "changes")
    assert Invoice.objects.get(pk=invoice).line_ids == [work, again]


def test_a_reference_that_odoo_deleted_is_named_no_more(demo: DemoOdoo) -> None:
    tag = demo.add("res.partner.category", name="Short-lived")
    contact = demo.add(CONTACT, name="Jane", category_id=[[6, 0, [tag]]])
    copy_all(demo)
    assert name_of(tag) == "Short-lived"
    hidden = demo.hide("res.partner.category", lambda row: row["id"] == tag)
    synced("contacts", "reconcile")
    assert (name_of(tag), Contact.objects.get(pk=contact).tag_ids) == ("", [])
    hidden.remove()
    synced("contacts", "reconcile")
    assert (name_of(tag), Contact.objects.get(pk=contact).tag_ids) == ("Short-lived", [tag])
    demo.unlink("res.partner.category", [tag])
    synced("contacts", "reconcile")
    assert (name_of(tag), Contact.objects.get(pk=contact).tag_ids) == ("", [])


def test_a_reference_stored_after_the_list_was_asked_for_is_not_gone(demo: DemoOdoo) -> None:
    copy_all(demo)
    since: Any = SyncRun.objects.latest("pk").started_at
    tag = demo.add("res.partner.category", name="New")
    synced("contacts", "reconcile")
    references.save({"res.partner.category": []}, since)
    assert name_of(tag) == "New"
    assert name_of(1) == ""


def name_of(tag: int) -> str:
    names = Names()
    names.learn({Reference.Kind.TAG: [tag]})
    return names.name(Reference.Kind.TAG, tag)
