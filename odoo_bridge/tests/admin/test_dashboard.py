"""The overview says at a glance whether the mirror is fresh and right, and what needs a person."""

import json
import re
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.tests.factories import UserFactory
from invoices import charts as money
from invoices.tests.factories import InvoiceFactory
from odoo_bridge.admin import charts
from odoo_bridge.admin.charts import all_charts
from odoo_bridge.mirror.words import duration
from odoo_bridge.models import GoneReview, Heartbeat, Reference, SyncRun, SyncState
from odoo_bridge.odoo.remedies import remedy
from odoo_bridge.operations import schedules
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.factories import (
    ReferenceFactory,
    SyncIssueFactory,
    SyncRunFactory,
    SyncStateFactory,
)

pytestmark = pytest.mark.django_db
Status = SyncRun.Status


@pytest.fixture
def alive():
    """Beat ticks and a worker follows."""
    now = timezone.now()
    PeriodicTask.objects.filter(name="bridge: sweep").update(last_run_at=now)
    Heartbeat.objects.create(name="worker", seen_at=now, holder="host")


def ago(**of):
    return timezone.now() - timedelta(**of)


def ended(status=Status.SUCCEEDED, stream="contacts", **values):
    return SyncRunFactory(
        stream=stream,
        status=status,
        started_at=ago(seconds=60),
        finished_at=ago(seconds=58),
        **values,
    )


def cards(client):
    return {card.name: card for card in client.get(reverse("admin:index")).context["cards"]}


def banners(client):
    return [
        f"{banner.text} {banner.remedy}"
        for banner in client.get(reverse("admin:index")).context["banners"]
    ]


# Streams ---------------------------------------------------------------------------------------------


def test_a_stream_is_fresh_stale_or_was_never_copied(staff):
    SyncStateFactory(stream="contacts", watermark=ago(seconds=30))
    SyncStateFactory(stream="invoices", watermark=ago(minutes=16))
    found = cards(staff)
    assert (found["contacts"].verdict, found["contacts"].tone) == ("Fresh", "good")
    assert (found["invoices"].verdict, found["invoices"].tone) == ("Stale", "bad")
    assert found["invoices"].age == "16 min"
    assert found["invoice lines"].verdict == "Never copied"
    assert list(found) == [name.replace("_", " ") for name in all_streams()]


def test_rows_here_and_in_odoo_are_equal_or_said_to_differ(staff):
    SyncStateFactory(watermark=ago(seconds=1), row_count=1234567, odoo_row_count=1234567)
    text = staff.get(reverse("admin:index")).content.decode()
    assert "1,234,567 in Odoo" in text
    assert "different" not in text
    SyncState.objects.update(odoo_row_count=1234568)
    assert "different" in staff.get(reverse("admin:index")).content.decode()


def test_the_last_run_is_neither_of_single_records_nor_one_that_stood_back(staff):
    SyncStateFactory(watermark=ago(seconds=30))
    last = ended()
    ended(Status.SKIPPED)
    ended(kind="records")
    card = cards(staff)["contacts"]
    assert card.status.last_run == last
    assert card.last_words == "Check for changes succeeded 58 s ago (2.0 s)"
    page = staff.get(reverse("admin:index")).content.decode()
    assert reverse("admin:odoo_bridge_syncrun_change", args=[last.pk]) in page


def test_open_issues_are_counted_and_lead_to_their_list(staff):
    SyncIssueFactory.create_batch(2)
    SyncIssueFactory(resolved_at=timezone.now())
    card = cards(staff)["contacts"]
    assert card.status.open_issues == 2
    assert staff.get(card.issues_url).status_code == 200


def test_the_next_run_is_the_earliest_of_the_schedules_or_paused(staff):
    now = timezone.now()
    PeriodicTask.objects.filter(name="contacts: changes").update(last_run_at=now)
    PeriodicTask.objects.filter(name="contacts: reconcile").update(last_run_at=now)
    assert re.fullmatch(
        r"Check for changes in ((59|60) s|1 min)", cards(staff)["contacts"].next_run
    )
    for task in PeriodicTask.objects.filter(name__startswith="invoices:"):
        schedules.pause(task)
    assert cards(staff)["invoices"].next_run == "paused"


def test_a_run_under_way_shows_how_far_it_is_and_the_page_looks_often(staff):
    SyncStateFactory(watermark=ago(seconds=30))
    run = SyncRunFactory(
        status=Status.RUNNING,
        phase=SyncRun.Phase.READING,
        started_at=ago(seconds=3),
        planned_count=2000,
        read_count=500,
    )
    page = staff.get(reverse("admin:index"))
    assert cards(staff)["contacts"].percent == 25
    text = page.content.decode()
    assert 'value="25"' in text
    assert "500 of 2,000" in text
    assert "every 2s" in text
    busy = staff.get(reverse("admin:overview-live"), {"busy": 1})
    assert "HX-Trigger" not in busy
    SyncRun.objects.filter(pk=run.pk).update(status=Status.SUCCEEDED, finished_at=timezone.now())
    after = staff.get(reverse("admin:overview-live"), {"busy": 1})
    assert after["HX-Trigger"] == "runs-ended"
    assert "every 15s" in after.content.decode()


def test_before_the_inventory_nobody_knows_how_far_a_run_is(staff):
    SyncStateFactory()
    SyncRunFactory(status=Status.RUNNING, phase=SyncRun.Phase.INVENTORY, planned_count=10)
    card = cards(staff)["contacts"]
    assert card.percent is None
    assert card.verdict == "First copy under way"


def test_the_overview_takes_as_many_queries_for_many_runs_as_for_few(staff, alive):
    def fill():
        for stream in all_streams():
            SyncStateFactory(stream=stream, watermark=ago(seconds=30))
            ended(stream=stream)
            SyncRunFactory(stream=stream, status=Status.RUNNING, started_at=ago(seconds=5))
            SyncIssueFactory(stream=stream)

    fill()
    with CaptureQueriesContext(connection) as few:
        staff.get(reverse("admin:index"))
    fill()
    fill()
    with CaptureQueriesContext(connection) as many:
        staff.get(reverse("admin:index"))
    assert len(many) == len(few) <= 12


# Banners ---------------------------------------------------------------------------------------------


def test_all_is_well_says_nothing(staff, alive, settings):
    settings.ONE_PROCESS = False
    for stream in all_streams():
        SyncStateFactory(stream=stream, watermark=ago(seconds=30))
        ended(stream=stream)
    assert banners(staff) == []


def test_one_banner_for_all_streams_that_failed_for_the_same_reason(staff, alive, settings):
    settings.ONE_PROCESS = False
    for stream in ("contacts", "invoices"):
        SyncStateFactory(stream=stream, watermark=ago(seconds=30))
        run = ended(Status.FAILED, stream, error=f"{stream}: no", error_code="odoo_refused")
    (banner,) = banners(staff)
    assert banner.startswith("Contacts, invoices: the last run failed. contacts: no")
    assert remedy("odoo_refused") in banner
    ended(stream="invoices")
    ended(stream="contacts")
    assert banners(staff) == []
    assert run.pk


def test_a_question_about_vanished_rows_leads_to_its_answer(staff, alive, settings):
    settings.ONE_PROCESS = False
    review = GoneReview.objects.create(
        stream="contacts", ids=[1, 2], gone_count=2, present_count=20
    )
    assert "2 of 20 contacts vanished" in banners(staff)[0]
    page = staff.get(reverse("admin:index")).content.decode()
    assert reverse("admin:odoo_bridge_gonereview_change", args=[review.pk]) in page
    GoneReview.objects.update(status=GoneReview.Status.REJECTED)
    assert banners(staff) == []


def test_silence_of_beat_and_workers_and_the_one_process_mode_are_told(staff, settings):
    settings.ONE_PROCESS = False
    assert banners(staff)[0].startswith("Beat has sent nothing yet")
    PeriodicTask.objects.filter(name="bridge: sweep").update(last_run_at=timezone.now())
    assert "No worker has carried out a tick" in banners(staff)[0]
    settings.ONE_PROCESS = True
    assert banners(staff)[-1].startswith("One-process mode")


def test_static_files_that_were_not_collected_are_told(staff, settings, tmp_path):
    settings.WHITENOISE_USE_FINDERS, settings.STATIC_ROOT = False, tmp_path
    assert any("static files were not collected" in banner for banner in banners(staff))


@pytest.mark.parametrize(
    ("days", "said"), [(-1, "expired on"), (13, "expires on"), (15, None), (None, None)]
)
def test_an_api_key_that_expires_soon_is_told(staff, alive, settings, days, said):
    settings.ONE_PROCESS = False
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    SyncStateFactory(watermark=ago(seconds=30), key_expires_at=expires_at)
    assert [said in banner for banner in banners(staff)] == ([True] if said else [])


# Charts ----------------------------------------------------------------------------------------------


def drawn(client):
    page = client.get(reverse("admin:overview-charts"))
    assert page.status_code == 200
    return {chart.title: chart for chart in page.context["charts"]}


def test_customer_invoices_count_per_month_less_credit_notes(staff):
    ReferenceFactory(kind=Reference.Kind.CURRENCY, odoo_id=1, name="EUR", decimal_places=2)
    ReferenceFactory(kind=Reference.Kind.COMPANY, odoo_id=1, name="Ours", currency_id=1)
    today = timezone.localdate()

    def invoice(**values):
        InvoiceFactory(
            **{
                "state": "posted",
                "company_id": 1,
                "currency_id": 1,
                "invoice_date": today,
                "amount_untaxed_signed": 100,
                **values,
            }
        )

    invoice()
    invoice(move_type="out_refund", amount_untaxed_signed=-30)
    invoice(move_type="in_invoice", amount_untaxed_signed=-999)
    invoice(state="draft")
    invoice(gone_at=timezone.now())
    invoice(invoice_date=today - timedelta(days=400))
    chart = drawn(staff)["Invoiced per month"]
    (euros,) = chart.series
    assert (euros.name, euros.values[-1], sum(euros.values)) == ("EUR", 70, 70)
    assert len(chart.labels) == len(chart.links) == 12
    assert "70 EUR this month" in chart.summary


def test_receivables_stand_by_their_age_and_lead_to_the_invoices(staff):
    ReferenceFactory(kind=Reference.Kind.CURRENCY, odoo_id=1, name="EUR", decimal_places=2)
    ReferenceFactory(kind=Reference.Kind.COMPANY, odoo_id=1, name="Ours", currency_id=1)
    today = timezone.localdate()
    owed = {"state": "posted", "company_id": 1, "currency_id": 1}
    for number, days in enumerate((-5, 10, 40, 70, 200), start=1):
        InvoiceFactory(
            odoo_id=number,
            invoice_date_due=today - timedelta(days=days),
            amount_residual=10 * number,
            amount_residual_signed=10 * number,
            **owed,
        )
    chart = drawn(staff)["Receivables by age"]
    assert list(chart.series[0].values) == [10, 20, 30, 40, 50]
    for number, link in enumerate(chart.links, start=1):
        listed = staff.get(link).context["cl"].result_list
        assert [row.pk for row in listed] == [number]


def test_months_run_across_the_turn_of_the_year():
    months = money._months(date(2026, 3, 31))
    assert (months[0], months[-1], len(months)) == (date(2025, 4, 1), date(2026, 3, 1), 12)


def test_rows_changed_and_run_times_stand_by_the_hour(staff):
    ended(created_count=5, updated_count=2, gone_count=1)
    SyncRunFactory(started_at=ago(hours=60), finished_at=ago(hours=60), created_count=99)
    changed = drawn(staff)["Rows changed per hour"]
    assert {one.name: sum(one.values) for one in changed.series} == {
        "New": 5,
        "Changed": 2,
        "Gone": 1,
    }
    times = drawn(staff)["Longest run per hour"]
    assert max(times.series[0].values) == 2.0
    assert len(times.labels) == charts.HOURS


def test_every_figure_leads_to_a_list_and_is_said_in_words(staff):
    InvoiceFactory(invoice_date=timezone.localdate(), amount_untaxed_signed=1)
    ended(created_count=1)
    for chart in drawn(staff).values():
        for link in {chart.link, *chart.links[-2:]}:
            assert staff.get(link).status_code == 200, link
        assert chart.summary
    page = staff.get(reverse("admin:overview-charts")).content.decode()
    for block in re.findall(r'<script type="application/json">(.*?)</script>', page):
        assert json.loads(block)["series"]
    for link in re.findall(
        r'href="(/admin/[^"]+)"', staff.get(reverse("admin:index")).content.decode()
    ):
        assert staff.get(link.replace("&amp;", "&")).status_code == 200, link


def test_charts_are_reckoned_once_a_minute(staff):
    drawn(staff)
    ended(created_count=7)
    assert drawn(staff)["Rows changed per hour"].summary.startswith("0 rows")


def test_charts_keep_nothing_in_redis(staff):
    """What can be written there must not end up on the page."""
    assert "redis" not in type(caches["charts"]).__module__
    drawn(staff)
    assert len(caches["charts"]._cache) == len(all_charts())


# Who sees what ---------------------------------------------------------------------------------------


def test_each_sees_what_their_permissions_allow(client):
    clerk = UserFactory(is_staff=True)
    client.force_login(clerk)
    page = client.get(reverse("admin:index"))
    assert page.context["cards"] == []
    assert page.context["banners"] == []
    assert drawn(client) == {}
    for codename in ("view_syncstate", "view_invoice"):
        clerk.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(type(clerk).objects.get(pk=clerk.pk))
    assert len(cards(client)) == len(all_streams())
    assert set(drawn(client)) == {"Invoiced per month", "Receivables by age"}


def test_strangers_see_none_of_it(client):
    client.force_login(UserFactory())
    for name in ("admin:index", "admin:overview-live", "admin:overview-charts"):
        assert client.get(reverse(name)).status_code == 302


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (59.4, "59 s"), (60, "1 min"), (7500, "2 h 5 min"), (400_000, "4 days")],
)
def test_ages_are_short(seconds, words):
    assert duration(seconds) == words
