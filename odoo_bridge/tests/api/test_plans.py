"""How PostgreSQL finds the rows of a list: each filter and ordering from an index."""

from datetime import date

import pytest
from django.db import connection
from django.http import QueryDict

from contacts.filters import ContactFilters
from contacts.models import Contact
from invoices.filters import InvoiceFilters
from invoices.models import Invoice
from invoices.summary import InvoiceSums

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

# Rare values stand at the end, where a walk along the ids would find them last.
FILL = """
INSERT INTO contacts_contact (odoo_id, write_date, stored_at, extra, change_seq, name,
  complete_name, email, phone, mobile, is_company, type, parent_id, commercial_contact_id,
  company_name, function, vat, ref, company_registry, website, street, street2, city, zip,
  country_code, lang, tz, active, company_id, tag_ids, customer_rank, supplier_rank)
SELECT n, now() - n * interval '1 second', now(), '{}', n, 'Name ' || md5(n::text),
  'Name ' || md5(n::text), n || '@example.com', '', '', rare,
  CASE WHEN rare THEN 'other' ELSE 'contact' END,
  n / 4, n / 4, '', '', 'BE' || n, 'C' || n, '', '', '', '', '', '',
  CASE WHEN rare THEN 'BE' ELSE 'FR' END, '', '', NOT rare, CASE WHEN rare THEN 9 END,
  CASE WHEN rare THEN '[9]' ELSE '[]' END::jsonb, 0, 0
FROM (SELECT n, n > 20000 - 40 AS rare FROM generate_series(1, 20000) n) numbers;
INSERT INTO invoices_invoice (odoo_id, write_date, stored_at, extra, change_seq, name, move_type,
  state, payment_state, contact_id, commercial_contact_id, invoice_date, invoice_date_due, ref,
  payment_reference, invoice_origin, currency_code, company_id, journal_id, amount_total,
  amount_residual, line_ids)
SELECT n, now() - n * interval '1 second', now(), '{}', n, 'INV/' || md5(n::text),
  CASE WHEN rare THEN 'in_refund' ELSE 'out_invoice' END, CASE WHEN rare THEN 'draft' ELSE 'posted' END,
  CASE WHEN rare THEN 'partial' ELSE 'paid' END, n / 4, n / 4, date '2020-01-01' + n / 10,
  date '2020-01-01' + n / 10, '', '', '', CASE WHEN rare THEN 'JPY' ELSE 'EUR' END,
  CASE WHEN rare THEN 9 ELSE 1 END, CASE WHEN rare THEN 9 ELSE 1 END, n,
  CASE WHEN n % 500 = 0 THEN 1 ELSE 0 END, '[]'
FROM (SELECT n, n > 20000 - 40 AS rare FROM generate_series(1, 20000) n) numbers;
ANALYZE contacts_contact;
ANALYZE invoices_invoice;
-- What waits in a GIN index to be sorted in makes it look dear.
SELECT gin_clean_pending_list('contact_search'), gin_clean_pending_list('invoice_search'),
  gin_clean_pending_list('contact_tags');
"""
CONTACTS = {
    "": "contacts_contact_pkey",
    "is_company=true": "contact_is_company",
    "active=false": "contact_archived",
    "type=other": "contact_type",
    "parent=7": "contacts_contact_parent_id",
    "commercial=7": "contacts_contact_commercial_contact_id",
    "country=be": "contact_country",
    "email=7@EXAMPLE.com": "contact_email",
    "vat=be7": "contact_vat",
    "ref=c7": "contact_ref",
    "company=9": "contact_company",
    "tag=9": "contact_tags",
    "updated_since=2100-01-01T00:00:00Z": "contact_write_date",
    "created_by=me": "contact_created_by",
    "search=c4ca42": "contact_search",
    "search=zz": "contact_search",
    "ordering=name": "contact_name",
    "ordering=-name": "contact_name",
    "ordering=-write_date": "contact_write_date",
    "include_gone=true&country=be": "contact_country",
}
INVOICES = {
    "": "invoices_invoice_pkey",
    "move_type=in_refund": "invoice_move_type",
    "move_type=in_refund,out_refund": "invoice_move_type",
    "state=draft": "invoice_state",
    "payment_state=partial": "invoice_payment_state",
    "contact=7": "invoices_invoice_contact_id",
    "commercial=7": "invoices_invoice_commercial_contact_id",
    "company=9": "invoice_company",
    "currency=jpy": "invoice_currency",
    "journal=9": "invoice_journal",
    "date_from=2025-06-01": "invoice_date",
    "date_to=2020-01-03": "invoice_date",
    "due_from=2025-06-01": "invoice_date_due",
    "due_to=2020-01-03": "invoice_date_due",
    "overdue=true": "invoice_open",
    "amount_from=19990": "invoice_amount_total",
    "amount_to=10": "invoice_amount_total",
    "updated_since=2100-01-01T00:00:00Z": "invoice_write_date",
    "created_by=me": "invoice_created_by",
    "search=c4ca42": "invoice_search",
    "ordering=name": "invoice_name",
    "ordering=-invoice_date": "invoice_date",
    "ordering=-invoice_date_due": "invoice_date_due",
    "ordering=amount_total": "invoice_amount_total",
    "ordering=-write_date": "invoice_write_date",
}


class _Asking:
    class user:
        pk = 1


def test_each_filter_and_ordering_answers_from_its_index():
    with connection.cursor() as cursor:
        cursor.execute(FILL)
    wrong = []
    for model, filterset, expected in (
        (Contact, ContactFilters, CONTACTS),
        (Invoice, InvoiceFilters, INVOICES),
    ):
        documented = set(filterset.base_filters) - {"ordering", "include_gone"}
        asked = {part.split("=")[0] for query in expected for part in query.split("&")}
        assert documented <= asked, "a filter without a plan"
        for query, index in expected.items():
            filters = filterset(QueryDict(query), model.objects.all(), request=_Asking())
            assert filters.is_valid(), filters.errors
            plan = filters.qs[:100].explain()
            if index not in plan or "Seq Scan" in plan:
                wrong.append(f"{query}: not from {index}\n{plan}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("search=name", "invoices_invoice_pkey"),
        ("search=inv", "invoices_invoice_pkey"),
        ("search=name+inv", "invoices_invoice_pkey"),
        ("search=name&ordering=-invoice_date", "invoice_date"),
        ("search=name&date_from=2025-06-01", "invoice_date"),
    ],
)
def test_what_very_many_have_is_looked_for_along_the_list(monkeypatch, query, index):
    """By looking all of them up a page would take as long as the whole list."""
    monkeypatch.setattr("invoices.models._COMMON", 15_000)
    with connection.cursor() as cursor:
        cursor.execute(FILL)
    filters = InvoiceFilters(QueryDict(query), Invoice.objects.all(), request=_Asking())
    plan = filters.qs[:100].explain()
    assert index in plan
    for dear in ("Seq Scan", "Sort", "contact_search", "invoice_search"):
        assert dear not in plan, plan


def test_ageing_looks_at_open_invoices_alone():
    with connection.cursor() as cursor:
        cursor.execute(FILL)
    plan = InvoiceSums(Invoice.objects.present()).debts("receivables", date(2026, 2, 1)).explain()
    assert "invoice_open" in plan
    assert "Seq Scan" not in plan
