"""The admin shows everything and lets nobody edit what a sync wrote."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import UserFactory
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from invoices.models import Invoice
from invoices.tests.factories import InvoiceFactory
from odoo_bridge.admin.statuses import TONES
from odoo_bridge.models import GoneReview, OdooWrite, Reference, SyncIssue, SyncRun, SyncState
from odoo_bridge.tests.factories import (
    OdooWriteFactory,
    ReferenceFactory,
    SyncIssueFactory,
    SyncRunFactory,
    SyncStateFactory,
)

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)

MODELS = {
    Contact: lambda: ContactFactory(parent_id=999),
    Invoice: lambda: InvoiceFactory(contact_id=999, amount_total="10.5"),
    SyncState: SyncStateFactory,
    SyncRun: SyncRunFactory,
    SyncIssue: SyncIssueFactory,
    OdooWrite: lambda: OdooWriteFactory(odoo_id=7, answer='{"odoo_id": 7}'),
    Reference: ReferenceFactory,
}


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_list_shows_searches_and_filters(staff, model):
    row = MODELS[model]()
    page = staff.get(address(model, "changelist"))
    assert page.status_code == 200
    assert len(page.context["cl"].result_list) == 1
    if model._meta.model_name != "syncstate":
        for words in ("zzz", "7", "9" * 30, "a'\"%"):
            assert staff.get(address(model, "changelist"), {"q": words}).status_code == 200
    assert staff.get(address(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_not_even_a_superuser_edits_a_mirrored_row(staff, model):
    row = MODELS[model]()
    assert staff.get(address(model, "add")).status_code == 403
    assert staff.post(address(model, "change", row.pk), {"name": "x"}).status_code == 403
    assert staff.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    staff.post(
        address(model, "changelist"),
        {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"},
    )
    assert model.objects.filter(pk=row.pk).exists()
    assert model._default_manager.count() == 1


@pytest.mark.parametrize(
    ("model", "make"), [(Contact, ContactFactory), (Invoice, InvoiceFactory)], ids=["c", "i"]
)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    staff, model, make, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def fill(first, last):
        for number in range(first, last):
            if model is Invoice:
                ContactFactory(odoo_id=number)
                make(odoo_id=number, contact_id=number)
            else:
                make(odoo_id=number)

    fill(1, 3)
    staff.get(address(model, "changelist"))
    with CaptureQueriesContext(connection) as few:
        staff.get(address(model, "changelist"))
    fill(3, 30)
    with django_assert_num_queries(len(few)):
        staff.get(address(model, "changelist"))


def test_staff_without_permissions_see_no_mirror(client):
    client.force_login(UserFactory(is_staff=True))
    assert client.get(address(Contact, "changelist")).status_code == 403


def test_users_can_be_added_and_two_cannot_share_an_address(staff):
    UserFactory(email="ann@example.com")
    ours = {"username": "bob", "password1": "correct-horse-1", "password2": "correct-horse-1"}
    answer = staff.post(address(User, "add"), {**ours, "usable_password": "true"})
    assert answer.status_code == 302, answer.content
    bob = User.objects.get(username="bob")
    page = staff.get(address(User, "change", bob.pk))
    form = page.context["adminform"].form
    values = {k: v for k, v in form.initial.items() if v not in (None, False)}
    values = {k: v for k, v in values.items() if isinstance(v, str)}
    moment = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    refused = staff.post(
        address(User, "change", bob.pk), {**values, **moment, "email": "Ann@Example.com"}
    )
    assert refused.status_code == 200
    assert "address" in refused.content.decode()
    bob.refresh_from_db()
    assert bob.email == ""


def test_every_status_has_a_colour_and_no_two_share_a_word():
    words = [*SyncRun.Status.values, *GoneReview.Status.values, *OdooWrite.State.values]
    assert sorted(words) == sorted(TONES)
