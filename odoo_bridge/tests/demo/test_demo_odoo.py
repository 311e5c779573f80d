"""The demo Odoo on its own: transactions, faults, rights, made-up data, churn."""

import gzip
import http.client
import json
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from odoo_bridge.demo import Churn, ConcurrentUpdate, DemoOdoo, Fault, OdooError

NOON = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)
VERSIONS = ["14.0", "15.0", "16.0", "17.0", "18.0", "19.0"]


@pytest.fixture
def odoo():
    return DemoOdoo()


@pytest.fixture
def server(odoo):
    with odoo.serve() as server:
        yield server


class Asked:
    """An answer: status, headers by name, the body and what it means."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def value(self):
        return json.loads(self.body)


@contextmanager
def connected(server):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
    try:
        yield connection
    finally:
        connection.close()


def ask(server, model, method, connection=None, headers=None, **body):
    """One JSON-2 call."""
    if connection is None:
        with connected(server) as fresh:
            return ask(server, model, method, fresh, headers, **body)
    sent = {"Content-Type": "application/json", "Authorization": "bearer demo-api-key"}
    connection.request(
        "POST", f"/json/2/{model}/{method}", json.dumps(body), {**sent, **(headers or {})}
    )
    return Asked(connection.getresponse())


def rpc(server, service, method, *args):
    params = {"service": service, "method": method, "args": args}
    with connected(server) as connection:
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params, "id": 1})
        connection.request("POST", "/jsonrpc", body, {"Content-Type": "application/json"})
        return Asked(connection.getresponse())


def names(server, *domain):
    rows = ask(server, "res.partner", "search_read", domain=list(domain), fields=["name"]).value
    return {row["name"] for row in rows}


# Transactions


def test_an_open_transaction_is_invisible_and_then_older_than_what_was_committed_before_it(
    odoo, server
):
    odoo.clock.freeze(NOON)
    with odoo.transaction() as late:
        late.add("res.partner", id=7, name="Late")
        odoo.clock.step(timedelta(minutes=3))
        odoo.add("res.partner", id=8, name="Prompt")
        assert names(server, ["id", "in", [7, 8]]) == {"Prompt"}
    stamps = {row["name"]: row["write_date"] for row in odoo.rows("res.partner").values()}
    assert (stamps["Late"], stamps["Prompt"]) == (NOON, NOON + timedelta(minutes=3))
    assert names(server, ["id", "in", [7, 8]]) == {"Late", "Prompt"}


def test_a_transaction_sees_its_own_changes_and_an_exception_undoes_them(odoo):
    odoo.add("res.partner", id=7, name="Acme", is_company=True)
    before = odoo.rows("res.partner")
    with pytest.raises(ZeroDivisionError), odoo.transaction() as tx:
        child = tx.add("res.partner", name="Child", parent_id=7)
        tx.write("res.partner", [7], name="Other")
        tx.unlink("res.partner", [child])
        tx.add("res.partner", name="Second child", parent_id=7)
        raise ZeroDivisionError
    assert odoo.rows("res.partner") == before
    # A sequence does not take back what it gave.
    assert odoo.add("res.partner", name="Next") == 10


def test_two_transactions_on_one_row_do_not_both_commit(odoo):
    odoo.add("res.partner", id=7, name="Acme")
    with pytest.raises(ConcurrentUpdate), odoo.transaction() as tx:
        tx.write("res.partner", [7], name="First")
        odoo.write("res.partner", [7], name="Second")
    assert odoo.rows("res.partner")[7]["name"] == "Second"


def test_a_remote_call_that_fails_half_way_leaves_nothing(odoo, server):
    before = odoo.rows("res.partner").keys()
    values = [{"name": "Good"}, {"name": "Bad", "nothing": 1}]
    assert ask(server, "res.partner", "create", vals_list=values).status == 500
    assert odoo.rows("res.partner").keys() == before


def test_writes_within_one_transaction_share_one_stamp_with_microseconds(odoo, server):
    odoo.clock.freeze(NOON)
    with odoo.transaction() as tx:
        for number in range(20):
            tx.add("res.partner", id=100 + number, name=f"N{number}")
            odoo.clock.step(timedelta(seconds=1))
    rows = [row for key, row in odoo.rows("res.partner").items() if key >= 100]
    assert {row["write_date"] for row in rows} == {NOON}
    sent = ask(server, "res.partner", "read", ids=[100], fields=["write_date"]).value
    assert sent == [{"id": 100, "write_date": "2026-05-04 12:00:00"}]


def test_a_record_can_be_given_its_stamp(odoo):
    odoo.add("res.partner", id=7, name="Acme", write_date=NOON)
    assert odoo.rows("res.partner")[7]["create_date"] == NOON
    odoo.write("res.partner", [7], name="Acme 2", write_date="2026-05-05 00:00:00")
    assert odoo.rows("res.partner")[7]["write_date"] == datetime(2026, 5, 5, tzinfo=UTC)


def test_raw_writes_move_no_stamp_and_take_any_value(odoo, server):
    odoo.add("res.partner", id=7, name="Acme", write_date=NOON)
    odoo.write_raw("res.partner", [7], name="N\x00L", customer_rank=float("nan"), parent_id=["?"])
    row = odoo.rows("res.partner")[7]
    assert (row["write_date"], row["name"]) == (NOON, "N\x00L")
    sent = ask(server, "res.partner", "read", ids=[7], fields=["parent_id"], load="").value
    assert sent == [{"id": 7, "parent_id": ["?"]}]
    with pytest.raises(ValueError, match="no column nothing"):
        odoo.write_raw("res.partner", [7], nothing=1)


# The clock and the server


def test_the_clock_runs_can_be_set_stepped_and_frozen(odoo, server):
    odoo.clock.set(NOON)
    assert NOON <= odoo.clock.now() < NOON + timedelta(seconds=5)
    odoo.clock.freeze()
    frozen = odoo.clock.now()
    time.sleep(0.002)
    assert odoo.clock.now() == frozen
    odoo.clock.freeze(NOON)
    odoo.clock.step(timedelta(hours=1))
    date = ask(server, "res.partner", "search", domain=[]).headers["Date"]
    assert date == "Mon, 04 May 2026 13:00:00 GMT"


def test_a_connection_is_kept_open_and_a_stopped_server_closes_it(odoo):
    server = odoo.serve().start()
    with connected(server) as connection:
        first = ask(server, "res.partner", "search_count", connection, domain=[])
        held = connection.sock
        second = ask(server, "res.partner", "search_count", connection, domain=[])
        assert (first.status, second.status, connection.sock) == (200, 200, held)
        server.stop()
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            held.send(b"x")
            if not held.recv(1):
                raise ConnectionResetError
    with pytest.raises(ConnectionError):
        ask(server, "res.partner", "search_count", domain=[])


def test_a_server_starts_again_on_its_port(odoo):
    server = odoo.serve()
    with server:
        port = server.port
    with server:
        assert server.port == port
        assert ask(server, "res.partner", "search_count", domain=[]).status == 200


def test_large_answers_are_compressed_for_who_takes_it(odoo, server):
    for _ in range(30):
        odoo.add("res.partner", name="Somebody with a name to compress")
    wanted = {"model": "res.partner", "method": "search_read", "domain": [], "fields": ["name"]}
    packed = ask(server, headers={"Accept-Encoding": "gzip"}, **wanted)
    plain = ask(server, **wanted)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["Content-Encoding"] is None


def test_the_log_names_arguments_alike_for_both_protocols_and_no_password(odoo, server):
    odoo.add("res.partner", id=7, name="Acme")
    ask(server, "res.partner", "read", ids=[7], fields=["name"], load="")
    call = ["demo", 2, "admin", "res.partner", "read", [[7], ["name"]], {"load": ""}]
    rpc(server, "object", "execute_kw", *call)
    rpc(server, "common", "login", "demo", "admin", "wrong")
    first, second, login = odoo.calls
    assert first == second
    assert (first.model, first.method, first.status) == ("res.partner", "read", 200)
    assert first.kwargs == {"ids": [7], "fields": ["name"], "load": ""}
    assert (login.model, login.method, login.kwargs) == ("common", "login", {})
    odoo.calls.clear()
    assert odoo.calls == []


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Fault("status", code=503, body="Down"), 503, b"Down"),
        (Fault("html"), 200, b"<!DOCTYPE html>"),
        (Fault("busy", retry_after=9), 429, b"<h1>"),
        (Fault("redirect", location="https://x.example.com/"), 302, b""),
        (Fault("wrong_type", result=[1]), 200, b"[1]"),
        (Fault("no_result"), 200, b""),
        (Fault("access_denied"), 401, b'{"name": "werkzeug.exceptions.Unauthorized"'),
        (Fault("delay", seconds=0.01), 200, b"3"),
        (Fault("drip", seconds=0.001), 200, b"3"),
    ],
    ids=lambda each: each.kind if isinstance(each, Fault) else "",
)
def test_a_fault_happens_once_and_then_all_is_well(odoo, server, fault, status, body):
    odoo.add("res.partner", name="Third")
    odoo.faults.add(fault)
    answer = ask(server, "res.partner", "search_count", domain=[])
    assert (answer.status, answer.body[: len(body)]) == (status, body)
    assert ask(server, "res.partner", "search_count", domain=[]).value == 3
    assert [call.status for call in odoo.calls] == [status, 200]


def test_faults_carry_their_headers(odoo, server):
    odoo.faults.add(Fault("busy", retry_after=9), Fault("redirect", skip=1, location="/x"))
    answer = ask(server, "res.partner", "search", domain=[])
    assert answer.headers["Retry-After"] == "9"
    assert ask(server, "res.partner", "search", domain=[]).headers["Location"] == "/x"


@pytest.mark.parametrize("kind", ["reset", "after_commit_reset"])
def test_a_dropped_connection_commits_or_not(odoo, server, kind):
    odoo.faults.add(Fault(kind, method="create"))
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(server, "res.partner", "create", vals_list=[{"name": "Made"}])
    made = "Made" in {row["name"] for row in odoo.rows("res.partner").values()}
    assert made is (kind == "after_commit_reset")
    assert [call.status for call in odoo.calls] == [0]


def test_a_cut_body_is_shorter_than_it_says(odoo, server):
    odoo.faults.add(Fault("cut", at=4))
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(server, "res.partner", "search_read", domain=[], fields=["name"])
    assert len(cut.value.partial) == 4


def test_a_drip_takes_its_time(odoo, server):
    odoo.faults.add(Fault("drip", seconds=0.002))
    started = time.monotonic()
    answer = ask(server, "res.partner", "search_read", domain=[], fields=["name"])
    assert time.monotonic() - started >= 0.002 * (len(answer.body) - 1)
    assert len(answer.value) == 2


def test_json_rpc_faults_have_its_shapes(odoo, server):
    call = ["demo", 2, "admin", "res.partner", "search", [[]]]
    odoo.faults.add(
        Fault("no_result", "res.partner"),
        Fault("access_denied", "res.partner", skip=1),
        Fault("access_denied", "common", "login"),
    )
    answers = [rpc(server, "object", "execute_kw", *call) for _ in range(2)]
    assert answers[0].value == {"jsonrpc": "2.0", "id": 1}
    assert answers[1].value["error"]["data"]["name"] == "odoo.exceptions.AccessDenied"
    login = rpc(server, "common", "login", "demo", "admin", "admin")
    assert login.value["result"] is False


def test_skip_and_times_count_only_the_calls_that_match(odoo, server):
    odoo.faults.add(Fault("status", "res.partner", "read", skip=1, times=2, code=502))
    got = []
    for method in ("read", "search", "read", "search", "read", "read"):
        body = {"ids": [1], "fields": ["name"]} if method == "read" else {"domain": []}
        got.append(ask(server, "res.partner", method, **body).status)
    assert got == [200, 200, 502, 200, 502, 200]


def test_times_none_lasts_until_cleared(odoo, server):
    odoo.faults.add(Fault("status", times=None, code=500))
    statuses = [ask(server, "res.partner", "search", domain=[]).status for _ in range(3)]
    odoo.faults.clear()
    assert statuses == [500, 500, 500]
    assert ask(server, "res.partner", "search", domain=[]).status == 200


def test_a_hook_changes_data_between_two_calls(odoo, server):
    odoo.add("res.partner", id=7, name="Acme")
    odoo.faults.add(
        Fault("hook", "res.partner", "read", run=lambda: odoo.unlink("res.partner", [7]))
    )
    assert ask(server, "res.partner", "search", domain=[["id", "=", 7]]).value == [7]
    assert ask(server, "res.partner", "read", ids=[7], fields=["name"]).value == []


def test_a_poisoned_record_fails_every_read_that_has_it(odoo, server):
    odoo.add("res.partner", id=7, name="Acme")
    odoo.faults.add(Fault("poison_record", "res.partner", ids=[7], times=None))
    for _ in range(2):
        assert ask(server, "res.partner", "read", ids=[1, 7], fields=["name"]).status == 500
    assert ask(server, "res.partner", "search_read", domain=[], fields=["name"]).status == 500
    assert ask(server, "res.partner", "read", ids=[1, 3], fields=["name"]).status == 200
    assert ask(server, "res.partner", "search", domain=[["id", "=", 7]]).value == [7]
    odoo.faults.clear()
    assert ask(server, "res.partner", "read", ids=[1, 7], fields=["name"]).status == 200


def test_a_fault_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no fault 'typo'"):
        Fault("typo")
    with pytest.raises(TypeError, match="no option second"):
        Fault("delay", second=1)


# Rights


def test_hidden_rows_are_skipped_by_searches_and_refused_by_read(odoo, server):
    odoo.add("res.partner", id=7, name="Secret")
    hidden = odoo.hide("res.partner", lambda record: record["name"] == "Secret")
    assert ask(server, "res.partner", "search", domain=[["id", "=", 7]]).value == []
    refused = ask(server, "res.partner", "read", ids=[1, 7], fields=["name"])
    assert (refused.status, refused.value["name"]) == (403, "odoo.exceptions.AccessError")
    assert ask(server, "res.partner", "write", ids=[7], vals={"name": "X"}).status == 403
    assert odoo.rows("res.partner")[7]["name"] == "Secret"
    hidden.remove()
    assert ask(server, "res.partner", "read", ids=[7], fields=["name"]).status == 200


def test_hidden_rows_are_not_counted(odoo, server):
    body = {"domain": [], "groupby": [], "aggregates": ["__count", "id:sum"]}
    odoo.hide("res.partner", lambda record: record["id"] == 3)
    [total] = ask(server, "res.partner", "formatted_read_group", **body).value
    assert (total["__count"], total["id:sum"]) == (1, 1)


@pytest.mark.parametrize(
    "method", ["search", "search_count", "search_read", "formatted_read_group"]
)
def test_a_forbidden_model_is_refused_until_allowed(odoo, server, method):
    odoo.forbid("account.move")
    refused = ask(server, "account.move", method, domain=[])
    assert (refused.status, refused.value["name"]) == (403, "odoo.exceptions.AccessError")
    assert ask(server, "res.partner", "search", domain=[]).status == 200
    odoo.allow("account.move")
    assert ask(server, "account.move", method, domain=[]).status == 200


@pytest.mark.parametrize(("version", "readonly"), [("14.0", True), ("19.0", False)])
def test_a_forbidden_model_still_tells_its_fields_as_odoo_does(version, readonly):
    odoo = DemoOdoo(version)
    odoo.forbid("res.partner")
    call = ["demo", 2, "admin", "res.partner", "fields_get", [["name"], ["readonly"]]]
    with odoo.serve() as server:
        answer = rpc(server, "object", "execute_kw", *call).value["result"]
    assert answer == {"name": {"readonly": readonly}}


def test_a_hidden_field_is_unknown_until_shown(odoo, server):
    odoo.hide_field("res.partner", "vat")
    assert "vat" not in ask(server, "res.partner", "fields_get").value
    read = {"ids": [1], "fields": ["vat"]}
    assert ask(server, "res.partner", "read", **read).value["name"] == "builtins.ValueError"
    assert ask(server, "res.partner", "search", domain=[["vat", "=", "x"]]).status == 500
    assert "vat" not in ask(server, "res.partner", "read", ids=[1]).value[0]
    odoo.show_field("res.partner", "vat")
    assert ask(server, "res.partner", "read", **read).status == 200


def test_allowed_companies_limit_what_is_seen(odoo, server):
    contact = odoo.add("res.partner", name="Second Company")
    second = odoo.add("res.company", name="Second Company", currency_id=2, partner_id=contact)
    ours = odoo.add("res.partner", name="Ours", company_id=1)
    theirs = odoo.add("res.partner", name="Theirs", company_id=second)
    shared = odoo.add("res.partner", name="Shared")
    domain = [["id", "in", [ours, theirs, shared]]]
    for companies, seen in ([1], [ours, shared]), ([1, second], [ours, theirs, shared]):
        context = {"allowed_company_ids": companies}
        answer = ask(server, "res.partner", "search", domain=domain, order="id", context=context)
        assert answer.value == seen
    assert ask(server, "res.partner", "search", domain=domain, order="id").value == seen


# Contacts and invoices


def test_merged_contacts_leave_no_new_stamp_on_what_pointed_to_them(odoo):
    odoo.clock.freeze(NOON)
    for key in (7, 8, 9):
        odoo.add("res.partner", id=key, name=f"Company {key}", is_company=True)
    child = odoo.add("res.partner", name="Child", parent_id=8)
    invoice = odoo.add_invoice(9, [{"name": "A", "price_unit": 10}])
    odoo.clock.step(timedelta(hours=1))
    odoo.merge(sources=[8, 9], into=7)
    contacts, move = odoo.rows("res.partner"), odoo.rows("account.move")[invoice]
    assert not {8, 9} & contacts.keys()
    assert (contacts[child]["parent_id"], contacts[child]["commercial_partner_id"]) == (7, 7)
    assert {move["partner_id"], move["commercial_partner_id"], move["partner_shipping_id"]} == {7}
    lines = odoo.rows("account.move.line").values()
    assert {line["partner_id"] for line in lines} == {7}
    stamps = [contacts[7], contacts[child], move, *lines]
    assert {row["write_date"] for row in stamps} == {NOON}


def test_a_renamed_company_moves_the_stamps_of_those_below_it(odoo):
    odoo.clock.freeze(NOON)
    odoo.add("res.partner", id=7, name="Old", is_company=True)
    odoo.add("res.partner", id=8, name="Child", parent_id=7)
    odoo.add("res.partner", id=9, name="Grandchild", parent_id=8)
    odoo.add("res.partner", id=10, name="Stranger")
    odoo.clock.step(timedelta(hours=1))
    odoo.write("res.partner", [7], name="New")
    rows = odoo.rows("res.partner")
    assert [rows[key]["write_date"] > NOON for key in (7, 8, 9, 10)] == [True, True, True, False]
    assert [rows[key]["complete_name"] for key in (8, 9)] == ["New, Child", "New, Grandchild"]


def test_deleting_what_others_point_to_empties_them_without_a_stamp(odoo):
    user = odoo.add("res.users", name="Short-lived", login="short")
    tag = odoo.add("res.partner.category", name="Short-lived")
    odoo.add("res.partner", id=7, name="Acme", user_id=user, category_id=[1, tag], write_date=NOON)
    odoo.unlink("res.users", [user])
    odoo.unlink("res.partner.category", [tag])
    row = odoo.rows("res.partner")[7]
    assert (row["user_id"], row["category_id"], row["write_date"]) == (False, [1], NOON)


def test_what_others_hold_on_to_cannot_be_deleted(odoo):
    country = odoo.add("res.country", name="Atlantis", code="AT")
    odoo.add("res.partner", name="Acme", country_id=country)
    with pytest.raises(OdooError, match="Another model is using the record"):
        odoo.unlink("res.country", [country])


@pytest.mark.parametrize(
    ("version", "draft", "number", "bill"),
    [
        ("14.0", "/", "INV/2026/05/0001", "BILL/2026/05/0001"),
        ("16.0", "/", "INV/2026/00001", "BILL/2026/05/0001"),
        ("17.0", "/", "INV/2026/00001", "BILL/2026/05/0001"),
        ("18.0", False, "INV/2026/00001", "BILL/2026/05/0001"),
        ("19.0", False, "INV/2026/00001", "BILL/2026/05/0001"),
    ],
)
def test_invoices_are_numbered_when_posted(version, draft, number, bill):
    odoo = DemoOdoo(version)
    odoo.clock.freeze(NOON)
    odoo.add("res.partner", id=7, name="Acme")
    line = {"name": "A", "price_unit": 10}
    made = odoo.add_invoice(7, [line])
    assert odoo.rows("account.move")[made]["name"] == draft
    odoo.post([made])
    bought = odoo.add_invoice(7, [line], "in_invoice", invoice_date="2026-05-04", post=True)
    second = odoo.add_invoice(7, [line], post=True)
    rows = odoo.rows("account.move")
    assert [rows[made]["name"], rows[bought]["name"]] == [number, bill]
    assert rows[second]["name"] == number[:-1] + "2"


def test_payments_move_the_residual_and_the_stamp_of_the_invoice(odoo):
    odoo.clock.freeze(NOON)
    odoo.add("res.partner", id=7, name="Acme")
    made = odoo.add_invoice(7, [{"name": "A", "price_unit": 100, "tax_ids": [1]}], post=True)
    odoo.clock.step(timedelta(hours=1))
    odoo.pay([made], amount=15)
    row = odoo.rows("account.move")[made]
    assert (row["payment_state"], row["amount_residual"]) == ("partial", 100.0)
    assert row["write_date"] == NOON + timedelta(hours=1)
    odoo.pay([made])
    row = odoo.rows("account.move")[made]
    assert (row["payment_state"], row["amount_residual"]) == ("paid", 0.0)
    with pytest.raises(OdooError, match="register payment"):
        odoo.pay([made])
    odoo.cancel([made])
    row = odoo.rows("account.move")[made]
    assert (row["state"], row["payment_state"], row["amount_residual"]) == (
        "cancel",
        "not_paid",
        115,
    )


@pytest.mark.parametrize(
    ("currency", "total", "signed"),
    [("EUR", 11.74, 11.74), ("USD", 11.74, 10.67), ("JPY", 12.0, 0.08), ("TND", 11.742, 3.453)],
)
def test_amounts_have_the_places_of_their_currency(odoo, currency, total, signed):
    odoo.add("res.partner", id=7, name="Acme")
    line = {"name": "A", "price_unit": 10.21, "tax_ids": [1]}
    made = odoo.add_invoice(7, [line], currency=currency)
    row = odoo.rows("account.move")[made]
    assert row["amount_total"] == total
    assert row["amount_total_signed"] == pytest.approx(signed, abs=0.011)
    credit = odoo.add_invoice(7, [line], "out_refund", currency)
    taken = odoo.rows("account.move")[credit]
    assert taken["amount_total_signed"] == -row["amount_total_signed"]


@pytest.mark.parametrize(("version", "moved"), [("18.0", False), ("19.0", True)])
def test_the_rank_is_raised_without_a_stamp_up_to_18(version, moved):
    odoo = DemoOdoo(version)
    odoo.add("res.partner", id=7, name="Acme", write_date=NOON)
    odoo.add_invoice(7, [{"name": "A", "price_unit": 10}], post=True)
    row = odoo.rows("res.partner")[7]
    assert (row["customer_rank"], row["write_date"] != NOON) == (1, moved)


@pytest.mark.parametrize(("version", "moved"), [("14.0", False), ("18.0", False), ("19.0", True)])
def test_a_line_s_new_label_moves_the_invoice_s_stamp_only_in_19(version, moved):
    odoo = DemoOdoo(version)
    odoo.clock.freeze(NOON)
    odoo.add("res.partner", id=7, name="Acme")
    made = odoo.add_invoice(7, [{"name": "A", "price_unit": 10}])
    odoo.clock.step(timedelta(hours=1))
    line = min(odoo.rows("account.move.line"))
    odoo.write("account.move.line", [line], name="B")
    assert odoo.rows("account.move.line")[line]["write_date"] > NOON
    assert (odoo.rows("account.move")[made]["write_date"] > NOON) is moved


def test_what_odoo_forbids_is_forbidden_from_python_too(odoo):
    odoo.add("res.partner", id=7, name="Acme")
    made = odoo.add_invoice(7, [{"name": "A", "price_unit": 10}], post=True)
    for change in (
        lambda: odoo.unlink("account.move", [made]),
        lambda: odoo.unlink("res.partner", [7]),
        lambda: odoo.unlink("res.partner", [3]),
        lambda: odoo.post([made]),
    ):
        with pytest.raises(OdooError):
            change()


# Made-up data


def everything(odoo):
    return {model: odoo.rows(model) for model in odoo.models}


@pytest.mark.parametrize("version", ["14.0", "19.0"])
def test_equal_seeds_give_equal_data_stamps_included(version):
    first = everything(DemoOdoo(version, contacts=60, invoices=60, seed=5))
    assert first == everything(DemoOdoo(version, contacts=60, invoices=60, seed=5))
    other = everything(DemoOdoo(version, contacts=60, invoices=60, seed=6))
    assert first["res.partner"] != other["res.partner"]
    assert first["account.move"] != other["account.move"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_data_is_as_much_as_asked_for_and_of_all_kinds(version):
    odoo = DemoOdoo(version, contacts=150, invoices=400)
    assert len(odoo.rows("res.partner")) == 150 + len(DemoOdoo(version).rows("res.partner"))
    moves = odoo.rows("account.move").values()
    invoices = [row for row in moves if row["move_type"] != "entry"]
    assert (len(invoices), len(moves) > len(invoices)) == (400, True)
    for name, wanted in {
        "state": {"draft", "posted", "cancel"},
        "payment_state": {"not_paid", "partial", "paid", "reversed", "in_payment"},
        "move_type": {"out_invoice", "out_refund", "in_invoice", "in_refund", "out_receipt",
                      "in_receipt"},
        "currency_id": {1, 2, 3, 4},
    }.items():  # fmt: skip
        assert wanted <= {row[name] for row in invoices}, name
    assert Counter(bool(row["active"]) for row in odoo.rows("res.partner").values())[False] > 0


def assert_adds_up(odoo):
    """Every invoice is the sum of its lines, and every entry balances."""
    lines = {}
    for row in odoo.rows("account.move.line").values():
        lines.setdefault(row["move_id"], []).append(row)
    moves = odoo.rows("account.move")
    assert lines.keys() <= moves.keys()
    for key, move in moves.items():
        own = lines.get(key, [])
        assert sum(Decimal(repr(row["balance"])) for row in own) == 0, key
        if move["move_type"] == "entry":
            continue
        shown = [row for row in own if row["display_type"] == "product"]
        for total, name in (("price_subtotal", "amount_untaxed"), ("price_total", "amount_total")):
            summed = sum((Decimal(repr(row[total])) for row in shown), Decimal(0))
            assert summed == Decimal(repr(move[name])), key
        assert 0 <= move["amount_residual"] <= move["amount_total"], key


def test_made_up_invoices_add_up():
    assert_adds_up(DemoOdoo(contacts=40, invoices=300))


def test_churn_changes_everything_and_breaks_nothing():
    odoo = DemoOdoo(contacts=40, invoices=150)
    before = everything(odoo)
    churn = Churn(odoo, seed=3)
    for _ in range(400):
        churn.step()
    after = everything(odoo)
    assert churn.made > 200
    for model in ("res.partner", "account.move"):
        kept = before[model].keys() & after[model].keys()
        assert before[model].keys() - kept, f"no {model} was deleted"
        assert after[model].keys() - kept, f"no {model} was created"
        assert any(before[model][key] != after[model][key] for key in kept)
    assert_adds_up(odoo)


def test_churn_runs_beside_the_server_until_stopped():
    odoo = DemoOdoo(contacts=20, invoices=20)
    churn = Churn(odoo, per_second=500)
    with odoo.serve() as server:
        churn.start()
        deadline = time.monotonic() + 5
        while churn.made < 20 and time.monotonic() < deadline:
            assert (
                ask(server, "res.partner", "search_read", domain=[], fields=["name"]).status == 200
            )
        churn.stop()
        made = churn.made
        time.sleep(0.02)
    assert churn.made == made >= 20


def test_a_version_there_is_no_demo_of_is_refused():
    with pytest.raises(ValueError, match=r"13\.0"):
        DemoOdoo("13.0")
