import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from accounts.backends import find_user
from accounts.models import GROUPS, User
from accounts.names import normal
from accounts.tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
ANN = {"username": "ann", "email": "ann@example.com", "password": PASSWORD}


def register(**values):
    return APIClient().post("/api/auth/register", {**ANN, **values}, format="json")


def test_the_groups_are_there_from_the_start():
    assert set(Group.objects.values_list("name", flat=True)) >= set(GROUPS)


@pytest.mark.parametrize(
    ("mode", "groups"), [("open", ["readers"]), ("approval", [])], ids=["open", "approval"]
)
def test_a_new_account_reads_at_once_only_where_registration_is_open(settings, mode, groups):
    settings.REGISTRATION = mode
    answer = register()
    assert answer.status_code == 202
    user = User.objects.get(username="ann")
    assert [group.name for group in user.groups.all()] == groups
    assert not user.is_staff and not user.is_superuser
    assert user.check_password(PASSWORD)
    assert not user.email_verified
    assert (user.is_active, user.awaits_approval) == (mode == "open", mode == "approval")


def log_in(login):
    body = {"username": login, "password": PASSWORD}
    return APIClient().post("/api/auth/token", body, format="json")


@pytest.mark.parametrize("mode", ["open", "approval"])
def test_registering_with_an_address_does_not_say_whose_it_is(settings, mode):
    """Neither the answer, nor logging in, nor what the account says of itself."""
    settings.REGISTRATION = mode
    UserFactory(username="victim", email="victim@example.com", password="another-long-password")
    seen = []
    for number, email in enumerate(["Victim@example.com", "nobody@example.com"]):
        answer = register(username=f"ann{number}", email=email)
        logins = [log_in(f"ann{number}"), log_in(email)]
        about = [answer.status_code, answer.content, *(login.status_code for login in logins)]
        if logins[0].status_code == 200:
            token = logins[0].json()["access"]
            me = APIClient().get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
            about += [me.json()["email"] == email, me.json()["email_verified"]]
        seen.append(about)
    assert seen[0] == seen[1]
    assert seen[0][2:] == ([200, 401, True, False] if mode == "open" else [401, 401])


def test_an_address_that_somebody_claimed_is_still_its_owners(settings):
    settings.REGISTRATION = "open"
    register(username="mallory", email="ann@example.com")
    ann = UserFactory(username="ann", email="ann@example.com")
    assert log_in("ann@example.com").status_code == 200
    assert find_user("ANN@example.com") == ann


@pytest.mark.parametrize(
    "name", ["ann@example.com", "ann\uff20example.com", "ann\ufe6bexample.com", "@", "a b", "a\x00"]
)
def test_a_name_that_could_be_an_address_is_refused_everywhere(name):
    assert register(username=name).status_code == 400
    with pytest.raises(ValidationError):
        User(username=name, password="x").full_clean()
    if "@" in normal(name):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.create_user(name)
        with pytest.raises(IntegrityError), transaction.atomic():
            User(username=name).save()


def test_closed_registration_is_not_there(settings):
    settings.REGISTRATION = "closed"
    assert register().status_code == 404
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "taken", [{"email": "Ann@Example.com"}, {"username": "ANN"}], ids=["address", "name"]
)
def test_a_taken_name_or_address_gets_the_same_answer_as_a_new_one(taken):
    UserFactory(**taken)
    known = register()
    new = register(username="other", email="other@example.com")
    assert (known.status_code, known.json()) == (new.status_code, new.json())
    assert User.objects.count() == 2


def test_rights_cannot_be_registered():
    answer = register(is_staff=True, is_superuser=True, groups=["readers"])
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {"is_staff", "is_superuser", "groups"}
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "short"),
        ("password", "83746501928374"),
        ("password", "password123"),
        ("password", "ann@example.com"),
        ("username", "victim@example.com"),
        ("username", "nul\x00"),
        ("username", ""),
        ("username", ["a", "b"]),
        ("email", "no address"),
        ("email", None),
    ],
)
def test_bad_values_are_named(field, value):
    answer = register(**{field: value})
    assert answer.status_code == 400, answer.json()
    assert set(answer.json()["error"]["fields"]) == {field}
    assert answer.json()["error"]["code"] == "invalid"


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "{", "", "\xff"])
def test_a_body_that_is_no_object_is_refused(body):
    client = APIClient()
    for path in ("register", "token", "token/refresh"):
        answer = client.generic(
            "POST", f"/api/auth/{path}", body.encode("latin-1"), content_type="application/json"
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["register", "token", "token/refresh"])
def test_half_a_character_is_refused(path):
    half = r'"\ud800"'
    body = f'{{"username": {half}, "email": {half}, "password": {half}, "refresh": {half}}}'
    answer = APIClient().generic("POST", f"/api/auth/{path}", body, content_type="application/json")
    assert answer.status_code == 400
