"""The moments between two steps, each of which once lost something or could have."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from contacts.models import Contact
from invoices.models import Invoice
from odoo_bridge.demo import DemoOdoo, Fault
from odoo_bridge.models import SyncRun
from odoo_bridge.tests.exactness.checker import Checker
from odoo_bridge.tests.runs import settle, sync, sync_all

pytestmark = pytest.mark.django_db(transaction=True)

LINE = [{"name": "Desk", "quantity": 1, "price_unit": 10.0}]


@contextmanager
def between_read_and_store(demo: DemoOdoo, model: str, then: Callable[[], None]) -> Iterator[None]:
    """Do ``then``, on a connection of its own, when a page of ``model`` was read but not stored."""
    before = len(demo.calls)
    done: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        read = any((c.model, c.method) == (model, "read") for c in demo.calls[before:])
        if read and "FOR UPDATE" in sql and not done:
            done.append(sql)
            in_a_thread(then)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield
    assert done


def in_a_thread(work: Callable[[], None]) -> None:
    """Do ``work`` in a thread, whose database connection is another, and wait for it."""

    def with_a_connection() -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(with_a_connection).result(60)


def test_a_second_write_within_the_second_of_the_first_is_seen_by_reconcile(
    demo: DemoOdoo, check: Checker
) -> None:
    demo.clock.freeze()
    acme = demo.add("res.partner", name="First")
    sync("contacts", "reconcile")
    demo.write("res.partner", [acme], name="Second")
    demo.clock.step(timedelta(hours=1))
    sync("contacts", "reconcile")
    assert Contact.objects.get(pk=acme).name == "Second"
    check("contacts")


def test_a_second_write_within_the_second_of_the_first_is_seen_by_the_copy_that_goes_on(
    demo: DemoOdoo, check: Checker, settings: Any
) -> None:
    settings.ODOO_CONNECTIONS, settings.ODOO_PAGE_SIZE = 1, 2
    demo.clock.freeze()
    acme = demo.add("res.partner", name="First")
    for n in range(20):
        demo.add("res.partner", name=f"Contact {n}")
    demo.faults.add(Fault("status", "res.partner", "read", skip=6, times=None))
    assert sync("contacts", "reconcile").status == SyncRun.Status.FAILED
    assert Contact.objects.filter(pk=acme).exists()
    demo.faults.clear()
    demo.write("res.partner", [acme], name="Second")
    # An hour later, on both clocks.
    demo.clock.step(timedelta(hours=1))
    Contact.objects.update(stored_at=F("stored_at") - timedelta(hours=1))
    sync("contacts", "reconcile")
    assert Contact.objects.get(pk=acme).name == "Second"
    check("contacts")


@pytest.mark.parametrize("fault", ["status", "reset"])
def test_invoices_of_a_merged_contact_follow_it_even_if_odoo_fails_right_after(
    demo: DemoOdoo, check: Checker, fault: str
) -> None:
    keep, lose = (demo.add("res.partner", name=name) for name in ("Keep", "Lose"))
    invoice = demo.add_invoice(contact=lose, lines=LINE, post=True)
    sync_all("reconcile")
    demo.clock.step(timedelta(hours=1))
    sync_all()  # from here on the overlap does not reach back to the invoice
    demo.merge([lose], into=keep)
    demo.faults.add(Fault(fault, "account.move", times=None))
    assert sync("contacts").gone_count == 1
    demo.faults.clear()
    assert Invoice.objects.get(pk=invoice).contact_id == lose
    settle()
    assert Invoice.objects.get(pk=invoice).contact_id == keep
    check()


@pytest.mark.parametrize("seen_before", [True, False])
def test_invoices_of_a_contact_merged_while_it_could_not_be_seen_follow_it_with_the_next_reconcile(
    demo: DemoOdoo, check: Checker, seen_before: bool
) -> None:
    demo.clock.freeze()
    old, new = (demo.add("res.partner", name=name) for name in ("Old", "New"))
    child = demo.add("res.partner", name="Child", parent_id=old)
    invoice = demo.add_invoice(contact=old, lines=LINE)
    if seen_before:
        sync_all("reconcile")
    demo.clock.step(timedelta(hours=1))
    hidden = demo.hide("res.partner", lambda row: row["id"] == old)
    sync_all("changes" if seen_before else "reconcile")
    assert not Contact.objects.present().filter(pk=old).exists()
    assert Invoice.objects.get(pk=invoice).contact_id == old
    demo.clock.step(timedelta(hours=1))
    demo.merge([old], new)
    hidden.remove()
    demo.clock.step(timedelta(hours=1))
    settle()
    assert Invoice.objects.get(pk=invoice).contact_id == new
    assert Contact.objects.get(pk=child).parent_id == new
    check()


@pytest.mark.postgres
def test_an_invoice_read_before_and_stored_after_its_contact_was_merged_is_read_again(
    demo: DemoOdoo, check: Checker
) -> None:
    keep, lose = (demo.add("res.partner", name=name) for name in ("Keep", "Lose"))
    sync_all("reconcile")
    invoice = demo.add_invoice(contact=lose, lines=LINE, post=True)
    demo.clock.step(timedelta(hours=1))
    sync("contacts")

    def merged_and_copied() -> None:
        demo.merge([lose], into=keep)
        assert sync("contacts").gone_count == 1

    with between_read_and_store(demo, "account.move", merged_and_copied):
        sync("invoices", "reconcile")
    settle()
    assert Invoice.objects.get(pk=invoice).contact_id == keep
    check()
