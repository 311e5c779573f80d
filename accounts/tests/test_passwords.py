"""New passwords: with the old one, and with a link from an e-mail or from staff."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Queue
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from django.contrib.admin.models import LogEntry
from django.contrib.auth.tokens import default_token_generator
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import passwords, throttles, tokens
from accounts.models import MANAGERS, User
from accounts.tests.factories import PASSWORD, UserFactory, reader, staff

NEW = "staple-battery-horse"
ASK = "/admin/password_reset/"


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch):
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": None})


def post(path, access=None, **body):
    headers = {"Authorization": f"Bearer {access}"} if access else {}
    return APIClient().post(f"/api/auth/{path}", body, format="json", headers=headers)


def log_in(login="ann", password=PASSWORD):
    return post("token", username=login, password=password)


def me(access):
    return APIClient().get("/api/auth/me", headers={"Authorization": f"Bearer {access}"})


# With the old one -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_new_password_ends_all_tokens_and_sessions():
    ann = reader(username="ann", is_staff=True)
    here, elsewhere = log_in().json(), log_in().json()
    session = Client()
    session.force_login(ann)
    assert session.get("/admin/").status_code == 200
    answer = post("password", here["access"], current_password=PASSWORD, new_password=NEW)
    assert answer.status_code == 204
    for pair in (here, elsewhere):
        assert me(pair["access"]).status_code == 401
        assert post("token/refresh", refresh=pair["refresh"]).status_code == 401
    assert session.get("/admin/").status_code == 302
    assert log_in().status_code == 401
    assert log_in(password=NEW).status_code == 200
    [entry] = LogEntry.objects.all()
    assert (entry.user, entry.object_id) == (ann, str(ann.pk))
    assert entry.change_message == "Changed the password over the API."


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"current_password": "wrong", "new_password": NEW}, "current_password", "wrong"),
        ({"current_password": PASSWORD, "new_password": "short"}, "new_password", "invalid"),
        (
            {"current_password": PASSWORD, "new_password": "ann@example.com"},
            "new_password",
            "invalid",
        ),
        ({"current_password": PASSWORD, "new_password": "x" * 1025}, "new_password", "max_length"),
        ({"current_password": "x" * 1025, "new_password": NEW}, "current_password", "max_length"),
        ({"new_password": NEW}, "current_password", "required"),
    ],
)
def test_a_bad_change_is_named_and_changes_nothing(body, field, code):
    access = tokens.issue(reader(username="ann")).access
    answer = post("password", access, **body)
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"][field][0]["code"] == code
    assert log_in().status_code == 200
    assert me(access).status_code == 200


@pytest.mark.django_db
def test_guessing_the_current_password_locks_out():
    """Who found an access token must not find the password with it."""
    access = tokens.issue(reader(username="ann")).access
    guess = {"current_password": "wrong", "new_password": NEW}
    answers = [post("password", access, **guess).status_code for _ in range(5)]
    assert answers == [400, 400, 400, 400, 429]
    answer = post("password", access, current_password=PASSWORD, new_password=NEW)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "locked_out")


# With a link ------------------------------------------------------------------------------------------


class Mailbox:
    """Collects what a mail server gets."""

    def __init__(self):
        self.mails = Queue()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.put((envelope.rcpt_tos, envelope.mail_from, envelope.content.decode()))
        return "250 OK"

    def link(self):
        """The path of the link in the next mail."""
        _to, _from, text = self.mails.get(timeout=20)
        return urlsplit(re.search(r"https://\S+/password_reset/\S+", text)[0]).path

    def is_empty(self):
        """After everything that was asked for so far."""
        passwords._background.submit(int).result(timeout=20)
        try:
            return self.mails.get_nowait() is None
        except Empty:
            return True


@pytest.fixture
def mailbox(settings):
    """A real mail server, and a bridge that uses it."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.MAIL_ENABLED, settings.PUBLIC_URL = True, "https://bridge.example.com"
    settings.DEFAULT_FROM_EMAIL = "bridge@example.com"
    cache.clear()
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = free.getsockname()
    server = Controller(box, hostname=settings.EMAIL_HOST, port=settings.EMAIL_PORT)
    server.start()
    yield box
    passwords._background.submit(int).result(timeout=20)
    server.stop()


def parts(link):
    """(uid, token) of a link's path."""
    return link.strip("/").split("/")[-2:]


def confirm(link, new=NEW):
    uid, token = parts(link)
    return post("password/reset/confirm", uid=uid, token=token, new_password=new)


live = pytest.mark.django_db(transaction=True)


@live
def test_a_link_comes_by_mail_and_sets_a_password_once(mailbox):
    ann = reader(username="ann", email="ann@example.com")
    pair = log_in().json()
    session = Client()
    session.force_login(ann)
    assert post("password/reset", email="ANN@example.com").status_code == 202
    to, sender, text = mailbox.mails.get(timeout=20)
    assert (to, sender) == (["ann@example.com"], "bridge@example.com")
    link = urlsplit(
        re.search(r"https://bridge\.example\.com/\S+", text.split("open this link")[1])[0]
    )
    assert confirm(link.path).status_code == 204
    assert me(pair["access"]).status_code == 401
    assert post("token/refresh", refresh=pair["refresh"]).status_code == 401
    assert "_auth_user_id" in session.session
    assert session.get("/admin/password_change/").status_code == 302
    assert log_in(password=NEW).status_code == 200
    assert LogEntry.objects.get().change_message == "Set a new password with a link."
    again = confirm(link.path, "yet-another-password")
    assert (again.status_code, again.json()["error"]["fields"]["token"][0]["code"]) == (
        *(400, "bad_link"),
    )
    assert log_in(password=NEW).status_code == 200


@live
def test_nobody_else_gets_a_mail_and_the_answer_does_not_tell(mailbox, django_assert_num_queries):
    reader(username="known", email="known@example.com")
    UserFactory(username="locked", email="locked@example.com", is_active=False)
    program = UserFactory(username="program", email="program@example.com")
    program.set_unusable_password()
    program.save()
    answers = set()
    for name in ("nobody", "locked", "program", "known"):
        # For every address alike: nothing is looked up before the answer.
        with django_assert_num_queries(0):
            answer = post("password/reset", email=f"{name}@example.com")
        answers.add((answer.status_code, answer.content))
    assert len(answers) == 1
    assert mailbox.mails.get(timeout=20)[0] == ["known@example.com"]
    assert mailbox.is_empty()


@live
def test_mails_to_one_account_are_some_time_apart(mailbox):
    reader(email="ann@example.com")
    for _ in range(3):
        assert post("password/reset", email="ann@example.com").status_code == 202
    mailbox.link()
    assert mailbox.is_empty()


@live
def test_a_mailed_link_verifies_the_address_unless_another_user_has_it(mailbox):
    ann = reader(email="ann@example.com", email_verified=False)
    post("password/reset", email="ann@example.com")
    assert confirm(mailbox.link()).status_code == 204
    ann.refresh_from_db()
    assert ann.email_verified

    mallory = reader(email="ann@example.com", email_verified=False)
    cache.clear()
    post("password/reset", email="ann@example.com")
    links = [mailbox.link(), mailbox.link()]
    assert [confirm(link, "another-long-one").status_code for link in links] == [204, 204]
    mallory.refresh_from_db()
    assert not mallory.email_verified


@live
def test_a_mail_server_that_is_down_changes_no_answer(mailbox, settings, caplog):
    caplog.set_level("WARNING")
    settings.EMAIL_PORT = 9
    reader(email="ann@example.com")
    assert post("password/reset", email="ann@example.com").status_code == 202
    assert mailbox.is_empty()
    assert "could not be sent" in caplog.text
    assert "ann@example.com" not in caplog.text


@live
def test_a_refused_recipient_is_logged_without_the_address(mailbox, caplog):
    reader(email="refused@example.com")
    with caplog.at_level("WARNING"):
        assert post("password/reset", email="refused@example.com").status_code == 202
        assert mailbox.is_empty()
    assert "refused the recipient" in caplog.text
    assert "refused@example.com" not in caplog.text


@pytest.mark.django_db
def test_more_requests_than_the_mail_server_can_take_are_dropped(monkeypatch, caplog, settings):
    settings.MAIL_ENABLED = True
    monkeypatch.setattr(passwords._waiting, "acquire", lambda blocking: False)
    assert post("password/reset", email="ann@example.com").status_code == 202
    assert "wait for the mail server" in caplog.text


@pytest.mark.django_db
def test_without_a_mail_server_the_route_and_the_page_say_so(settings):
    answer = post("password/reset", email="ann@example.com")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "email_not_configured")
    assert "does not send e-mail" in Client().get(ASK).content.decode()


def _another_password(user):
    user.set_password("x" * 20)
    user.save()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "happens",
    [
        _another_password,
        User.end_tokens,
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda user: User.objects.filter(pk=user.pk).update(email="new@example.com"),
        lambda user: user.delete(),
    ],
    ids=["password", "revoked", "locked", "address", "deleted"],
)
def test_a_link_ends_with_what_it_is_made_of(rf, happens):
    user = reader()
    link = urlsplit(passwords.make_link(user, rf.get("/"))).path
    happens(user)
    assert confirm(link).status_code == 400


@pytest.mark.django_db
def test_a_link_expires(rf, settings, time_machine):
    link = urlsplit(passwords.make_link(reader(), rf.get("/"))).path
    time_machine.move_to(time.time(), tick=False)
    time_machine.shift(settings.PASSWORD_RESET_TIMEOUT + 60)
    assert confirm(link).status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize(
    "link",
    ["/x/y", "/MQ/", "/\u00e9/\u00e9", "/OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5/x", "/LTE/x-y", "/bm8/x"],
)
def test_a_link_that_is_none_is_refused(link):
    uid, token = link[1:].split("/")
    answer = post("password/reset/confirm", uid=uid or "x", token=token or "x", new_password=NEW)
    assert answer.status_code == 400
    assert Client().get(f"{ASK}{uid or 'x'}/{token or 'x'}/").status_code == 200


@pytest.mark.django_db
def test_a_token_of_another_purpose_or_user_is_no_link(rf):
    ann, bob = reader(), reader()
    bobs = parts(urlsplit(passwords.make_link(bob, rf.get("/"))).path)
    [uid, _] = parts(urlsplit(passwords.make_link(ann, rf.get("/"))).path)
    for token in (bobs[1], default_token_generator.make_token(ann)):
        answer = post("password/reset/confirm", uid=uid, token=token, new_password=NEW)
        assert answer.status_code == 400


@pytest.mark.django_db
def test_a_new_password_from_a_link_follows_the_rules_and_the_link_stays_good(rf):
    user = reader(username="ann")
    link = urlsplit(passwords.make_link(user, rf.get("/"))).path
    answer = confirm(link, "password123")
    assert set(answer.json()["error"]["fields"]) == {"new_password"}
    assert confirm(link).status_code == 204
    user.refresh_from_db()
    assert log_in(password=NEW).status_code == 200


@pytest.mark.postgres
@live
def test_of_two_who_use_a_link_at_once_one_wins(rf):
    user = reader(username="ann")
    link = urlsplit(passwords.make_link(user, rf.get("/"))).path

    def one(number):
        try:
            return confirm(link, f"{NEW}-{number}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(one, range(4))) == [204, 400, 400, 400]


# In the admin -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_staff_hand_over_a_link_and_it_sets_a_password_on_a_page(client, settings):
    settings.PUBLIC_URL = "https://bridge.example.com"
    client.force_login(staff(MANAGERS))
    ann = reader(username="ann", email_verified=False)
    users = reverse("admin:accounts_user_changelist")
    page = client.post(
        users, {"action": "make_link", "_selected_action": [ann.pk]}, follow=True
    ).content.decode()
    link = re.search(r"https://bridge\.example\.com(/admin/password_reset/\S+/)", page)[1]
    assert LogEntry.objects.get().change_message == "Made a link to set a new password."

    browser = Client()
    form = browser.get(link, follow=True)
    # The token is no longer in the address, which a browser keeps and a page may pass on.
    assert parts(form.redirect_chain[-1][0])[1] == "set-password"
    where = form.redirect_chain[-1][0]
    short = browser.post(where, {"new_password1": "short", "new_password2": "short"})
    assert short.status_code == 200
    done = browser.post(where, {"new_password1": NEW, "new_password2": NEW}, follow=True)
    assert "Your password was changed" in done.content.decode()
    assert log_in(password=NEW).status_code == 200
    ann.refresh_from_db()
    assert not ann.email_verified
    assert "This link is not valid" in Client().get(link, follow=True).content.decode()


@pytest.mark.django_db
def test_a_manager_makes_no_link_for_staff(client):
    client.force_login(staff(MANAGERS))
    boss = UserFactory(is_superuser=True)
    users = reverse("admin:accounts_user_changelist")
    page = client.post(
        users, {"action": "make_link", "_selected_action": [boss.pk]}, follow=True
    ).content.decode()
    assert "password_reset" not in page
    assert "No link for" in page


@live
def test_staff_who_forgot_the_password_get_a_link_from_the_login_page(mailbox):
    UserFactory(username="ann", email="ann@example.com", is_staff=True)
    assert ASK in Client().get("/admin/login/").content.decode()
    known = Client().post(ASK, {"email": "ann@example.com"}, follow=True)
    unknown = Client().post(ASK, {"email": "nobody@example.com"}, follow=True)
    strip = re.compile(r'nonce="[^"]*"|csrf\S+ value="[^"]*"')
    assert strip.sub("", known.content.decode()) == strip.sub("", unknown.content.decode())
    browser = Client()
    where = browser.get(mailbox.link(), follow=True).redirect_chain[-1][0]
    browser.post(where, {"new_password1": NEW, "new_password2": NEW})
    form = {"username": "ann", "password": NEW}
    assert Client().post("/admin/login/", form).status_code == 302


@pytest.mark.django_db
def test_pages_for_passwords_have_the_limit_of_logins(monkeypatch, settings):
    from django.core.cache.backends.locmem import LocMemCache

    settings.MAIL_ENABLED = True
    monkeypatch.setattr(passwords, "request_link", lambda email: None)
    monkeypatch.setattr(throttles.AuthThrottle, "THROTTLE_RATES", {"anonymous-auth": "2/min"})
    monkeypatch.setattr(throttles.AuthThrottle, "cache", LocMemCache("pages", {}))
    answers = [Client().post(ASK, {"email": "a@example.com"}).status_code for _ in range(3)]
    assert answers == [302, 302, 429]
    assert Client().post(f"{ASK}x/y/", {}).status_code == 429
    assert post("password/reset", email="a@example.com").status_code == 429


@pytest.mark.django_db
def test_staff_change_their_own_password_in_the_admin(client):
    ann = staff(MANAGERS, username="ann")
    client.force_login(ann)
    access = tokens.issue(ann).access
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post("/admin/password_change/", form).status_code == 302
    assert client.get("/admin/").status_code == 200
    assert me(access).status_code == 401
