"""Contacts made in Odoo over the API, once for each Idempotency-Key."""

import json
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tokens
from accounts.tests.factories import UserFactory, user_of
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from odoo_bridge.api import waiting
from odoo_bridge.demo import Fault
from odoo_bridge.models import OdooWrite, Reference
from odoo_bridge.odoo import retry
from odoo_bridge.odoo.connect import disconnect
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.runs import sync
from odoo_bridge.writing import requests

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_waits")]
BOTH = pytest.mark.parametrize("transport", ["jsonrpc", "json2"], indirect=True)
PATH = "/api/utils/odoo-contacts"
# What loses Odoo's answer after it has committed, and what keeps the call from it.
LOST = ["after_commit_reset", "cut"]


@pytest.fixture
def odoo(demo):
    """The demo Odoo, mirrored."""
    sync("contacts", "reconcile")
    return demo


@pytest.fixture
def writer():
    return client_of(UserFactory(groups=["writers"]))


def make(client, key=None, **body):
    key = key or str(uuid4())
    body = {"name": "Acme", **body}
    return client.post(PATH, body, format="json", headers={"Idempotency-Key": key})


def named(demo, name="Acme"):
    return [key for key, row in demo.rows("res.partner").items() if row["name"] == name]


def sent(demo, method="load"):
    return [call for call in demo.calls if call.method == method]


@BOTH
def test_a_contact_is_in_odoo_and_in_the_mirror_when_the_answer_arrives(odoo, writer):
    parent = odoo.rows("res.partner")[1]
    answer = make(
        writer,
        name="Jane Doe",
        email="jane@acme.example",
        phone="+32 2 555 00 01",
        parent_id=parent["id"],
        type="delivery",
        ref="C-7",
        lang="fr_FR",
        street="Rue Haute 7",
        zip="1000",
        city="Brussels",
        country_code="BE",
    )
    assert answer.status_code == 201, answer.json()
    row = answer.json()
    made = odoo.row("res.partner", row["odoo_id"])
    assert (made["name"], made["email"], made["lang"]) == ("Jane Doe", "jane@acme.example", "fr_FR")
    assert (made["type"], made["parent_id"], made["street"]) == ("delivery", 1, "Rue Haute 7")
    mirrored = Contact.objects.get(pk=row["odoo_id"])
    assert (mirrored.country_code, mirrored.ref, mirrored.created_by) == ("BE", "C-7", writer.user)
    assert (row["country_name"], row["parent_id"]) == ("Belgium", 1)
    reader = client_of(user_of("reader"))
    assert row["created_by"] == "me"
    seen = reader.get(f"/api/contacts/{row['odoo_id']}").json()
    assert seen == {**row, "created_by": "other"}


def test_the_same_key_gives_the_same_answer_and_one_contact(odoo, writer):
    key = str(uuid4())
    first, second = make(writer, key), make(writer, key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert not first.has_header("Idempotency-Replayed")
    assert second["Idempotency-Replayed"] == "true"
    assert second["Idempotency-Key"] == key
    assert len(named(odoo)) == 1
    # Also once the contact is another one: the answer is what came of the request.
    odoo.write("res.partner", named(odoo), name="Acme Ltd")
    sync("contacts", "changes")
    assert make(writer, key).json()["name"] == "Acme"


def test_another_body_or_another_order_of_keys(odoo, writer):
    key = str(uuid4())
    headers = {"Idempotency-Key": key}
    body = '{"name": "Acme", "ref": "7"}'
    post = {"content_type": "application/json", "headers": headers}
    assert writer.post(PATH, body, **post).status_code == 201
    assert writer.post(PATH, '{"ref":"7","name":"Acme"}', **post).status_code == 201
    answer = writer.post(PATH, '{"name": "Acme", "ref": "8"}', **post)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert len(named(odoo)) == 1


def test_a_key_is_its_users_own(odoo, writer):
    key = str(uuid4())
    other = client_of(UserFactory(groups=["writers"]))
    assert make(writer, key).status_code == 201
    answer = make(other, key, name="Other")
    assert answer.status_code == 201
    assert answer.json()["name"] == "Other"


@pytest.mark.parametrize(
    "key", ["", "short", "x" * 129, "with space 1", "ümlaut-key-1", "a,b,c,d,e,f"]
)
def test_a_write_without_a_good_key_is_refused(odoo, writer, key):
    headers = {"Idempotency-Key": key} if key else {}
    answer = writer.post(PATH, {"name": "Acme"}, format="json", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "idempotency_key_required"
    assert not OdooWrite.objects.exists()


IMPOSSIBLE = [
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"email": "nobody"}, "email"),
    ({"is_company": "perhaps"}, "is_company"),
    ({"parent_id": 999_999}, "parent_id"),
    ({"parent_id": 2**31}, "parent_id"),
    ({"company_id": 99}, "company_id"),
    ({"country_code": "XX"}, "country_code"),
    ({"country_code": "be"}, "country_code"),
    ({"lang": "english"}, "lang"),
    ({"type": "private"}, "type"),
    ({"parent_id": 1, "street": "Rue Haute 7"}, "street"),
    ({"parent_id": 1, "vat": "BE0477472701"}, "vat"),
    # What only Odoo, or nobody, may set.
    ({"id": 7}, "id"),
    ({"odoo_id": 7}, "odoo_id"),
    ({"created_by": 1}, "created_by"),
    ({"country_id": 1}, "country_id"),
    ({"user_ids": [[0, 0, {"login": "x"}]]}, "user_ids"),
    ({"parent_id/.id": 1}, "parent_id/.id"),
    ({"context": {"lang": "fr_FR"}}, "context"),
    ({"model": "res.users"}, "model"),
    ({"method": "unlink"}, "method"),
    ({"name": {"a": 1}}, "name"),
    ({"name": "a\x00b"}, "name"),
    ({"name": "x" * 201}, "name"),
]


def test_a_body_that_cannot_be_right_is_refused_before_odoo_is_asked(odoo, writer):
    for body, field in IMPOSSIBLE:
        answer = make(writer, **body)
        assert answer.status_code == 400, (body, answer.json())
        assert field in answer.json()["error"]["fields"], (body, answer.json())
    # What is not known here was looked up, and nothing sent.
    assert {call.method for call in odoo.calls} & {"load", "create", "write"} == set()
    assert not OdooWrite.objects.exists()


def test_what_the_mirror_does_not_know_yet_is_looked_up_before_it_is_refused(odoo, writer):
    """Made or activated in Odoo since the last run."""
    parent = odoo.add("res.partner", name="New parent", is_company=True)
    Reference.objects.filter(kind=Reference.Kind.COUNTRY, code="BE").delete()
    Reference.objects.filter(kind=Reference.Kind.COMPANY).update(active=False)
    body = {"parent_id": parent, "country_code": "BE", "company_id": 1, "type": "delivery"}
    answer = make(writer, **body)
    assert answer.status_code == 201, answer.json()
    row = answer.json()
    assert (row["parent_id"], row["country_code"], row["company_id"]) == (parent, "BE", 1)
    assert row["country_name"] == "Belgium"
    assert Contact.objects.get(pk=parent).name == "New parent"


def test_where_odoo_is_down_what_is_not_known_is_a_503_not_a_refusal(odoo, writer, settings):
    settings.ODOO_URL = "http://127.0.0.1:9"
    disconnect()
    for body in ({"country_code": "XX"}, {"parent_id": 4711}, {"company_id": 99}):
        answer = make(writer, **body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "odoo_unavailable")
        assert answer["Retry-After"]
    assert not OdooWrite.objects.exists()


def test_odoos_own_no_is_a_422_with_its_words_and_final(odoo, writer):
    key = str(uuid4())
    answer = make(writer, key, lang="de_DE")
    assert answer.status_code == 422
    assert answer.json()["error"] == {
        "code": "odoo_rejected",
        "message": "Value 'de_DE' not found in selection field 'Language'",
    }
    assert make(writer, key, lang="de_DE").json() == answer.json()
    assert len(sent(odoo)) == 1
    assert OdooWrite.objects.get().state == OdooWrite.State.REFUSED


# When Odoo does not answer ------------------------------------------------------------------------
@BOTH
@pytest.mark.parametrize("kind", LOST)
def test_an_answer_lost_after_the_commit_is_found_at_once(odoo, writer, kind):
    odoo.faults.add(Fault(kind, "res.partner", "load"))
    answer = make(writer)
    assert answer.status_code == 201, answer.json()
    assert named(odoo) == [answer.json()["odoo_id"]]
    assert len(sent(odoo)) == 1


@BOTH
def test_an_answer_lost_with_odoo_gone_after_it_is_found_by_the_next_request(odoo, writer):
    key = str(uuid4())
    odoo.faults.add(
        Fault("after_commit_reset", "res.partner", "load"),
        Fault("reset", "ir.model.data", "check_object_reference", times=retry.READ_ATTEMPTS),
    )
    answer = make(writer, key)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "outcome_unknown"
    assert int(answer["Retry-After"]) >= 1
    assert OdooWrite.objects.get().state == OdooWrite.State.SENT
    assert not Contact.objects.filter(name="Acme").exists()
    again = make(writer, key)
    assert again.status_code == 201
    assert named(odoo) == [again.json()["odoo_id"]]
    assert len(sent(odoo)) == 1
    assert Contact.objects.get(name="Acme").created_by == writer.user


def test_while_odoo_may_still_be_working_nothing_is_sent_again(odoo, writer, monkeypatch):
    key = str(uuid4())
    odoo.faults.add(Fault("reset", "res.partner", "load"))
    assert make(writer, key).json()["error"]["code"] == "outcome_unknown"
    assert make(writer, key).json()["error"]["code"] == "outcome_unknown"
    assert len(sent(odoo)) == 1
    OdooWrite.objects.update(sent_at=timezone.now() - requests.MAY_STILL_RUN)
    answer = make(writer, key)
    assert answer.status_code == 201
    assert len(sent(odoo)) == 2
    assert len(named(odoo)) == 1
    assert OdooWrite.objects.get().attempts == 2


@BOTH
def test_a_client_that_comes_back_while_odoo_works_gets_the_same_contact(odoo, writer, settings):
    key = str(uuid4())
    release = threading.Event()
    settings.ODOO_TIMEOUT_SECONDS = 1
    odoo.faults.add(Fault("hook", "res.partner", "load", run=release.wait))
    first = make(writer, key)
    second = make(writer, key)
    assert {first.status_code, second.status_code} == {503}
    assert first.json()["error"]["code"] == second.json()["error"]["code"] == "outcome_unknown"
    release.set()
    wait_for(lambda: named(odoo))
    third = make(writer, key)
    assert third.status_code == 201
    assert named(odoo) == [third.json()["odoo_id"]]
    assert len(sent(odoo)) == 1


def wait_for(condition):
    deadline = threading.Event()
    for _ in range(200):
        if condition():
            return
        deadline.wait(0.02)
    raise AssertionError("it did not happen in 4 s")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault("busy", "res.partner", "load"), 503, "odoo_unavailable"),
        (Fault("access_denied", "res.partner", "load"), 502, "odoo_refused"),
        (Fault("redirect", "res.partner", "load"), 502, "odoo_refused"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_a_call_that_odoo_did_not_take_can_be_sent_again_at_once(odoo, writer, fault, status, code):
    key = str(uuid4())
    odoo.faults.add(fault)
    answer = make(writer, key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert OdooWrite.objects.get().state == OdooWrite.State.REQUESTED
    disconnect()
    assert make(writer, key).status_code == 201
    assert len(named(odoo)) == 1


def test_odoo_being_down_is_a_503_that_says_when_to_come_back(odoo, writer, settings):
    settings.ODOO_URL = "http://127.0.0.1:9"
    key = str(uuid4())
    answer = make(writer, key)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert OdooWrite.objects.get().state == OdooWrite.State.REQUESTED


def test_a_contact_that_is_made_but_not_yet_mirrored_is_finished_by_the_next_request(odoo, writer):
    key = str(uuid4())
    odoo.faults.add(Fault("status", "res.partner", "read", code=502, times=retry.READ_ATTEMPTS))
    answer = make(writer, key)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unfinished"
    write = OdooWrite.objects.get()
    assert (write.state, [write.odoo_id]) == (OdooWrite.State.MADE, named(odoo))
    assert make(writer, key).status_code == 201
    assert len(sent(odoo)) == 1
    assert Contact.objects.get(pk=write.odoo_id).created_by == writer.user


def test_a_contact_that_cannot_be_mirrored_is_told_with_its_id(odoo, writer):
    key = str(uuid4())
    odoo.faults.add(Fault("poison_record", "res.partner", "read", ids=range(1, 1000), times=None))
    answer = make(writer, key)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["code"], [error["odoo_id"]]) == ("not_mirrored", named(odoo))
    odoo.faults.clear()
    assert make(writer, key).json() == answer.json()


def test_what_nobody_came_back_for_is_settled_by_the_sweeper(odoo, writer):
    found, lost = str(uuid4()), str(uuid4())
    odoo.faults.add(
        Fault("after_commit_reset", "res.partner", "load"),
        Fault("reset", "ir.model.data", times=retry.READ_ATTEMPTS),
    )
    assert make(writer, found, name="Found").status_code == 503
    odoo.faults.add(Fault("reset", "res.partner", "load"))
    assert make(writer, lost, name="Lost").status_code == 503
    requests.resolve_all()
    assert {write.state for write in OdooWrite.objects.all()} == {"sent"}
    OdooWrite.objects.update(sent_at=timezone.now() - requests.MAY_STILL_RUN - timedelta(seconds=1))
    requests.resolve_all()
    states = dict(OdooWrite.objects.values_list("key", "state"))
    assert states == {found: "made", lost: "requested"}
    assert Contact.objects.get(name="Found").created_by == writer.user
    asked = len(odoo.calls)
    requests.resolve_all()
    assert len(odoo.calls) == asked
    assert make(writer, found, name="Found").status_code == 201
    assert make(writer, lost, name="Lost").status_code == 201
    assert (len(named(odoo, "Found")), len(named(odoo, "Lost"))) == (1, 1)


# Two at once --------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_simultaneous_requests_with_one_key_make_one_contact(odoo, monkeypatch):
    # More than six may wait for Odoo: none is told to come again for that reason.
    monkeypatch.setattr(waiting, "slots", waiting.Slots(8))
    user = UserFactory(groups=["writers"])
    key, begin = str(uuid4()), threading.Barrier(6)
    answers = []

    def go():
        begin.wait()
        try:
            answers.append(make(client_of(user), key))
        finally:
            connection.close()

    threads = [threading.Thread(target=go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert len(named(odoo)) == 1
    assert len(sent(odoo)) == 1
    for answer in answers:
        assert answer.status_code in (201, 409), answer.json()
        if answer.status_code == 409:
            assert answer.json()["error"]["code"] == "in_progress"
            assert answer["Retry-After"]
        else:
            assert answer.json()["odoo_id"] == named(odoo)[0]
    assert any(answer.status_code == 201 for answer in answers)


def test_a_process_that_died_at_work_is_taken_over_when_its_claim_runs_out(odoo, writer):
    key = str(uuid4())
    make(writer, key)
    OdooWrite.objects.update(
        state="made", answer="", claimed_until=timezone.now() + timedelta(seconds=60)
    )
    answer = make(writer, key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "in_progress")
    OdooWrite.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert make(writer, key).status_code == 201
    assert len(sent(odoo)) == 1


# Who may ------------------------------------------------------------------------------------------
def company(odoo_id, name="Other company"):
    return Reference.objects.get_or_create(
        kind=Reference.Kind.COMPANY, odoo_id=odoo_id, defaults={"name": name, "currency_id": 1}
    )[0]


def test_a_writer_scoped_to_a_company_writes_for_that_one(odoo, writer):
    writer.user.scope_companies.set([company(1)])
    assert make(writer).json()["company_id"] == 1
    assert make(writer, company_id=1).json()["company_id"] == 1
    company(2)
    answer = make(writer, company_id=2)
    assert answer.status_code == 400
    assert "company_id" in answer.json()["error"]["fields"]


def test_a_writer_scoped_to_several_companies_names_one(odoo, writer):
    writer.user.scope_companies.set([company(1), company(2)])
    answer = make(writer)
    assert answer.status_code == 400
    [said] = answer.json()["error"]["fields"]["company_id"]
    assert said["code"] == "required"
    assert make(writer, company_id=1).status_code == 201


def test_a_company_the_bridge_does_not_read_is_not_written_for(odoo, writer, settings):
    settings.ODOO_COMPANY_IDS = [2]
    company(2)
    assert make(writer, company_id=1).status_code == 400


def test_a_writer_scoped_to_contacts_adds_below_them_only(odoo, writer):
    inside = odoo.add("res.partner", name="Inside", is_company=True)
    below = odoo.add("res.partner", name="Below", parent_id=inside)
    outside = odoo.add("res.partner", name="Outside", is_company=True)
    sync("contacts", "changes")
    writer.user.scope_contacts.set([inside])
    for body in ({}, {"parent_id": outside}):
        answer = make(writer, **body)
        assert answer.status_code == 400
        assert "parent_id" in answer.json()["error"]["fields"]
    assert make(writer, name="Child", parent_id=inside).status_code == 201
    assert make(writer, name="Grandchild", parent_id=below).status_code == 201
    assert Contact.objects.visible_to(writer.user).count() == 4


def test_each_user_may_write_so_many_times_a_minute(odoo, writer, monkeypatch):
    monkeypatch.setattr("accounts.throttles.WriteThrottle.THROTTLE_RATES", {"writes": "2/min"})
    assert [make(writer, name=f"No. {n}").status_code for n in range(3)] == [201, 201, 429]
    assert make(client_of(UserFactory(groups=["writers"]))).status_code == 201


def test_a_made_contact_is_found_by_who_made_it(odoo, writer):
    made = make(writer).json()["odoo_id"]
    ContactFactory(odoo_id=777)
    user = UserFactory(groups=["readers", "writers"])
    mine = client_of(user)
    own = make(mine, name="Mine").json()["odoo_id"]
    ids = Contact.objects.filter(created_by=user).values_list("pk", flat=True)
    assert list(ids) == [own]
    assert made != own


# Rights that are narrower than when the key was first used -----------------------------------------
def narrow(client, companies=(), contacts=()):
    client.user.scope_companies.set([company(one) for one in companies])
    client.user.scope_contacts.set(contacts)
    # As the next request finds it.
    client.force_authenticate(UserFactory._meta.model.objects.get(pk=client.user.pk))


# What the first request left.
LEFT = {
    "done": [],
    "requested": [Fault("busy", "res.partner", "load")],
    "sent": [
        Fault("after_commit_reset", "res.partner", "load"),
        Fault("reset", "ir.model.data", times=retry.READ_ATTEMPTS),
    ],
    "made": [Fault("status", "res.partner", "read", code=502, times=retry.READ_ATTEMPTS)],
}


@pytest.mark.parametrize("state", LEFT)
def test_an_old_key_does_and_shows_nothing_that_the_scope_no_longer_holds(odoo, writer, state):
    inside, outside = (
        odoo.add("res.partner", name=name, is_company=True) for name in ("Inside", "Outside")
    )
    sync("contacts", "changes")
    key, body = str(uuid4()), {"name": "Secret", "parent_id": inside}
    odoo.faults.add(
        *(
            Fault(one.kind, one.model, one.method, times=one.times, **one.options)
            for one in LEFT[state]
        )
    )
    make(writer, key, **body)
    assert OdooWrite.objects.get().state == state
    asked = len(odoo.calls)
    for scope in ({"contacts": [outside]}, {"companies": [2]}, {"companies": [1, 2]}):
        narrow(writer, **scope)
        answer = make(writer, key, **body)
        assert answer.status_code == 400, answer.content
        assert set(answer.json()["error"]["fields"]) == {
            "parent_id" if "contacts" in scope else "company_id"
        }
        assert not answer.has_header("Idempotency-Replayed")
        assert OdooWrite.objects.get().state == state
    assert len(odoo.calls) == asked
    # The sweeper sends nothing either, and mirrors what is in Odoo all the same.
    OdooWrite.objects.update(sent_at=timezone.now() - requests.MAY_STILL_RUN * 2)
    requests.resolve_all()
    assert len(sent(odoo)) == 1
    assert Contact.objects.filter(name="Secret").count() == (state != "requested")
    narrow(writer)
    answer = make(writer, key, **body)
    assert (answer.status_code, answer.json()["name"]) == (201, "Secret")
    assert len(named(odoo, "Secret")) == 1


def test_an_old_key_shows_no_record_that_left_the_scope(odoo, writer):
    narrow(writer, companies=[1])
    key = str(uuid4())
    made = make(writer, key).json()["odoo_id"]
    Contact.objects.filter(pk=made).update(company_id=2)
    assert make(writer, key).status_code == 404
    Contact.objects.filter(pk=made).update(company_id=None)
    assert make(writer, key).json()["name"] == "Acme"


def test_an_old_key_opens_nothing_without_the_group_or_to_a_locked_account(odoo, writer, settings):
    key = str(uuid4())
    assert make(writer, key).status_code == 201
    client = APIClient(headers={"Authorization": f"Bearer {tokens.issue(writer.user).access}"})
    client.user = writer.user
    assert make(client, key)["Idempotency-Replayed"] == "true"
    writer.user.groups.clear()
    assert make(client, key).status_code == 403
    writer.user.is_active = False
    writer.user.save()
    assert make(client, key).status_code == 401


def test_a_company_the_bridge_no_longer_reads_is_not_written_for_by_an_old_key(
    odoo, writer, settings
):
    key = str(uuid4())
    odoo.faults.add(Fault("busy", "res.partner", "load"))
    assert make(writer, key, company_id=1).status_code == 503
    settings.ODOO_COMPANY_IDS = [2]
    assert make(writer, key, company_id=1).status_code == 400
    assert len(sent(odoo)) == 1


# The record of writes -----------------------------------------------------------------------------
def test_every_write_is_a_row_with_who_what_when_and_what_came_of_it(odoo, writer):
    make(writer, ref="C-7")
    make(writer, lang="de_DE")
    refused, done = OdooWrite.objects.all()
    assert (done.action, done.username, done.body["ref"]) == (
        "create_contact",
        writer.user.username,
        "C-7",
    )
    assert (done.state, done.answer_status, [done.odoo_id]) == ("done", 201, named(odoo))
    assert done.requested_at <= done.sent_at <= done.finished_at
    assert (refused.state, refused.answer_status, refused.odoo_id) == ("refused", 422, None)
    assert refused.error == "Value 'de_DE' not found in selection field 'Language'"
    writer.user.delete()
    done.refresh_from_db()
    assert (done.user, done.username) == (None, writer.user.username)


def test_no_secret_and_no_traceback_gets_into_the_record_of_writes(odoo, writer, settings):
    settings.ODOO_PASSWORD = odoo.password = "hunter-2-hunter-2"
    disconnect()
    for kind in ("access_denied", "html", "reset", "wrong_type"):
        odoo.faults.add(Fault(kind, "res.partner", "load"))
        make(writer)
    text = json.dumps(list(OdooWrite.objects.values()), default=str)
    assert len(OdooWrite.objects.all()) == 4
    assert "hunter" not in text
    assert "Traceback" not in text
    assert settings.SECRET_KEY not in text
