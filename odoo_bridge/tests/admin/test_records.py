"""Contacts and invoices at the desk: found, read, refreshed, and never more than Odoo says."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.tests.factories import UserFactory
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from invoices.models import Invoice
from invoices.tests.factories import InvoiceFactory, InvoiceLineFactory
from odoo_bridge.admin import base, records
from odoo_bridge.models import Reference, SyncRun
from odoo_bridge.odoo.links import record_url
from odoo_bridge.tests.factories import ReferenceFactory, SyncIssueFactory, SyncRunFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
CONTACTS, INVOICES = "admin:contacts_contact_changelist", "admin:invoices_invoice_changelist"


def found(client, page, **filters):
    return [row.pk for row in client.get(reverse(page), filters).context["cl"].result_list]


def read(client, row):
    meta = row._meta
    page = client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk]))
    assert page.status_code == 200
    return page.content.decode()


def refresh(client, row):
    meta = row._meta
    return client.post(
        reverse(f"admin:{meta.app_label}_{meta.model_name}_refresh", args=[row.pk]), follow=True
    )


# Lists -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("acme", [1]),
        ("ACME brussels", []),
        ("jane acme", [2]),
        ("jane@example", [2]),
        ("BE0123", [1]),
        ("C-77", [2]),
        ("2", [2]),
        ("nobody", []),
    ],
)
def test_a_contact_is_found_by_all_of_the_words(staff, words, ids):
    ContactFactory(odoo_id=1, complete_name="Acme Works", vat="BE0123456749")
    ContactFactory(
        odoo_id=2, complete_name="Jane, Acme", email="jane@example.com", ref="C-77", phone="+32 5"
    )
    everything = found(staff, CONTACTS, q=words)
    assert set(ids) <= set(everything)
    if words not in ("acme", "2"):
        assert everything == ids


def test_an_invoice_is_found_by_number_reference_contact_and_id(staff):
    ContactFactory(odoo_id=5, complete_name="Zephyr")
    InvoiceFactory(odoo_id=71, name="INV/2026/0001", contact_id=5)
    InvoiceFactory(odoo_id=82, name="INV/2026/0002", ref="PO-9")
    assert found(staff, INVOICES, q="2026/0001") == [71]
    assert found(staff, INVOICES, q="po-9") == [82]
    assert found(staff, INVOICES, q="zephyr 0001") == [71]
    assert found(staff, INVOICES, q="82") == [82]


def test_filters_offer_names_and_find_by_them(staff):
    ReferenceFactory(kind=Reference.Kind.COUNTRY, odoo_id=20, name="Belgium", code="BE")
    ReferenceFactory(kind=Reference.Kind.COMPANY, odoo_id=1, name="Our Company")
    ContactFactory(odoo_id=1, country_code="BE", company_id=1, is_company=True)
    ContactFactory(odoo_id=2, country_code="FR", active=False)
    ContactFactory(odoo_id=3, gone_at=NOON)
    assert "Belgium" in staff.get(reverse(CONTACTS)).content.decode()
    assert found(staff, CONTACTS, country_code="BE") == [1]
    assert found(staff, CONTACTS, company_id=1) == [1]
    assert found(staff, CONTACTS, kind="company") == [1]
    assert found(staff, CONTACTS, archived="yes") == [2]
    assert found(staff, CONTACTS, in_odoo="gone") == [3]
    assert found(staff, CONTACTS, company_id="x" * 30) != []


def test_overdue_is_what_is_posted_due_and_not_paid(staff):
    yesterday = date.today() - timedelta(days=1)
    late = {"state": "posted", "invoice_date_due": yesterday, "amount_residual": 5}
    InvoiceFactory(odoo_id=1, **late)
    InvoiceFactory(odoo_id=2, **late | {"state": "draft"})
    InvoiceFactory(odoo_id=3, **late | {"amount_residual": 0})
    InvoiceFactory(odoo_id=4, **late | {"invoice_date_due": yesterday + timedelta(days=9)})
    assert found(staff, INVOICES, due="overdue") == [1]
    assert found(staff, INVOICES, due="not_due") == [4]
    assert staff.get(reverse(INVOICES)).content.decode().count("Overdue</span>") == 1


def test_dates_lead_from_years_to_months_to_days(staff):
    InvoiceFactory(odoo_id=1, invoice_date=date(2024, 2, 29))
    InvoiceFactory(odoo_id=2, invoice_date=date(2026, 3, 1))
    chosen = {"invoice_date__year": 2024}

    def titles(**filters):
        page = staff.get(reverse(INVOICES), filters)
        return [choice["title"] for choice in page.context["cl"].periods()["choices"]]

    assert titles() == ["2026", "2024"]
    assert titles(**chosen)[:2] == ["Jan", "Feb"]
    assert titles(**chosen, invoice_date__month=2)[-1] == "29"
    assert found(staff, INVOICES, **chosen) == [1]
    day = {"invoice_date__month": 2, "invoice_date__day": 29}
    assert found(staff, INVOICES, **chosen, **day) == [1]


def periods(staff, **filters):
    page = staff.get(reverse(INVOICES), filters, follow=True)
    assert page.status_code == 200
    return page.context["cl"].periods()


def test_an_odd_date_hides_no_year(staff):
    dates = [date(1, 1, 1), date(21, 5, 4), date(2925, 1, 1), date(9999, 12, 31)]
    dates += [date(year, 6, 1) for year in range(2014, 2027)] + [None]
    for number, day in enumerate(dates, start=1):
        InvoiceFactory(odoo_id=number, invoice_date=day, invoice_date_due=day)
    latest = periods(staff)
    titles = [choice["title"] for choice in latest["choices"]]
    assert titles == ["9999", "2925", *(str(year) for year in range(2026, 2016, -1)), "Earlier"]
    earlier = staff.get(reverse(INVOICES) + latest["choices"][-1]["link"]).context["cl"].periods()
    titles = [choice["title"] for choice in earlier["choices"]]
    assert titles == ["2016", "2015", "2014", "21", "1"]
    assert earlier["back"]["title"] == "All dates"
    for number, choice in ((4, latest["choices"][0]), (3, latest["choices"][1])):
        page = staff.get(reverse(INVOICES) + choice["link"])
        assert [row.pk for row in page.context["cl"].result_list] == [number]
    assert found(staff, INVOICES, invoice_date__year=21) == [2]
    assert found(staff, INVOICES, invoice_date__year=1, invoice_date__month=1) == [1]


@pytest.mark.parametrize(
    "chosen",
    [
        {"year": 9999},
        {"year": 9999, "month": 12},
        {"year": 9999, "month": 12, "day": 31},
        {"year": 10_000},
        {"year": 0},
        {"year": 2026, "month": 13},
        {"year": 2026, "month": 2, "day": 30},
        {"lt": "2026-99-99"},
        {"lt": "10000-01-01"},
        {"lt": ""},
    ],
    ids=str,
)
def test_a_period_that_does_not_exist_is_no_error(staff, chosen):
    InvoiceFactory(odoo_id=1, invoice_date=date(9999, 12, 31))
    periods(staff, **{f"invoice_date__{part}": value for part, value in chosen.items()})


@pytest.mark.parametrize("day", [date(1, 1, 1), date(21, 5, 4), date(9999, 12, 31)], ids=str)
def test_an_invoice_of_an_odd_date_is_shown_and_exported(staff, day):
    InvoiceFactory(odoo_id=1, state="posted", invoice_date=day, invoice_date_due=day)
    assert staff.get(reverse("admin:invoices_invoice_change", args=[1])).status_code == 200
    assert staff.get(reverse("admin:index")).status_code == 200
    for form in ("csv", "xlsx"):
        asked = {"action": f"export_{form}", "_selected_action": [1]}
        answer = staff.post(reverse(INVOICES), asked)
        assert answer.status_code == 200
        # Read to its end, which lets the next export begin.
        assert answer.getvalue()


def test_rows_without_a_value_stand_last_in_both_directions(staff):
    for number, year in ((1, 2025), (2, None), (3, 2026), (4, None)):
        at = year and datetime(year, 1, 1, tzinfo=UTC)
        ContactFactory(odoo_id=number, write_date=at)
        InvoiceFactory(odoo_id=number, invoice_date=at and at.date())
    assert found(staff, CONTACTS)[:2] == [3, 1]
    for page, column in ((CONTACTS, "changed_at"), (INVOICES, "dated")):
        place = staff.get(reverse(page)).context["cl"].list_display.index(column)
        assert found(staff, page, o=f"-{place}")[:2] == [3, 1]
        assert found(staff, page, o=str(place))[:2] == [1, 3]


@pytest.mark.parametrize("page", [CONTACTS, INVOICES])
def test_a_list_takes_fewer_than_ten_queries_whatever_is_asked(staff, page):
    for number in range(1, 30):
        ContactFactory(odoo_id=number, company_id=1, country_id=2, tag_ids=[3])
        InvoiceFactory(odoo_id=number, contact_id=number, currency_id=1, company_id=1)
    for kind in Reference.Kind:
        ReferenceFactory(kind=kind, odoo_id=1)
    asked = [{}, {"q": "in 1"}, {"company_id": 1}, {"in_odoo": "yes", "p": 1}]
    for filters in asked:
        staff.get(reverse(page), filters)
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(reverse(page), filters).status_code == 200
        assert len(queries) < 10


@pytest.mark.postgres
def test_a_large_table_is_never_counted_whole(staff, monkeypatch):
    monkeypatch.setattr(base, "COUNTED_EXACTLY", 100)
    Contact.objects.bulk_create(ContactFactory.build(odoo_id=n) for n in range(1, 301))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE contacts_contact")
    with CaptureQueriesContext(connection) as queries:
        page = staff.get(reverse(CONTACTS))
    counted = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert len(counted) == 1
    assert "LIMIT 101" in counted[0]
    assert page.context["cl"].paginator.is_estimate
    assert "about" in page.content.decode()
    assert page.context["cl"].result_count == 300
    # Nobody turns to page 20,000: it would take the database seconds.
    assert page.context["cl"].paginator.num_pages == 100 // base.BridgeAdmin.list_per_page
    few = staff.get(reverse(CONTACTS), {"q": "299"})
    assert not few.context["cl"].paginator.is_estimate


# Reading ---------------------------------------------------------------------------------------------


def test_what_is_gone_or_archived_says_so(staff):
    contact = ContactFactory(odoo_id=1, name="Left", gone_at=NOON, active=False)
    for text in (read(staff, contact), staff.get(reverse(CONTACTS)).content.decode()):
        assert "gone from Odoo" in text
        assert "archived" in text


def test_an_invoice_reads_its_amounts_with_the_places_of_its_currency(staff):
    ReferenceFactory(kind=Reference.Kind.CURRENCY, odoo_id=9, name="KWD", decimal_places=3)
    ReferenceFactory(kind=Reference.Kind.COMPANY, odoo_id=1, name="Ours", currency_id=9)
    invoice = InvoiceFactory(
        currency_id=9, currency_code="KWD", company_id=1, amount_total=Decimal("-1234.5")
    )
    assert "-1,234.500 KWD" in read(staff, invoice)
    assert "-1,234.500 KWD" in staff.get(reverse(INVOICES)).content.decode()


def test_an_invoice_shows_its_lines_in_order_with_headings(staff):
    ReferenceFactory(kind=Reference.Kind.TAX, odoo_id=4, name="21% VAT")
    invoice = InvoiceFactory(odoo_id=7)
    InvoiceLineFactory(invoice_id=7, sequence=2, name="A chair", tax_ids=[4], quantity="2.50")
    InvoiceLineFactory(invoice_id=7, sequence=1, name="Seats", display_type="line_section")
    InvoiceLineFactory(invoice_id=8, name="Of another invoice")
    text = read(staff, invoice)
    assert text.index("Seats") < text.index("A chair")
    assert "21% VAT" in text
    assert ">2.5<" in text
    assert "Of another invoice" not in text


def test_a_contact_shows_its_people_and_invoices_with_what_is_open(staff):
    acme = ContactFactory(odoo_id=1, name="Acme", is_company=True)
    jane = ContactFactory(odoo_id=2, name="Jane", parent_id=1, commercial_contact_id=1)
    owed = {"state": "posted", "currency_id": 1, "currency_code": "EUR"}
    theirs = {"contact_id": 2, "commercial_contact_id": 1}
    InvoiceFactory(name="INV/1", amount_residual=1200, **owed, **theirs)
    InvoiceFactory(name="RINV/1", move_type="out_refund", amount_residual=200, **owed, contact_id=1)
    InvoiceFactory(name="BILL/1", move_type="in_invoice", amount_residual=80, **owed, **theirs)
    InvoiceFactory(name="INV/2", amount_residual=7, **owed | {"state": "draft"}, **theirs)
    InvoiceFactory(name="INV/9", amount_residual=7, **owed, contact_id=9)
    text = read(staff, acme)
    for shown in ("Jane", "INV/1", "RINV/1", "BILL/1", "INV/2"):
        assert shown in text
    assert "INV/9" not in text
    assert "Amount due from them: 1,000.00 EUR" in text
    assert "Amount due to them: 80.00 EUR" in text
    assert "INV/1" in read(staff, jane)


def test_invoices_are_for_those_who_may_see_them(client):
    contact = ContactFactory(odoo_id=1)
    InvoiceFactory(name="INV/1", contact_id=1)
    clerk = UserFactory(is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_contact"))
    client.force_login(clerk)
    assert "INV/1" not in read(client, contact)


def test_a_reference_to_a_record_that_is_not_here_is_told(staff):
    invoice = InvoiceFactory(contact_id=999, reversed_entry_id=998)
    text = read(staff, invoice)
    assert "Odoo id 999, not copied here" in text
    assert "Odoo id 998" in text


def test_what_odoo_holds_is_never_executed(staff):
    contact = ContactFactory(
        name="<script>alert(1)</script>",
        complete_name="<script>alert(1)</script>",
        website="javascript:alert(1)",
        email="a@b.example?bcc=x%0d",
    )
    text = read(staff, contact) + staff.get(reverse(CONTACTS)).content.decode()
    assert "<script>alert" not in text
    assert 'href="javascript:' not in text
    assert "mailto:a@b.example?bcc" not in text
    honest = ContactFactory(website="www.example.com", email="ann@example.com")
    assert 'href="https://www.example.com"' in read(staff, honest)
    assert 'href="mailto:ann@example.com"' in read(staff, honest)


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("14.0", "/web#id=7&model=res.partner&view_type=form"),
        ("17.0+e", "/web#id=7&model=res.partner&view_type=form"),
        ("saas~17.4", "/web#id=7&model=res.partner&view_type=form"),
        ("18.0", "/odoo/res.partner/7"),
        ("saas~18.2", "/odoo/res.partner/7"),
        ("19.0-20260101", "/odoo/res.partner/7"),
        ("", "/odoo/res.partner/7"),
    ],
)
def test_a_record_opens_in_odoo_at_the_address_of_its_version(settings, version, path):
    settings.ODOO_WEB_URL = "https://odoo.example.com"
    assert record_url("res.partner", 7, version) == f"https://odoo.example.com{path}"


def test_the_history_names_the_run_that_wrote_the_row(staff):
    def ran(kind, minutes, **values):
        return SyncRunFactory(
            stream="contacts",
            kind=kind,
            started_at=NOON + timedelta(minutes=minutes),
            finished_at=NOON + timedelta(minutes=minutes + 2),
            **values,
        )

    contact = ContactFactory(odoo_id=7, stored_at=NOON + timedelta(minutes=1))
    before, its = ran("changes", -10), ran("changes", 0)
    other = ran("records", 0, requested_ids=[8])
    SyncIssueFactory(stream="contacts", odoo_id=7, reason="no name in it", last_seen_at=NOON)
    text = read(staff, contact)
    assert f"changes run #{its.pk}<" in text
    assert f"#{before.pk}<" not in text
    assert f"#{other.pk}<" not in text
    assert "no name in it" in text
    refreshed = ran("records", 0, requested_ids=[7])
    assert f"records run #{refreshed.pk}<" in read(staff, contact)


# Refresh from Odoo -----------------------------------------------------------------------------------


def test_refreshing_a_contact_queues_a_run_and_says_which(staff):
    contact = ContactFactory(odoo_id=7, name="Acme")
    page = refresh(staff, contact)
    run = SyncRun.objects.get()
    assert (run.stream, run.kind, run.requested_ids) == ("contacts", "records", [7])
    assert (run.status, run.trigger) == ("queued", "admin")
    assert run.requested_by.username
    assert reverse("admin:odoo_bridge_syncrun_change", args=[run.pk]) in page.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.object_id, f"#{run.pk}" in entry.change_message) == ("7", True)


def test_refreshing_an_invoice_refreshes_its_lines(staff):
    refresh(staff, InvoiceFactory(odoo_id=7, line_ids=[71, 72]))
    asked = SyncRun.objects.values_list("stream", "requested_ids")
    assert sorted(asked) == [("invoice_lines", [71, 72]), ("invoices", [7])]


def test_many_are_refreshed_in_one_run_and_too_many_in_none(staff, monkeypatch):
    for number in range(1, 5):
        ContactFactory(odoo_id=number)

    def act(*ids):
        action = {"action": "refresh_from_odoo", "_selected_action": ids}
        return staff.post(reverse(CONTACTS), action, follow=True).content.decode()

    act(1, 3)
    assert SyncRun.objects.get().requested_ids == [1, 3]
    assert LogEntry.objects.count() == 2
    monkeypatch.setattr(records, "REFRESHED_AT_ONCE", 3)
    assert "more than 3 records" in act(1, 2, 3, 4)
    assert SyncRun.objects.count() == 1


def test_refreshing_needs_the_right_to_run_and_a_button(client, staff):
    contact = ContactFactory(odoo_id=7)
    address = reverse("admin:contacts_contact_refresh", args=[7])
    assert staff.get(address).status_code == 405
    clerk = UserFactory(is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_contact"))
    client.force_login(clerk)
    assert client.post(address).status_code == 403
    assert "Refresh from Odoo" not in read(client, contact)
    assert "refresh_from_odoo" not in client.get(reverse(CONTACTS)).content.decode()
    assert not SyncRun.objects.exists()
    clerk.user_permissions.set([Permission.objects.get(codename="run_sync")])
    client.force_login(type(clerk).objects.get(pk=clerk.pk))
    assert client.post(address).status_code == 403


@pytest.mark.parametrize(("form", "begins"), [("csv", "\ufeffodoo_id".encode()), ("xlsx", b"PK")])
def test_selected_rows_are_exported_as_the_api_exports_them(staff, form, begins):
    for number in range(1, 4):
        InvoiceFactory(odoo_id=number, name=f"INV/{number}")
    action = {"action": f"export_{form}", "_selected_action": [1, 3]}
    answer = staff.post(reverse(INVOICES), action)
    assert f".{form}" in answer["Content-Disposition"]
    content = answer.getvalue()
    assert content.startswith(begins)
    if form == "csv":
        assert [line.split(",")[0] for line in content.decode("utf-8-sig").splitlines()[1:]] == [
            "3",
            "1",
        ]
    assert LogEntry.objects.get().change_message == f"Exported selected rows as {form}."


def test_a_row_that_is_not_there_is_no_page(staff):
    assert staff.post(reverse("admin:contacts_contact_refresh", args=[1])).status_code == 404
    assert not Invoice.objects.exists()
