"""Beside a real Odoo 19, over both transports: thousands of rows at once, a killed copy, a busy Odoo."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from contacts.models import Contact
from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.tests.exactness.checker import Checker, Journal, RealTruth
from odoo_bridge.tests.exactness.killed import killed, let_leases_run_out
from odoo_bridge.tests.real_odoo.client import RealOdoo
from odoo_bridge.tests.runs import sync, sync_all

pytestmark = [pytest.mark.odoo, pytest.mark.django_db(transaction=True)]
Status = SyncRun.Status


@pytest.fixture(params=["jsonrpc", "json2"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def five_thousand(real_odoo: RealOdoo) -> list[int]:
    """Contacts made in one transaction, once for both transports."""
    return real_odoo.create_many("res.partner", [{"name": f"Bulk {n}"} for n in range(5000)])


@pytest.fixture
def check(bridge_on_real_odoo: RealOdoo, journal: Journal) -> Checker:
    return Checker(RealTruth(bridge_on_real_odoo), journal)


def test_five_thousand_contacts_of_one_stamp_are_neither_lost_nor_doubled(
    bridge_on_real_odoo: RealOdoo, check: Checker
) -> None:
    assert sync("contacts", "reconcile").status == Status.SUCCEEDED
    before = Contact.objects.present().count()
    ids = bridge_on_real_odoo.create_many(
        "res.partner", [{"name": f"At once {n}"} for n in range(5000)]
    )
    row = sync("contacts")
    assert (row.status, row.created_count) == (Status.SUCCEEDED, 5000), row.error
    stamps = set(Contact.objects.filter(pk__in=ids).values_list("write_date", flat=True))
    assert len(stamps) == 1
    assert Contact.objects.present().count() == before + 5000
    check("contacts")
    bridge_on_real_odoo.unlink("res.partner", ids)
    # More of them all than may go without a word.
    assert sync("contacts").status == Status.NEEDS_CONFIRMATION
    assert sync("contacts", confirm_gone=True).gone_count == 5000
    check("contacts")


@pytest.mark.postgres
def test_a_copy_killed_in_the_middle_goes_on_where_it_was(
    bridge_on_real_odoo: RealOdoo, check: Checker, five_thousand: list[int], settings: Any
) -> None:
    settings.ODOO_PAGE_SIZE, settings.ODOO_CONNECTIONS = 50, 1
    with bridge_on_real_odoo.late_transaction() as sql:
        # Older than the overlap, in which every run reads again.
        sql.execute("update res_partner set write_date = write_date - interval '1 hour'")
    assert killed(partial(sync, "contacts", "reconcile"), place=200)
    copied = Contact.objects.count()
    assert 300 <= copied < 5000
    assert SyncState.objects.get(pk="contacts").watermark is None
    let_leases_run_out()
    row = sync("contacts", "reconcile")
    assert row.status == Status.SUCCEEDED, row.error
    assert row.read_count == row.inventoried_count - copied
    assert SyncRun.objects.filter(status=Status.INTERRUPTED).count() == 1
    check("contacts")


def test_runs_beside_a_busy_odoo_end_equal(bridge_on_real_odoo: RealOdoo, check: Checker) -> None:
    sync_all("reconcile")
    with somebody_at_work(bridge_on_real_odoo):
        for _ in range(8):
            row = sync("contacts")
            assert row.status == Status.SUCCEEDED, row.error
    assert sync("contacts").status == Status.SUCCEEDED
    check("contacts")


@contextmanager
def somebody_at_work(odoo: RealOdoo) -> Iterator[None]:
    """Contacts are made, renamed and deleted as fast as Odoo takes it."""
    enough = threading.Event()

    def work() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            made = odoo.create("res.partner", name=f"Churn {number}")
            odoo.write("res.partner", [made], name=f"Churned {number}")
            if number % 3 == 0:
                odoo.unlink("res.partner", [made])

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        enough.set()
        worker.join()
