"""Invoices read from Odoo itself: our parameters, never a domain, model, method, order or context."""

import pytest

from accounts.tests.factories import UserFactory
from invoices.models import Invoice
from odoo_bridge.models import Reference
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.runs import sync_all

pytestmark = pytest.mark.django_db
PATH = "/api/utils/odoo-invoices"
LINES = [{"name": "Desk", "price_unit": 100.0, "tax_ids": [[6, 0, [1]]]}]


@pytest.fixture
def odoo(demo):
    """A posted invoice, a draft bill in another currency, an entry; mirrored."""
    demo.acme = demo.add("res.partner", name="Acme", is_company=True)
    demo.jane = demo.add("res.partner", name="Jane", parent_id=demo.acme)
    demo.bob = demo.add("res.partner", name="Bob")
    demo.sale = demo.add_invoice(
        contact=demo.jane,
        lines=LINES,
        post=True,
        ref="PO 7",
        invoice_date="2026-03-01",
        invoice_date_due="2026-03-31",
    )
    demo.bill = demo.add_invoice(
        contact=demo.bob,
        lines=LINES,
        move_type="in_invoice",
        currency="USD",
        invoice_date="2026-04-01",
        invoice_date_due="2026-05-01",
    )
    demo.entry = demo.add("account.move", move_type="entry")
    sync_all("reconcile")
    return demo


@pytest.fixture
def operator():
    return client_of(UserFactory(groups=["operators"]))


def found(client, query=""):
    answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def test_live_invoices_come_typed_without_entries(odoo, operator):
    sale, bill = operator.get(PATH).json()["results"]
    assert (sale["id"], bill["id"]) == (odoo.sale, odoo.bill)
    assert (sale["amount_total"], sale["invoice_date"]) == ("115.0", "2026-03-01")
    assert (sale["partner_id"], sale["commercial_partner_id"]) == (odoo.jane, odoo.acme)


def test_our_parameters_become_odoos_conditions(odoo, operator):
    for query, ids in {
        "move_type=in_invoice": [odoo.bill],
        "state=posted": [odoo.sale],
        "payment_state=not_paid": [odoo.sale, odoo.bill],
        f"contact={odoo.jane}": [odoo.sale],
        f"contact={odoo.acme}": [],
        f"commercial={odoo.acme}": [odoo.sale],
        "company=1": [odoo.sale, odoo.bill],
        "company=2": [],
        "journal=2": [odoo.bill],
        "currency=usd,JPY": [odoo.bill],
        "overdue=true": [odoo.sale],
        "overdue=false": [odoo.bill],
        "amount_from=115.01": [],
        "amount_from=115": [odoo.sale, odoo.bill],
        "amount_to=114.99": [],
        "state=posted,draft": [odoo.sale, odoo.bill],
        "date_from=2026-03-01&date_to=2026-03-31": [odoo.sale],
        "due_from=2026-05-01&due_to=2026-05-01": [odoo.bill],
        "search=po%207": [odoo.sale],
        "search=jane": [odoo.sale],
        "search=INV/": [odoo.sale],
        "search=_": [],
        "updated_since=2099-01-01T00:00:00Z": [],
        f"after={odoo.sale}": [odoo.bill],
        "limit=1": [odoo.sale],
    }.items():
        assert found(operator, query) == ids, query


def test_a_user_reads_live_what_is_in_the_scope_as_in_the_mirror(odoo, operator):
    here = Reference.objects.get(kind=Reference.Kind.COMPANY, odoo_id=1)
    elsewhere = Reference.objects.create(kind=Reference.Kind.COMPANY, odoo_id=2)
    for companies, contacts in (
        ([], []),
        ([here], []),
        ([elsewhere], []),
        ([], [odoo.acme]),
        ([], [odoo.jane]),
        ([], [odoo.bob]),
        ([here], [odoo.bob, odoo.acme]),
        ([elsewhere], [odoo.bob]),
    ):
        user = UserFactory(groups=["operators"])
        user.scope_companies.set(companies)
        user.scope_contacts.set(contacts)
        operator.force_authenticate(user)
        visible = Invoice.objects.present().visible_to(user).order_by("pk")
        assert found(operator) == list(visible.values_list("pk", flat=True)), (companies, contacts)


def test_a_name_outside_the_scope_finds_no_invoice(odoo, operator):
    """Neither live nor in the mirror: bob owes an invoice that is addressed to jane."""
    odoo.write_raw("account.move", [odoo.sale], commercial_partner_id=odoo.bob)
    Invoice.objects.filter(pk=odoo.sale).update(commercial_contact=odoo.bob)
    for scope, word, ids in (
        ([odoo.bob], "jane", []),
        ([odoo.bob], "PO", [odoo.sale]),
        ([odoo.bob], "bob", [odoo.bill]),
        ([odoo.bob, odoo.acme], "jane", [odoo.sale]),
        ([], "jane", [odoo.sale]),
    ):
        user = UserFactory(groups=["operators"])
        user.scope_contacts.set(scope)
        operator.force_authenticate(user)
        assert found(operator, f"search={word}") == ids, (scope, word)
        mirrored = Invoice.objects.visible_to(user).search(word).order_by("pk")
        assert list(mirrored.values_list("pk", flat=True)) == ids, (scope, word)


SMUGGLED = [
    "domain=[['move_type','=','entry']]",
    "model=account.payment",
    "method=button_cancel",
    "fields=line_ids",
    "order=write_date",
    "context={}",
    "move_type=entry",
    "move_type=out_invoice,entry",
    "move_type=out_invoice' or '1'='1",
    "state=deleted",
    "partner_id.user_ids.password=x",
    "partner_id.name=Jane",
    "contact=['child_of',1]",
    "company=-1",
    "currency=XXX",
    "currency_code=EUR",
    "amount_from=NaN",
    "overdue=[]",
    "date_from=2026-02-30",
    "date_from=yesterday",
    "search=%00",
    "limit=1000000",
]


def test_nothing_but_our_parameters_gets_as_far_as_odoo(odoo, operator):
    asked = len(odoo.calls)
    for query in SMUGGLED:
        answer = operator.get(f"{PATH}?{query}")
        assert answer.status_code == 400, query
        assert answer.json()["error"]["fields"], query
    assert len(odoo.calls) == asked


def test_odoo_is_asked_with_our_order_and_context_alone(odoo, operator):
    found(operator, "search=x%27)%5D&payment_state=%27]")
    search = [call for call in odoo.calls if call.method == "search"][-1]
    assert search.model == "account.move"
    assert set(search.kwargs) == {"domain", "order", "limit", "context"}
    assert search.kwargs["domain"][0] == ["move_type", "!=", "entry"]
    assert search.kwargs["context"] == {"active_test": False}
