"""What the admin promises of every noun: a list, a page, and who may see them."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from django.utils import timezone

from accounts.models import STAFF_GROUPS
from accounts.permissions import show_nouns_to_staff
from accounts.tests.factories import UserFactory, staff
from odoo_bridge.admin.records import RecordAdmin
from odoo_bridge.tests.factories import SyncStateFactory
from odoo_bridge.tests.nouns.rows import LISTED, row

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("noun", LISTED, ids=lambda noun: noun.stream.name),
]


@pytest.fixture
def desk(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def rows(noun):
    SyncStateFactory(stream=noun.stream.name)
    return [row(noun, 1), row(noun, 2), row(noun, 3, gone_at=timezone.now())]


def address(noun, page, *args):
    meta = noun.model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def shown(answer):
    assert answer.status_code == 200, answer
    return {one.pk for one in answer.context["cl"].result_list}


def test_a_noun_has_a_page_that_names_it(noun):
    page = admin.site._registry[noun.model]
    assert isinstance(page, RecordAdmin)
    assert page.noun is noun


def test_the_list_shows_every_row(noun, desk, rows):
    answer = desk.get(address(noun, "changelist"))
    assert shown(answer) == {1, 2, 3}
    assert str(rows[0]) in answer.content.decode()


def test_every_filter_of_the_list_can_be_used(noun, desk, rows):
    page = desk.get(address(noun, "changelist"))
    used = 0
    for one in page.context["cl"].filter_specs:
        for value, _words in one.lookup_choices:
            answer = desk.get(address(noun, "changelist"), {one.parameter_name: value})
            assert shown(answer) <= {1, 2, 3}
            used += 1
    assert used
    assert shown(desk.get(address(noun, "changelist"), {"in_odoo": "gone"})) == {3}


def test_every_column_that_sorts_sorts(noun, desk, rows):
    count = len(desk.get(address(noun, "changelist")).context["cl"].list_display)
    for number in range(1, count):
        for sign in ("", "-"):
            assert shown(desk.get(address(noun, "changelist"), {"o": f"{sign}{number}"})) == {
                1,
                2,
                3,
            }


def test_a_row_is_found_by_its_id_and_by_its_words(noun, desk, rows):
    assert 2 in shown(desk.get(address(noun, "changelist"), {"q": "2"}))
    searched = noun.model._default_manager.all().searched
    if searched:
        words = getattr(rows[1], searched[0])
        assert shown(desk.get(address(noun, "changelist"), {"q": words})) == {2}


def test_the_page_of_a_row_says_what_it_is(noun, desk, rows):
    answer = desk.get(address(noun, "change", 1))
    assert answer.status_code == 200
    facts = [fact for section in answer.context["sections"] for fact in section.known]
    assert len(facts) > 3
    text = answer.content.decode()
    assert all(str(label) in text for label, _value in facts)
    assert "gone from Odoo" in desk.get(address(noun, "change", 3)).content.decode()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_chosen_rows_are_exported(noun, desk, rows, form):
    chosen = {"action": f"export_{form}", "_selected_action": ["1", "2"]}
    answer = desk.post(address(noun, "changelist"), chosen)
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content)


@pytest.fixture
def new_to_staff(noun):
    """The groups of staff meet the noun for the first time."""
    for name in STAFF_GROUPS:
        Group.objects.get_or_create(name=name)
    meta = noun.model._meta
    view = Permission.objects.filter(codename=f"view_{meta.model_name}")
    view.filter(content_type__app_label=meta.app_label).delete()
    show_nouns_to_staff("default")


@pytest.mark.usefixtures("new_to_staff")
def test_staff_see_rows_and_change_none(noun, client, rows):
    for group in STAFF_GROUPS:
        client.force_login(staff(group))
        assert shown(client.get(address(noun, "changelist"))) == {1, 2, 3}
        assert client.get(address(noun, "change", 1)).status_code == 200
        assert client.get(address(noun, "add")).status_code == 403
        assert client.post(address(noun, "delete", 1), {"post": "yes"}).status_code == 403
        assert client.post(address(noun, "change", 1), {"odoo_id": 9}).status_code == 403
    client.force_login(UserFactory(is_staff=True))
    assert client.get(address(noun, "changelist")).status_code == 403
    assert noun.model._default_manager.count() == 3
