"""``auth/token`` as an OAuth2 token endpoint, in the words of RFC 6749."""

import pytest
from rest_framework.test import APIClient

from accounts import throttles
from accounts.tests.factories import PASSWORD, UserFactory, reader

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _no_throttle(monkeypatch):
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": None})


def ask(body, **extra):
    return APIClient().generic("POST", "/api/auth/token", body, content_type=FORM, **extra)


def test_a_password_grant_opens_the_api():
    reader(username="ann")
    answer = ask(f"grant_type=password&username=ann&password={PASSWORD}&scope=")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    granted = answer.json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 600)
    headers = {"Authorization": f"{granted['token_type']} {granted['access_token']}"}
    assert APIClient().get("/api/contacts", headers=headers).status_code == 200


def test_a_client_may_say_who_it_is_to_no_effect():
    UserFactory(username="ann")
    body = f"grant_type=password&username=ann&password={PASSWORD}&client_id=x&client_secret=y"
    assert ask(body, HTTP_AUTHORIZATION="Basic eDp5").status_code == 200


def test_a_refresh_grant_uses_the_token_up():
    UserFactory(username="ann")
    first = ask(f"grant_type=password&username=ann&password={PASSWORD}").json()
    body = f"grant_type=refresh_token&refresh_token={first['refresh_token']}"
    second = ask(body)
    assert second.status_code == 200
    assert second.json()["refresh_token"] != first["refresh_token"]
    assert ask(body).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("body", "error", "code"),
    [
        ("grant_type=password&username=ann&password=no", "invalid_grant", "authentication_failed"),
        ("grant_type=password&username=x&password=no", "invalid_grant", "authentication_failed"),
        ("grant_type=refresh_token&refresh_token=x", "invalid_grant", "token_not_valid"),
        ("grant_type=refresh_token", "invalid_request", "refresh_token"),
        ("grant_type=password&username=ann", "invalid_request", "password"),
        ("grant_type=client_credentials", "unsupported_grant_type", "grant_type"),
        ("username=ann&password=wrong", "invalid_request", "grant_type"),
        ("grant_type=password&username=ann&password=no&admin=1", "invalid_request", "admin"),
        ("%ff=%ff", "invalid_request", "grant_type"),
        ("", "invalid_request", "grant_type"),
    ],
)
def test_a_refused_grant_is_a_400_with_oauths_code_and_our_own(body, error, code):
    """``code``: ours, or the key that is wrong."""
    UserFactory(username="ann")
    answer = ask(body)
    assert answer.status_code == 400
    said = answer.json()
    assert said["error"] == error
    assert isinstance(said["error_description"], str)
    if "fields" in said:
        assert said["code"] == "invalid"
        assert code in said["fields"]
        assert said["fields"][code][0]["code"] in ("required", "invalid_choice", "unknown")
    else:
        assert said["code"] == code
    assert set(said) <= {"error", "error_description", "code", "fields"}


def test_guessing_by_form_locks_out_like_guessing_by_json():
    UserFactory(username="ann")
    for _ in range(5):
        answer = ask("grant_type=password&username=ann&password=wrong")
    assert answer.status_code == 429
    assert answer.json()["error"] == "temporarily_unavailable"
    assert int(answer["Retry-After"]) > 0
    body = {"username": "ann", "password": PASSWORD}
    assert APIClient().post("/api/auth/token", body, format="json").status_code == 429


def test_other_bodies_than_json_and_forms_are_refused():
    answer = APIClient().post("/api/auth/token", {"username": "ann"}, format="multipart")
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"
