"""Users in the admin: approve, narrow, revoke; and nobody lifts themselves or others up."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import MANAGERS, OPERATORS, READERS, STAFF_GROUPS, SUPPORT, User
from accounts.tests.factories import PASSWORD, UserFactory, reader, staff

pytestmark = pytest.mark.django_db
LIST = reverse("admin:accounts_user_changelist")


@pytest.fixture
def manager(client):
    client.force_login(staff(MANAGERS, username="mia"))
    return client


def change(client, user, **fields):
    """Post the user's form as the browser would, with ``fields`` changed."""
    address = reverse("admin:accounts_user_change", args=[user.pk])
    form = {
        "username": user.username,
        "email": user.email,
        "is_active": "on",
        "groups": [group.pk for group in user.groups.all()],
        **fields,
    }
    return client.post(address, {name: value for name, value in form.items() if value is not None})


def act(client, action, *users):
    return client.post(
        LIST, {"action": action, "_selected_action": [user.pk for user in users]}, follow=True
    )


def group(name):
    return Group.objects.get(name=name)


def test_waiting_registrations_are_found_and_approved(manager):
    waiting, known = UserFactory(username="wanda"), reader()
    shown = manager.get(LIST, {"waiting": "yes"}).context["cl"].result_list
    assert [user.username for user in shown] == ["wanda"]
    answer = act(manager, "approve", waiting, known)
    assert "Approved: wanda." in answer.content.decode()
    assert [g.name for g in waiting.groups.all()] == [READERS]
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.change_message) == (
        "mia",
        "Approved: granted API read access.",
    )


def test_a_registration_is_inactive_until_it_is_approved(manager):
    body = {"username": "wanda", "email": "w@example.com", "password": PASSWORD}
    log_in = {"username": "wanda", "password": PASSWORD}
    APIClient().post("/api/auth/register", body, format="json")
    assert APIClient().post("/api/auth/token", log_in, format="json").status_code == 401
    page = manager.get(LIST, {"waiting": "yes"}).content.decode()
    assert "w@example.com (unverified)" in page
    act(manager, "approve", User.objects.get(username="wanda"))
    assert APIClient().post("/api/auth/token", log_in, format="json").status_code == 200
    wanda = User.objects.get(username="wanda")
    assert [g.name for g in wanda.groups.all()] == [READERS]
    assert not wanda.awaits_approval and not wanda.email_verified


def test_an_account_that_was_approved_and_locked_does_not_wait_again(manager):
    wanda = UserFactory(is_active=False, awaits_approval=True)
    change(manager, wanda)
    wanda.refresh_from_db()
    assert (wanda.is_active, wanda.awaits_approval) == (True, False)
    change(manager, wanda, is_active=None)
    assert list(manager.get(LIST, {"waiting": "yes"}).context["cl"].result_list) == []


@pytest.mark.parametrize("name", ["Root@Example.com", "root\uff20example.com"])
def test_a_manager_names_nobody_like_the_address_of_another(manager, name):
    UserFactory(username="root", email="root@example.com", is_superuser=True)
    ann = reader(username="ann")
    assert change(manager, ann, username=name).status_code == 200
    ann.refresh_from_db()
    assert ann.username == "ann"


def test_a_manager_gives_nobody_the_verified_address_of_another(manager):
    UserFactory(email="root@example.com", is_superuser=True)
    ann = reader(email="ann@example.com")
    for address in ("ROOT@example.com", "root@\uff45xample.com"):
        answer = change(manager, ann, email=address)
        assert answer.status_code == 200
        ann.refresh_from_db()
        assert ann.email == "ann@example.com"


def test_staff_verify_an_address_once(manager):
    first, second = (reader(email="ann@example.com", email_verified=False) for _ in range(2))
    page = act(manager, "verify_address", first, second).content.decode()
    assert f"{first.username} can log in with ann@example.com now" in page
    assert f"The address of {second.username} cannot be verified" in page
    assert set(User.objects.filter(email="ann@example.com", email_verified=True)) == {first}
    assert LogEntry.objects.get().change_message == "Verified the e-mail address."


def test_a_locked_account_is_not_approved(manager):
    locked = UserFactory(is_active=False)
    assert (
        "None of the selected accounts is waiting for approval."
        in act(manager, "approve", locked).content.decode()
    )
    assert not locked.groups.exists()


def test_revoking_ends_the_tokens_of_that_user_alone(manager):
    ann, bob = reader(), reader()
    pairs = {user: tokens.issue(user) for user in (ann, bob)}
    act(manager, "revoke_tokens", ann)
    for raw in (pairs[ann].access, pairs[ann].refresh):
        with pytest.raises(AuthenticationFailed):
            tokens.verify(raw)
    assert tokens.verify(pairs[bob].access).username == bob.username
    assert LogEntry.objects.get().change_message == "Revoked all tokens."


def test_a_manager_gives_groups_of_the_api(manager):
    ann = UserFactory()
    assert change(manager, ann, groups=[group(READERS).pk, group(OPERATORS).pk]).status_code == 302
    assert {g.name for g in ann.groups.all()} == {READERS, OPERATORS}


@pytest.mark.parametrize("name", [SUPPORT, MANAGERS])
def test_a_manager_gives_no_group_of_staff(manager, name):
    ann = reader()
    assert change(manager, ann, groups=[group(name).pk]).status_code == 200
    assert [g.name for g in ann.groups.all()] == [READERS]


def test_a_manager_makes_nobody_staff(manager):
    ann = reader()
    permission = Permission.objects.first()
    change(manager, ann, is_staff="on", is_superuser="on", user_permissions=[permission.pk])
    ann.refresh_from_db()
    assert not (ann.is_staff or ann.is_superuser or ann.user_permissions.exists())


@pytest.mark.parametrize(
    "values",
    [{"is_superuser": True}, {"is_staff": True}, {"groups": [MANAGERS]}],
    ids=["superuser", "staff", "of a group of staff"],
)
def test_a_manager_changes_no_staff(manager, values):
    other = UserFactory(email="before@example.com", **values)
    assert change(manager, other, email="after@example.com").status_code == 403
    password = reverse("admin:auth_user_password_change", args=[other.pk])
    new = {"password1": "correct-horse-9", "password2": "correct-horse-9"}
    assert manager.post(password, new).status_code == 403
    pair = tokens.issue(other)
    act(manager, "revoke_tokens", other)
    other.refresh_from_db()
    assert other.email == "before@example.com"
    assert tokens.verify(pair.access).username == other.username


def test_a_manager_does_not_change_themselves(manager):
    mia = User.objects.get(username="mia")
    assert change(manager, mia, email="mia@example.com").status_code == 403


@pytest.mark.parametrize("role", [SUPPORT, OPERATORS])
def test_other_staff_see_no_users(client, role):
    client.force_login(staff(role))
    assert client.get(LIST).status_code == 403


def test_a_superuser_makes_staff(client):
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    ann = reader()
    moment = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    change(client, ann, is_staff="on", groups=[group(SUPPORT).pk], **moment)
    ann.refresh_from_db()
    assert ann.is_staff
    assert [g.name for g in ann.groups.all()] == [SUPPORT]


def test_the_groups_of_staff_are_there_and_none_of_them_changes_rows():
    for name in STAFF_GROUPS:
        given = set(group(name).permissions.values_list("codename", flat=True))
        assert "view_contact" in given
        changing = {code for code in given if not code.startswith("view_")}
        assert changing <= {"run_sync", "confirm_gone", "change_schedule", "change_user"}


def test_the_log_of_the_admin_is_read_by_managers_and_written_by_nobody(client, manager):
    act(manager, "approve", UserFactory(username="wanda"))
    log = reverse("admin:admin_logentry_changelist")
    page = manager.get(log)
    assert "Approved: granted API read access." in page.content.decode()
    entry = LogEntry.objects.get()
    delete = reverse("admin:admin_logentry_delete", args=[entry.pk])
    assert manager.post(delete, {"post": "yes"}).status_code == 403
    client.force_login(staff(SUPPORT))
    assert client.get(log).status_code == 403


def test_the_list_of_users_takes_few_queries(manager, django_assert_max_num_queries):
    for _ in range(20):
        reader()
    manager.get(LIST)
    with django_assert_max_num_queries(10):
        manager.get(LIST)
