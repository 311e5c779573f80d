"""``verify_mirror``: what it calls equal, what it calls different, and how it says so."""

import json
import math
from datetime import timedelta
from decimal import Decimal

import pytest

from contacts.models import Contact
from invoices.models import Invoice, InvoiceLine
from odoo_bridge.sync import verify as verifying
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.sync.verify import Difference, Verdict, verify
from odoo_bridge.tests.deploy.test_commands import call
from odoo_bridge.tests.runs import sync_all

pytestmark = pytest.mark.django_db
LINES = [{"name": "Desk", "quantity": 2, "price_unit": 10.5}]


@pytest.fixture(autouse=True)
def _second_look_at_once(monkeypatch):
    monkeypatch.setattr(verifying, "SECOND_LOOK_SECONDS", 0)


@pytest.fixture
def mirror(demo):
    """Five contacts with an invoice each, copied."""
    contacts = [demo.add("res.partner", name=f"Contact {n}") for n in range(5)]
    invoices = [demo.add_invoice(contact=each, lines=LINES) for each in contacts]
    sync_all("reconcile")
    return contacts, invoices


def compared(stream="contacts", **options) -> Verdict:
    return verify(all_streams()[stream], **{"sample": 1000, **options})


def test_a_difference_is_one_value_as_people_write_it(mirror):
    contacts, invoices = mirror
    Invoice.objects.filter(pk=invoices[1]).update(amount_total=Decimal("1000.5"), ref="Tampered")
    InvoiceLine.objects.filter(invoice_id=invoices[1]).update(price_unit=Decimal("10.50000001"))
    Contact.objects.filter(pk=contacts[2]).delete()
    assert compared("invoices").differences == [
        Difference(invoices[1], "ref", "(empty)", "Tampered"),
        Difference(invoices[1], "amount_total", "21.0", "1000.5"),
    ]
    [line] = compared("invoice_lines").differences
    assert (line.field, line.there, line.here) == ("price_unit", "10.5", "10.50000001")
    assert compared().differences == [
        Difference(contacts[2], "", "is there", "(no such row)"),
    ]


def test_a_row_that_odoo_does_not_have_is_a_difference(demo, mirror):
    lonely = demo.add("res.partner", name="Lonely")
    sync_all("reconcile")
    demo.unlink("res.partner", [lonely])
    assert compared().differences == [Difference(lonely, "", "(no such row)", "is here")]


def test_what_settles_by_itself_is_no_difference(mirror):
    contacts, _invoices = mirror
    Contact.objects.filter(pk=contacts[0]).update(name="On its way")

    def a_run_stores_it():
        Contact.objects.filter(pk=contacts[0]).update(name="Contact 0")

    verdict = compared(between_looks=a_run_stores_it)
    assert (verdict.equal, verdict.settled) == (True, 1)
    assert any("changed during the comparison" in note for note in verdict.notes)


def test_what_odoo_changed_after_the_last_run_is_not_copied_yet_and_no_difference(demo, mirror):
    contacts, _invoices = mirror
    demo.clock.step(timedelta(minutes=1))
    demo.write("res.partner", contacts[:1], name="Changed")
    demo.add("res.partner", name="New")
    verdict = compared()
    assert (verdict.equal, verdict.pending) == (True, 2)


def test_rows_outside_of_the_sample_are_compared_with_all_fields(mirror):
    contacts, _invoices = mirror
    Contact.objects.filter(pk=contacts[4]).update(city="Nowhere")
    assert compared(sample=0).equal
    assert compared(sample=0, all_fields=True).ids == {contacts[4]}


def test_sums_that_differ_lead_to_the_rows(mirror):
    _contacts, invoices = mirror
    Invoice.objects.filter(pk=invoices[3]).update(amount_residual=Decimal(1))
    verdict = compared("invoices", sample=0)
    assert [(each.odoo_id, each.field) for each in verdict.differences] == [
        (invoices[3], "amount_residual")
    ]


def test_a_sum_that_is_no_number_ends_in_a_sentence(demo, mirror):
    _contacts, invoices = mirror
    demo.write_raw("account.move", invoices[:1], amount_total=math.nan)
    code, text = call("verify_mirror", "invoices")
    assert code == 1
    assert f"{invoices[0]}" in text and "nan is not a number" in text
    assert "Decimal(" not in text and "datetime" not in text


def test_the_command_shows_a_table_and_the_next_command(mirror):
    contacts, _invoices = mirror
    Contact.objects.filter(pk__in=contacts[:2]).update(name="Tampered\nwith")
    code, text = call("verify_mirror", "contacts")
    lines = [line.split() for line in text.splitlines()]
    assert ["record", "field", "Odoo", "here"] in lines
    assert [str(contacts[0]), "name", "Contact", "0", "Tampered", "with"] in lines
    assert (code, lines[-1][:5]) == (1, ["Different:", "2", "values", "of", "2"])
    assert "verify_mirror contacts --repair" in text
    code, text = call("verify_mirror", "contacts", "--repair")
    assert (code, text.splitlines()[-1]) == (0, "Equal.")


def test_json_carries_the_same(mirror):
    contacts, _invoices = mirror
    Contact.objects.filter(pk=contacts[0]).update(name="Tampered")
    code, text = call("verify_mirror", "contacts", "--json")
    [stream] = json.loads(text)
    assert (code, stream["equal"], stream["difference_count"]) == (1, False, 1)
    assert stream["differences"] == [
        {"odoo_id": contacts[0], "field": "name", "there": "Contact 0", "here": "Tampered"}
    ]


def test_many_differences_are_counted_and_some_listed(mirror, monkeypatch):
    contacts, _invoices = mirror
    monkeypatch.setattr(verifying, "LISTED", 2)
    Contact.objects.filter(pk__in=contacts).update(name="Tampered")
    verdict = compared()
    assert (verdict.count, len(verdict.differences), verdict.ids) == (5, 2, set(contacts))
