"""What a person may ask of runs: stop one, answer about rows that vanished, retry records."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts.tests.factories import UserFactory
from contacts.models import Contact
from invoices.models import Invoice
from odoo_bridge.demo import Fault
from odoo_bridge.models import GoneReview, SyncIssue, SyncRun, SyncState
from odoo_bridge.odoo.remedies import REMEDIES
from odoo_bridge.sync import gone, lease
from odoo_bridge.sync.control import cancel, confirm_gone, reject_gone, retry
from odoo_bridge.sync.run import run_queued
from odoo_bridge.tests.runs import sync, synced

pytestmark = pytest.mark.django_db
Status = SyncRun.Status


@pytest.fixture
def ann():
    return UserFactory(username="ann")


@pytest.fixture
def sixty(demo):
    """Sixty contacts, copied, besides those of an empty Odoo."""
    ids = [demo.add("res.partner", name=f"Contact {n}") for n in range(60)]
    synced()
    return ids


def carried_out(row):
    """What a worker makes of a queued run."""
    assert row.status == Status.QUEUED
    return run_queued(row.pk)


def gone_ids():
    return set(Contact.objects.exclude(gone_at=None).values_list("pk", flat=True))


# Cancel -------------------------------------------------------------------------------------------


def test_a_cancelled_run_stops_after_the_page_at_hand_and_the_next_goes_on(demo, settings, ann):
    settings.ODOO_PAGE_SIZE = 5
    for n in range(40):
        demo.add("res.partner", name=f"Contact {n}")
    row = sync(progress=lambda row: cancel(row.pk, ann))
    assert (row.status, row.error_code) == (Status.CANCELLED, "cancelled")
    assert row.error == f"Cancelled by ann after 5 of {row.planned_count} records."
    assert Contact.objects.count() == 5
    state = SyncState.objects.get(pk="contacts")
    assert (state.watermark, state.lease_until) == (None, None)
    settings.ODOO_PAGE_SIZE = 1000
    assert sync().created_count == row.planned_count - 5


def test_a_run_is_cancelled_while_it_waits_for_odoo(demo, sixty, ann, monkeypatch):
    monkeypatch.setattr("odoo_bridge.sync.fetch.HEARTBEAT_SECONDS", 0.05)
    extend = lease.Lease.extend

    def cancel_and_extend(self):
        cancel(SyncRun.objects.get(status=Status.RUNNING).pk, ann)
        extend(self)

    monkeypatch.setattr(lease.Lease, "extend", cancel_and_extend)
    demo.faults.add(Fault("delay", model="res.partner", method="read", seconds=0.5))
    row = sync(kind="full")
    assert (row.status, row.read_count) == (Status.CANCELLED, 0)


def test_a_records_run_can_be_cancelled(demo, settings, sixty, ann):
    settings.ODOO_PAGE_SIZE = 5
    row = sync(kind="records", ids=sixty, progress=lambda row: cancel(row.pk, ann))
    assert (row.status, row.read_count) == (Status.CANCELLED, 5)


def test_a_queued_run_that_is_cancelled_never_starts(demo, ann):
    queued = SyncRun.objects.create(stream="contacts", kind="changes", trigger="admin")
    assert cancel(queued.pk, ann)
    assert run_queued(queued.pk) is None
    queued.refresh_from_db()
    assert (queued.status, queued.error) == (Status.CANCELLED, "Cancelled by ann before it began.")
    assert demo.calls == []


def test_a_run_that_has_ended_cannot_be_cancelled(demo, sixty, ann):
    row = SyncRun.objects.latest("pk")
    assert not cancel(row.pk, ann)
    row.refresh_from_db()
    assert (row.status, row.cancel_requested_at) == (Status.SUCCEEDED, None)


def test_cancelling_twice_keeps_the_first_name(ann):
    row = SyncRun.objects.create(
        stream="contacts", kind="changes", trigger="admin", status=Status.RUNNING
    )
    assert cancel(row.pk, ann)
    assert not cancel(row.pk, UserFactory())
    row.refresh_from_db()
    assert row.cancelled_by == ann


# What it is doing ----------------------------------------------------------------------------------


def test_a_run_says_what_it_is_doing_and_where_its_time_went(demo, settings):
    settings.ODOO_PAGE_SIZE = 5
    for n in range(20):
        demo.add("res.partner", name=f"Contact {n}")
    seen = set()
    row = sync(progress=lambda row: seen.add(SyncRun.objects.get(pk=row.pk).phase))
    assert seen == {"reading"}
    assert row.phase == "gone"
    assert {"inventory", "reading", "storing"} <= set(row.phase_seconds)
    lasted = (row.finished_at - row.started_at).total_seconds()
    assert 0 < sum(row.phase_seconds.values()) <= lasted + 0.1


def test_a_failed_run_says_in_which_phase_and_what_to_do(demo, settings):
    settings.ODOO_PASSWORD = "wrong"
    row = sync()
    assert (row.status, row.error_code) == (Status.FAILED, "odoo_refused")
    assert row.remedy == REMEDIES["odoo_refused"]


def test_every_kind_of_error_has_a_remedy():
    from odoo_bridge.odoo.errors import BridgeError
    from odoo_bridge.writing import errors  # noqa: F401 - it has kinds of its own

    def kinds(cls):
        yield cls.code
        for sub in cls.__subclasses__():
            yield from kinds(sub)

    assert {*kinds(BridgeError), "interrupted", "database", "key_expires"} <= set(REMEDIES)


# Rows that vanished --------------------------------------------------------------------------------


def hide(demo, ids):
    wanted = set(ids)
    return demo.hide("res.partner", lambda record: record["id"] in wanted)


def test_a_run_that_asks_keeps_the_rows_it_asks_about(demo, sixty):
    hide(demo, sixty[:30])
    row = sync()
    assert (row.status, row.error_code) == (Status.NEEDS_CONFIRMATION, "needs_confirmation")
    assert row.gone_review.ids == sixty[:30]
    assert row.gone_review.gone_count == 30
    assert row.gone_review.present_count == Contact.objects.count()


def test_the_same_rows_are_asked_about_once(demo, sixty):
    rule = hide(demo, sixty[:30])
    first = sync()
    second = sync()
    assert second.status == Status.NEEDS_CONFIRMATION
    assert second.gone_review == first.gone_review
    rule.remove()
    hide(demo, sixty[:25])
    assert sync().gone_review == first.gone_review
    assert GoneReview.objects.count() == 1


def test_confirming_marks_what_was_seen_and_nothing_else(demo, sixty, ann):
    rule = hide(demo, sixty[:30])
    review = sync().gone_review
    rule.remove()
    hide(demo, sixty[5:55])
    row = carried_out(confirm_gone(review.pk, ann))
    assert (row.status, row.requested_by) == (Status.SUCCEEDED, ann)
    assert gone_ids() == set(sixty[5:30])
    review.refresh_from_db()
    assert (review.status, review.answered_by) == (GoneReview.Status.SETTLED, ann)
    again = sync()
    assert again.status == Status.NEEDS_CONFIRMATION
    assert again.gone_review.ids == sixty[30:55]
    assert gone_ids() == set(sixty[5:30])


def test_a_run_before_the_confirming_one_does_what_was_confirmed(demo, sixty, ann):
    hide(demo, sixty[:30])
    review = sync().gone_review
    queued = confirm_gone(review.pk, ann)
    row = sync()
    assert (row.status, row.gone_count) == (Status.SUCCEEDED, 30)
    late = carried_out(queued)
    assert (late.status, late.gone_count) == (Status.SUCCEEDED, 0)
    assert gone_ids() == set(sixty[:30])


def test_what_was_confirmed_is_marked_though_more_must_be_asked(demo, sixty, ann):
    rule = hide(demo, sixty[:25])
    confirm_gone(sync().gone_review.pk, ann)
    rule.remove()
    hide(demo, sixty[:50])
    row = sync()
    assert (row.status, row.gone_count) == (Status.NEEDS_CONFIRMATION, 25)
    assert gone_ids() == set(sixty[:25])
    assert row.gone_review.ids == sixty[25:50]


def test_a_larger_set_replaces_the_question(demo, sixty, ann):
    rule = hide(demo, sixty[:30])
    old = sync().gone_review
    rule.remove()
    hide(demo, sixty[:40])
    new = sync().gone_review
    assert new.ids == sixty[:40]
    with pytest.raises(gone.NotAsked, match="newer question"):
        confirm_gone(old.pk, ann)
    assert gone_ids() == set()


def test_a_rejected_question_is_not_asked_again_and_marks_nothing(demo, sixty, ann):
    rule = hide(demo, sixty[:30])
    review = sync().gone_review
    reject_gone(review.pk, ann)
    watermark = SyncState.objects.get(pk="contacts").watermark
    row = sync()
    assert (row.status, row.error_code) == (Status.FAILED, "gone_rejected")
    assert "ann answered that they still exist" in row.error
    assert SyncState.objects.get(pk="contacts").watermark == watermark
    assert gone_ids() == set()
    rule.remove()
    synced()
    review.refresh_from_db()
    assert review.status == GoneReview.Status.SETTLED


def test_a_rejected_question_can_be_confirmed_after_all(demo, sixty, ann):
    hide(demo, sixty[:30])
    review = sync().gone_review
    reject_gone(review.pk, ann)
    assert carried_out(confirm_gone(review.pk, ann)).gone_count == 30
    with pytest.raises(gone.NotAsked, match="Nothing is left"):
        reject_gone(review.pk, ann)


def test_rows_that_come_back_settle_the_question(demo, sixty):
    rule = hide(demo, sixty[:30])
    review = sync().gone_review
    rule.remove()
    synced()
    review.refresh_from_db()
    assert review.status == GoneReview.Status.SETTLED


def test_a_run_over_a_few_records_does_not_forget_the_others(demo, sixty):
    hide(demo, sixty[:55])
    sync()
    hide(demo, sixty[55:])
    row = sync(kind="records", ids=sixty[34:])
    assert row.status == Status.NEEDS_CONFIRMATION
    assert row.gone_review.ids == sixty


def test_confirmed_contacts_take_their_invoices_along(demo, sixty, ann):
    keep = demo.add("res.partner", name="Keep")
    invoice = demo.add_invoice(
        contact=sixty[3], lines=[{"name": "x", "quantity": 1, "price_unit": 1}], post=True
    )
    sync()
    sync("invoices")
    demo.merge(sources=sixty[:30], into=keep)
    row = sync()
    assert row.status == Status.NEEDS_CONFIRMATION
    assert Invoice.objects.get(pk=invoice).contact_id == sixty[3]
    carried_out(confirm_gone(row.gone_review.pk, ann))
    assert Invoice.objects.get(pk=invoice).contact_id == keep


def test_many_small_losses_add_up_to_a_question(demo, sixty):
    for start in range(0, 20, 5):
        hide(demo, sixty[start : start + 5])
        assert sync().gone_count == 5
    hide(demo, sixty[20:25])
    row = sync()
    assert row.status == Status.NEEDS_CONFIRMATION
    assert row.gone_review.ids == sixty[20:25]
    assert "after 20 that were marked gone in the last 24 hours" in row.error
    assert gone_ids() == set(sixty[:20])


def test_small_losses_are_forgotten_after_a_day(demo, sixty):
    for start in range(0, 20, 5):
        hide(demo, sixty[start : start + 5])
        sync()
    SyncRun.objects.update(started_at=Now() - timedelta(hours=25))
    hide(demo, sixty[20:25])
    assert sync().gone_count == 5


def test_small_losses_are_forgotten_once_a_person_said_gone(demo, sixty, ann):
    for start in range(0, 20, 5):
        hide(demo, sixty[start : start + 5])
        sync()
    hide(demo, sixty[20:25])
    carried_out(confirm_gone(sync().gone_review.pk, ann))
    hide(demo, sixty[25:30])
    assert sync().gone_count == 5


# Issues --------------------------------------------------------------------------------------------


def test_retrying_issues_reads_those_records_again(demo, sixty, ann):
    bad = sixty[:2]
    demo.write_raw("res.partner", bad, name=12345)
    assert sync(kind="full").issue_count == 2
    demo.write_raw("res.partner", bad, name="Mended")
    (queued,) = retry(SyncIssue.objects.filter(resolved_at=None), ann)
    row = carried_out(queued)
    assert (row.status, row.updated_count, row.requested_by) == (Status.SUCCEEDED, 2, ann)
    assert not SyncIssue.objects.filter(resolved_at=None).exists()


def test_an_issue_names_the_column_that_did_not_take_its_value(demo, sixty):
    demo.write_raw("res.partner", sixty[:1], email=12345)
    sync(kind="full")
    issue = SyncIssue.objects.get()
    assert (issue.column, issue.record["email"]) == ("email", "12345")
