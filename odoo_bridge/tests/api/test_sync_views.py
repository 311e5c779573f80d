"""The sync over the API."""

import socket
from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery, current_app
from django.conf import settings as django_settings
from django.core.cache.backends.locmem import LocMemCache
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.models import OPERATORS, READERS
from accounts.tests.factories import UserFactory, reader, scoped, user_of
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from invoices.tests.factories import InvoiceFactory
from odoo_bridge.api import throttles
from odoo_bridge.models import SyncRun
from odoo_bridge.sync.run import run_queued
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.factories import SyncIssueFactory, SyncRunFactory, SyncStateFactory

pytestmark = pytest.mark.django_db
Status = SyncRun.Status


@pytest.fixture
def operator():
    return client_of(user_of("operator"))


def results(api, path):
    answer = api.get(f"/api/sync/{path}")
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]


def ids(api, path):
    return [row["id"] for row in results(api, path)]


def streams(api):
    answer = api.get("/api/sync")
    assert answer.status_code == 200, answer.json()
    return {stream["stream"]: stream for stream in answer.json()["streams"]}


# Where streams stand ------------------------------------------------------------------------------
def test_a_stream_that_was_never_copied_stands_nowhere(operator):
    assert list(streams(operator)) == list(all_streams())
    contacts = streams(operator)["contacts"]
    assert (contacts["watermark"], contacts["lag_seconds"], contacts["last_run"]) == (None,) * 3


def test_a_stream_says_how_far_it_is_and_what_its_runs_did(operator):
    mark = timezone.now() - timedelta(seconds=90)
    SyncStateFactory(watermark=mark, row_count=7, odoo_row_count=8)
    last = SyncRunFactory(status=Status.FAILED, error_code="odoo_busy")
    SyncRunFactory(status=Status.SKIPPED)
    SyncRunFactory(status=Status.QUEUED)
    current = SyncRunFactory(status=Status.RUNNING)
    SyncIssueFactory()
    SyncIssueFactory(resolved_at=mark)
    SyncIssueFactory(stream="invoices")
    contacts = streams(operator)["contacts"]
    assert 90 <= contacts["lag_seconds"] < 120
    assert (contacts["row_count"], contacts["odoo_row_count"], contacts["open_issues"]) == (7, 8, 1)
    assert (contacts["current_run"]["id"], contacts["last_run"]["id"]) == (current.pk, last.pk)
    assert "ODOO_CONNECTIONS" in contacts["last_run"]["remedy"]


def test_the_next_runs_are_those_of_the_schedules(operator):
    ticked_at = timezone.now()
    PeriodicTask.objects.filter(name="contacts: reconcile").update(last_run_at=ticked_at)
    PeriodicTask.objects.filter(name="contacts: full").update(enabled=False)
    next_runs = streams(operator)["contacts"]["next_runs"]
    assert set(next_runs) == {"changes", "reconcile"}
    after = datetime.fromisoformat(next_runs["reconcile"]) - ticked_at
    assert abs(after - timedelta(hours=1)) < timedelta(minutes=1)


def test_what_has_not_been_heard_of_is_named(operator):
    PeriodicTask.objects.update(last_run_at=datetime(2026, 2, 1, tzinfo=UTC))
    [silence] = operator.get("/api/sync").json()["silences"]
    assert (silence["code"], silence["since"]) == ("beat_silent", "2026-02-01T00:00:00Z")
    assert silence["remedy"]


def test_the_status_takes_as_many_queries_with_runs_as_without(
    operator, django_assert_max_num_queries
):
    for stream in all_streams():
        SyncStateFactory(stream=stream, watermark=timezone.now())
        SyncRunFactory(stream=stream, status=Status.SUCCEEDED, requested_by=reader())
        SyncRunFactory(stream=stream, status=Status.RUNNING)
    with django_assert_max_num_queries(8):
        streams(operator)


def test_with_a_scope_the_state_says_how_fresh_it_is_and_not_how_much_there_is():
    SyncStateFactory(watermark=timezone.now(), row_count=7, odoo_row_count=7)
    SyncRunFactory(status=Status.SUCCEEDED, created_count=7)
    contacts = streams(client_of(scoped(companies=[1])))["contacts"]
    assert contacts["watermark"]
    assert [contacts[name] for name in ("row_count", "odoo_row_count", "last_run")] == [None] * 3


# Runs ---------------------------------------------------------------------------------------------
def test_runs_are_listed_the_latest_first_and_filtered(operator):
    first = SyncRunFactory(status=Status.SUCCEEDED)
    second = SyncRunFactory(stream="invoices", kind="full", trigger="api", status=Status.FAILED)
    assert ids(operator, "runs") == [second.pk, first.pk]
    for query, found in {
        "stream=contacts": [first.pk],
        "kind=full": [second.pk],
        "status=failed": [second.pk],
        "trigger=schedule": [first.pk],
        "queued_since=2999-01-01T00:00:00Z": [],
        "per_page=1&page=2": [first.pk],
    }.items():
        assert ids(operator, f"runs?{query}") == found, query


@pytest.mark.parametrize(
    "query", ["kind=fast", "status=done", "queued_since=now", "cursor=", "strem=x"]
)
def test_a_filter_of_runs_that_cannot_be_right_is_refused(operator, query):
    answer = operator.get(f"/api/sync/runs?{query}")
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {query.split("=")[0]}


def test_names_of_people_and_machines_are_for_operators(operator):
    run = SyncRunFactory(
        requested_by=UserFactory(username="ann"), holder="worker-1", error="odoo.internal: no"
    )
    told = operator.get(f"/api/sync/runs/{run.pk}").json()
    assert (told["requested_by"], told["holder"], told["error"]) == (
        "ann",
        "worker-1",
        "odoo.internal: no",
    )
    told = client_of(reader()).get(f"/api/sync/runs/{run.pk}").json()
    assert [told[name] for name in ("requested_by", "holder", "error")] == [None] * 3


def test_with_a_scope_only_operators_read_runs():
    run = SyncRunFactory()
    user = scoped(contacts=[ContactFactory().pk])
    for path in ("runs", f"runs/{run.pk}"):
        assert client_of(user).get(f"/api/sync/{path}").status_code == 403
    user = UserFactory(groups=[READERS, OPERATORS])
    user.scope_contacts.set([1])
    assert client_of(user).get("/api/sync/runs").status_code == 200


@pytest.mark.parametrize("run_id", ["0", "abc", "9" * 30, "9" * 5000])
def test_a_run_that_is_not_there_is_a_404(operator, run_id):
    assert operator.get(f"/api/sync/runs/{run_id}").status_code == 404


# Issues -------------------------------------------------------------------------------------------
def test_open_issues_are_listed_without_the_record_and_resolved_ones_when_asked_for(operator):
    open_one = SyncIssueFactory(record={"vat": "secret"})
    resolved = SyncIssueFactory(stream="invoices", resolved_at=timezone.now())
    [issue] = results(operator, "issues")
    assert (issue["id"], issue["reason"]) == (open_one.pk, "no name")
    assert "record" not in issue
    assert ids(operator, "issues?include_resolved=true") == [resolved.pk, open_one.pk]
    assert ids(operator, "issues?include_resolved=true&stream=invoices") == [resolved.pk]


def test_with_a_scope_issues_are_those_of_rows_in_it():
    ContactFactory(odoo_id=1)
    ContactFactory(odoo_id=9)
    InvoiceFactory(odoo_id=9, contact_id=1)
    mine = [SyncIssueFactory(odoo_id=1), SyncIssueFactory(stream="invoices", odoo_id=9)]
    SyncIssueFactory(odoo_id=9)
    SyncIssueFactory(odoo_id=777)
    assert ids(client_of(scoped(contacts=[1])), "issues") == [issue.pk for issue in reversed(mine)]


# Starting a run -----------------------------------------------------------------------------------
def start(api, stream="contacts", **body):
    return api.post(f"/api/sync/{stream}/run", body, format="json")


def test_a_started_run_is_written_down_and_has_an_address(operator):
    answer = start(operator, kind="reconcile")
    assert answer.status_code == 202
    run = SyncRun.objects.get()
    assert (run.kind, run.trigger, run.status) == ("reconcile", "api", Status.QUEUED)
    assert run.requested_by.username == answer.json()["requested_by"]
    assert operator.get(answer["Location"]).json() == answer.json()
    assert answer.json()["id"] == run.pk


def test_without_a_kind_it_looks_for_changes(operator):
    assert start(operator).json()["kind"] == "changes"


def test_records_are_read_again_by_id(operator):
    assert start(operator, kind="records", ids=[7, 3, 7]).status_code == 202
    assert SyncRun.objects.get().requested_ids == [3, 7]


def test_asking_twice_starts_one_run(operator):
    first = start(operator)
    assert start(operator).json()["id"] == first.json()["id"]
    assert start(operator, kind="full").json()["id"] != first.json()["id"]
    SyncRun.objects.update(status=Status.RUNNING)
    assert start(operator).json()["id"] != first.json()["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "fast"}, "kind"),
        ({"kind": "records"}, "ids"),
        ({"kind": "records", "ids": []}, "ids"),
        ({"kind": "records", "ids": [0]}, "ids.0"),
        ({"kind": "records", "ids": ["x"]}, "ids.0"),
        ({"kind": "records", "ids": [1] * 1001}, "ids"),
        ({"kind": "changes", "ids": [1]}, "ids"),
        ({"confirm_gone": True}, "confirm_gone"),
    ],
)
def test_a_run_that_cannot_be_meant_is_refused(operator, body, field):
    answer = start(operator, **body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {field}
    assert not SyncRun.objects.exists()


def test_a_stream_that_is_not_there_cannot_be_started(operator):
    assert start(operator, stream="runs").status_code == 404
    assert start(operator, stream="res.users").status_code == 404


def test_starting_runs_is_limited(operator, monkeypatch):
    monkeypatch.setattr(throttles.SyncThrottle, "THROTTLE_RATES", {"sync": "2/min"})
    monkeypatch.setattr(throttles.SyncThrottle, "cache", LocMemCache("sync", {}))
    assert [start(operator).status_code for _ in range(3)] == [202, 202, 429]


def test_a_run_is_accepted_while_redis_is_away_and_carried_out_afterwards(
    operator, demo, django_capture_on_commit_callbacks
):
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        away = Celery("away", set_as_current=False)
        away.config_from_object("django.conf:settings", namespace="CELERY")
        away.conf.broker_url = f"redis://127.0.0.1:{port.getsockname()[1]}/0"
        away.conf.broker_transport_options = {}
        usual = current_app._get_current_object()
        away.set_current()
        try:
            with django_capture_on_commit_callbacks(execute=True) as hints:
                answer = start(operator)
        finally:
            usual.set_current()
    assert (answer.status_code, len(hints)) == (202, 1)
    demo.add("res.partner", name="Acme")
    # What the sweep's next hint leads to.
    assert run_queued(answer.json()["id"]).status == Status.SUCCEEDED
    assert operator.get(answer["Location"]).json()["status"] == "succeeded"
    assert Contact.objects.filter(name="Acme").exists()
    assert usual.conf.broker_url == django_settings.CELERY_BROKER_URL
