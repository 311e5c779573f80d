"""What a guess costs this server."""

import threading
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ValidationError
from django.test import Client
from rest_framework.test import APIClient

from accounts import hashers, throttles
from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.validators import MaximumLengthValidator

REAL = ["accounts.hashers.Argon2", "accounts.hashers.PBKDF2"]


@pytest.fixture
def real_hashes(settings, monkeypatch):
    settings.PASSWORD_HASHERS = REAL
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": None})


def token(**values):
    body = {"username": "ann", "password": PASSWORD, **values}
    return APIClient().post("/api/auth/token", body, format="json")


def admin_login(**values):
    form = {"username": "ann", "password": PASSWORD, **values}
    return Client().post("/admin/login/", form)


def test_a_hash_has_owasps_parameters(real_hashes):
    user = User()
    user.set_password(PASSWORD)
    found = argon2.extract_parameters(user.password.removeprefix("argon2"))
    assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (
        *(argon2.Type.ID, 19 * 1024, 2, 1),
    )


@pytest.mark.django_db
@pytest.mark.parametrize("old", [Argon2PasswordHasher, PBKDF2PasswordHasher])
def test_an_old_hash_logs_in_and_is_replaced(real_hashes, old):
    before = old().encode(PASSWORD, "some-salt-of-22-letters")
    user = UserFactory(username="ann")
    User.objects.filter(pk=user.pk).update(password=before)
    assert token(password="wrong").status_code == 401
    assert token().status_code == 200
    user.refresh_from_db()
    assert user.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert token().status_code == 200


@pytest.fixture
def taken(monkeypatch):
    """All turns are taken, by others that do not get done."""
    monkeypatch.setattr(hashers, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(hashers, "_slots", threading.BoundedSemaphore(hashers.AT_ONCE))
    for _ in range(hashers.AT_ONCE):
        hashers._slots.acquire()


@pytest.mark.django_db
@pytest.mark.parametrize("login", ["ann", "nobody"])
def test_who_comes_while_too_many_passwords_are_checked_is_told_to_wait(
    real_hashes, taken, login, settings
):
    User.objects.create(username="ann", password=PBKDF2PasswordHasher().encode(PASSWORD, "s" * 22))
    answer = token(username=login)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert int(answer["Retry-After"]) > 0
    page = admin_login(username=login)
    assert (page.status_code, page["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert int(page["Retry-After"]) > 0
    settings.REGISTRATION = "open"
    body = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}
    assert APIClient().post("/api/auth/register", body, format="json").status_code == 503
    assert not User.objects.filter(username="bob").exists()


def test_no_more_than_a_few_hashes_are_made_at_once(monkeypatch):
    running, most = 0, 0
    lock, both = threading.Lock(), threading.Barrier(hashers.AT_ONCE, timeout=5)

    def encode(self, password, salt):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()
        with lock:
            running -= 1
        return "hash"

    monkeypatch.setattr(Argon2PasswordHasher, "encode", encode)
    with ThreadPoolExecutor(4 * hashers.AT_ONCE) as threads:
        made = list(
            threads.map(lambda _: hashers.Argon2().encode("x", "y"), range(4 * hashers.AT_ONCE))
        )
    assert made == ["hash"] * len(made)
    assert most == hashers.AT_ONCE


def test_a_turn_is_given_back_whatever_happens(monkeypatch):
    def broken(self, password, salt):
        raise MemoryError

    monkeypatch.setattr(Argon2PasswordHasher, "encode", broken)
    for _ in range(2 * hashers.AT_ONCE):
        with pytest.raises(MemoryError):
            hashers.Argon2().encode("x", "y")


def test_an_enormous_password_is_neither_taken_nor_hashed(taken):
    enormous = "x" * (hashers.LONGEST_PASSWORD + 1)
    encoded = Argon2PasswordHasher().encode("x", "s" * 22)
    assert hashers.Argon2().verify(enormous, encoded) is False
    with pytest.raises(ValidationError):
        MaximumLengthValidator().validate(enormous)
    MaximumLengthValidator().validate(enormous[1:])


@pytest.mark.django_db
def test_the_admins_login_and_the_tokens_share_one_limit(monkeypatch):
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": "4/min"})
    monkeypatch.setattr(throttles.AuthThrottle, "cache", LocMemCache("shared", {}))
    UserFactory(username="ann", is_staff=True)
    assert [token(username=f"a{n}").status_code for n in range(2)] == [401, 401]
    assert [admin_login(username=f"b{n}").status_code for n in range(3)] == [200, 200, 429]
    page = admin_login()
    assert page.status_code == 429
    assert int(page["Retry-After"]) > 0
    assert "Too many attempts" in page.content.decode()
    assert Client().get("/admin/login/").status_code == 200


@pytest.mark.django_db
def test_who_is_logged_in_guesses_no_faster(monkeypatch):
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": "2/min"})
    monkeypatch.setattr(throttles.AuthThrottle, "cache", LocMemCache("session", {}))
    client = Client()
    client.force_login(UserFactory())
    form = {"username": "ann", "password": "wrong"}
    answers = [client.post("/admin/login/", form).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
