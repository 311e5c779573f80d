"""The pages of the sync: who may do what there, and that it is done, and logged."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django_celery_beat import models as beat

from accounts.models import MANAGERS, OPERATORS, SUPPORT
from accounts.tests.factories import UserFactory
from accounts.tests.factories import staff as staff_of
from contacts.tests.factories import ContactFactory
from odoo_bridge.admin.runs import lasted
from odoo_bridge.models import GoneReview, Heartbeat, Schedule, SyncIssue, SyncRun
from odoo_bridge.operations import schedules
from odoo_bridge.sync import run as engine
from odoo_bridge.tests.factories import SyncIssueFactory, SyncRunFactory, SyncStateFactory

pytestmark = pytest.mark.django_db
Status = SyncRun.Status
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
FORBIDDEN, FOUND = 403, 302


@pytest.fixture(autouse=True)
def _no_hint_is_sent(monkeypatch):
    """A request is a row; who carries it out is another test."""
    monkeypatch.setattr(engine, "_hint", lambda run_id: None)


@pytest.fixture
def manager(client):
    user = staff_of(MANAGERS, username="mia")
    client.force_login(user)
    return client


def address(page, *args):
    return reverse(f"admin:odoo_bridge_{page}", args=args)


def text(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def a_review(**values):
    rows = [ContactFactory(odoo_id=n, name=f"Contact {n}") for n in (1, 2, 3)]
    ids = [row.pk for row in rows]
    return GoneReview.objects.create(
        **{"stream": "contacts", "ids": ids, "gone_count": 3, "present_count": 4, **values}
    )


def said(message):
    return list(LogEntry.objects.filter(change_message=message).values_list("user__username"))


# Who may do what -----------------------------------------------------------------------------------

PAGES = ["syncrun", "syncissue", "syncstate", "gonereview", "schedule", "reference"]


def _start():
    return address("syncrun_start"), {"stream": "contacts", "kind": "changes"}


def _cancel():
    run = SyncRunFactory(status=Status.RUNNING)
    return address("syncrun_cancel", run.pk), {}


def _retry():
    return address("syncissue_retry", SyncIssueFactory().pk), {}


def _confirm():
    return address("gonereview_confirm", a_review().pk), {}


def _reject():
    return address("gonereview_reject", a_review().pk), {}


def _schedule():
    task = Schedule.objects.get(name="contacts: changes")
    form = {"enabled": "on", "how": "every", "every": "5", "unit": "60"}
    return address("schedule_change", task.pk), form


ACTIONS = {
    _start: {OPERATORS, MANAGERS},
    _cancel: {OPERATORS, MANAGERS},
    _retry: {OPERATORS, MANAGERS},
    _confirm: {MANAGERS},
    _reject: {MANAGERS},
    _schedule: {MANAGERS},
}


@pytest.mark.parametrize("role", [SUPPORT, OPERATORS, MANAGERS])
@pytest.mark.parametrize("act", ACTIONS, ids=lambda act: act.__name__)
def test_each_role_does_what_is_its_to_do(client, role, act):
    client.force_login(staff_of(role))
    where, form = act()
    answer = client.post(where, form)
    assert answer.status_code == (FOUND if role in ACTIONS[act] else FORBIDDEN)


@pytest.mark.parametrize("act", ACTIONS, ids=lambda act: act.__name__)
def test_people_who_are_not_staff_are_shown_the_login(client, act):
    where, form = act()
    client.force_login(UserFactory(groups=[MANAGERS, OPERATORS]))
    assert client.post(where, form).url.startswith("/admin/login/")


@pytest.mark.parametrize("act", [_start, _cancel, _retry, _confirm, _reject])
def test_a_link_alone_does_nothing(manager, act):
    where, _form = act()
    before = SyncRun.objects.count()
    assert manager.get(where).status_code == 405
    assert SyncRun.objects.count() == before
    assert not SyncRun.objects.exclude(cancel_requested_at=None).exists()


@pytest.mark.parametrize("act", ACTIONS, ids=lambda act: act.__name__)
def test_a_form_of_another_site_does_nothing(act):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff_of(MANAGERS))
    where, form = act()
    assert browser.post(where, form).status_code == FORBIDDEN


@pytest.mark.parametrize("role", [SUPPORT, OPERATORS, MANAGERS])
@pytest.mark.parametrize("page", PAGES)
def test_every_role_reads_every_page_of_the_sync(client, role, page):
    client.force_login(staff_of(role))
    assert client.get(address(f"{page}_changelist")).status_code == 200


@pytest.mark.parametrize("role", [SUPPORT, OPERATORS])
def test_those_who_may_not_act_are_shown_no_button(client, role):
    client.force_login(staff_of(role))
    assert "as deleted" not in text(client.get(address("gonereview_change", a_review().pk)))
    run = SyncRunFactory(status=Status.RUNNING)
    shown = "Cancel this run" in text(client.get(address("syncrun_change", run.pk)))
    assert shown is (role == OPERATORS)


# Runs ----------------------------------------------------------------------------------------------


def test_starting_a_run_queues_it_and_shows_it(manager):
    answer = manager.post(address("syncrun_start"), {"stream": "invoices", "kind": "full"})
    run = SyncRun.objects.get()
    assert answer.url == address("syncrun_change", run.pk)
    assert (run.stream, run.kind, run.status, run.trigger) == (
        "invoices",
        "full",
        Status.QUEUED,
        "admin",
    )
    assert run.requested_by.username == "mia"
    assert said("Requested invoices: full.") == [("mia",)]


@pytest.mark.parametrize(
    "form", [{}, {"stream": "passwords", "kind": "full"}, {"stream": "contacts", "kind": "records"}]
)
def test_only_streams_and_kinds_of_ours_are_started(manager, form):
    manager.post(address("syncrun_start"), form)
    assert not SyncRun.objects.exists()


def test_cancelling_is_logged_once(manager):
    run = SyncRunFactory(status=Status.RUNNING)
    for _ in range(2):
        manager.post(address("syncrun_cancel", run.pk))
    run.refresh_from_db()
    assert run.cancelled_by.username == "mia"
    assert said("Cancelled.") == [("mia",)]


def test_selected_runs_are_cancelled_where_they_have_not_ended(manager):
    runs = [SyncRunFactory(status=status) for status in (Status.QUEUED, Status.SUCCEEDED)]
    manager.post(
        address("syncrun_changelist"),
        {"action": "cancel_selected", "_selected_action": [run.pk for run in runs]},
    )
    assert [SyncRun.objects.get(pk=run.pk).status for run in runs] == ["cancelled", "succeeded"]


def test_a_run_under_way_tells_where_it_stands(manager):
    run = SyncRunFactory(
        status=Status.RUNNING,
        phase="reading",
        planned_count=200,
        read_count=50,
        started_at=datetime.now(UTC) - timedelta(seconds=3),
    )
    answer = manager.get(address("syncrun_progress", run.pk)).json()
    assert (answer["open"], answer["doing"]) == (True, "reading and storing")
    assert (answer["read"], answer["planned"]) == (50, 200)
    assert "data-progress" in text(manager.get(address("syncrun_change", run.pk)))
    SyncRun.objects.update(status=Status.SUCCEEDED, finished_at=datetime.now(UTC))
    assert manager.get(address("syncrun_progress", run.pk)).json()["open"] is False
    assert "data-progress" not in text(manager.get(address("syncrun_change", run.pk)))


def test_a_run_that_waits_says_if_nobody_is_there_to_take_it(manager):
    run = SyncRunFactory(status=Status.QUEUED)
    now = datetime.now(UTC)
    Schedule.objects.filter(name="bridge: sweep").update(last_run_at=now)
    assert "No worker has carried out a tick" in text(
        manager.get(address("syncrun_change", run.pk))
    )
    Heartbeat.objects.create(name="worker", seen_at=now, holder="w1")
    assert "No worker" not in text(manager.get(address("syncrun_change", run.pk)))


def test_a_failed_run_shows_its_error_with_what_to_do(manager):
    run = SyncRunFactory(
        status=Status.FAILED, error="Odoo refused the login", error_code="odoo_refused"
    )
    page = text(manager.get(address("syncrun_change", run.pk)))
    assert "Odoo refused the login" in page
    assert "Check ODOO_DB, ODOO_USERNAME" in page


def test_a_run_shows_the_issues_it_met(manager):
    run = SyncRunFactory(
        status="succeeded_with_issues",
        issue_count=1,
        started_at=NOON,
        finished_at=NOON + timedelta(seconds=9),
    )
    SyncIssueFactory(odoo_id=71, last_seen_at=NOON + timedelta(seconds=5))
    SyncIssueFactory(odoo_id=72, last_seen_at=NOON + timedelta(seconds=15))
    page = text(manager.get(address("syncrun_change", run.pk)))
    assert "contacts 71" in page
    assert "contacts 72" not in page


def test_runs_are_filtered_by_whether_they_did_anything(manager):
    SyncRunFactory(unchanged_count=5)
    busy = SyncRunFactory(gone_count=1)
    page = manager.get(address("syncrun_changelist"), {"did": "something"})
    assert [run.pk for run in page.context["cl"].result_list] == [busy.pk]
    page = manager.get(address("syncrun_changelist"), {"did": "nothing"})
    assert busy.pk not in [run.pk for run in page.context["cl"].result_list]


@pytest.mark.parametrize("asked", ["stream=contacts&hours=24", "hours=abc&stream=contacts"])
def test_runs_are_filtered_by_stream_and_by_when_they_began(manager, asked):
    recent = SyncRunFactory(started_at=datetime.now(UTC) - timedelta(hours=2))
    old = SyncRunFactory(started_at=datetime.now(UTC) - timedelta(hours=30))
    SyncRunFactory(stream="invoices", started_at=recent.started_at)
    page = manager.get(f"{address('syncrun_changelist')}?{asked}")
    shown = {run.pk for run in page.context["cl"].result_list}
    assert shown == ({recent.pk} if "hours=24" in asked else {recent.pk, old.pk})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.44, "0.4 s"), (12.4, "12 s"), (64, "1 min 4 s"), (3720, "1 h 2 min"), (None, "-")],
)
def test_durations_of_runs_are_told_in_words(seconds, words):
    started = None if seconds is None else NOON
    ended = None if seconds is None else NOON + timedelta(seconds=seconds)
    assert lasted(SyncRun(started_at=started, finished_at=ended), NOON) == words


def test_the_list_of_runs_takes_few_queries(manager, django_assert_max_num_queries):
    for n in range(30):
        SyncRunFactory(requested_by=staff_of(OPERATORS), read_count=n, unchanged_count=n)
    manager.get(address("syncrun_changelist"))
    with django_assert_max_num_queries(10):
        manager.get(address("syncrun_changelist"))


# Rows that vanished --------------------------------------------------------------------------------


def test_the_rows_that_vanished_are_shown_by_name(manager):
    page = text(manager.get(address("gonereview_change", a_review().pk)))
    for n in (1, 2, 3):
        assert f"Contact {n}" in page
    assert "Mark 3 as deleted" in page


def test_confirming_queues_the_run_that_marks_them(manager):
    review = a_review()
    answer = manager.post(address("gonereview_confirm", review.pk))
    run = SyncRun.objects.get()
    assert answer.url == address("syncrun_change", run.pk)
    assert (run.kind, run.confirm_gone, run.requested_ids) == ("records", True, [1, 2, 3])
    assert said("Confirmed: the rows are deleted.") == [("mia",)]


def test_rejecting_is_logged_and_can_still_be_confirmed(manager):
    review = a_review()
    manager.post(address("gonereview_reject", review.pk))
    review.refresh_from_db()
    assert (review.status, review.answered_by.username) == ("rejected", "mia")
    assert said("Rejected: the rows still exist.") == [("mia",)]
    page = text(manager.get(address("gonereview_change", review.pk)))
    assert "Mark 3 as deleted" in page
    assert "Keep all" not in page


@pytest.mark.parametrize("status", ["replaced", "settled", "confirmed"])
def test_a_question_that_is_over_takes_no_answer(manager, status):
    review = a_review(status=status)
    assert "as deleted" not in text(manager.get(address("gonereview_change", review.pk)))
    manager.post(address("gonereview_confirm", review.pk))
    assert not SyncRun.objects.exists()
    assert not LogEntry.objects.exists()


# Issues --------------------------------------------------------------------------------------------


def test_an_issue_shows_each_value_beside_what_its_column_takes(manager):
    issue = SyncIssueFactory(column="email", record={"name": "'Acme'", "email": "12345"})
    page = text(manager.get(address("syncissue_change", issue.pk)))
    refused = page[page.index("ob-refused") :]
    assert refused.index("12345") < refused.index("text") < refused.index("&#x27;Acme&#x27;")


def test_records_are_linked_to_odoo(manager, settings):
    settings.ODOO_WEB_URL = "https://odoo.example.com"
    SyncStateFactory(stream="contacts", odoo_version="19.0")
    issue = SyncIssueFactory(odoo_id=7)
    link = 'href="https://odoo.example.com/odoo/res.partner/'
    assert f'{link}7"' in text(manager.get(address("syncissue_change", issue.pk)))
    assert f'{link}3"' in text(manager.get(address("gonereview_change", a_review().pk)))


@pytest.mark.parametrize("page", ["syncissue", "gonereview"])
def test_issues_and_questions_take_few_queries(manager, page, django_assert_max_num_queries):
    for n in range(20):
        SyncIssueFactory()
        GoneReview.objects.create(
            stream="contacts",
            status="settled",
            ids=[n],
            gone_count=1,
            present_count=1,
            answered_by=staff_of(MANAGERS),
        )
    manager.get(address(f"{page}_changelist"))
    with django_assert_max_num_queries(10):
        manager.get(address(f"{page}_changelist"))


def test_open_issues_are_shown_unless_others_are_asked_for(manager):
    open_one = SyncIssueFactory(odoo_id=1)
    SyncIssueFactory(odoo_id=2, resolved_at=NOON)
    lists = {
        state: [row.odoo_id for row in manager.get(where).context["cl"].result_list]
        for state in ("", "resolved", "all")
        for where in [f"{address('syncissue_changelist')}?{f'state={state}' if state else ''}"]
    }
    assert lists[""] == [open_one.odoo_id]
    assert lists["resolved"] == [2]
    assert sorted(lists["all"]) == [1, 2]


def test_retrying_one_or_many_queues_runs_of_those_records(manager):
    first, second = SyncIssueFactory(), SyncIssueFactory()
    other = SyncIssueFactory(stream="invoices")
    manager.post(address("syncissue_retry", first.pk))
    assert SyncRun.objects.get().requested_ids == [first.odoo_id]
    manager.post(
        address("syncissue_changelist"),
        {"action": "retry_selected", "_selected_action": [first.pk, second.pk, other.pk]},
    )
    asked = dict(SyncRun.objects.order_by("pk").values_list("stream", "requested_ids"))
    assert asked["contacts"] == sorted([first.odoo_id, second.odoo_id])
    assert asked["invoices"] == [other.odoo_id]
    assert SyncIssue.objects.count() == 3
    assert len(said("Requested a retry.")) == 4


# Schedules -----------------------------------------------------------------------------------------


@pytest.fixture
def changes():
    return Schedule.objects.get(name="contacts: changes")


def enter(client, schedule, **form):
    wanted = {"enabled": "on", "how": "every", "every": "60", "unit": "1", **form}
    return client.post(
        address("schedule_change", schedule.pk), {k: v for k, v in wanted.items() if v}
    )


def test_beats_own_forms_are_not_offered():
    for model in (
        beat.PeriodicTask,
        beat.IntervalSchedule,
        beat.CrontabSchedule,
        beat.SolarSchedule,
        beat.ClockedSchedule,
    ):
        assert not admin.site.is_registered(model)


def test_a_schedule_takes_no_other_task_arguments_or_queue(manager, changes):
    before = Schedule.objects.filter(pk=changes.pk).values("task", "args", "kwargs", "queue").get()
    smuggled = {"task": "os.system", "args": '["x"]', "kwargs": '{"a": 1}', "queue": "q"}
    enter(manager, changes, every="90", regtask="celery.chain", **smuggled)
    assert schedules.every_seconds(Schedule.objects.get(pk=changes.pk)) == 90
    after = Schedule.objects.filter(pk=changes.pk).values("task", "args", "kwargs", "queue").get()
    assert after == before
    assert manager.get(reverse("admin:odoo_bridge_schedule_changelist") + "add/").status_code != 200


def test_the_list_tells_in_words_what_runs_when_and_how_it_went(manager, changes):
    SyncStateFactory(stream="contacts")
    SyncRunFactory(status=Status.FAILED, started_at=NOON, finished_at=NOON)
    page = text(manager.get(address("schedule_changelist")))
    assert "contacts: check for changes" in page
    assert "every 60 seconds" in page
    assert "every day at 01:30 UTC" in page
    assert "Failed</a> in 0.0 s" in page


def test_the_list_of_schedules_takes_few_queries(manager, django_assert_max_num_queries):
    manager.get(address("schedule_changelist"))
    with django_assert_max_num_queries(10):
        manager.get(address("schedule_changelist"))


def test_a_new_interval_is_saved_with_its_expiry_and_logged(manager, changes):
    assert enter(manager, changes, every="2", unit="60").status_code == FOUND
    changes.refresh_from_db()
    assert (schedules.every_seconds(changes), changes.expire_seconds) == (120, 120)
    assert said("Now every 2 minutes, running.") == [("mia",)]


def test_a_schedule_can_run_once_a_day(manager, changes):
    enter(manager, changes, how="daily", at="04:15", every="")
    changes.refresh_from_db()
    assert schedules.when_in_words(changes) == "every day at 04:15 UTC"
    assert changes.interval is None


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"every": "1"}, "from 5 seconds to 31 days"),
        ({"every": "60", "unit": "86400"}, "from 5 seconds to 31 days"),
        ({"every": ""}, "Enter a number"),
        ({"how": "daily", "at": ""}, "Enter a time"),
        ({"every": "9" * 30}, "from 5 seconds to 31 days"),
    ],
)
def test_an_impossible_interval_is_refused_in_words(manager, changes, form, words):
    assert words in text(enter(manager, changes, **form))
    changes.refresh_from_db()
    assert schedules.every_seconds(changes) == 60


def test_an_unwise_interval_is_taken_with_a_warning(manager, changes):
    enter(manager, changes, every="5")
    page = text(manager.get(address("schedule_changelist")))
    assert "Every 5 seconds is very frequent" in page


def test_pausing_and_resuming_are_logged(manager, changes):
    enter(manager, changes, enabled="")
    changes.refresh_from_db()
    assert not changes.enabled
    assert said("Now every 60 seconds, paused.") == [("mia",)]
    for action, message in (("resume_selected", "Resumed."), ("pause_selected", "Paused.")):
        manager.post(
            address("schedule_changelist"), {"action": action, "_selected_action": [changes.pk]}
        )
        assert said(message) == [("mia",)]
    changes.refresh_from_db()
    assert not changes.enabled


def test_the_heartbeat_cannot_be_paused(manager):
    sweep = Schedule.objects.get(name="bridge: sweep")
    assert enter(manager, sweep, enabled="").status_code == FORBIDDEN
    manager.post(
        address("schedule_changelist"),
        {"action": "pause_selected", "_selected_action": [sweep.pk]},
    )
    sweep.refresh_from_db()
    assert sweep.enabled


def test_a_task_that_is_not_ours_is_shown_and_not_changed(manager, changes):
    foreign = Schedule.objects.create(name="x", task="os.system", interval=changes.interval)
    assert "which is not a task of the bridge" in text(manager.get(address("schedule_changelist")))
    assert enter(manager, foreign, every="90").status_code == FORBIDDEN


# Nothing from Odoo is executed ---------------------------------------------------------------------

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def test_what_odoo_sent_is_shown_as_text(manager):
    ContactFactory(odoo_id=1, name=EVIL, complete_name=EVIL)
    review = GoneReview.objects.create(stream="contacts", ids=[1], gone_count=1, present_count=1)
    issue = SyncIssueFactory(reason=EVIL, column=EVIL, record={EVIL: EVIL})
    run = SyncRunFactory(error=EVIL, holder=EVIL, status=Status.FAILED)
    for page in (
        address("syncrun_changelist"),
        address("syncrun_change", run.pk),
        address("syncissue_changelist"),
        address("syncissue_change", issue.pk),
        address("gonereview_change", review.pk),
    ):
        shown = text(manager.get(page))
        assert "<script>alert(1)" not in shown, page
        assert "<img src=x" not in shown, page


def test_the_admin_runs_only_scripts_that_are_files_of_ours(manager):
    policy = manager.get(address("syncrun_changelist"))["Content-Security-Policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    # Alpine.js evaluates the attributes of the templates; nothing inline runs.
    assert scripts == "script-src 'self' 'unsafe-eval'"
    assert "default-src 'none'" in policy
    assert "base-uri 'none'" in policy
