"""Records that should not exist, and data at the edge of what can be: one never stops the others."""

import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import (
    BooleanField,
    DateField,
    DateTimeField,
    DecimalField,
    JSONField,
    TextField,
)

from contacts.models import Contact
from invoices.models import Invoice, InvoiceLine
from odoo_bridge.demo import DemoOdoo, Fault
from odoo_bridge.models import SyncIssue, SyncRun, SyncState
from odoo_bridge.sync.streams import Column, Stream, all_streams
from odoo_bridge.tests.exactness.checker import Checker
from odoo_bridge.tests.runs import GOOD, settle, sync, sync_all

pytestmark = pytest.mark.django_db(transaction=True)

LINES = [{"name": "Desk", "quantity": 2, "price_unit": 10.5}]

# stream, field, value: cannot be copied.
POISON: dict[str, tuple[str, str, Any]] = {
    "a number for a name": ("contacts", "name", 12345),
    "a text for a flag": ("contacts", "active", "yes"),
    "NUL in a name": ("contacts", "name", "NUL \x00 inside"),
    "half a surrogate": ("contacts", "name", "half a \ud800 surrogate"),
    "a rank beyond integers": ("contacts", "customer_rank", 2**40),
    "a parent that is no id": ("contacts", "parent_id", -7),
    "a country nobody knows": ("contacts", "country_id", 987654),
    "not a number": ("invoices", "amount_total", math.nan),
    "endless": ("invoices", "amount_residual", math.inf),
    "no currency at all": ("invoices", "currency_id", 987654),
    "a day that is none": ("invoices", "invoice_date", "2026-02-30"),
    "a day of five digits": ("invoices", "invoice_date", "12026-02-03"),
    "a price that is no number": ("invoice_lines", "price_unit", "ten"),
    "a quantity that is no number": ("invoice_lines", "quantity", math.nan),
}
MODELS = {
    "contacts": "res.partner",
    "invoices": "account.move",
    "invoice_lines": "account.move.line",
}


def some_records(demo: DemoOdoo, count: int = 6) -> dict[str, list[int]]:
    contacts = [demo.add("res.partner", name=f"Contact {n}") for n in range(count)]
    invoices = [demo.add_invoice(contact=each, lines=LINES) for each in contacts]
    lines = [key for key, row in demo.rows("account.move.line").items() if row["name"] == "Desk"]
    return {"contacts": contacts, "invoices": invoices, "invoice_lines": lines}


def poison(demo: DemoOdoo, model: str, record: int, **values: Any) -> dict[str, Any]:
    """Give a record values Odoo would not store, with a new stamp; return what it had."""
    before = demo.row(model, record)
    demo.clock.step(timedelta(seconds=2))
    demo.write_raw(model, [record], write_date=demo.clock.now(), **values)
    return {name: before[name] for name in values}


@pytest.mark.postgres
@pytest.mark.parametrize("what", POISON)
@pytest.mark.parametrize("copied", [False, True], ids=["new", "known"])
def test_a_record_that_cannot_be_copied_stands_alone_and_heals(
    demo: DemoOdoo, check: Checker, what: str, copied: bool
) -> None:
    stream, field, value = POISON[what]
    records = some_records(demo)
    if copied:
        sync_all("reconcile")
    bad = records[stream][2]
    before = poison(demo, MODELS[stream], bad, **{field: value})
    for kind in ("changes", "reconcile", "full"):
        row = sync(stream, kind)
        assert row.status == SyncRun.Status.SUCCEEDED_WITH_ISSUES, row.error
        issue = SyncIssue.objects.get(resolved_at=None)
        assert (issue.stream, issue.odoo_id) == (stream, bad)
        assert issue.reason
    assert issue.attempts == 3
    good = set(records[stream]) - {bad}
    model = {"contacts": Contact, "invoices": Invoice, "invoice_lines": InvoiceLine}[stream]
    assert good <= set(model.objects.filter(gone_at=None).values_list("pk", flat=True))
    poison(demo, MODELS[stream], bad, **before)
    settle()
    assert not SyncIssue.objects.filter(resolved_at=None).exists()
    check()


# ruff: noqa: RUF001 - strange letters are the point
# stream, field, value: strange, and copied to the last digit.
STRANGE: dict[str, tuple[str, str, Any]] = {
    "emoji": ("contacts", "name", "👩‍👩‍👧 Familie 🛒"),
    "right to left": ("contacts", "name", "شركة \u202eالنور\u202c للتجارة"),
    "quotes and tabs": ("contacts", "name", "a\tb\\N 'c' \"d\" \\. \r\n$1 {x}"),
    "blanks around": ("contacts", "name", "  Acme  "),
    "ten megabytes": ("contacts", "street", "x" * 10_000_000),
    "the first year": ("invoices", "invoice_date", date(1, 1, 1)),
    "the last year": ("invoices", "invoice_date_due", date(9999, 12, 31)),
    "fifteen digits": ("invoices", "amount_total", 1234567890123.45),
    "a year below 1000": ("invoices", "invoice_date", date(21, 3, 1)),
    "more places than the currency": ("invoices", "amount_total", 0.123456789012345),
    "an amount of 26 digits": ("invoices", "amount_total", 1e25),
    "fifteen digits, negative": ("invoices", "amount_residual", -9999999999999.99),
    "a third": ("invoice_lines", "quantity", 0.3333333333333333),
    "a tiny price": ("invoice_lines", "price_unit", 1e-12),
}


@pytest.mark.postgres
@pytest.mark.parametrize("what", STRANGE)
def test_a_strange_value_is_copied_exactly(demo: DemoOdoo, check: Checker, what: str) -> None:
    stream, field, value = STRANGE[what]
    records = some_records(demo)
    sync_all("reconcile")
    poison(demo, MODELS[stream], records[stream][2], **{field: value})
    settle()
    check()


@pytest.mark.postgres
def test_ten_megabytes_in_a_name_stand_alone_or_are_copied(demo: DemoOdoo, check: Checker) -> None:
    """PostgreSQL's index takes a long value only if it compresses well."""
    records = some_records(demo)
    sync_all("reconcile")
    incompressible = "".join(chr(0x4E00 + (n * n * 31 + n) % 20_000) for n in range(3_000_000))
    before = poison(demo, "res.partner", records["contacts"][0], name=incompressible)
    assert sync("contacts").status in GOOD
    check("contacts")
    poison(demo, "res.partner", records["contacts"][0], **before)
    settle()
    check()


def test_every_record_being_poison_stops_no_run(demo: DemoOdoo, check: Checker) -> None:
    records = some_records(demo)["contacts"]
    for each in records:
        demo.write_raw("res.partner", [each], name=each)
    row = sync("contacts", "reconcile")
    assert (row.status, row.issue_count) == (SyncRun.Status.SUCCEEDED_WITH_ISSUES, len(records))
    for each in records:
        demo.write("res.partner", [each], name=f"Contact {each}")
    settle()
    check()


def test_a_poisoned_record_that_is_deleted_leaves_no_issue(demo: DemoOdoo, check: Checker) -> None:
    records = some_records(demo)
    bad = demo.add("res.partner", name="Bad")
    demo.write_raw("res.partner", [bad], name=7)
    sync_all_with_issues()
    demo.unlink("res.partner", [bad])
    settle()
    assert not SyncIssue.objects.filter(resolved_at=None).exists()
    assert set(records["contacts"]) <= set(Contact.objects.values_list("pk", flat=True))
    check()


# Everything Odoo, its database or a module may send for a field, whatever the field is.
ANYTHING: list[Any] = [
    *(0, 1, -1, 2**31 - 1, 2**31, -(2**31) - 1, 2**40, 2**63 - 1, 2**63, 2**64, 10**30, 10**400),
    *(0.0, -0.0, 0.1, 1 / 30, 12.5, 3710.44, 1e22, 1e25, 1e308, -1e308, 1e-320, 5e-324),
    *(math.nan, math.inf, -math.inf, True, False),
    *("", "  x ", "7", "1.5", "NUL \x00 inside", "half a \ud800 surrogate", "x" * 100_000, "null"),
    *("2026-02-01", "2026-02-30", "21-03-01", "0021-03-01", "12026-02-03", "0000-01-01"),
    *("-0044-03-15", "0044-03-15 BC", "infinity", "2026-W05-1", "20260201", "2026-02-01 "),
    *("2026-02-01 09:30:00", "2026-02-01T09:30:00", "2026-02-01 09:30:00.123456"),
    *("21-03-01 09:30:00", "2026-02-01 24:00:00", "2026-02-01 09:30:00+02:00"),
    *([], [1], [0], [-1], [True], [2**63], [1, "x"], [1.5], [7, "Acme"], {}, {"a": 1}),
]
REFUSED = object()
# Which records the stream has depends on it.
CHOOSES = {"move_type", "display_type", "invoice_id"}


def kept(field: Any, value: Any) -> Any:
    """What our column must hold if Odoo sends ``value``; REFUSED: its record is an issue."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = value if isinstance(value, str) else ""
    if isinstance(field, DecimalField):
        held = number and value == value and abs(value) != math.inf
        if connection.vendor == "sqlite":
            held = (
                held and abs(value) <= 1e308 and Decimal(repr(float(value))) == Decimal(repr(value))
            )
        return None if value is False else Decimal(repr(value)) if held else REFUSED
    if isinstance(field, BooleanField):
        return value if isinstance(value, bool) else REFUSED
    if isinstance(field, TextField):
        sound = "\ud800" not in text and not (connection.vendor == "postgresql" and "\0" in text)
        return "" if value is False else value if isinstance(value, str) and sound else REFUSED
    if isinstance(field, JSONField):
        ids = isinstance(value, list) and all(type(one) is int and 0 < one < 2**63 for one in value)
        return [] if value is False else value if ids else REFUSED
    if isinstance(field, DateTimeField | DateField):
        return None if value is False else DAYS[type(field)].get(text, REFUSED)
    if value is False:
        return None if field.null else 0
    if field.null:  # the id of a record
        value = value[0] if value in ([1, "x"], [7, "Acme"]) else value  # with a label
        return value if type(value) is int and 0 < value < 2**63 else REFUSED
    bits = 31 if connection.vendor == "postgresql" else 63
    return value if type(value) is int and -(2**bits) <= value < 2**bits else REFUSED


DAYS: dict[type, dict[str, Any]] = {
    DateField: {
        "2026-02-01": date(2026, 2, 1),
        "21-03-01": date(21, 3, 1),
        "0021-03-01": date(21, 3, 1),
    },
    DateTimeField: {
        "2026-02-01 09:30:00": datetime(2026, 2, 1, 9, 30, tzinfo=UTC),
        "2026-02-01T09:30:00": datetime(2026, 2, 1, 9, 30, tzinfo=UTC),
        "2026-02-01 09:30:00.123456": datetime(2026, 2, 1, 9, 30, 0, 123456, tzinfo=UTC),
        "21-03-01 09:30:00": datetime(21, 3, 1, 9, 30, tzinfo=UTC),
    },
}


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", MODELS)
def test_whatever_a_field_holds_is_here_exactly_or_an_issue_that_names_it(
    demo: DemoOdoo, name: str, step: int
) -> None:
    """Each value in each column, each in a record of its own, among fifty sound ones.

    With a ``step`` all values only in the first column of each type.
    """
    stream = all_streams()[name]
    available = demo.row(stream.odoo_model, some_records(demo, 1)[name][0])
    cases: list[tuple[str, str, Any]] = []
    types = Counter[Any]()
    for field in stream.model._meta.concrete_fields:
        source = source_of(stream, field.attname, available)
        if source is None or field.attname in CHOOSES:
            continue
        number = types[type(field), field.null]
        types[type(field), field.null] += 1
        values = ANYTHING[number % step :: step] if number else ANYTHING
        cases += [(field.attname, source, value) for value in values]
    records = some_records(demo, len(cases) + 50)[name]
    sound, poisoned = records[:50], records[-len(cases) :]
    with demo.transaction() as raw:
        for odoo_id, (_column, source, value) in zip(poisoned, cases, strict=True):
            raw.write_raw(stream.odoo_model, [odoo_id], **{source: value})
    for kind in ("reconcile", "full"):
        row = sync(name, kind)
        assert row.status == SyncRun.Status.SUCCEEDED_WITH_ISSUES, row.error
        issues = {each.odoo_id: each for each in SyncIssue.objects.filter(resolved_at=None)}
        assert not issues.keys() & set(sound)
        rows = stream.model._default_manager.in_bulk()
        assert set(sound) <= rows.keys()
        wrong = []
        for odoo_id, (column, source, value) in zip(poisoned, cases, strict=True):
            expected = kept(stream.model._meta.get_field(column), value)
            if (name, column) == ("invoices", "name") and value == "/":
                expected = ""
            issue, here = issues.get(odoo_id), rows.get(odoo_id)
            if expected is REFUSED:
                good = (
                    issue is not None
                    and issue.column.startswith(column.removesuffix("_id"))
                    and f"{stream.odoo_model} {odoo_id}: {column}" in issue.reason
                )
            elif column in ("country_id", "currency_id") and issue is not None:
                good = issue.column == column.replace("_id", "_code")
            else:
                good = here is not None and issue is None and getattr(here, column) == expected
            if not good:
                shown = ascii(value)[:50]
                wrong.append(
                    f"{column} ({source}) {shown}: {issue}, {here and getattr(here, column)!r}"
                )
        assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])


def source_of(stream: Stream, column: str, available: Any) -> str | None:
    """The Odoo field that ``column`` copies; None if it copies none of those there are."""
    made = stream.columns.get(column)
    if not isinstance(made, Column):
        return None
    return next((source for source in made.sources if source in available), None)


def sync_all_with_issues() -> None:
    assert all(sync(stream, "reconcile").status in GOOD for stream in MODELS)


# Order and time ---------------------------------------------------------------------------------------


def test_an_invoice_may_arrive_before_its_contact_and_its_lines_before_both(
    demo: DemoOdoo, check: Checker
) -> None:
    some_records(demo)
    for stream in ("invoice_lines", "invoices", "contacts"):
        assert sync(stream).status == "succeeded"
    check()


def test_five_thousand_records_of_one_stamp_are_neither_lost_nor_doubled(
    demo: DemoOdoo, check: Checker
) -> None:
    sync("contacts", "reconcile")
    with demo.transaction() as bulk:
        ids = [bulk.add("res.partner", name=f"Bulk {n}") for n in range(5000)]
    assert sync("contacts").created_count == 5000
    with demo.transaction() as bulk:
        bulk.write("res.partner", ids[::2], street="One stamp")
    assert sync("contacts").updated_count == 2500
    check("contacts")


def test_records_changed_while_they_are_paged_arrive_with_the_next_run(
    demo: DemoOdoo, check: Checker, settings: Any
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 4, 2
    ids = [demo.add("res.partner", name=f"Contact {n}") for n in range(40)]

    def work() -> None:
        demo.clock.step(timedelta(seconds=1))
        demo.write("res.partner", ids[::3], name="Changed meanwhile")
        demo.unlink("res.partner", [ids.pop()])
        ids.append(demo.add("res.partner", name="Made meanwhile"))

    for n in range(5):
        demo.faults.add(Fault("hook", "res.partner", "read", skip=n, run=work))
    assert sync("contacts", "reconcile").status == "succeeded"
    assert sync("contacts").status == "succeeded"
    check("contacts")


def test_an_id_that_disappears_and_returns_is_one_row(demo: DemoOdoo, check: Checker) -> None:
    acme = demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    first = Contact.objects.values_list("change_seq", flat=True).get(pk=acme)
    for name in ("Gone once", "Gone twice"):
        demo.unlink("res.partner", [acme])
        assert sync("contacts").gone_count == 1
        demo.add("res.partner", id=acme, name=name)
        assert sync("contacts").restored_count == 1
    row = Contact.objects.get(pk=acme)
    assert (row.name, row.gone_at) == ("Gone twice", None)
    assert row.change_seq > first
    check("contacts")


def test_a_line_moved_by_sql_to_another_invoice_follows_when_either_is_read(
    demo: DemoOdoo, check: Checker
) -> None:
    records = some_records(demo)
    sync_all("reconcile")
    demo.clock.step(timedelta(hours=1))
    sync_all()
    line, into = records["invoice_lines"][0], records["invoices"][1]
    source = demo.row("account.move.line", line)["move_id"]
    demo.write_raw("account.move.line", [line], move_id=into)
    demo.write("account.move", [source], ref="Looked at")
    assert sync("invoices").status == "succeeded"
    assert InvoiceLine.objects.get(pk=line).invoice_id == into
    demo.write("account.move", [into], ref="Looked at, too")
    settle()
    check()


# The shape of Odoo changes ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["changes", "reconcile", "full"])
def test_a_field_that_goes_in_mid_run_and_returns_loses_nothing(
    demo: DemoOdoo, check: Checker, settings: Any, kind: str
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 4, 1
    ids = [demo.add("res.partner", name=f"Contact {n}", vat=f"BE{n}") for n in range(30)]
    sync_all("reconcile")
    demo.write("res.partner", ids, street="Changed")
    watermark = SyncState.objects.get(pk="contacts").watermark
    gone = Fault(
        "hook", "res.partner", "read", skip=2, run=lambda: demo.hide_field("res.partner", "vat")
    )
    demo.faults.add(gone)
    row = sync("contacts", kind)
    assert (row.status, "lost vat" in row.error) == ("failed", True), row.error
    assert SyncState.objects.get(pk="contacts").watermark == watermark
    sync_all("reconcile")
    check()
    demo.show_field("res.partner", "vat")
    settle()
    check()


def test_a_field_that_comes_by_an_upgrade_is_filled_by_the_next_reconcile(
    demo: DemoOdoo, check: Checker
) -> None:
    demo.hide_field("res.partner", "vat")
    acme = demo.add("res.partner", name="Acme", vat="BE0477472701")
    sync_all("reconcile")
    demo.clock.step(timedelta(hours=1))
    sync_all()
    demo.show_field("res.partner", "vat")
    settle()
    assert Contact.objects.get(pk=acme).vat == "BE0477472701"
    check()


def test_a_currency_that_gets_another_code_has_it_on_every_invoice(
    demo: DemoOdoo, check: Checker
) -> None:
    acme = demo.add("res.partner", name="Acme")
    invoice = demo.add_invoice(contact=acme, lines=LINES, currency="USD")
    sync_all("reconcile")
    demo.clock.step(timedelta(hours=1))
    sync_all()
    [currency] = [key for key, row in demo.rows("res.currency").items() if row["name"] == "USD"]
    demo.write_raw("res.currency", [currency], name="USX")
    # Whichever stream looks first: the news is not for it alone.
    assert sync("invoice_lines", "reconcile").status == "succeeded"
    settle()
    assert Invoice.objects.get(pk=invoice).currency_code == "USX"
    check()
