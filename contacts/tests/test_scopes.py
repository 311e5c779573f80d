"""What a user's scope lets through: contacts here, invoices and lines by way of them."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from accounts.tests.factories import UserFactory, reader, scoped
from contacts.models import Contact
from contacts.tests.factories import STORED_AT, ContactFactory
from invoices.models import Invoice, InvoiceLine
from invoices.tests.factories import InvoiceFactory, InvoiceLineFactory

pytestmark = pytest.mark.django_db


def seen(rows, user):
    return sorted(rows.visible_to(user).values_list("pk", flat=True))


@pytest.fixture
def family():
    """1 Acme > 2 its department > 3 a person there; 4 a warehouse whose parent is not mirrored,
    but whose invoices Acme owes; 9 somebody else."""
    ContactFactory(odoo_id=1, commercial_contact_id=1)
    ContactFactory(odoo_id=2, parent_id=1, commercial_contact_id=1)
    ContactFactory(odoo_id=3, parent_id=2, commercial_contact_id=1)
    ContactFactory(odoo_id=4, parent_id=77, commercial_contact_id=1)
    ContactFactory(odoo_id=9, commercial_contact_id=9)


def test_without_a_scope_everything_is_seen(family):
    InvoiceFactory(odoo_id=5, company_id=None)
    InvoiceLineFactory(odoo_id=6, invoice_id=None)
    user = reader()
    assert seen(Contact.objects, user) == [1, 2, 3, 4, 9]
    assert seen(Invoice.objects, user) == [5]
    assert seen(InvoiceLine.objects, user) == [6]


def test_nobody_sees_nothing(family):
    InvoiceLineFactory(invoice=InvoiceFactory())
    for rows in (Contact.objects, Invoice.objects, InvoiceLine.objects):
        assert seen(rows, AnonymousUser()) == []


@pytest.mark.parametrize(
    ("roots", "found"), [([1], [1, 2, 3, 4]), ([2], [2, 3]), ([3, 9], [3, 9]), ([4], [4])]
)
def test_a_contact_brings_all_that_is_below_it_and_nothing_above(family, roots, found):
    assert seen(Contact.objects, scoped(contacts=roots)) == found


def test_parents_in_a_circle_end(family):
    Contact.objects.filter(pk=1).update(parent_id=3)
    assert seen(Contact.objects, scoped(contacts=[2])) == [1, 2, 3, 4]


def test_invoices_are_those_addressed_to_the_contacts_or_owed_by_them(family):
    InvoiceFactory(odoo_id=11, contact_id=3, commercial_contact_id=1)
    InvoiceFactory(odoo_id=12, contact_id=88, commercial_contact_id=1)
    InvoiceFactory(odoo_id=13, contact_id=9, commercial_contact_id=9, shipping_contact_id=1)
    InvoiceFactory(odoo_id=14, contact_id=None)
    assert seen(Invoice.objects, scoped(contacts=[1])) == [11, 12]
    assert seen(Invoice.objects, scoped(contacts=[3])) == [11]


def test_a_company_shares_contacts_of_no_company_but_no_invoices():
    for odoo_id, company in ((1, 1), (2, 2), (3, None)):
        ContactFactory(odoo_id=odoo_id, company_id=company)
        InvoiceFactory(odoo_id=odoo_id, company_id=company)
    user = scoped(companies=[1])
    assert seen(Contact.objects, user) == [1, 3]
    assert seen(Invoice.objects, user) == [1]
    assert seen(Invoice.objects, scoped(companies=[1, 2])) == [1, 2]


def test_both_scopes_together_both_hold(family):
    Contact.objects.filter(pk=2).update(company_id=2)
    InvoiceFactory(odoo_id=11, contact_id=3, company_id=1)
    InvoiceFactory(odoo_id=12, contact_id=3, company_id=2)
    InvoiceFactory(odoo_id=13, contact_id=9, company_id=1)
    user = scoped(companies=[1], contacts=[1])
    # 3 is below 2, which is another company's: what it is below of is not asked by company.
    assert seen(Contact.objects, user) == [1, 3, 4]
    assert seen(Invoice.objects, user) == [11]


def test_lines_are_seen_with_their_invoice(family):
    mine, other = InvoiceFactory(contact_id=3), InvoiceFactory(contact_id=9)
    line = InvoiceLineFactory(invoice=mine)
    InvoiceLineFactory(invoice=other)
    InvoiceLineFactory(invoice_id=999)
    assert seen(InvoiceLine.objects, scoped(contacts=[1])) == [line.pk]


def test_a_scope_holds_for_superusers_too(family):
    user = UserFactory(is_superuser=True)
    user.scope_contacts.set([9])
    assert seen(Contact.objects, user) == [9]


def test_a_scope_whose_contact_is_no_longer_here_shows_nothing_not_everything(family):
    user = scoped(contacts=[9])
    Contact.objects.filter(pk=9)._raw_delete("default")
    assert seen(Contact.objects, user) == []


def test_groups_and_scope_take_one_query_a_request(family, django_assert_num_queries):
    user = scoped(companies=[1], contacts=[1])
    with django_assert_num_queries(2):
        assert "readers" in user.access.groups
        seen(Contact.objects, user)


@pytest.mark.postgres
def test_a_contact_scope_is_answered_from_indexes():
    known = {"stored_at": STORED_AT, "change_seq": 1}
    numbers = range(5, 2000)
    Contact.objects.bulk_create(
        Contact(odoo_id=n, parent_id=n - n % 5, commercial_contact_id=n - n % 5, **known)
        for n in numbers
    )
    Invoice.objects.bulk_create(
        Invoice(odoo_id=n, contact_id=n, commercial_contact_id=n - n % 5, **known) for n in numbers
    )
    InvoiceLine.objects.bulk_create(InvoiceLine(odoo_id=n, invoice_id=n, **known) for n in numbers)
    user = scoped(contacts=[10])
    contacts = {"contacts_contact_parent_id", "contacts_contact_commercial_contact_id"}
    invoices = {"invoices_invoice_contact_id", "invoices_invoice_commercial_contact_id"}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE contacts_contact, invoices_invoice, invoices_invoiceline")
        # So few lines are rightly read from end to end; the question is whether they must be.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for model, indexes in (
            (Contact, contacts),
            (Invoice, contacts | invoices),
            (InvoiceLine, contacts | invoices | {"invoices_invoiceline_invoice_id"}),
        ):
            rows = model.objects.visible_to(user).order_by("-write_date")[:100]
            sql, values = rows.query.sql_with_params()
            cursor.execute(f"EXPLAIN {sql}", values)
            plan = "\n".join(line for [line] in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
            assert [name for name in indexes if name not in plan] == [], plan
