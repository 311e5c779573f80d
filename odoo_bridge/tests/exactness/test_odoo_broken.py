"""What a real Odoo, its proxy or the network does on a bad day, at every stage of a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from contacts.models import Contact
from invoices.models import Invoice, InvoiceLine
from odoo_bridge.demo import DemoOdoo, Fault
from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.odoo.connect import disconnect
from odoo_bridge.tests.exactness.checker import Checker
from odoo_bridge.tests.runs import settle, sync, sync_all

# What Odoo answers is the same to both databases: once is enough.
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
BOTH = pytest.mark.parametrize("transport", ["jsonrpc", "json2"], indirect=True)

FAULTS: dict[str, dict[str, Any]] = {
    "a login page": {"kind": "html"},
    "an empty page": {"kind": "html", "body": ""},
    "half a body": {"kind": "cut"},
    "a body cut after a byte": {"kind": "cut", "at": 1},
    "bad gateway": {"kind": "status", "code": 502},
    "unavailable": {"kind": "status", "code": 503, "headers": {"Retry-After": "0"}},
    "too many requests": {"kind": "busy", "retry_after": 0},
    "a reset": {"kind": "reset"},
    "no result": {"kind": "no_result"},
    "a text for a result": {"kind": "wrong_type"},
    "a redirect": {"kind": "redirect"},
    "access denied": {"kind": "access_denied"},
}
# A person must act on these: they are not asked again.
REFUSALS = ("a redirect", "access denied")
# Stage -> kind of run, the call that fails, and how many such calls succeed before it.
STAGES: dict[str, tuple[str, str, int]] = {
    "inventory of ids": ("full", "search", 0),
    "inventory of stamps": ("reconcile", "search_read", 0),
    "what changed": ("changes", "search", 0),
    "count and sum": ("changes", "formatted_read_group", 0),
    "first page": ("full", "read", 0),
    "a middle page": ("full", "read", 2),
    "last page": ("full", "read", 3),  # pages grow to ten while Odoo is quick
}


@BOTH
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_fails_the_run_and_costs_nothing_but_time(
    demo: DemoOdoo, check: Checker, settings: Any, fault: str
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 5, 1
    settings.ODOO_TIMEOUT_SECONDS = 5
    contacts = [demo.add("res.partner", name=f"Contact {n}") for n in range(30)]
    assert sync("contacts", "reconcile").status == "succeeded"
    for stage, (kind, method, after) in STAGES.items():
        demo.write("res.partner", contacts[:3], name=f"Before {stage}")
        watermark = SyncState.objects.get(pk="contacts").watermark
        options = dict(FAULTS[fault])
        demo.faults.add(
            Fault(options.pop("kind"), "res.partner", method, skip=after, times=None, **options)
        )
        row = sync("contacts", kind)
        assert row.status == SyncRun.Status.FAILED, stage
        assert row.error and "Traceback" not in row.error
        assert not Contact.objects.exclude(gone_at=None).exists(), stage
        assert SyncState.objects.get(pk="contacts").watermark == watermark, stage
        demo.faults.clear()
        disconnect()  # a refused login is remembered for ten minutes
        assert sync("contacts").status == "succeeded", stage
    check("contacts")


@BOTH
@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in REFUSALS])
def test_a_fault_that_passes_is_not_noticed(
    demo: DemoOdoo, check: Checker, settings: Any, fault: str
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 5, 1
    contacts = [demo.add("res.partner", name=f"Contact {n}") for n in range(30)]
    for stage in ("inventory of stamps", "what changed", "a middle page"):
        kind, method, after = STAGES[stage]
        demo.write("res.partner", contacts[:3], name=f"Before {stage}")
        options = dict(FAULTS[fault])
        demo.faults.add(
            Fault(options.pop("kind"), "res.partner", method, skip=after, times=2, **options)
        )
        assert sync("contacts", kind).status == "succeeded", stage
        demo.faults.clear()
    check("contacts")


@BOTH
def test_odoo_that_does_not_answer_is_given_up_at_every_stage(
    demo: DemoOdoo, check: Checker, settings: Any
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 50, 1
    demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    settings.ODOO_TIMEOUT_SECONDS = 0.3
    for kind, method in (("changes", "search"), ("reconcile", "search_read")):
        demo.faults.add(Fault("delay", "res.partner", method, times=None, seconds=1.0))
        row = sync("contacts", kind)
        assert (row.status, "in 0.3 s" in row.error) == ("failed", True), row.error
        demo.faults.clear()
    settings.ODOO_TIMEOUT_SECONDS = 60
    settle()
    check()


@BOTH
def test_a_page_that_takes_too_long_is_asked_for_in_halves(
    demo: DemoOdoo, check: Checker, settings: Any
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 16, 1
    settings.ODOO_TIMEOUT_SECONDS = 0.5
    for n in range(20):
        demo.add("res.partner", name=f"Contact {n}")
    demo.faults.add(Fault("delay", "res.partner", "read", times=2, seconds=1.0))
    assert sync("contacts", "full").status == "succeeded"
    settle()
    check()


@BOTH
def test_a_refused_connection_and_a_server_that_comes_back(
    demo: DemoOdoo, check: Checker, settings: Any
) -> None:
    demo.add("res.partner", name="Acme")
    sync_all("reconcile")
    with demo.serve() as other:
        settings.ODOO_URL = other.url
        assert sync().status == "succeeded"
        other.stop()
        assert sync().status == "failed"
        other.start()
        settle()
    check()


READING = {"context_get", "fields_get", "search", "search_read", "read", "formatted_read_group"}
ASKING_THE_SERVER = {"login", "version", "version_info"}


@BOTH
def test_runs_only_ever_read(demo: DemoOdoo, check: Checker) -> None:
    keep, lose = (demo.add("res.partner", name=name) for name in ("Keep", "Lose"))
    demo.add_invoice(contact=lose, lines=[{"name": "Desk", "price_unit": 10.0}])
    for kind in ("reconcile", "changes", "full"):
        sync_all(kind)
    demo.merge([lose], into=keep)
    settle()
    check()
    assert {call.method for call in demo.calls} <= READING | ASKING_THE_SERVER
    assert {"read", "search"} <= {call.method for call in demo.calls}


# Answers that are well-formed and wrong --------------------------------------------------------------


def lie(demo: DemoOdoo, method: str, answer: Any, times: int | None = 1) -> None:
    demo.faults.add(Fault("wrong_type", "res.partner", method, times=times, result=answer))


@BOTH
@pytest.mark.parametrize("kind", ["changes", "full"])
def test_an_empty_list_of_ids_is_asked_about_once_more(
    demo: DemoOdoo, check: Checker, kind: str
) -> None:
    for n in range(60):
        demo.add("res.partner", name=f"Contact {n}")
    sync("contacts", "reconcile")
    demo.unlink("res.partner", [max(demo.rows("res.partner"))])  # so that changes looks at all ids
    lie(demo, "search", [], times=2 if kind == "changes" else 1)
    row = sync("contacts", kind)
    assert (row.status, row.gone_count) == ("succeeded", 1)
    check("contacts")


@BOTH
@pytest.mark.parametrize("share", ["none", "half"])
def test_a_list_of_ids_that_stays_short_marks_nothing_and_asks(
    demo: DemoOdoo, check: Checker, share: str
) -> None:
    ids = [demo.add("res.partner", name=f"Contact {n}") for n in range(60)]
    sync("contacts", "reconcile")
    watermark = SyncState.objects.get(pk="contacts").watermark
    lie(demo, "search", [] if share == "none" else ids[:30], times=None)
    for kind in ("full", "full"):
        row = sync("contacts", kind)
        assert row.status == SyncRun.Status.NEEDS_CONFIRMATION
        assert not Contact.objects.exclude(gone_at=None).exists()
    assert SyncState.objects.get(pk="contacts").watermark == watermark
    demo.faults.clear()
    settle()
    check()


@BOTH
def test_an_empty_list_of_stamps_is_asked_about_once_more(demo: DemoOdoo, check: Checker) -> None:
    for n in range(60):
        demo.add("res.partner", name=f"Contact {n}")
    sync("contacts", "reconcile")
    lie(demo, "search_read", [])
    row = sync("contacts", "reconcile")
    assert (row.status, row.gone_count) == ("succeeded", 0)
    check("contacts")


@BOTH
def test_the_ids_of_another_company_bring_none_of_its_records(
    demo: DemoOdoo, check: Checker
) -> None:
    mine = [demo.add("res.partner", name=f"Ours {n}") for n in range(30)]
    theirs = [demo.add("res.partner", name=f"Theirs {n}") for n in range(30)]
    demo.hide("res.partner", lambda row: row["id"] in theirs)
    sync("contacts", "reconcile")
    lie(demo, "search", theirs)
    row = sync("contacts", "full")
    assert row.status == "succeeded"
    assert set(mine) <= set(Contact.objects.filter(gone_at=None).values_list("pk", flat=True))
    assert not Contact.objects.filter(pk__in=theirs).exists()
    check("contacts")


@BOTH
def test_records_nobody_asked_for_fail_the_run(demo: DemoOdoo, check: Checker) -> None:
    acme = demo.add("res.partner", name="Acme")
    sync("contacts", "reconcile")
    other = demo.add("res.partner", name="Other")
    for answer in ([{"id": 10**6}], [{"id": other}, {"id": other}], ["text"], [{"id": [acme]}]):
        lie(demo, "read", answer, times=None)
        row = sync("contacts", "full")
        assert row.status == SyncRun.Status.FAILED, answer
        demo.faults.clear()
    settle()
    check()


# Rights -----------------------------------------------------------------------------------------------


@contextmanager
def in_the_middle(demo: DemoOdoo, model: str, happens: Callable[[], None]) -> Iterator[None]:
    """Let ``happens`` happen in Odoo before it answers the third page of ``model``."""
    demo.faults.add(Fault("hook", model, "read", skip=2, run=happens))
    yield
    demo.faults.clear()


@BOTH
def test_a_password_changed_in_mid_run_stops_it_at_once(
    demo: DemoOdoo, check: Checker, settings: Any
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 3, 2
    for n in range(40):
        demo.add("res.partner", name=f"Contact {n}")
    password, api_key = demo.password, demo.api_key

    def change() -> None:
        demo.password, demo.api_key = "another password", "another key"

    with in_the_middle(demo, "res.partner", change):
        row = sync("contacts", "reconcile")
    assert row.status == SyncRun.Status.FAILED
    for _ in range(3):
        assert sync("contacts").status == SyncRun.Status.FAILED
    refused = [call for call in demo.calls if call.method == "login"]
    # The first login, and the one that learned that it is not valid any more.
    assert len(refused) <= 2
    demo.password, demo.api_key = password, api_key
    disconnect()
    settle()
    check()


@BOTH
def test_rights_on_invoices_taken_in_mid_run_fail_that_stream_alone(
    demo: DemoOdoo, check: Checker, settings: Any
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 3, 1
    acme = demo.add("res.partner", name="Acme")
    for n in range(20):
        demo.add_invoice(contact=acme, lines=[{"name": f"Desk {n}", "price_unit": 10.0}])
    sync_all("reconcile")
    before = {row.pk: row.watermark for row in SyncState.objects.all()}
    with in_the_middle(demo, "account.move", lambda: demo.forbid("account.move")):
        row = sync("invoices", "full")
    assert (row.status, "account.move" in row.error) == ("failed", True)
    assert sync("contacts").status == "succeeded"
    assert SyncState.objects.get(pk="invoices").watermark == before["invoices"]
    for model in (Invoice, InvoiceLine):
        assert not model.objects.exclude(gone_at=None).exists()
    demo.allow("account.move")
    settle()
    check()


@BOTH
def test_records_hidden_in_mid_run_are_gone_and_come_back(
    demo: DemoOdoo, check: Checker, settings: Any
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 3, 1
    ids = [demo.add("res.partner", name=f"Contact {n}") for n in range(30)]
    rules: list[Any] = []

    def hide() -> None:
        rules.append(demo.hide("res.partner", lambda row: row["id"] in ids[10:20]))

    with in_the_middle(demo, "res.partner", hide):
        assert sync("contacts", "reconcile").status == "succeeded"
    sync("contacts")
    check("contacts")
    rules[0].remove()
    settle()
    check()
