from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import ClassVar

import jwt
import pytest
from axes.models import AccessAttempt
from django.conf import settings as django_settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.core.cache.backends.locmem import LocMemCache
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts import throttles
from accounts.backends import EmailOrUsernameBackend
from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory, reader
from accounts.tokens import issue
from odoo_bridge.tests.clients import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_throttle(monkeypatch):
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": None})


def log_in(login, password=PASSWORD, key="username", **extra):
    body = {key: login, "password": password}
    return APIClient().post("/api/auth/token", body, format="json", **extra)


def refresh(token):
    return APIClient().post("/api/auth/token/refresh", {"refresh": token}, format="json")


def me(access):
    return APIClient().get("/api/auth/me", headers={"Authorization": f"Bearer {access}"})


@pytest.mark.parametrize(
    ("key", "login"),
    [
        ("username", "ann"),
        ("username", "ANN"),
        ("username", "ann@example.com"),
        ("username", "Ann@Example.COM"),
        ("email", "ann@example.com"),
    ],
)
def test_name_and_address_log_in_whatever_their_case(key, login):
    reader(username="ann")
    answer = log_in(login, key=key)
    assert answer.status_code == 200
    assert me(answer.json()["access"]).json()["username"] == "ann"
    assert User.objects.get().last_login is not None
    assert not Session.objects.exists()


@pytest.mark.parametrize("name", ["v\u0131ctim", "vi\u0307ctim", "victim\u200d"])
def test_a_name_that_only_looks_like_anothers_does_not_shut_them_out(name):
    UserFactory(username=name, password="another-long-password")
    UserFactory(username="victim")
    assert log_in("victim").status_code == 200
    assert log_in("VICTIM").status_code == 200


@pytest.mark.parametrize("login", ["ann", "nobody", "x" * 254])
def test_a_wrong_password_and_an_unknown_name_look_the_same(login):
    UserFactory(username="ann")
    answer = log_in(login, "wrong")
    assert answer.status_code == 401
    assert answer.json()["error"] == {
        "code": "authentication_failed",
        "message": "No active account with this name and password.",
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "ann"},
        {"password": "x"},
        {"username": "ann", "email": "ann", "password": "x"},
        {"username": "a\x00", "password": "x"},
        {"username": "x" * 300, "password": "x"},
    ],
)
def test_incomplete_credentials_are_a_bad_request(body):
    assert APIClient().post("/api/auth/token", body, format="json").status_code == 400


SPELLINGS = ("ann", "ANN", "\uff21nn", "ann@example.com", "Ann@Example.com", "ann\uff20example.com")


def test_five_wrong_passwords_for_a_name_lock_it_out():
    UserFactory(username="ann", email="ann@example.com")
    UserFactory(username="bob")
    for login in ("ann", "ANN", "aNN", "\uff21nn"):
        assert log_in(login, "wrong").status_code == 401
    fifth = log_in("ann", "wrong")
    assert fifth.status_code == 429
    right = log_in("ann")
    assert right.status_code == 429
    assert right.json()["error"]["code"] == "locked_out"
    assert 0 < int(right["Retry-After"]) <= 900
    assert log_in("bob").status_code == 200
    assert log_in("ann", REMOTE_ADDR="10.0.0.9").status_code == 200


@pytest.mark.parametrize("last", SPELLINGS)
def test_five_wrong_passwords_lock_the_account_whichever_way_it_is_named(last):
    UserFactory(username="ann", email="ann@example.com")
    for login in SPELLINGS[1:]:
        log_in(login, "wrong")
    assert log_in(last).status_code != 200
    assert log_in(last, REMOTE_ADDR="10.0.0.9").status_code == 200


@pytest.mark.parametrize("first", ["ann", "ann@example.com"])
def test_a_lockout_does_not_say_which_name_belongs_to_which_address(first):
    """Names and addresses of nobody are answered like those of one account, and of two."""
    UserFactory(username="ann", email="ann@example.com")
    UserFactory(username="bob", email="bob@example.com")
    other = "ann@example.com" if first == "ann" else "ann"
    unlinked = "bob@example.com" if first == "ann" else "bob"
    nobodys = "no@example.com" if first == "ann" else "nobody"
    for _ in range(5):
        log_in(first, "wrong")
    for _ in range(6):
        answers = [log_in(login, "wrong") for login in (other, unlinked, nobodys)]
        assert len({(answer.status_code, answer.content) for answer in answers}) == 1


def test_a_name_of_nobody_is_locked_out_like_any_other():
    UserFactory(username="ann")
    for _ in range(6):
        known, unknown = log_in("ann", "wrong"), log_in("nobody", "wrong")
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert unknown.status_code == 429


def test_an_unverified_address_neither_logs_in_nor_forgets_failures():
    """Mallory gave Ann's address, to have Ann's failures forgotten with each login of their own."""
    UserFactory(username="ann", email="ann@example.com")
    UserFactory(username="mallory", email="ann@example.com", email_verified=False)
    for _ in range(5):
        log_in("ann@example.com", "wrong")
        assert log_in("mallory").status_code == 200
    assert log_in("ann@example.com").status_code == 429


class CountedHasher(MD5PasswordHasher):
    hashes: ClassVar[list[str]] = []

    def encode(self, password, salt):
        self.hashes.append(password)
        return super().encode(password, salt)


@pytest.fixture
def hashes(settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountedHasher"]
    UserFactory(username="ann", email="ann@example.com")
    UserFactory(username="locked", is_active=False)
    UserFactory(username="program", password="!")
    UserFactory(username="waits", email="w@example.com", email_verified=False)
    CountedHasher.hashes.clear()
    yield CountedHasher.hashes
    CountedHasher.hashes.clear()


@pytest.mark.parametrize(
    "login",
    ["ann", "ann@example.com", "nobody", "no@example.com", "locked", "program", "w@example.com"],
)
def test_a_refused_login_costs_one_hash_whoever_it_names(hashes, login):
    log_in(login, "wrong")
    assert len(hashes) == 1


def test_a_locked_account_costs_one_hash_too(hashes):
    for login in ("ann", "ann", "ann", "ann@example.com", "ann@example.com"):
        log_in(login, "wrong")
    hashes.clear()
    assert log_in("ann@example.com").status_code == 401
    assert len(hashes) == 1


def test_a_long_password_is_not_hashed(hashes):
    assert log_in("ann", "x" * 1025).status_code == 400
    form = {"username": "ann", "password": "x" * 100_000}
    assert Client().post("/admin/login/", form).status_code == 200
    assert EmailOrUsernameBackend().authenticate(None, "ann", "x" * 1025) is None
    assert hashes == []


def test_a_right_password_forgets_the_wrong_ones():
    UserFactory(username="ann")
    for _ in range(4):
        log_in("ann", "wrong")
    assert log_in("ANN").status_code == 200
    assert not AccessAttempt.objects.exists()
    assert log_in("ann", "wrong").status_code == 401


def test_guessing_is_limited_per_address_token_or_not(monkeypatch):
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": "3/min"})
    # A cache of its own: tests that run beside this one empty the shared one.
    monkeypatch.setattr(throttles.AuthThrottle, "cache", LocMemCache("throttle", {}))
    access = issue(reader()).access
    for number in range(3):
        assert log_in(f"user-{number}", "wrong").status_code == 401
    answer = log_in("another", HTTP_AUTHORIZATION=f"Bearer {access}")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


def test_a_forged_forwarded_for_does_not_lift_the_limit_on_guessing(monkeypatch):
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": "3/min"})
    monkeypatch.setattr(throttles.AuthThrottle, "cache", LocMemCache("forged", {}))
    answers = [
        log_in("nobody", "wrong", HTTP_X_FORWARDED_FOR=f"6.6.6.{number}") for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


def test_a_forged_forwarded_for_does_not_lift_the_lockout():
    UserFactory(username="ann")
    for number in range(5):
        log_in("ann", "wrong", HTTP_X_FORWARDED_FOR=f"6.6.6.{number}")
    assert log_in("ann", HTTP_X_FORWARDED_FOR="6.6.6.6").status_code == 429


FORWARDED = [
    "203.0.113.7:4711",
    "[2001:db8::7]:4711",
    "fe80::1%eth0",
    "::ffff:203.0.113.7",
    "unknown",
    "_hidden",
    "unix:",
    "",
    ",",
    "203.0.113.7,",
    "1.2.3.4.5",
    "x" * 5000,
    "\xff\x00",
]


@pytest.mark.parametrize("proxies", [0, 1, 3])
@pytest.mark.parametrize("forwarded", FORWARDED)
def test_no_forwarded_for_makes_a_login_fail(settings, forwarded, proxies):
    settings.NUM_PROXIES = proxies
    UserFactory(username="ann", is_staff=True)
    assert log_in("ann", HTTP_X_FORWARDED_FOR=forwarded).status_code == 200
    assert log_in("ann", "wrong", HTTP_X_FORWARDED_FOR=forwarded).status_code == 401
    form = {"username": "ann", "password": PASSWORD}
    answer = Client().post("/admin/login/", form, headers={"X-Forwarded-For": forwarded})
    assert answer.status_code == 302


def test_a_client_without_an_address_logs_in():
    """Behind a Unix socket, which has none."""
    UserFactory(username="ann")
    assert log_in("ann", "wrong", REMOTE_ADDR="").status_code == 401
    assert log_in("ann", REMOTE_ADDR="").status_code == 200


def test_behind_a_proxy_the_lockout_goes_by_the_client(settings):
    settings.NUM_PROXIES = 1
    UserFactory(username="ann")
    for port in range(5):
        log_in("ann", "wrong", HTTP_X_FORWARDED_FOR=f"6.6.6.{port}, 203.0.113.7:{port}")
    assert log_in("ann", HTTP_X_FORWARDED_FOR="203.0.113.7").status_code == 429
    assert log_in("ann", HTTP_X_FORWARDED_FOR="203.0.113.8").status_code == 200


def test_a_network_of_ipv6_is_one_client(settings, monkeypatch):
    settings.NUM_PROXIES = 1
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": "3/min"})
    monkeypatch.setattr(throttles.AuthThrottle, "cache", LocMemCache("ipv6", {}))
    answers = [
        log_in("nobody", "wrong", HTTP_X_FORWARDED_FOR=f"2001:db8:0:1:{number}::7").status_code
        for number in range(4)
    ]
    assert answers == [401, 401, 401, 429]
    assert log_in("nobody", HTTP_X_FORWARDED_FOR="2001:db8:0:2::7").status_code == 401


def test_a_refresh_gives_a_new_pair_and_takes_the_old_token():
    reader(username="ann")
    first = log_in("ann").json()
    second = refresh(first["refresh"])
    assert second.status_code == 200
    assert me(second.json()["access"]).status_code == 200
    third = refresh(second.json()["refresh"])
    assert third.status_code == 200


def test_reuse_of_a_refresh_token_revokes_all_of_the_user():
    reader(username="ann")
    reader(username="bob")
    elsewhere, bob = log_in("ann").json(), log_in("bob").json()
    first = log_in("ann").json()
    second = refresh(first["refresh"]).json()
    assert refresh(first["refresh"]).status_code == 401
    assert refresh(second["refresh"]).status_code == 401
    assert refresh(elsewhere["refresh"]).status_code == 401
    assert refresh(bob["refresh"]).status_code == 200


def log_out(token, **values):
    body = {"refresh": token, **values}
    return APIClient().post("/api/auth/logout", body, format="json")


def test_logging_out_ends_one_login_and_may_be_repeated():
    reader(username="ann")
    here, elsewhere = log_in("ann").json(), log_in("ann").json()
    assert log_out(here["refresh"]).status_code == 204
    assert log_out(here["refresh"]).status_code == 204
    assert refresh(here["refresh"]).status_code == 401
    assert refresh(elsewhere["refresh"]).status_code == 200


def test_logging_out_everywhere_ends_all_logins_of_the_user_and_of_nobody_else():
    reader(username="ann")
    reader(username="bob")
    here, elsewhere, bob = log_in("ann").json(), log_in("ann").json(), log_in("bob").json()
    assert log_out(here["refresh"], everywhere=True).status_code == 204
    for pair in (here, elsewhere):
        answer = me(pair["access"])
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "token_revoked"
        assert refresh(pair["refresh"]).status_code == 401
    assert me(bob["access"]).status_code == 200
    assert refresh(bob["refresh"]).status_code == 200


def test_what_was_ended_ends_nothing_more():
    """Neither an old client that tries its luck nor a thief logs out who logged in since."""
    user = reader(username="ann")
    used, elsewhere = log_in("ann").json(), log_in("ann").json()
    refresh(used["refresh"])
    user.end_tokens()
    since = log_in("ann").json()
    assert refresh(used["refresh"]).status_code == 401
    assert refresh(elsewhere["refresh"]).status_code == 401
    assert log_out(elsewhere["refresh"], everywhere=True).status_code == 204
    assert me(since["access"]).status_code == 200
    assert refresh(since["refresh"]).status_code == 200


def test_logging_out_with_a_used_token_ends_what_it_was_exchanged_for():
    reader(username="ann")
    first = log_in("ann").json()
    second = refresh(first["refresh"]).json()
    assert log_out(first["refresh"]).status_code == 204
    assert refresh(second["refresh"]).status_code == 401


def verify(token):
    return APIClient().post("/api/auth/token/verify", {"token": token}, format="json")


def test_a_good_token_is_told_by_type_owner_and_end():
    reader(username="ann")
    pair = log_in("ann").json()
    for kind in ("access", "refresh"):
        answer = verify(pair[kind])
        assert answer.status_code == 200
        assert (answer.json()["token_type"], answer.json()["username"]) == (kind, "ann")
        ends = datetime.fromisoformat(answer.json()["expires_at"])
        claims = jwt.decode(pair[kind], options={"verify_signature": False})
        assert ends.timestamp() == claims["exp"]


def test_a_token_that_was_used_or_logged_out_is_not_good():
    reader(username="ann")
    used, ended = log_in("ann").json()["refresh"], log_in("ann").json()["refresh"]
    assert refresh(used).status_code == 200
    log_out(ended)
    assert verify(used).status_code == 401
    assert verify(ended).status_code == 401


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_eight_refreshes_at_once_one_wins():
    reader(username="ann")
    token = log_in("ann").json()["refresh"]

    def one(_):
        try:
            return refresh(token)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(one, range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert refresh(winner.json()["refresh"]).status_code == 401


def _change_password(user):
    user.set_password("another-long-password")
    user.save()


def _lock(user):
    user.is_active = False
    user.save()


def _lock_and_unlock(user):
    _lock(user)
    user.is_active = True
    user.save()


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lambda user: user.delete(), "user_not_found"),
        (lambda user: User.objects.filter(pk=user.pk).update(is_active=False), "user_inactive"),
        (_lock, "user_inactive"),
        (_lock_and_unlock, "token_revoked"),
        (_change_password, "token_revoked"),
        (User.end_tokens, "token_revoked"),
    ],
    ids=["deleted", "deactivated", "locked", "locked for a while", "password changed", "revoked"],
)
def test_tokens_end_with_the_account(happens, code):
    user = reader(username="ann")
    pair = log_in("ann").json()
    happens(user)
    for kind in ("access", "refresh"):
        assert verify(pair[kind]).status_code == 401
    assert refresh(pair["refresh"]).status_code == 401
    answer = me(pair["access"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


def test_other_changes_of_the_account_end_no_token():
    user = reader(username="ann")
    pair = log_in("ann").json()
    user.first_name = "Ann"
    user.save()
    assert me(pair["access"]).status_code == 200
    assert refresh(pair["refresh"]).status_code == 200


def test_a_save_of_what_was_read_before_brings_no_ended_token_back():
    user = reader(username="ann")
    access = log_in("ann").json()["access"]
    User.objects.get(pk=user.pk).end_tokens()
    user.first_name = "Ann"
    user.save()
    assert me(access).status_code == 401


def test_a_token_says_nothing_about_the_password():
    user = reader(username="ann")
    for raw in log_in("ann").json().values():
        claims = jwt.decode(raw, options={"verify_signature": False})
        assert claims.keys() == {
            *("token_type", "exp", "iat", "jti", "user_id", "version", "iss", "aud")
        }
        assert claims["version"] == user.token_version


@pytest.mark.parametrize("claims", [{}, {"version": None}, {"version": "0"}, {"version": 1}])
def test_a_token_without_the_users_version_opens_nothing(claims):
    token = AccessToken.for_user(reader())
    for name, value in claims.items():
        token[name] = value
    assert me(str(token)).json()["error"]["code"] == "token_revoked"


@pytest.mark.parametrize("claim", ["", "ann", None, 0])
def test_a_token_that_names_no_user_is_a_401(claim):
    token = AccessToken.for_user(reader())
    token["user_id"] = claim
    assert me(str(token)).status_code == 401


def test_a_hash_made_anew_at_login_leaves_the_login_good(settings):
    """Django does so when the way of hashing has changed."""
    user = reader(username="ann")
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    before = user.password
    pair = log_in("ann").json()
    user.refresh_from_db()
    assert user.password != before
    assert me(pair["access"]).status_code == 200
    assert refresh(pair["refresh"]).status_code == 200


def test_who_asks_and_what_they_may_is_one_query(django_assert_num_queries):
    user = reader(username="ann")
    access = issue(user).access
    with django_assert_num_queries(3):  # where the streams stand, and the page
        answer = APIClient().get(
            "/api/contacts?cursor=", headers={"Authorization": f"Bearer {access}"}
        )
    assert answer.status_code == 200


def _forged(user, **changes):
    claims = {**RefreshToken.for_user(user).payload, **changes}
    return jwt.encode(claims, "x" * 40, algorithm="HS256")


def _unsigned(user):
    return jwt.encode(dict(RefreshToken.for_user(user).payload), None, algorithm="none")


def _expired(user):
    token = RefreshToken.for_user(user)
    token.set_exp(lifetime=-timedelta(minutes=1))
    return str(token)


def _unrecorded(user):
    token = RefreshToken.for_user(user)
    token.set_jti()
    return str(token)


def _for_somebody_else(user):
    claims = {**RefreshToken.for_user(user).payload, "aud": "elsewhere"}
    return jwt.encode(claims, django_settings.JWT_SIGNING_KEY, algorithm="HS256")


@pytest.mark.parametrize(
    "make",
    [
        _forged,
        _unsigned,
        _expired,
        _unrecorded,
        _for_somebody_else,
        lambda user: issue(user).access,
        lambda user: "not.a.token",
        lambda user: "é",
    ],
    ids=["forged", "unsigned", "expired", "unrecorded", "audience", "access", "garbage", "accent"],
)
def test_a_bad_token_is_refused_everywhere(make):
    user = reader()
    token = make(user)
    assert refresh(token).status_code == 401
    # One that is ours but forgotten is what logging out leaves.
    assert log_out(token).status_code == (204 if make is _unrecorded else 401)
    if token.isascii():
        # An access token is good here; all others are not.
        is_access = _type(token) == "access"
        assert verify(token).status_code == (200 if is_access else 401)
        assert me(token).status_code == (200 if is_access else 401)


def _type(token):
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("token_type")
    except jwt.InvalidTokenError:
        return None


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer \xff", "Basic eDp5", "x"])
def test_a_broken_authorization_header_is_a_401(header):
    assert APIClient().get("/api/contacts", HTTP_AUTHORIZATION=header).status_code == 401


def test_me_changes_the_name():
    user = UserFactory(username="ann")
    answer = client_of(user).patch("/api/auth/me", {"first_name": "Ann"}, format="json")
    assert (answer.status_code, answer.json()["first_name"]) == (200, "Ann")
    user.refresh_from_db()
    assert user.first_name == "Ann"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("username", "root", "read_only"),
        ("email", "root@example.com", "read_only"),
        ("groups", ["readers"], "read_only"),
        ("is_staff", True, "unknown"),
        ("is_superuser", True, "unknown"),
        ("id", 1, "unknown"),
        ("scope_contacts", [], "unknown"),
    ],
)
def test_me_changes_nothing_that_logs_in_or_gives_rights(name, value, code):
    user = UserFactory(username="ann")
    body = {"first_name": "Ann", name: value}
    answer = client_of(user).patch("/api/auth/me", body, format="json")
    assert answer.status_code == 400
    [[wrong]] = answer.json()["error"]["fields"].values()
    assert (list(answer.json()["error"]["fields"]), wrong["code"]) == ([name], code)
    user.refresh_from_db()
    assert (user.first_name, user.username, user.is_staff) == ("", "ann", False)


def test_the_admin_counts_failures_like_the_api(client):
    UserFactory(username="ann", email="ann@example.com", is_staff=True)
    for login in ("ann", "ANN", "ann@example.com", "Ann@example.com", "aNN"):
        client.post("/admin/login/", {"username": login, "password": "wrong"})
    answer = client.post("/admin/login/", {"username": "ann", "password": PASSWORD})
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session
    # The fifth with the name.
    assert log_in("ann").status_code == 429
    answer = client.post("/admin/login/", {"username": "ann", "password": PASSWORD})
    assert answer.status_code == 429


def test_logging_in_to_the_admin_forgets_failures_with_name_and_address(client):
    UserFactory(username="ann", email="ann@example.com", is_staff=True)
    for login in ("ann", "ann@example.com"):
        log_in(login, "wrong")
    client.post("/admin/login/", {"username": "ann", "password": PASSWORD})
    assert not AccessAttempt.objects.exists()
