"""ODOO_EXTRA_FIELDS: each is copied as Odoo has it, or left out with the reason."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from contacts.models import Contact
from odoo_bridge import checks
from odoo_bridge.demo import Fault
from odoo_bridge.models import SyncIssue, SyncState
from odoo_bridge.odoo import values
from odoo_bridge.odoo.connect import disconnect
from odoo_bridge.sync.extras import chosen, refusal
from odoo_bridge.tests.runs import sync

pytestmark = pytest.mark.django_db


def stored(kind: str) -> dict[str, Any]:
    return {"type": kind, "store": True}


@pytest.mark.parametrize(
    ("kind", "sent", "kept"),
    [
        ("char", "Acme", "Acme"),
        ("char", False, None),
        ("html", "<p>Hi</p>", "<p>Hi</p>"),
        ("integer", 0, 0),
        ("integer", 2**70, 2**70),
        ("float", 1 / 30, "0.03333333333333333"),
        ("float", 0.0, "0.0"),
        ("monetary", 1e22, "1E+22"),
        ("boolean", False, False),
        ("date", "21-03-01", "0021-03-01"),
        ("datetime", "2026-02-01 09:30:00", "2026-02-01 09:30:00"),
        ("selection", "done", "done"),
        ("selection", 3, 3),
        ("many2one", [7, "Acme"], 7),
        ("many2one_reference", 7, 7),
        ("reference", "res.partner,7", "res.partner,7"),
        ("many2many", [3, 1], [1, 3]),
        ("json", {"7": 100.0, "x": [None, True, "é"]}, {"7": 100.0, "x": [None, True, "é"]}),
        ("json", False, None),
        ("properties", [{"name": "a", "value": 1}], [{"name": "a", "value": 1}]),
        ("serialized", {"a": 1}, {"a": 1}),
    ],
)
def test_each_type_is_kept_as_odoo_has_it(kind, sent, kept):
    assert values.extra(kind, sent) == kept
    assert not refusal("x", stored(kind), marked=True)


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("char", 7),
        ("integer", 1.0),
        ("integer", True),
        ("date", "2026-02-30"),
        ("date", ""),
        ("datetime", "soon"),
        ("float", float("nan")),
        ("json", {"a": 1e300}),
        ("json", {"a": float("nan")}),
        ("json", ["half a \ud800 surrogate"]),
    ],
)
def test_a_value_that_cannot_be_kept_is_refused(kind, sent):
    with pytest.raises(ValueError):
        values.extra(kind, sent)


@pytest.mark.parametrize(
    ("about", "plainly", "marked"),
    [
        (None, "does not exist", "does not exist"),
        (stored("char"), "", ""),
        ({"type": "char", "store": False}, "calculated", ""),
        ({"type": "char"}, "calculated", ""),
        (stored("one2many"), "other records", ""),
        (stored("properties"), "another record", ""),
        (stored("properties_definition"), "other records", ""),
        (stored("binary"), "file", "file"),
        (stored("holograph"), "does not know", "does not know"),
    ],
)
def test_what_cannot_stay_fresh_needs_the_mark_and_what_cannot_be_copied_is_refused(
    about, plainly, marked
):
    for mark, expected in ((False, plainly), (True, marked)):
        why = refusal("x_field", about, marked=mark)
        assert expected in why and bool(expected) == bool(why)


def test_a_field_with_a_column_is_left_out():
    extras = chosen(["category_id", "x!"], {"x": stored("json")}, {"category_id": "tag_ids"})
    assert extras.copied == {"x": "json"}
    assert "tag_ids" in extras.refused["category_id"]


def test_a_run_goes_on_without_a_field_that_cannot_be_copied_and_reports_it(demo, settings, capsys):
    settings.ODOO_EXTRA_FIELDS = {"res.partner": ["child_ids", "x_nowhere", "comment"]}
    acme = demo.add("res.partner", name="Acme", comment="<p>Hi</p>")
    row = sync(kind="reconcile")
    assert row.status == "succeeded", row.error
    assert row.left_out_fields.keys() == {"child_ids", "x_nowhere"}
    assert SyncState.objects.get(pk="contacts").left_out_fields == row.left_out_fields
    assert Contact.objects.get(pk=acme).extra["comment"] == "<p>Hi</p>"
    call_command("check_odoo")
    shown = capsys.readouterr().out
    assert "res.partner:child_ids is not copied: the field is kept in other records" in shown
    assert "res.partner:x_nowhere is not copied" in shown


def test_a_marked_field_is_copied(demo, settings):
    settings.ODOO_EXTRA_FIELDS = {"res.partner": ["child_ids!"]}
    acme = demo.add("res.partner", name="Acme")
    jane = demo.add("res.partner", name="Jane", parent_id=acme)
    assert sync(kind="reconcile").left_out_fields == {}
    assert Contact.objects.get(pk=acme).extra == {"child_ids": [jane]}


def test_a_field_that_odoo_fails_to_read_is_found_once_and_left_out(demo, settings):
    settings.ODOO_EXTRA_FIELDS = {"res.partner": ["comment"]}
    settings.ODOO_PAGE_SIZE = 10
    ids = [demo.add("res.partner", name=f"Contact {n}", comment="x") for n in range(100)]
    broken = {"model": "res.partner", "method": "read", "times": None}
    demo.faults.add(Fault("poison_record", fields=["comment"], **broken))
    row = sync(kind="reconcile")
    assert (row.status, row.issue_count) == ("succeeded", 0), row.error
    assert "division by zero" in row.left_out_fields["comment"]
    reads = sum(call.method == "read" for call in demo.calls)
    assert reads < 75, reads
    assert "comment" not in Contact.objects.get(pk=ids[0]).extra

    demo.clock.step(timedelta(hours=1))
    disconnect()  # it remembers Odoo's clock for two seconds
    sync(kind="reconcile")
    before = len(demo.calls)
    assert sync(kind="reconcile").read_count == 0
    assert sync(kind="changes").left_out_fields.keys() == {"comment"}
    assert len(demo.calls) - before < 40
    demo.faults.clear()
    assert sync(kind="reconcile").left_out_fields == {}
    assert all(row.extra["comment"] == "x" for row in Contact.objects.filter(pk__in=ids))


@pytest.mark.parametrize("count", [1, 2, 30])
def test_a_field_that_fails_in_one_record_is_that_records_issue(demo, settings, count):
    settings.ODOO_EXTRA_FIELDS = {"res.partner": ["comment"]}
    ids = [demo.add("res.partner", name=f"Contact {n}", comment="x") for n in range(count)]
    bad = {"model": "res.partner", "method": "read", "times": None, "ids": ids[:1]}
    demo.faults.add(Fault("poison_record", fields=["comment"], **bad))
    row = sync(kind="reconcile")
    assert (row.status, row.left_out_fields) == ("succeeded_with_issues", {})
    issue = SyncIssue.objects.get()
    assert (issue.odoo_id, issue.column) == (ids[0], "extra.comment")
    assert f"res.partner {ids[0]}: extra.comment: cannot be read: " in issue.reason


def test_a_column_that_odoo_fails_to_read_makes_issues_and_changes_no_row(demo, settings):
    settings.ODOO_PAGE_SIZE = 10
    ids = [demo.add("res.partner", name=f"Contact {n}", vat="BE1") for n in range(50)]
    assert sync(kind="reconcile").status == "succeeded"
    demo.clock.step(timedelta(seconds=2))
    demo.write("res.partner", ids, name="Changed")
    broken = {"model": "res.partner", "method": "read", "times": None}
    demo.faults.add(Fault("poison_record", fields=["vat"], **broken))
    before = len(demo.calls)
    assert sync(kind="full").status == "succeeded_with_issues"
    assert len(demo.calls) - before < 60
    issues = dict(SyncIssue.objects.values_list("odoo_id", "column"))
    assert {odoo_id: issues[odoo_id] for odoo_id in ids} == dict.fromkeys(ids, "vat")
    assert set(Contact.objects.filter(pk__in=ids).values_list("vat", flat=True)) == {"BE1"}
    demo.faults.clear()
    assert sync(kind="reconcile").status == "succeeded"
    assert set(Contact.objects.filter(pk__in=ids).values_list("name", flat=True)) == {"Changed"}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"res.partner": ["x_loyalty", "x_total!"]}, []),
        ({"res.partner": ["x_loyalty", "x_loyalty!"]}, ["odoo_bridge.W003"]),
        ({"res.partner": ["category_id"]}, ["odoo_bridge.W004"]),
        ({"sale.order": ["x_loyalty"]}, ["odoo_bridge.W005"]),
    ],
)
def test_what_is_wrong_with_the_setting_is_found_without_odoo(settings, fields, found):
    settings.ODOO_EXTRA_FIELDS = fields
    assert [message.id for message in checks.extra_fields_fit()] == found
