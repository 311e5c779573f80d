"""However many rows are here: a run keeps its lease, and slices are as good as a snapshot."""

import pytest
from django.db import connection
from django.db.models import F

from contacts.models import Contact
from odoo_bridge.models import Reread, SyncRun, SyncState
from odoo_bridge.sync import fetch, slices, verify
from odoo_bridge.sync.lease import LEASE, close_interrupted
from odoo_bridge.sync.session import Session
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.runs import sync, synced

pytestmark = pytest.mark.django_db
# What looks at many rows of our own, and how it begins.
MIRRORED = ("contacts_contact", "odoo_bridge_reread")


@pytest.fixture
def tiny(monkeypatch):
    """Slices of two rows, and a heartbeat between any two steps."""
    monkeypatch.setattr(slices, "LOOKED_AT_ONCE", 2)
    monkeypatch.setattr(slices, "READ_AT_ONCE", 2)
    monkeypatch.setattr("odoo_bridge.sync.unstamped.SUMMED_AT_ONCE", 2)
    monkeypatch.setattr("odoo_bridge.sync.unstamped.GROUPED_AT_ONCE", 2)
    monkeypatch.setattr(slices, "IDS_PER_QUERY", 2)
    monkeypatch.setattr(fetch, "HEARTBEAT_SECONDS", 0)


class Slow:
    """Each statement that reads the mirror takes ``share`` of a lease, as if the table were huge:
    the lease is that much nearer to its end, and the sweeper closes it when it has run out."""

    def __init__(self, share):
        self.taken, self._share, self._busy = 0, share, False

    def __call__(self, execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        reads = sql.startswith("SELECT") and any(table in sql for table in MIRRORED)
        # Those that name ids or a limit are short, whatever the size of the table.
        if reads and not self._busy and "LIMIT" not in sql and " IN (" not in sql:
            self._busy, self.taken = True, self.taken + 1
            held = SyncState.objects.exclude(lease_until=None)
            held.update(lease_until=F("lease_until") - self._share * LEASE)
            if not connection.in_atomic_block or len(connection.savepoint_ids) <= 1:
                close_interrupted()
            self._busy = False
        return answer


def fill(demo, count=9):
    first = demo.add("res.partner", name="Parent", is_company=True)
    return [demo.add("res.partner", name=f"Child {n}", parent_id=first) for n in range(count)]


@pytest.mark.parametrize("kind", ["changes", "reconcile", "full"])
def test_a_run_whose_every_slice_takes_nearly_half_a_lease_keeps_it(demo, tiny, kind):
    ids = fill(demo)
    synced("contacts", "reconcile")
    demo.unlink("res.partner", ids[:5])
    Reread.objects.bulk_create(Reread(stream="contacts", odoo_id=pk) for pk in ids[5:])
    slow = Slow(0.4)
    with connection.execute_wrapper(slow):
        row = sync("contacts", kind)
    assert (row.status, row.gone_count) == ("succeeded", 5), row.error
    # One after the other they took many leases.
    assert slow.taken > 10
    assert verify.verify(all_streams()["contacts"], sample=100).differences == []


def test_a_first_copy_that_goes_on_keeps_its_lease(demo, tiny):
    fill(demo)
    synced("contacts", "reconcile")
    SyncState.objects.update(watermark=None)
    with connection.execute_wrapper(Slow(0.4)):
        synced("contacts", "reconcile")


def test_many_rows_that_are_confirmed_gone_are_marked_in_parts(demo, tiny):
    ids = fill(demo, 30)
    sync("contacts", "reconcile")
    demo.unlink("res.partner", ids)
    with connection.execute_wrapper(Slow(0.1)):
        assert sync("contacts", "reconcile").status == "needs_confirmation"
        row = sync("contacts", "reconcile", confirm_gone=True)
    assert (row.status, row.gone_count) == ("succeeded", 30)
    assert verify.verify(all_streams()["contacts"], sample=100).differences == []


@pytest.mark.parametrize("kind", ["changes", "reconcile", "full"])
def test_rows_stored_and_marked_between_two_slices_end_exact(demo, tiny, kind, monkeypatch):
    """A records run needs no lease: it changes rows of ours while they are listed."""
    ids = fill(demo)
    sync("contacts", "reconcile")
    keep_alive, done = Session.keep_alive, []

    def interfere(session):
        keep_alive(session)
        if session.row.kind == SyncRun.Kind.RECORDS or len(done) >= 4:
            return
        step = len(done)
        done.append(step)
        demo.write("res.partner", [ids[step]], name=f"Written {step}")
        demo.write("res.partner", [ids[-1]], name=f"Written last {step}")
        demo.unlink("res.partner", [ids[4 + step]])
        new = demo.add("res.partner", name=f"New {step}")
        sync("contacts", "records", ids=[ids[step], ids[-1], ids[4 + step], new])

    monkeypatch.setattr(Session, "keep_alive", interfere)
    synced("contacts", kind)
    assert len(done) == 4
    synced("contacts", "changes")
    assert verify.verify(all_streams()["contacts"], sample=100).differences == []


def test_slices_are_all_rows_once_in_order(demo):
    fill(demo, 7)
    sync("contacts", "reconcile")
    gone = Contact.objects.order_by("pk")[3]
    Contact.objects.filter(pk=gone.pk).update(gone_at="2026-01-01T00:00Z")
    present = Contact.objects.present()
    known = list(present.order_by("pk").values_list("pk", flat=True))
    for size in (1, 2, 3, len(known), 100):
        calls = []
        parts = [
            list(part.values_list("pk", flat=True).order_by("pk"))
            for part in slices.slices(present, lambda calls=calls: calls.append(1), size)
        ]
        assert [pk for part in parts for pk in part] == known
        assert all(len(part) <= size for part in parts)
        assert len(calls) == len(parts) - 1
    assert slices.totals(present, slices.nothing) == (len(known), sum(known))
