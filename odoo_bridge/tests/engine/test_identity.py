"""Whose mirror this is: another Odoo is refused, a moved one accepted, a restored one copied again."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from contacts.models import Contact
from invoices.models import Invoice
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.models import OdooIdentity, OdooWrite, Reference, SyncRun, SyncState
from odoo_bridge.sync import identity
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.sync.verify import verify
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.runs import sync, synced

pytestmark = pytest.mark.django_db
KINDS = ["changes", "reconcile", "full", "records"]
UUID = "7c0f1c52-0000-4000-8000-000000000001"
LATER = datetime(2026, 11, 3, tzinfo=UTC)


def fill(odoo, names=("Acme", "Beta", "Gamma")):
    return [odoo.add("res.partner", name=name) for name in names]


def another(**options):
    """A database that has nothing to do with ours, with records under the same ids."""
    odoo = DemoOdoo("19.0", uuid=UUID, made_at=LATER, **options)
    odoo.clock.step(timedelta(hours=-3))
    fill(odoo, ["Xeno", "Yeti", "Zulu"])
    return odoo


@contextmanager
def served(settings, odoo):
    """The settings pointed at ``odoo``; back at the one before after it."""
    before = settings.ODOO_URL, settings.ODOO_DB
    with odoo.serve("127.0.0.1", 0) as server:
        settings.ODOO_URL, settings.ODOO_DB = server.url, odoo.database
        yield server
    settings.ODOO_URL, settings.ODOO_DB = before


@contextmanager
def in_its_place(demo, odoo):
    """``odoo`` behind the address and the database name of ``demo``."""
    # What the server looks at for each call.
    before = dict(vars(demo))
    vars(demo).update(vars(odoo), database=before["database"])
    yield
    vars(demo).clear()
    vars(demo).update(before)


def everything():
    """All that a run could store, but for its own row and the lease."""
    states = SyncState.objects.values_list("stream", "watermark", "change_seq", "copied_fields")
    return (
        list(Contact.objects.order_by("pk").values()),
        list(Reference.objects.order_by("pk").values()),
        list(states),
        OdooIdentity.objects.values_list("url", "database", "uuid", "users").get(),
    )


def assert_refused(row, *sentences):
    assert (row.status, row.error_code) == ("failed", "other_odoo"), row.error
    for sentence in sentences:
        assert sentence in row.error
    assert "adopt_odoo" in row.remedy


# Another Odoo ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("readable", [True, False], ids=["uuid", "no-uuid"])
@pytest.mark.parametrize("same_place", [True, False], ids=["same-address", "another-address"])
def test_another_odoo_is_refused_by_every_kind_of_run(demo, settings, readable, same_place):
    other = another(database="other")
    fill(demo)
    if not readable:
        demo.forbid("ir.config_parameter")
        other.forbid("ir.config_parameter")
    synced(kind="reconcile")
    before = everything()
    change = in_its_place(demo, other) if same_place else served(settings, other)
    with change:
        ids = list(Contact.objects.values_list("pk", flat=True))
        for kind in KINDS:
            row = sync(kind=kind, ids=ids if kind == "records" else None)
            assert_refused(row, '"My Company"', *([UUID[:8]] if readable else []))
            assert everything() == before
            assert OdooIdentity.objects.get().other == row.error
    synced()
    assert OdooIdentity.objects.get().other == ""


def test_each_stream_is_refused_also_those_that_were_never_copied(demo, settings):
    sync(kind="reconcile")
    with served(settings, DemoOdoo("19.0", contacts=5, invoices=5, uuid=UUID)):
        for stream in all_streams():
            assert_refused(sync(stream, "reconcile"))
    assert Invoice.objects.count() == 0


@pytest.mark.parametrize("readable", [True, False], ids=["uuid", "no-uuid"])
def test_a_mirror_from_before_identities_takes_the_odoo_its_rows_are_of_and_no_other(
    demo, settings, readable
):
    fill(demo)
    sync(kind="reconcile")
    OdooIdentity.objects.all().delete()
    other = another()
    if not readable:
        demo.forbid("ir.config_parameter")
        other.forbid("ir.config_parameter")
    with served(settings, other):
        for kind in KINDS:
            assert_refused(sync(kind=kind, ids=[1]), "were created at a different moment there")
        assert identity.recorded() is None
    synced()
    assert identity.recorded().uuid == (demo.uuid if readable else "")


def test_databases_of_one_template_are_told_apart_by_what_was_made_after_it(demo):
    """Without the UUID: the first users are the same, the records under our ids are not."""
    other = DemoOdoo("19.0", uuid=UUID)
    for odoo in (demo, other):
        odoo.forbid("ir.config_parameter")
    fill(demo, [f"Ours {number}" for number in range(9)])
    sync(kind="reconcile")
    before = everything()
    other.clock.step(timedelta(hours=-3))
    fill(other, [f"Theirs {number}" for number in range(9)])
    with in_its_place(demo, other):
        assert_refused(sync(), "were created at a different moment there")
        assert everything() == before


def test_a_first_run_that_copied_nothing_binds_the_mirror_to_nobody(demo, settings):
    demo.hide("res.partner", lambda record: True)
    synced(kind="reconcile")
    assert Reference.objects.exists()
    other = another()
    with served(settings, other):
        synced()
        assert identity.recorded().uuid == UUID
        assert verify(all_streams()["contacts"], sample=100).differences == []
        synced()


# The same Odoo, seen otherwise -----------------------------------------------------------------------


def test_rights_on_the_uuid_that_come_and_go_make_it_no_other_odoo(demo):
    fill(demo)
    sync(kind="reconcile")
    demo.forbid("ir.config_parameter")
    for kind in KINDS:
        synced(kind=kind, ids=[1])
    assert identity.recorded().uuid == demo.uuid
    OdooIdentity.objects.update(uuid="")
    demo.allow("ir.config_parameter")
    # What was forbidden is asked for again now and then, not each minute.
    synced(kind="reconcile")
    assert identity.recorded().uuid == demo.uuid


def test_another_user_and_another_name_of_the_company_make_it_no_other_odoo(demo):
    demo.forbid("ir.config_parameter")
    for number in (3, 4):
        contact = demo.add("res.partner", name=f"User {number}")
        demo.add("res.users", login=f"u{number}", partner_id=contact, company_id=1)
    rule = demo.hide("res.users", lambda user: user["id"] == 4)
    sync(kind="reconcile")
    rule.remove()
    demo.hide("res.users", lambda user: user["id"] == 3)
    demo.write("res.company", [1], name="Renamed Ltd")
    synced()


def test_a_user_who_may_see_no_user_is_told_by_the_records(demo, settings):
    demo.forbid("ir.config_parameter")
    demo.forbid("res.users")
    fill(demo)
    sync(kind="reconcile")
    synced()
    other = another()
    other.forbid("ir.config_parameter")
    other.forbid("res.users")
    with served(settings, other):
        assert_refused(sync())


def test_an_idle_look_for_changes_costs_one_small_call_for_the_identity(demo):
    for forbidden in (False, True):
        if forbidden:
            demo.forbid("ir.config_parameter")
        fill(demo)
        for kind in ("reconcile", "changes"):
            sync(kind=kind)
        demo.calls.clear()
        sync()
        asked = [call.model for call in demo.calls if not call.model.startswith("res.partner")]
        assert asked == (["res.users"] if forbidden else ["ir.config_parameter"])


# A server that moved, a copy -------------------------------------------------------------------------


def test_a_server_that_moved_is_followed_and_the_run_says_so(demo, settings):
    fill(demo)
    sync(kind="reconcile")
    with demo.serve("127.0.0.1", 0) as server:
        settings.ODOO_URL = server.url
        fill(demo, ["Delta"])
        row = sync()
        assert row.status == "succeeded"
        assert row.note.startswith("Odoo moved from demo at 127.0.0.1:")
        assert (identity.recorded().url, sync().note) == (server.url, "")
        assert Contact.objects.filter(name="Delta").exists()


@pytest.mark.parametrize("readable", [True, False], ids=["uuid", "no-uuid"])
def test_an_older_copy_at_another_address_is_refused_until_it_is_adopted(demo, settings, readable):
    """A staging server made from a dump: the same UUID and users."""
    if not readable:
        demo.forbid("ir.config_parameter")
    acme, *_ = fill(demo)
    old = demo.backup()
    demo.clock.step(timedelta(minutes=1))
    demo.write("res.partner", [acme], name="Acme Ltd")
    sync(kind="reconcile")
    before = everything()
    staging = DemoOdoo("19.0", uuid=demo.uuid)
    staging.restore(old)
    if not readable:
        staging.forbid("ir.config_parameter")
    with served(settings, staging):
        for kind in KINDS:
            assert_refused(sync(kind=kind, ids=[acme]), "older copy", str(acme))
        assert everything() == before
        call_command("adopt_odoo", "--yes")
        synced()
        assert Contact.objects.get(pk=acme).name == "Acme"
        assert verify(all_streams()["contacts"], sample=100).differences == []


def test_odoos_own_duplicate_is_another_odoo(demo, settings):
    fill(demo)
    sync(kind="reconcile")
    duplicate = DemoOdoo("19.0", database="copy")
    duplicate.restore(demo.backup())
    [row] = [each for each in duplicate.rows("ir.config_parameter")]
    duplicate.write("ir.config_parameter", [row], value=UUID)
    with served(settings, duplicate):
        assert_refused(sync(), "a copy of ours", UUID[:8], "copy at 127.0.0.1")


# Odoo restored from a backup -------------------------------------------------------------------------


def test_what_a_restored_backup_undid_is_undone_here_at_once_and_readers_of_the_feed_see_it(demo):
    acme, beta, _gamma = fill(demo)
    for stream in all_streams():
        sync(stream, "reconcile")
    backup = demo.backup()
    demo.clock.step(timedelta(minutes=10))
    demo.write("res.partner", [acme], name="Acme Ltd")
    demo.unlink("res.partner", [beta])
    made = demo.add("res.partner", name="Made after the backup")
    demo.clock.step(timedelta(minutes=10))
    synced()
    seen = SyncState.objects.get(stream="contacts").change_seq
    demo.restore(backup)
    demo.clock.step(timedelta(minutes=10))
    row = sync()
    assert row.status == "succeeded"
    assert "A backup was restored there" in row.note
    assert str(acme) in row.note
    changed = set(Contact.objects.filter(change_seq__gt=seen).values_list("pk", flat=True))
    assert changed == {acme, beta, made}
    assert Contact.objects.get(pk=acme).name == "Acme"
    assert Contact.objects.get(pk=made).gone_at is not None
    assert verify(all_streams()["contacts"], sample=100).differences == []
    requested = SyncRun.objects.filter(status="queued", kind="reconcile")
    assert set(requested.values_list("stream", flat=True)) == set(all_streams()) - {"contacts"}
    assert sync().note == ""


def test_ids_that_come_again_with_other_records_after_a_restore_end_exact(demo):
    fill(demo, [f"Old {number}" for number in range(6)])
    sync(kind="reconcile")
    backup = demo.backup()
    demo.clock.step(timedelta(minutes=10))
    first, second = fill(demo, ["Undone", "Undone too"])
    synced()
    ann = UserFactory()
    Contact.objects.filter(pk=first).update(created_by=ann)
    demo.restore(backup)
    demo.clock.step(timedelta(minutes=10))
    assert fill(demo, ["Somebody else"]) == [first]
    row = sync()
    assert row.status == "succeeded"
    assert "A backup was restored there" in row.note
    contact = Contact.objects.get(pk=first)
    assert (contact.name, contact.created_by) == ("Somebody else", None)
    assert Contact.objects.get(pk=second).gone_at is not None
    assert verify(all_streams()["contacts"], sample=100).differences == []


def test_more_records_made_after_the_backup_than_are_looked_at_hide_no_older_one(demo, monkeypatch):
    monkeypatch.setattr("odoo_bridge.sync.undone._AT_ONCE", 3)
    acme, *_ = fill(demo)
    sync(kind="reconcile")
    backup = demo.backup()
    demo.clock.step(timedelta(minutes=10))
    demo.write("res.partner", [acme], name="Acme Ltd")
    demo.clock.step(timedelta(minutes=1))
    fill(demo, [f"New {number}" for number in range(8)])
    demo.clock.step(timedelta(minutes=10))
    sync()
    demo.restore(backup)
    row = sync()
    assert "A backup was restored there" in row.note
    assert Contact.objects.get(pk=acme).name == "Acme"
    assert verify(all_streams()["contacts"], sample=100).differences == []


def test_newest_records_deleted_in_odoo_are_no_restored_backup(demo):
    fill(demo)
    sync(kind="reconcile")
    demo.clock.step(timedelta(minutes=10))
    demo.unlink("res.partner", fill(demo, ["Brief"]))
    made = fill(demo, ["Brief too"])
    sync()
    demo.unlink("res.partner", made)
    row = sync()
    assert (row.gone_count, row.note) == (1, "")


def test_odoos_clock_set_back_is_not_taken_for_a_restored_backup(demo):
    acme, *_ = fill(demo)
    sync(kind="reconcile")
    demo.clock.step(timedelta(hours=-2))
    demo.write("res.partner", [acme], name="Acme Ltd")
    row = sync()
    assert "clock was set back" in row.note
    assert Contact.objects.get(pk=acme).name == "Acme Ltd"


def test_a_record_that_cannot_be_copied_is_no_restored_backup(demo):
    acme, *_ = fill(demo)
    sync(kind="reconcile")
    demo.clock.step(timedelta(minutes=10))
    demo.write_raw("res.partner", [acme], parent_id="nobody")
    assert [sync().note, sync().note] == ["", ""]


# Every door ------------------------------------------------------------------------------------------


@pytest.fixture
def swapped(demo, settings):
    """A filled mirror whose settings lead to another Odoo by now."""
    fill(demo)
    sync(kind="reconcile")
    with served(settings, another(database="other")) as server:
        yield server.demo


def test_a_write_makes_nothing_in_another_odoo(swapped):
    client = client_of(UserFactory(groups=["writers"]))
    before, ours = swapped.rows("res.partner"), everything()
    answer = client.post(
        "/api/utils/odoo-contacts",
        {"name": "New Ltd"},
        format="json",
        headers={"Idempotency-Key": UUID},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "other_odoo")
    assert (swapped.rows("res.partner"), everything()) == (before, ours)
    assert OdooWrite.objects.get().state == OdooWrite.State.REQUESTED


def test_live_reads_of_another_odoo_store_nothing(swapped):
    client = client_of(UserFactory(groups=["operators"]))
    before = everything()
    assert client.get("/api/utils/odoo-contacts").status_code == 200
    assert everything() == before


def test_ready_says_that_the_last_run_found_another_odoo_without_asking_odoo(swapped):
    sync()
    swapped.calls.clear()
    answer = Client().get("/api/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "other_odoo")
    assert swapped.calls == []


def test_check_odoo_names_both_and_the_remedy(swapped, capsys):
    with pytest.raises(SystemExit):
        call_command("check_odoo", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["mirror_of"] == "another Odoo"
    [problem] = report["problems"]
    assert problem["code"] == "other_odoo"
    assert UUID[:8] in problem["message"]
    assert "adopt_odoo" in problem["remedy"]
    assert OdooIdentity.objects.get().other == ""


def test_verify_mirror_compares_with_no_other_odoo(swapped):
    with pytest.raises(CommandError, match="This mirror is a copy of"):
        call_command("verify_mirror")


def test_adopt_odoo_never_adopts_another_database(swapped, capsys):
    before = everything()
    with pytest.raises(SystemExit):
        call_command("adopt_odoo", "--yes", "--json")
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (report["finding"], report["adopted"]) == ("other", False)
    assert "Use a new mirror" in err
    assert everything() == before


def test_adopt_odoo_shows_what_differs_and_asks(demo, settings, capsys, monkeypatch):
    fill(demo)
    sync(kind="reconcile")
    duplicate = DemoOdoo("19.0", database="copy")
    duplicate.restore(demo.backup())
    duplicate.write("ir.config_parameter", list(duplicate.rows("ir.config_parameter")), value=UUID)
    with served(settings, duplicate) as server:
        # Nobody is there to ask.
        with pytest.raises(SystemExit):
            call_command("adopt_odoo")
        assert "--yes" in capsys.readouterr().err
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("builtins.input", lambda question: "n")
        with pytest.raises(SystemExit):
            call_command("adopt_odoo")
        assert_refused(sync())
        monkeypatch.setattr("builtins.input", lambda question: "y")
        call_command("adopt_odoo")
        out = capsys.readouterr().out
        assert demo.uuid in out
        assert UUID in out
        assert server.url in out
        synced()
        call_command("adopt_odoo")
        assert "nothing to adopt" in capsys.readouterr().out


def test_the_overview_names_the_mirrored_odoo(demo, admin_client):
    sync()
    page = admin_client.get(reverse("admin:index")).content.decode()
    assert "Odoo: My Company, demo at 127.0.0.1:" in page


def test_a_run_shows_what_it_noticed_about_odoo(demo, admin_client, settings):
    sync(kind="reconcile")
    with demo.serve("127.0.0.1", 0) as server:
        settings.ODOO_URL = server.url
        row = sync()
    page = admin_client.get(reverse("admin:odoo_bridge_syncrun_change", args=[row.pk]))
    assert "Odoo moved from" in page.content.decode()
    client = APIClient()
    for groups, note in ((["operators"], row.note), (["readers"], None)):
        client.force_authenticate(UserFactory(groups=groups))
        assert client.get(f"/api/sync/runs/{row.pk}").json()["note"] == note


def test_the_demo_is_not_started_over_the_mirror_of_another_odoo(demo, settings):
    fill(demo)
    sync(kind="reconcile")
    settings.ONE_PROCESS = True
    for identity_is_known in (True, False):
        before = list(Contact.objects.order_by("pk").values())
        if not identity_is_known:
            OdooIdentity.objects.all().delete()
        with pytest.raises(CommandError) as refused:
            call_command("start", "--demo", "--check")
        first, second = str(refused.value).split("\n")
        assert first.startswith("This database mirrors ")
        assert "DATABASE_URL" in second
        assert list(Contact.objects.order_by("pk").values()) == before
