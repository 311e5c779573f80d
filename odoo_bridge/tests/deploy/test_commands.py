"""The commands as an operator meets them: what they print, and how they exit."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command, load_command_class

from contacts.models import Contact
from odoo_bridge.models import SyncRun
from odoo_bridge.odoo.connect import disconnect
from odoo_bridge.odoo.remedies import REMEDIES
from odoo_bridge.sync.lease import Lease

pytestmark = pytest.mark.django_db


def call(*arguments):
    """Return the exit code and what was printed."""
    out, err = StringIO(), StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except SystemExit as exc:
        return exc.code, out.getvalue() + err.getvalue()
    except CommandError as exc:
        return exc.returncode, str(exc)
    return 0, out.getvalue()


def test_a_first_copy_then_nothing_to_do_then_equal(demo):
    acme = demo.add("res.partner", name="Acme")
    demo.add_invoice(contact=acme, lines=[{"name": "Desk", "quantity": 1, "price_unit": 10}])
    code, text = call("sync_odoo", "all", "--kind", "reconcile")
    assert code == 0
    assert "invoice_lines: Succeeded" in text
    code, text = call("sync_odoo", "--json")
    assert code == 0
    runs = json.loads(text)
    assert [row["stream"] for row in runs] == ["contacts", "invoices", "invoice_lines"]
    assert all(row["created_count"] == row["updated_count"] == 0 for row in runs)
    code, text = call("verify_mirror")
    assert (code, text.count(": equal")) == (0, 3)


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        ["--ids", "7"],
        ["contacts", "--ids", "7", "--kind", "full"],
        ["contacts", "--ids", "seven"],
        ["contacts", "--ids", "-1"],
        ["contacts", "--kind", "records"],
    ],
)
def test_bad_usage_exits_2_or_is_refused_by_the_parser(arguments):
    with pytest.raises(CommandError) as caught:
        call_command("sync_odoo", *arguments)
    assert caught.value.returncode in (1, 2)  # the parser's own errors exit 2 on a command line
    assert not SyncRun.objects.exists()


def test_chosen_records_are_read(demo):
    acme = demo.add("res.partner", name="Acme")
    demo.add("res.partner", name="Bob")
    code, _text = call("sync_odoo", "contacts", "--ids", str(acme))
    assert code == 0
    assert list(Contact.objects.values_list("name", flat=True)) == ["Acme"]


def test_each_end_has_its_exit_code(demo, settings):
    for n in range(60):
        demo.add("res.partner", name=f"Contact {n}")
    assert call("sync_odoo", "contacts")[0] == 0

    rule = demo.hide("res.partner", lambda record: record["id"] % 2 == 0)
    code, text = call("sync_odoo", "contacts")
    assert code == 3 and "Nothing was marked gone" in text
    rule.remove()

    bad = demo.add("res.partner", name="Bad")
    demo.write_raw("res.partner", [bad], name=1)
    assert call("sync_odoo", "contacts")[0] == 4

    holder = SyncRun.objects.create(stream="contacts", kind="changes", trigger="command")
    lease = Lease.take("contacts", holder)
    assert call("sync_odoo", "contacts")[0] == 5
    lease.release()

    settings.ODOO_PASSWORD = "wrong"
    code, text = call("sync_odoo", "contacts")
    assert code == 1 and "refused the login" in text
    assert "wrong" not in text


def test_a_queued_run_waits_for_the_workers(demo):
    code, text = call("sync_odoo", "contacts", "--queue")
    assert code == 0 and "queued as run" in text
    assert SyncRun.objects.get().status == SyncRun.Status.QUEUED
    assert not Contact.objects.exists()


def test_verify_finds_and_repairs_what_was_tampered_with(demo, monkeypatch):
    monkeypatch.setattr("odoo_bridge.sync.verify.SECOND_LOOK_SECONDS", 0)
    acme = demo.add("res.partner", name="Acme")
    bob = demo.add("res.partner", name="Bob")
    call("sync_odoo", "contacts")
    Contact.objects.filter(pk=acme).update(name="Tampered")
    Contact.objects.filter(pk=bob).delete()
    code, text = call("verify_mirror", "contacts")
    assert code == 1
    assert "Tampered" in text and "(no such row)" in text
    code, text = call("verify_mirror", "contacts", "--json")
    assert code == 1
    assert json.loads(text)[0]["equal"] is False
    assert call("verify_mirror", "contacts", "--repair")[0] == 0
    assert Contact.objects.get(pk=acme).name == "Acme"
    assert call("verify_mirror", "contacts")[0] == 0


def test_verify_says_so_when_odoo_is_away(settings):
    settings.ODOO_URL = "http://127.0.0.1:9"
    code, text = call("verify_mirror", "contacts")
    assert code == 1 and "cannot be reached" in text


def test_check_tells_what_a_sync_would_meet(demo):
    demo.hide_field("res.partner", "vat")
    code, text = call("check_odoo", "--json")
    assert code == 0
    report = json.loads(text)
    assert (report["version"], report["transport"], report["user"]) == ("19.0", "jsonrpc", "admin")
    contacts = report["streams"][0]
    assert contacts["rows"] == len(demo.rows("res.partner"))
    assert "vat" in contacts["unavailable_fields"]


def test_check_names_what_stops_a_sync_and_the_remedy(demo, settings):
    demo.forbid("account.move")
    code, text = call("check_odoo")
    assert code == 1 and "Invoicing: Read-only" in text
    disconnect()
    settings.ODOO_PASSWORD = "not the password"
    code, text = call("check_odoo")
    assert code == 1 and "ODOO_PASSWORD" in text
    assert "not the password" not in text


def test_a_sync_that_failed_says_what_to_do(demo, settings):
    settings.ODOO_PASSWORD = "wrong"
    code, text = call("sync_odoo", "contacts")
    assert code == 1
    assert REMEDIES["odoo_refused"] in text


@pytest.mark.parametrize(
    "name",
    [
        "check_odoo",
        "demo_odoo",
        "restart_feeds",
        "start",
        "startnoun",
        "sync_odoo",
        "verify_mirror",
    ],
)
def test_the_help_of_a_command_has_examples(name):
    command = load_command_class("odoo_bridge", name)
    text = command.create_parser("manage.py", name).format_help()
    examples = text.partition("Examples:\n")[2].splitlines()
    assert examples and all(name in line or "bin/" in line for line in examples)
