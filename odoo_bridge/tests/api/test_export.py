"""Exports: the same rows as the list, whatever the format, and no formula in any cell."""

import csv
import io
import json
import zipfile
from datetime import UTC, date, datetime

import openpyxl
import pytest
import python_calamine
from django.db import OperationalError
from django.utils import timezone

from accounts.tests.factories import scoped
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from invoices.tests.factories import InvoiceFactory
from odoo_bridge.mirror import xlsx
from odoo_bridge.mirror.files import unformulated
from odoo_bridge.mirror.rows import Rows
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.factories import ReferenceFactory, SyncStateFactory

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def one_of_each():
    ReferenceFactory(odoo_id=1, name="EUR", code="EUR", decimal_places=2)
    ReferenceFactory(kind="res.company", odoo_id=1, name="Ours", currency_id=1)
    ContactFactory(odoo_id=5, name="Café <Müller> & Co", complete_name="Café <Müller> & Co")
    InvoiceFactory(
        odoo_id=7,
        name="INV/7",
        contact_id=5,
        currency_id=1,
        company_id=1,
        amount_total="-12.50",
        amount_total_signed="0.00",
        invoice_date=date(2026, 1, 31),
        write_date=NOON,
        line_ids=[3, 4],
    )


def export(api, path="invoices", form="csv", **parameters):
    answer = api.get(f"/api/{path}/export", {"format": form, **parameters})
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def csv_rows(file):
    return list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline="")))


def sheets(file):
    """The rows of each sheet, as two readers that share no code see them."""
    book = openpyxl.load_workbook(io.BytesIO(file))
    shown = {sheet.title: [list(row) for row in sheet.values] for sheet in book}
    other = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(file))
    assert other.sheet_names == list(shown)
    for title, rows in shown.items():
        same = other.get_sheet_by_name(title).to_python()
        assert list(map(_texts, same)) == list(map(_texts, rows))
    return shown


def _texts(row):
    return [value for value in row if isinstance(value, str) and value]


# The same rows ----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_ndjson_is_what_the_list_shows(api, one_of_each):
    InvoiceFactory(odoo_id=8)
    lines = export(api, form="ndjson").splitlines()
    assert [json.loads(line) for line in lines] == api.get("/api/invoices").json()["results"]


@pytest.mark.django_db
def test_csv_has_every_field_of_the_list_as_text(api, one_of_each):
    [row] = csv_rows(export(api))
    [listed] = api.get("/api/invoices").json()["results"]
    assert list(row) == list(listed)
    assert row["contact_name"] == "Café <Müller> & Co"
    assert (row["amount_total"], row["amount_total_signed"]) == ("-12.50", "0.00")
    assert (row["amount_tax"], row["gone_at"], row["invoice_date_due"]) == ("", "", "")
    assert (row["invoice_date"], row["write_date"]) == ("2026-01-31", "2026-02-01T12:00:00Z")
    assert row["line_ids"] == "[3, 4]"


@pytest.mark.django_db
def test_a_workbook_has_numbers_dates_and_texts_of_their_own_kind(api, one_of_each):
    [(title, (header, row))] = sheets(export(api, form="xlsx")).items()
    [listed] = api.get("/api/invoices").json()["results"]
    assert (title, header) == ("invoices", list(listed))
    cells = dict(zip(header, row, strict=True))
    assert cells["contact_name"] == "Café <Müller> & Co"
    assert (cells["odoo_id"], cells["amount_total"]) == (7, -12.5)
    assert cells["invoice_date"] == datetime(2026, 1, 31)
    assert cells["write_date"] == datetime(2026, 2, 1, 12)
    assert cells["amount_tax"] is None
    assert cells["line_ids"] == "[3, 4]"


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["csv", "xlsx", "ndjson"])
def test_filters_and_scopes_narrow_an_export_as_they_narrow_the_list(form):
    def names(file):
        if form == "csv":
            return [row["name"] for row in csv_rows(file)]
        if form == "ndjson":
            return [json.loads(line)["name"] for line in file.splitlines()]
        [(header, *rows)] = sheets(file).values()
        return [row[header.index("name")] for row in rows]

    ContactFactory(odoo_id=1, name="Seen", is_company=True)
    ContactFactory(odoo_id=2, name="Filtered")
    ContactFactory(odoo_id=3, name="Not mine", is_company=True)
    ContactFactory(odoo_id=4, name="Gone", is_company=True, gone_at=NOON)
    client = client_of(scoped(contacts=[1, 2, 4]))
    assert names(export(client, "contacts", form, is_company="true")) == ["Seen"]
    everything = export(client, "contacts", form, include_gone="true")
    assert names(everything) == ["Seen", "Filtered", "Gone"]
    assert names(export(client, "contacts", form, search="nobody")) == []


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["csv", "xlsx", "ndjson"])
def test_an_export_has_the_fields_and_the_order_that_were_asked_for(api, form):
    ContactFactory(odoo_id=1, name="Zoe")
    ContactFactory(odoo_id=2, name="Ann")
    file = export(api, "contacts", form, fields="name,odoo_id", ordering="name")
    if form == "csv":
        assert csv_rows(file) == [{"odoo_id": "2", "name": "Ann"}, {"odoo_id": "1", "name": "Zoe"}]
    elif form == "xlsx":
        assert sheets(file)["contacts"] == [["odoo_id", "name"], [2, "Ann"], [1, "Zoe"]]
    else:
        assert file == b'{"odoo_id":2,"name":"Ann"}\n{"odoo_id":1,"name":"Zoe"}\n'


@pytest.mark.django_db
def test_an_export_is_named_after_its_stream_and_the_day_and_says_how_fresh_it_is(api):
    SyncStateFactory(stream="contacts", watermark=NOON, change_seq=41)
    answer = api.get("/api/contacts/export?format=xlsx")
    name = f"contacts-{timezone.now().date()}.xlsx"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer["Content-Type"].endswith("spreadsheetml.sheet")
    assert answer["X-Odoo-Synced-At"] == "2026-02-01T12:00:00Z"
    assert answer["X-Changes-After"] == "41"
    b"".join(answer.streaming_content)
    as_csv = api.get("/api/contacts/export")
    assert as_csv["Content-Type"] == "text/csv; charset=utf-8"
    # To its end: an account has one export at a time.
    b"".join(as_csv.streaming_content)
    headers_only = api.head("/api/contacts/export")
    assert b"".join(headers_only.streaming_content) == b""
    assert headers_only["Content-Disposition"].endswith('.csv"')


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["format=pdf", "per_page=5", "is_companie=true"])
def test_an_export_that_cannot_be_right_is_refused_by_name(api, query):
    answer = api.get(f"/api/contacts/export?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [query.partition("=")[0]]


@pytest.mark.django_db
def test_each_user_gets_so_many_files_a_minute(api, monkeypatch):
    monkeypatch.setattr(
        "odoo_bridge.api.throttles.ExportThrottle.THROTTLE_RATES", {"exports": "2/min"}
    )
    paths = ("/api/contacts/export", "/api/invoices/export", "/api/contacts/export/")
    answers = []
    for path in paths:
        answers.append(api.get(path))
        if answers[-1].streaming:
            b"".join(answers[-1].streaming_content)
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2]["Retry-After"]) > 0
    assert api.get("/api/contacts").status_code == 200


@pytest.mark.django_db
def test_a_database_that_is_down_is_an_error_and_no_empty_file(api, monkeypatch):
    def fail(*_args, **_kw):
        raise OperationalError("gone away")
        yield

    monkeypatch.setattr(Rows, "stream", fail)
    assert api.get("/api/contacts/export").status_code == 503


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["csv", "xlsx", "ndjson"])
def test_rows_are_sent_before_the_last_one_is_read(api, form, monkeypatch):
    read = []

    def stream(_self, _rows, only):
        for number in range(5000):
            read.append(number)
            yield dict.fromkeys(only, "") | {"extra": {}, "tag_ids": []} | _nothing(only)

    monkeypatch.setattr(Rows, "stream", stream)
    parts = iter(api.get("/api/contacts/export", {"format": form}).streaming_content)
    assert len(read) == 1
    sent = b""
    while len(sent) < 1000:
        sent += next(parts)
    assert len(read) <= 2000


def _nothing(fields):
    kinds = {field.attname: field for field in Contact._meta.concrete_fields}
    texts = ("TextField", "JSONField")
    return {
        name: None
        for name in fields
        if name in kinds and kinds[name].get_internal_type() not in texts
    }


# No formulas ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+32 2 290 34 90", "'+32 2 290 34 90"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1+1", "'  =1+1"),
        ("\u00a0=1+1", "'\u00a0=1+1"),
        ("\u200b\ufeff+1", "'\u200b\ufeff+1"),
        ("\x01=1", "'\x01=1"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("\t=1", "'\t'=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff0b1", "'\uff0b1"),
        ("Acme;=1+1", "Acme;'=1+1"),
        ("Acme; \t=1+1", "Acme; \t'=1+1"),
        ("Acme\n@x", "Acme\n'@x"),
        (";=1", "';'=1"),
        ("'=1", "'=1"),
        ("", ""),
        ("Acme", "Acme"),
        ("a = b, -5 + @home", "a = b, -5 + @home"),
        ("ann@example.com", "ann@example.com"),
        ("0032 2 290", "0032 2 290"),
        ("; ;", "; ;"),
    ],
)
def test_a_text_that_a_spreadsheet_would_calculate_gets_an_apostrophe(text, safe):
    assert unformulated(text) == safe


def test_a_very_long_text_of_blanks_is_looked_through_once():
    text = "\t " * 500_000 + "x"
    assert unformulated(text) == f"'{text}"


@pytest.mark.django_db
def test_no_field_of_an_export_is_a_formula(api):
    """Whatever field a text is in: only numbers may begin with a minus."""
    texts = [
        field.attname
        for field in Contact._meta.concrete_fields
        if field.get_internal_type() == "TextField"
    ]
    ContactFactory(odoo_id=1, **dict.fromkeys(texts, "=1+1"), extra={"x": "; =1"})
    [row] = csv_rows(export(api, "contacts"))
    assert {row[name] for name in texts if name in row} == {"'=1+1"}
    assert row["extra"] == """{"x": "; '=1"}"""
    file = export(api, "contacts", "xlsx")
    [(header, cells)] = sheets(file).values()
    assert cells[header.index("phone")] == "=1+1"
    sheet = zipfile.ZipFile(io.BytesIO(file)).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    book = openpyxl.load_workbook(io.BytesIO(file))
    [phone] = [cell for cell in book.active[2] if cell.column == header.index("phone") + 1]
    assert (phone.data_type, phone.number_format) == ("s", "@")


# Workbooks --------------------------------------------------------------------------------------
def workbook(rows, title="contacts", **columns):
    rows = [dict(zip(columns, row, strict=True)) for row in rows]
    return b"".join(xlsx.workbook(title, columns, rows))


def test_more_rows_than_a_sheet_takes_go_on_in_another(monkeypatch):
    monkeypatch.setattr(xlsx, "ROWS_PER_SHEET", 3)
    assert sheets(workbook([(n,) for n in range(5)], id="number")) == {
        "contacts": [["id"], [0], [1]],
        "contacts 2": [["id"], [2], [3]],
        "contacts 3": [["id"], [4]],
    }
    assert list(sheets(workbook([(n,) for n in range(4)], id="number"))) == [
        "contacts", "contacts 2",
    ]  # fmt: skip


def test_a_sheet_that_grows_too_large_is_left_before_its_last_row(monkeypatch):
    monkeypatch.setattr(xlsx, "BYTES_PER_SHEET", 1)
    rows = [(n,) for n in range(501)]
    assert [len(rows) for rows in sheets(workbook(rows, id="number")).values()] == [501, 2]


def test_a_workbook_without_rows_has_its_header():
    assert sheets(workbook([], id="number", name="text")) == {"contacts": [["id", "name"]]}


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("text", "<b>&amp;\n]]>", "<b>&amp;\n]]>"),
        ("text", "  blanks  ", "  blanks  "),
        ("text", "0042", "0042"),
        ("moment", datetime(21, 3, 1, 9, 30, tzinfo=UTC), "0021-03-01 09:30:00"),
        ("number", "0." + "0" * 319 + "1", "0." + "0" * 319 + "1"),
        ("text", "2026-01-01", "2026-01-01"),
        ("number", "0.0000000000000001", 1e-16),
        ("number", "12345678901234567.89", "12345678901234567.89"),
        ("number", 2**53, "9007199254740992"),
        ("number", 0, 0),
        ("boolean", False, False),
        ("date", date(1900, 3, 1), datetime(1900, 3, 1)),
        ("date", date(1899, 1, 1), "1899-01-01"),
        ("moment", datetime(2026, 2, 1, 23, 59, 59, tzinfo=UTC), datetime(2026, 2, 1, 23, 59, 59)),
        ("text", "", None),
        ("json", {"x": "é"}, '{"x": "é"}'),
        ("json", [], None),
    ],
)
def test_a_cell_shows_its_value_exactly(kind, value, shown):
    file = workbook([(value, "end")], cell=kind, last="text")
    assert sheets(file)["contacts"][1] == [shown, "end"]


def test_characters_that_xml_cannot_say_are_escaped_as_excel_does():
    sheet = _sheet_of(workbook([("a\x01b\rc_x0041_\ud800",)], cell="text"))
    assert "a_x0001_b_x000D_c_x005F_x0041__xD800_" in sheet


def test_a_text_longer_than_a_cell_says_that_it_is_cut():
    fits, too_long, wide = "x" * 32_767, "x" * 32_768, "😀" * 20_000
    rows = sheets(workbook([(fits,), (too_long,), (wide,)], cell="text"))["contacts"]
    assert rows[1] == [fits]
    assert rows[2][0].endswith("x … (cut)") and len(rows[2][0]) == 32_767
    assert rows[3][0].endswith("😀 … (cut)")
    assert len(rows[3][0].encode("utf-16-le")) // 2 <= 32_767


def _sheet_of(file):
    return zipfile.ZipFile(io.BytesIO(file)).read("xl/worksheets/sheet1.xml").decode()
