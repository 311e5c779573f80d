"""The pages of the sync in a real browser, with a real worker and a real beat behind them."""

import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from celery import signals
from celery.beat import Service
from celery.contrib.testing.worker import start_worker
from django.contrib.auth import get_user_model

from contacts.models import Contact
from odoo_bridge.celery import app
from odoo_bridge.demo import Fault
from odoo_bridge.models import SyncIssue, SyncRun
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.browser.pages import PHONE, look
from odoo_bridge.tests.runs import sync

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
]
# A run of the demo's few rows takes well under a second; the rest is for a busy machine.
PATIENCE = 30_000


@pytest.fixture
def worker() -> Iterator[None]:
    """Celery's worker, in a thread: it sees the settings of the test."""
    app.control.purge()
    # What the "celery worker" program sends: Celery then closes the database around each task.
    signals.worker_init.send(sender=None)
    with start_worker(app, perform_ping_check=False, shutdown_timeout=30):
        yield


@pytest.fixture
def beat() -> Iterator[None]:
    service = Service(app, scheduler_cls=app.conf.beat_scheduler)
    thread = threading.Thread(target=service.start, daemon=True)
    thread.start()
    yield
    service.stop()
    thread.join(15)
    assert not thread.is_alive()


def press(page: Any, name: str) -> None:
    """Press a button that leads to another page."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def outcome(page: Any, words: str) -> Any:
    return page.get_by_label("Outcome").get_by_text(words, exact=True)


def slowly(demo: Any, settings: Any) -> None:
    """Let a run last for seconds."""
    settings.ODOO_PAGE_SIZE = 5
    demo.faults.add(Fault("delay", "res.partner", "read", times=None, seconds=0.4))


def test_staff_start_a_run_and_watch_it_end(
    page: Any, site: str, demo_odoo: Any, settings: Any, worker: None
) -> None:
    page.goto(f"{site}/admin/odoo_bridge/syncrun/")
    look(page, "runs")
    assert page.locator("#result_list .field-run").count() == len(all_streams())
    slowly(demo_odoo, settings)
    page.get_by_label("What", exact=True).select_option("contacts")
    page.get_by_label("How", exact=True).select_option("full")
    press(page, "Start")
    page.get_by_text("reading and storing").wait_for(timeout=PATIENCE)
    read = page.locator("[data-read]")
    page.wait_for_function("+document.querySelector('[data-read]').textContent > 0")
    assert int(read.inner_text()) < Contact.objects.count()
    outcome(page, "Succeeded").wait_for(timeout=PATIENCE)
    look(page, "run")
    assert page.locator("progress").count() == 0
    assert SyncRun.objects.filter(kind="full", requested_by__username="staff").count() == 1


def test_staff_cancel_a_run(
    page: Any, site: str, demo_odoo: Any, settings: Any, worker: None
) -> None:
    slowly(demo_odoo, settings)
    page.goto(f"{site}/admin/odoo_bridge/syncrun/")
    page.get_by_label("How", exact=True).select_option("full")
    press(page, "Start")
    page.wait_for_function("+document.querySelector('[data-read]').textContent > 0")
    press(page, "Cancel this run")
    outcome(page, "Cancelled").wait_for(timeout=PATIENCE)
    assert page.get_by_text("Cancelled by staff after").count() == 1
    assert SyncRun.objects.latest("pk").read_count < Contact.objects.count()


def test_staff_change_an_interval_and_beat_obeys_within_ten_seconds(
    page: Any, site: str, worker: None, beat: None
) -> None:
    page.goto(f"{site}/admin/odoo_bridge/schedule/")
    look(page, "schedules")
    page.get_by_role("link", name="contacts: check every timestamp").click()
    look(page, "schedule")
    assert not page.locator("#id_at").is_visible()
    page.locator("#id_every").fill("5")
    page.locator("#id_unit").select_option("1")
    started = monotonic()
    press(page, "Save")
    assert page.get_by_text("Every 5 seconds is very frequent").count() > 0
    scheduled = SyncRun.objects.filter(trigger="schedule", stream="contacts", kind="reconcile")
    while not scheduled.exists():
        assert monotonic() - started < 10
        page.wait_for_timeout(200)


def test_staff_confirm_rows_that_are_gone(
    page: Any, site: str, demo_odoo: Any, worker: None
) -> None:
    doomed = sorted(Contact.objects.values_list("pk", flat=True))[-30:]
    demo_odoo.hide("res.partner", lambda record: record["id"] in set(doomed))
    asking = sync("contacts", "changes")
    page.goto(f"{site}/admin/odoo_bridge/syncrun/{asking.pk}/change/")
    page.get_by_role("link", name="Review the vanished rows").click()
    look(page, "gone")
    assert page.get_by_label("Rows").locator("tbody tr").count() == 30
    name = str(Contact.objects.get(pk=doomed[0]))
    assert page.get_by_label("Rows").get_by_role("link", name=name, exact=True).count() > 0
    press(page, "Mark 30 as deleted")
    outcome(page, "Succeeded").wait_for(timeout=PATIENCE)
    assert set(Contact.objects.exclude(gone_at=None).values_list("pk", flat=True)) == set(doomed)


def test_staff_retry_an_issue(page: Any, site: str, demo_odoo: Any, worker: None) -> None:
    bad = Contact.objects.latest("pk").pk
    demo_odoo.write_raw("res.partner", [bad], email=12345)
    sync("contacts", "full")
    page.goto(f"{site}/admin/odoo_bridge/syncissue/")
    page.get_by_role("link", name=f"contacts {bad}").click()
    look(page, "issue")
    demo_odoo.write_raw("res.partner", [bad], email="mended@example.com")
    press(page, "Retry now")
    outcome(page, "Succeeded").wait_for(timeout=PATIENCE)
    assert not SyncIssue.objects.filter(resolved_at=None).exists()
    assert Contact.objects.get(pk=bad).email == "mended@example.com"


def test_staff_approve_a_user(page: Any, site: str) -> None:
    wanda = get_user_model().objects.create_user("wanda", "wanda@example.com")
    page.goto(f"{site}/admin/accounts/user/?waiting=yes")
    look(page, "users")
    page.locator("input.action-select").check()
    page.locator("select[name=action]").select_option("approve")
    with page.expect_navigation():
        page.locator("button[name=index]").click()
    page.get_by_text("Approved: wanda.").wait_for()
    assert [group.name for group in wanda.groups.all()] == ["readers"]
    page.goto(f"{site}/admin/accounts/user/{wanda.pk}/change/")
    look(page, "user")


def test_the_pages_of_the_sync_fit_a_phone(page: Any, site: str) -> None:
    page.set_viewport_size(PHONE)
    latest = SyncRun.objects.latest("pk")
    for address in ("syncrun/", f"syncrun/{latest.pk}/change/", "schedule/"):
        page.goto(f"{site}/admin/odoo_bridge/{address}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], address


def test_a_script_that_slipped_into_a_page_would_not_run(page: Any, site: str) -> None:
    """The last line of defence: what the browser does if escaping were forgotten somewhere."""
    # A page of its own: that the browser complains is what is wanted here.
    browser, cookies = page.context.browser, page.context.storage_state()
    page = browser.new_context(storage_state=cookies).new_page()
    page.goto(f"{site}/admin/odoo_bridge/syncrun/")
    page.evaluate(
        """() => {
            document.querySelector("#content-main").insertAdjacentHTML("beforeend",
                "<img src=/nowhere onerror='window.ran = 1'>"
                + "<a id=evil href='javascript:void(window.ran = 1)'>evil</a>");
            document.getElementById("evil").click();
        }"""
    )
    page.wait_for_timeout(500)
    assert page.evaluate("window.ran") is None
