"""Two-factor login: codes of an app, recovery codes, and the ways around that are closed."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.test import APIClient

from accounts import second_factor, throttles
from accounts.models import MANAGERS, SUPPORT, User
from accounts.tests.factories import PASSWORD, UserFactory, reader, staff

pytestmark = pytest.mark.django_db
PAGE = "/admin/two_factor/"


@pytest.fixture(autouse=True)
def clock(monkeypatch, time_machine):
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": None})
    time_machine.move_to(time.time(), tick=False)
    return time_machine


def code_of(device, steps=0):
    """The code that the app shows, ``steps`` half minutes from now."""
    app = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    app.time = time.time() + steps * device.step
    return f"{app.token():06d}"


def with_app(user):
    device = TOTPDevice.objects.create(user=user, name="app", confirmed=True)
    return device, second_factor.new_recovery_codes(user)


@pytest.fixture
def ann():
    return UserFactory(username="ann", is_staff=True, is_superuser=True)


def log_in(client=None, **values):
    """The answer of the admin's login."""
    form = {"username": "ann", "password": PASSWORD, **values}
    return (client or Client()).post("/admin/login/?next=/admin/", form)


def token(**values):
    body = {"username": "ann", "password": PASSWORD, **values}
    return APIClient().post("/api/auth/token", body, format="json")


# Setting up -------------------------------------------------------------------------------------------


def test_who_sets_it_up_is_asked_for_a_code_from_then_on(ann):
    here, elsewhere = Client(), Client()
    access = token().json()["access"]
    log_in(here), log_in(elsewhere)
    page = here.get(PAGE).content.decode()
    device = TOTPDevice.objects.get()
    assert 'src="data:image/svg+xml' in page
    assert second_factor.secret(device) in page
    # Nothing is asked for before it is confirmed, and the secret stays while the page is open.
    assert second_factor.secret(device) in here.get(PAGE).content.decode()
    assert log_in().status_code == 302

    done = here.post(PAGE, {"do": "turn_on", "password": PASSWORD, "otp": code_of(device)})
    codes = re.findall(r"<code>(\w{4}-\w{4})</code>", done.content.decode())
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert "no-store" in done["Cache-Control"]
    assert codes[0] not in here.get(PAGE).content.decode()
    assert here.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302
    me = APIClient().get("/api/auth/me", headers={"Authorization": f"Bearer {access}"})
    assert me.status_code == 401
    assert LogEntry.objects.get().change_message == "Turned on two-factor login."

    asked = log_in()
    assert asked.status_code == 200
    assert "Enter the code of your authenticator app" in asked.content.decode()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"otp": "000000"}, "This code is wrong"),
        ({"password": "wrong"}, "This is not your password"),
        ({"otp": ""}, "required"),
    ],
)
def test_setting_up_takes_the_password_and_a_code(ann, given, says):
    client = Client()
    client.force_login(ann)
    client.get(PAGE)
    form = {"do": "turn_on", "password": PASSWORD, "otp": code_of(TOTPDevice.objects.get())}
    assert says in client.post(PAGE, {**form, **given}).content.decode()
    assert not second_factor.is_on(ann)
    assert log_in().status_code == 302


# The login --------------------------------------------------------------------------------------------


def test_the_login_page_leads_to_the_overview():
    """Opened by itself, and not because another page sent people there."""
    reader(username="ann", is_staff=True)
    page = Client().get("/admin/login/").content.decode()
    form = {"username": "ann", "password": PASSWORD}
    form["next"] = re.search(r'name="next" value="([^"]*)"', page)[1]
    assert Client().post("/admin/login/", form).url == "/admin/"


def test_a_code_logs_in_once(ann, clock):
    device, _ = with_app(ann)
    code = code_of(device)
    client = Client()
    assert log_in(client, otp=code).status_code == 302
    assert client.get("/admin/").status_code == 200
    again = log_in(otp=code)
    assert "was used before" in again.content.decode()
    clock.shift(60)
    assert log_in(otp=f"{code_of(device)[:3]} {code_of(device)[3:]}").status_code == 302


@pytest.mark.parametrize(
    "code",
    ["", "000000", "abcd-efgh", "1234567", "\u0661\u0662\u0663\u0664\u0665\u0666", "0x1", "-1"],
)
def test_without_a_good_code_nobody_gets_in(ann, code):
    with_app(ann)
    client = Client()
    assert log_in(client, otp=code).status_code == 200
    assert "_auth_user_id" not in client.session
    answer = token(otp=code)
    assert answer.status_code in (401, 429)


@pytest.mark.parametrize(("steps", "status"), [(-3, 401), (-1, 200), (1, 200), (3, 401)])
def test_a_clock_may_be_half_a_minute_off(ann, steps, status):
    device, _ = with_app(ann)
    assert token(otp=code_of(device, steps)).status_code == status


def test_a_wrong_password_is_not_told_from_a_missing_code(ann):
    UserFactory(username="bob")
    with_app(ann)
    answers = [
        token(username=name, password="wrong", otp="123456") for name in ("ann", "bob", "no")
    ]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1


def test_a_recovery_code_logs_in_once(ann):
    _, codes = with_app(ann)
    assert log_in(otp=codes[0].upper()).status_code == 302
    assert log_in(otp=codes[0]).status_code == 200
    assert second_factor.recovery_codes_left(ann) == second_factor.RECOVERY_CODES - 1


def test_guessing_codes_takes_ever_longer(ann, clock):
    device, codes = with_app(ann)
    waits = []
    for _ in range(4):
        assert token(otp="000000").json()["error"]["code"] == "otp_invalid"
        refused = token(otp=code_of(device))
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "otp_throttled")
        waits.append(int(refused["Retry-After"]))
        clock.shift(waits[-1])
    assert waits == sorted(waits) and waits[-1] >= 8
    assert (
        "Too many wrong codes" in (log_in(otp="000000"), log_in(otp="000000"))[1].content.decode()
    )
    # Recovery codes are counted by themselves: wrong guesses do not lock them.
    assert token(otp=codes[0]).status_code == 200


def test_the_code_of_another_user_is_no_good(ann):
    with_app(ann)
    mallory = UserFactory(username="mallory", is_staff=True)
    device, codes = with_app(mallory)
    assert token(otp=code_of(device)).status_code == 401
    assert token(otp=codes[0]).status_code == 401
    assert StaticToken.objects.count() == 2 * second_factor.RECOVERY_CODES


def test_a_session_begun_without_a_code_does_not_open_the_admin(ann):
    """Begun before two-factor login was set up, or by other means."""
    client = Client()
    client.force_login(ann)
    assert client.get("/admin/").status_code == 200
    with_app(ann)
    for path in ("/admin/", PAGE, "/admin/accounts/user/", "/admin/overview/"):
        client.force_login(ann)
        answer = client.get(path)
        assert answer.url == f"/admin/login/?next={path}"
        assert "_auth_user_id" not in client.session


# The API ----------------------------------------------------------------------------------------------


def test_the_api_asks_for_the_code_of_who_uses_one(ann):
    device, codes = with_app(ann)
    assert token().json()["error"]["code"] == "otp_required"
    assert token(otp="").status_code == 401
    pair = token(otp=code_of(device)).json()
    # A refresh token was bought with a code.
    refreshed = APIClient().post(
        "/api/auth/token/refresh", {"refresh": pair["refresh"]}, format="json"
    )
    assert refreshed.status_code == 200
    form = f"grant_type=password&username=ann&password={PASSWORD}"
    client = APIClient()
    kind = "application/x-www-form-urlencoded"
    refused = client.generic("POST", "/api/auth/token", form, content_type=kind)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert refused.json()["code"] == "otp_required"
    granted = client.generic("POST", "/api/auth/token", f"{form}&otp={codes[0]}", content_type=kind)
    assert granted.status_code == 200


def test_a_session_of_the_api_is_begun_with_a_code(ann):
    device, _ = with_app(ann)
    where, form = "/api/auth/session/login", {"username": "ann", "password": PASSWORD}
    client = Client(headers={"Accept": "text/html"})
    asked = client.post(where, form)
    assert (asked.status_code, 'name="otp"' in asked.content.decode()) == (401, True)
    assert client.post(where, {**form, "otp": "000000"}).status_code == 401
    assert "_auth_user_id" not in client.session
    device.refresh_from_db()
    device.throttle_reset()
    assert client.post(where, {**form, "otp": code_of(device)}).status_code == 302
    assert client.get("/api/auth/me").status_code == 200
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("required", ["nobody", "staff"])
def test_a_session_begun_without_a_code_does_not_open_the_api(ann, settings, required):
    client = Client()
    client.force_login(ann)
    assert client.get("/api/auth/me").status_code == 200
    settings.REQUIRE_TOTP = required
    if required == "nobody":
        with_app(ann)
    assert client.get("/api/auth/me").status_code == 401


def test_who_uses_no_code_may_send_one(ann):
    assert token(otp="123456").status_code == 200


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_several_logins_with_one_code_one_wins(ann):
    device, codes = with_app(ann)

    def one(code):
        try:
            return token(otp=code).status_code
        finally:
            connection.close()

    for code in (code_of(device), codes[0]):
        with ThreadPoolExecutor(4) as threads:
            assert sorted(threads.map(one, [code] * 4))[:2] == [200, 401]


# Required ---------------------------------------------------------------------------------------------


def test_where_it_is_required_staff_set_it_up_before_anything_else(settings, ann):
    settings.REQUIRE_TOTP = "staff"
    client = Client()
    log_in(client)
    for path in ("/admin/", "/admin/accounts/user/", "/admin/overview/"):
        assert client.get(path).url == PAGE
    assert "Staff must use two-factor login" in client.get(PAGE).content.decode()
    assert token().json()["error"]["code"] == "otp_setup_required"
    device = TOTPDevice.objects.get()
    client.post(PAGE, {"do": "turn_on", "password": PASSWORD, "otp": code_of(device)})
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/logout/").status_code != 500


def test_where_it_is_required_of_staff_others_log_in_without(settings):
    settings.REQUIRE_TOTP = "staff"
    reader(username="ann")
    assert token().status_code == 200


# Turning off ------------------------------------------------------------------------------------------


def inside(user, **given):
    client = Client()
    log_in(client, **given)
    return client


def test_a_person_turns_it_off_with_a_code(ann):
    _, codes = with_app(ann)
    client = inside(ann, otp=codes[0])
    assert "You have 9 recovery codes left" in client.get(PAGE).content.decode()
    assert (
        "This code is wrong"
        in client.post(PAGE, {"do": "turn_off", "otp": "000000"}).content.decode()
    )
    assert second_factor.is_on(ann)
    assert client.post(PAGE, {"do": "turn_off", "otp": codes[1]}).status_code == 302
    assert not second_factor.is_on(ann)
    assert client.get("/admin/").status_code == 200
    assert log_in().status_code == 302


def test_new_recovery_codes_end_the_old_ones(ann):
    _, codes = with_app(ann)
    client = inside(ann, otp=codes[0])
    page = client.post(PAGE, {"do": "new_codes", "otp": codes[1]}).content.decode()
    new = re.findall(r"<code>(\w{4}-\w{4})</code>", page)
    assert log_in(otp=codes[2]).status_code == 200
    User.objects.get().refresh_from_db()
    assert second_factor.recovery_codes_left(ann) == second_factor.RECOVERY_CODES
    assert not set(new) & set(codes)


def test_where_it_is_required_nobody_turns_it_off(settings, ann):
    _, codes = with_app(ann)
    settings.REQUIRE_TOTP = "staff"
    client = inside(ann, otp=codes[0])
    assert client.post(PAGE, {"do": "turn_off", "otp": codes[1]}).status_code == 200
    assert second_factor.is_on(ann)


@pytest.mark.parametrize(
    ("values", "may"),
    [
        ({"groups": [SUPPORT]}, True),
        ({"groups": [MANAGERS]}, True),
        ({"is_superuser": True}, False),
    ],
)
def test_a_manager_turns_it_off_for_other_staff_and_it_is_logged(client, values, may):
    client.force_login(staff(MANAGERS, username="mia"))
    other = UserFactory(username="ann", is_staff=True, **values)
    with_app(other)
    users = reverse("admin:accounts_user_changelist")
    client.post(users, {"action": "remove_second_factor", "_selected_action": [other.pk]})
    assert second_factor.is_on(other) is not may
    logged = [(entry.user.username, entry.change_message) for entry in LogEntry.objects.all()]
    assert logged == ([("mia", "Turned off two-factor login.")] if may else [])


def test_a_manager_does_not_turn_off_their_own_without_a_code(client):
    mia = staff(MANAGERS, username="mia")
    _, codes = with_app(mia)
    log_in(client, username="mia", otp=codes[0])
    users = reverse("admin:accounts_user_changelist")
    client.post(users, {"action": "remove_second_factor", "_selected_action": [mia.pk]})
    assert second_factor.is_on(mia)


def test_no_page_shows_a_secret(client, ann):
    device, codes = with_app(ann)
    log_in(client, otp=codes[0])
    page = client.get(reverse("admin:accounts_user_change", args=[ann.pk])).content.decode()
    for shown in (page, client.get(PAGE).content.decode()):
        assert device.key not in shown
        assert second_factor.secret(device) not in shown
    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404
    assert client.get("/admin/otp_static/staticdevice/").status_code == 404


# The rescue -------------------------------------------------------------------------------------------


def test_an_administrator_who_is_locked_out_is_let_in_again(ann, capsys, settings):
    settings.PUBLIC_URL = "https://bridge.example.com"
    with_app(ann)
    for _ in range(5):
        token(password="wrong")
    assert log_in().status_code == 429
    call_command("rescue_login", "ann@example.com", "--second-factor", "--password-link")
    shown = capsys.readouterr().out
    assert "Two-factor login is off" in shown
    assert not AccessAttempt.objects.exists()
    link = re.search(r"https://bridge\.example\.com(/admin/password_reset/\S+)", shown)[1]
    form = Client().get(link, follow=True)
    assert "New password" in form.content.decode()
    assert log_in().status_code == 302


def test_a_rescue_leaves_alone_what_it_is_not_told_to_change(ann, capsys):
    with_app(ann)
    call_command("rescue_login", "ann")
    assert second_factor.is_on(ann)
    assert "password_reset" not in capsys.readouterr().out


def test_a_rescue_of_nobody_says_so():
    UserFactory(username="gone", is_active=False)
    for name in ("nobody", "gone", ""):
        with pytest.raises(CommandError):
            call_command("rescue_login", name)
