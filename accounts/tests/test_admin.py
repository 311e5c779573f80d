import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import UserFactory, reader
from contacts.tests.factories import ContactFactory
from odoo_bridge.models import Reference
from odoo_bridge.tests.factories import ReferenceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    client = Client()
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    return client


def fields_of(response):
    """What a browser would send back of the form on this page."""
    form = response.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False, "")}


def test_staff_pick_the_companies_and_contacts_of_a_user(staff):
    user = reader()
    company = ReferenceFactory(kind=Reference.Kind.COMPANY, odoo_id=3)
    ContactFactory(odoo_id=7)
    address = reverse("admin:accounts_user_change", args=[user.pk])
    page = staff.get(address)
    picker = reverse("admin:autocomplete")
    assert page.content.decode().count(f'data-ajax--url="{picker}"') >= 2
    joined = user.date_joined
    posted = {
        **fields_of(page),
        "date_joined_0": f"{joined:%Y-%m-%d}",
        "date_joined_1": f"{joined:%H:%M:%S}",
        "scope_companies": [company.pk],
        "scope_contacts": [7],
    }
    assert staff.post(address, posted).status_code == 302
    access = User.objects.get(pk=user.pk).access
    assert (access.groups, access.company_ids, access.contact_ids) == ({"readers"}, {3}, {7})


def test_the_company_picker_offers_no_currencies(staff):
    ReferenceFactory(kind=Reference.Kind.CURRENCY, odoo_id=1, name="Euro")
    company = ReferenceFactory(kind=Reference.Kind.COMPANY, odoo_id=1, name="Euro Traders")
    answer = staff.get(
        reverse("admin:autocomplete"),
        {"app_label": "accounts", "model_name": "user", "field_name": "scope_companies"},
    )
    assert [row["id"] for row in answer.json()["results"]] == [str(company.pk)]
