"""One table of questions, asked of the demo Odoo and of real ones: it holds the demo to the truth.

The real servers are named by TEST_ODOO_URL, _DB, _USERNAME, _PASSWORD and _API_KEY (Odoo 19) and by
the same with TEST_ODOO14_ (Odoo 14, no key). Nothing here goes through our gateway.
"""

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from odoo_bridge.demo import DemoOdoo

MISSING = 99_999_999


class Refused(NamedTuple):
    """An error, by the name of its class in Odoo; ``status`` is JSON-2's."""

    name: str
    status: int = 200


class Nothing:
    """A JSON-RPC answer without a result."""


@dataclass
class Target:
    """A server to ask, and the records that the questions are about."""

    url: str
    database: str
    username: str
    password: str
    api_key: str
    major: int
    uid: int = 2
    ids: dict[str, Any] = field(default_factory=dict)

    def post(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None, method="POST"
    ) -> tuple[int, Any, bytes]:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if method == "POST" else {}
        sent |= headers or {}
        request = urllib.request.Request(self.url + path, raw, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def rpc(self, service: str, method: str, *args: Any) -> Any:
        params = {"service": service, "method": method, "args": args}
        envelope = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 7}
        status, _, body = self.post("/jsonrpc", envelope)
        assert status == 200
        answer = json.loads(body)
        assert (answer["jsonrpc"], answer["id"]) == ("2.0", 7)
        if "error" in answer:
            error = answer["error"]
            assert error.keys() == {"code", "message", "data"}
            assert error["data"].keys() == {"name", "message", "arguments", "context", "debug"}
            assert error["code"] == (0 if self.major >= 19 else 200)
            assert error["message"] == "Odoo Server Error"
            return Refused(error["data"]["name"])
        return answer.get("result", Nothing)

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        return self.rpc(
            "object", "execute_kw", self.database, self.uid, self.password, model, method,
            list(args), kwargs,
        )  # fmt: skip

    def json2(self, model: str, method: str, key: str | None = None, **body: Any) -> Any:
        headers = {
            "Authorization": f"bearer {self.api_key if key is None else key}",
            "X-Odoo-Database": self.database,
        }
        status, _, raw = self.post(f"/json/2/{model}/{method}", body, headers)
        answer = json.loads(raw)
        if status == 200:
            return answer
        assert answer.keys() == {"name", "message", "arguments", "context", "debug"}
        return Refused(answer["name"], status)

    def one(self, model: str, record_id: int, *fields: str) -> Any:
        """The values of one record's fields, in order; a single one bare."""
        row = self.call(model, "read", [record_id], list(fields), load="")[0]
        values = [row[name] for name in fields]
        return values[0] if len(values) == 1 else values

    def by_version(self, old: Any, new: Any) -> Any:
        return new if self.major >= 19 else old


def _set_scene(odoo: Target) -> None:
    """Make the records the questions are about, as any client would."""
    ids = odoo.ids
    make = odoo.call
    address = {"street": "Mill Lane 1", "city": "Namur"}
    company = {"name": "Contract Ltd", "is_company": True, "vat": "BE0477472701", **address}
    ids["company"] = make("res.partner", "create", company)
    person = {"name": "Contract Person", "parent_id": ids["company"], "email": "p@example.com"}
    ids["person"] = make("res.partner", "create", person)
    ids["address"] = make(
        "res.partner", "create", {"type": "delivery", "parent_id": ids["company"], "street": "X 9"}
    )
    ids["archived"] = make("res.partner", "create", {"name": "Contract Gone", "active": False})
    sales = [["type_tax_use", "=", "sale"], ["amount", "=", 15], ["amount_type", "=", "percent"]]
    ids["tax"] = make("account.tax", "search", sales, order="id", limit=1)[0]
    for move_type in ("out_invoice", "out_refund", "in_invoice", "in_refund", "out_receipt"):
        ids[move_type] = make("account.move", "create", _invoice(odoo, move_type))


def _invoice(odoo: Target, move_type: str, **values: Any) -> dict[str, Any]:
    taxed = {
        "name": "A",
        "quantity": 3,
        "price_unit": 10.55,
        "tax_ids": [[6, 0, [odoo.ids["tax"]]]],
    }
    untaxed = {
        "name": "B",
        "quantity": 1,
        "price_unit": 100,
        "discount": 10,
        "tax_ids": [[6, 0, []]],
    }
    note = {"display_type": "line_note", "name": "Thanks"}
    return {
        "move_type": move_type,
        "partner_id": odoo.ids["person"],
        "invoice_date": "2026-11-02",
        "invoice_line_ids": [[0, 0, taxed], [0, 0, untaxed], [0, 0, note]],
        **values,
    }


def _clear_scene(odoo: Target) -> None:
    """Leave a real server as it was, as far as it lets us."""
    contacts = [odoo.ids[name] for name in ("person", "address", "archived", "company")]
    context = {"active_test": False}
    family = odoo.call("res.partner", "search", [["id", "child_of", contacts]], context=context)
    moves = odoo.call("account.move", "search", [["partner_id", "in", family]])
    for move in moves:
        odoo.call("account.move", "button_draft", [move])
        odoo.call("account.move", "unlink", [move])
    if isinstance(odoo.call("res.partner", "unlink", family), Refused):
        odoo.call("res.partner", "write", family, {"active": False})


def _real(prefix: str, major: int) -> Target:
    names = ["URL", "DB", "USERNAME", "PASSWORD"] + (["API_KEY"] if major >= 19 else [])
    for name in names:
        if not os.environ.get(prefix + name):
            message = f"{prefix}{name} names no real Odoo {major}"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
    values = [os.environ[prefix + name] for name in names]
    url, database, username, password, *key = values
    return Target(url.rstrip("/"), database, username, password, key[0] if key else "", major)


@pytest.fixture(scope="module")
def servers():
    """Each server by name, made ready when it is first asked: tests come in any order."""
    ready: dict[str, Target] = {}
    with ExitStack() as running:

        def get(name: str) -> Target:
            if name not in ready:
                ready[name] = _start(name, running)
            return ready[name]

        yield get


def _start(name: str, running: ExitStack) -> Target:
    kind, version = name.split()
    if kind == "real":
        target = _real("TEST_ODOO14_" if version == "14" else "TEST_ODOO_", int(version))
    else:
        demo = DemoOdoo(version=f"{version}.0")
        server = running.enter_context(demo.serve())
        login = demo.database, demo.username, demo.password, demo.api_key
        target = Target(server.url, *login, int(version))
    target.uid = target.rpc("common", "login", *_login(target))
    _set_scene(target)
    running.callback(_clear_scene, target)
    return target


@pytest.fixture
def odoo(servers, request):
    return servers(request.param)


def _login(odoo: Target, password: str | None = None) -> list[str]:
    return [odoo.database, odoo.username, password or odoo.password]


class Ask(NamedTuple):
    """A question, and its answer: a value, or what makes it for a server."""

    name: str
    question: Callable[[Target], Any]
    answer: Any
    since: int = 14
    until: int = 99


PARTNER = "res.partner"
MOVE = "account.move"
LINE = "account.move.line"

ACCESS_DENIED = "odoo.exceptions.AccessDenied"
ACCESS_ERROR = "odoo.exceptions.AccessError"
MISSING_ERROR = "odoo.exceptions.MissingError"
USER_ERROR = "odoo.exceptions.UserError"
VALIDATION_ERROR = "odoo.exceptions.ValidationError"
VALUE_ERROR = "builtins.ValueError"
TYPE_ERROR = "builtins.TypeError"


def found(*domain: Any, model: str = PARTNER, of: str = "company", **context: Any) -> Callable:
    """Whether a search finds one of the scene's records."""

    def ask(odoo: Target) -> bool:
        terms = [term(odoo) if callable(term) else term for term in domain]
        wanted = [["id", "=", odoo.ids[of]], *terms]
        answer = odoo.call(model, "search", wanted, **({"context": context} if context else {}))
        return answer == [odoo.ids[of]] if isinstance(answer, list) else answer

    return ask


def stamp(operator: str, seconds: int = 0) -> Callable[[Target], list[Any]]:
    """A condition on ``write_date``: the company's own, as the server sends it, plus seconds."""

    def condition(odoo: Target) -> list[Any]:
        sent = odoo.one(PARTNER, odoo.ids["company"], "write_date")
        moment = datetime.fromisoformat(sent) + timedelta(seconds=seconds)
        return ["write_date", operator, moment.isoformat(" ")]

    return condition


def search(*domain: Any, **kwargs: Any) -> Callable[[Target], Any]:
    return lambda odoo: odoo.call(PARTNER, "search", list(domain), **kwargs)


def created(values: dict[str, Any], *fields: str) -> Callable[[Target], Any]:
    """What comes back of a new contact."""

    def ask(odoo: Target) -> Any:
        made = odoo.call(PARTNER, "create", {"parent_id": odoo.ids["company"], **values})
        if isinstance(made, Refused):
            return made
        answer = odoo.one(PARTNER, made, *fields)
        assert odoo.call(PARTNER, "unlink", [made]) is True
        return answer

    return ask


def invoiced(
    *fields: str, move_type: str = "out_invoice", then: tuple[str, ...] = (), **values: Any
) -> Callable[[Target], Any]:
    """What comes back of a new invoice, after these methods."""

    def ask(odoo: Target) -> Any:
        made = odoo.call(MOVE, "create", _invoice(odoo, move_type, **values))
        if isinstance(made, Refused):
            return made
        for method in then:
            answer = odoo.call(MOVE, method, [made])
            if isinstance(answer, Refused):
                return answer
        return odoo.one(MOVE, made, *fields) if fields else answer

    return ask


def edited(*commands: Any) -> Callable[[Target], Any]:
    """The totals of a draft after its lines were edited."""

    def ask(odoo: Target) -> Any:
        made = odoo.call(MOVE, "create", _invoice(odoo, "out_invoice"))
        lines = odoo.one(MOVE, made, "invoice_line_ids")
        sent = [command(lines) for command in commands]
        assert odoo.call(MOVE, "write", [made], {"invoice_line_ids": sent}) is True
        answer = odoo.one(MOVE, made, "amount_untaxed", "amount_tax", "amount_total")
        return [*answer, len(odoo.one(MOVE, made, "invoice_line_ids"))]

    return ask


def totals(odoo: Target) -> Any:
    moves = [odoo.ids["out_invoice"], odoo.ids["out_refund"]]
    answer = odoo.call(MOVE, "read_group", [["id", "in", moves]], ["id:sum"], [])
    return [{key: value for key, value in group.items() if key != "__domain"} for group in answer]


def grouped(odoo: Target) -> Any:
    moves = [odoo.ids[name] for name in ("out_invoice", "out_refund", "in_invoice")]
    answer = odoo.call(
        MOVE, "read_group", [["id", "in", moves]], ["amount_total", "amount_residual:sum"],
        ["state", "partner_id"], lazy=False,
    )  # fmt: skip
    for group in answer:
        del group["__domain"]
        group["partner_id"] = group["partner_id"][0] == odoo.ids["person"]
    return answer


def formatted(odoo: Target) -> Any:
    moves = [odoo.ids[name] for name in ("out_invoice", "out_refund", "in_invoice")]
    answer = odoo.json2(
        MOVE, "formatted_read_group", domain=[["id", "in", moves]],
        groupby=["currency_id", "state"],
        aggregates=["__count", "amount_total:sum", "amount_residual:sum"],
    )  # fmt: skip
    for group in answer:
        currency, label = group.pop("currency_id")
        assert isinstance(currency, int)
        assert len(label) == 3
        assert group.pop("__extra_domain") == [
            "&", ["currency_id", "=", currency], ["state", "=", "draft"]
        ]  # fmt: skip
    return answer


def unmoved(odoo: Target, act: Callable[[], Any], *fields: str) -> Any:
    """The fields of the company itself before and after, and whether its stamp stayed.

    Its stamp is from before these tests, so a new one is another one.
    """
    *before, stamp = odoo.one(PARTNER, 1, *fields, "write_date")
    act()
    *after, new_stamp = odoo.one(PARTNER, 1, *fields, "write_date")
    return [before, after, new_stamp == stamp]


def tag_set_from_its_side(odoo: Target) -> Any:
    made: list[int] = []

    def tag() -> None:
        values = {"name": "Contract", "partner_ids": [[4, 1, 0]]}
        made.append(odoo.call("res.partner.category", "create", values))

    [before], [after], stayed = unmoved(odoo, tag, "category_id")
    had = set(after) - set(before) == set(made)
    delete = lambda: odoo.call("res.partner.category", "unlink", made)  # noqa: E731
    _, [last], still = unmoved(odoo, delete, "category_id")
    return [had, stayed, last == before, still]


def order_of_tags(odoo: Target) -> Any:
    """Of a contact's tags, as they are named first and as they are renamed."""
    tags = [odoo.call("res.partner.category", "create", {"name": f"Contract {n}"}) for n in "BA"]
    made = odoo.call(PARTNER, "create", {"name": "Tagged", "category_id": [[6, 0, tags]]})
    first = odoo.one(PARTNER, made, "category_id")
    odoo.call("res.partner.category", "write", tags[1:], {"name": "Contract C"})
    then = odoo.one(PARTNER, made, "category_id")
    groups = _groups_of_tags(odoo, made, tags)
    odoo.call(PARTNER, "unlink", [made])
    odoo.call("res.partner.category", "unlink", tags)
    return [[tags.index(tag) for tag in order] for order in (first, then)] + [groups]


def _groups_of_tags(odoo: Target, contact: int, tags: list[int]) -> Any:
    domain = [["id", "=", contact], ["category_id", "!=", False]]
    if odoo.major < 19:
        return odoo.call(
            PARTNER, "read_group", domain, ["ids:array_agg(id)"], ["category_id"], lazy=False
        )
    answer = odoo.call(PARTNER, "formatted_read_group", domain, ["category_id"], ["id:array_agg"])
    return {
        tags.index(group["category_id"][0]): group["id:array_agg"] == [contact] for group in answer
    }


def digest(odoo: Target) -> Any:
    """Count and sum of the parents of three contacts, two of which have one."""
    domain = [["id", "in", [odoo.ids[name] for name in ("company", "person", "address")]]]
    if odoo.major < 19:
        named = ["n0:count(parent_id)", "s0:sum(parent_id)", "n1:count(user_id)", "s1:sum(user_id)"]
        [row] = odoo.call(PARTNER, "read_group", domain, named, [], lazy=False)
        return [row["n0"], row["s0"], row["n1"], row["s1"]]
    named = ["parent_id:count", "parent_id:sum", "user_id:count", "user_id:sum"]
    [row] = odoo.call(PARTNER, "formatted_read_group", domain, [], named)
    return [row[name] for name in named]


def rank_of_a_customer(odoo: Target) -> Any:
    """How a posted invoice counts for its contact."""

    def post() -> None:
        odoo.call(MOVE, "action_post", [odoo.call(MOVE, "create", _invoice(
            odoo, "out_invoice", partner_id=1))])  # fmt: skip

    [before], [after], stayed = unmoved(odoo, post, "customer_rank")
    return [after - before, stayed]


def origin_of_a_credit_note(odoo: Target) -> Any:
    """What is left of it when the invoice is deleted."""
    origin = odoo.call(MOVE, "create", _invoice(odoo, "out_invoice"))
    note = odoo.call(MOVE, "create", _invoice(odoo, "out_refund", reversed_entry_id=origin))
    named = odoo.one(MOVE, note, "reversed_entry_id") == origin
    odoo.call(MOVE, "unlink", [origin])
    answer = [named, odoo.one(MOVE, note, "reversed_entry_id")]
    odoo.call(MOVE, "unlink", [note])
    return answer


def salesperson_who_goes(odoo: Target) -> Any:
    user = odoo.call("res.users", "create", {"name": "Goes", "login": "contract-goes"})
    made = odoo.call(PARTNER, "create", {"name": "Sold", "user_id": user})
    named = odoo.one(PARTNER, made, "user_id") == user
    odoo.call("res.users", "unlink", [user])
    answer = [named, odoo.one(PARTNER, made, "user_id")]
    odoo.call(PARTNER, "unlink", [made])
    return answer


def tax_of_nothing(odoo: Target) -> Any:
    """What a line has left of two taxes without a percentage when one is deleted."""
    company = odoo.one("account.tax", odoo.ids["tax"], "company_id")
    taxes = [
        odoo.call(
            "account.tax",
            "create",
            {"name": f"Nothing {n}", "amount": 0, "company_id": company, "type_tax_use": "sale"},
        )
        for n in range(2)
    ]
    line = {"name": "A", "quantity": 1, "price_unit": 5, "tax_ids": [[6, 0, taxes]]}
    move = odoo.call(MOVE, "create", _invoice(odoo, "out_invoice", invoice_line_ids=[[0, 0, line]]))
    [made] = odoo.one(MOVE, move, "invoice_line_ids")
    had = len(odoo.one(LINE, made, "tax_ids"))
    answer = [had, odoo.call("account.tax", "unlink", taxes[:1])]
    answer.append(odoo.one(LINE, made, "tax_ids") == taxes[1:])
    odoo.call(MOVE, "unlink", [move])
    odoo.call("account.tax", "unlink", taxes[1:])
    return answer


def what_is_used(model: str, field: str) -> Callable[[Target], Any]:
    """Deleting what an invoice names."""

    def ask(odoo: Target) -> Any:
        made = odoo.call(model, "create", {"name": "Contract"})
        move = odoo.call(MOVE, "create", _invoice(odoo, "out_invoice", **{field: made}))
        answer = odoo.call(model, "unlink", [made])
        odoo.call(MOVE, "unlink", [move])
        odoo.call(model, "unlink", [made])
        return answer

    return ask


def kinds_of_lines(odoo: Target) -> Any:
    """Which lines are on the invoice, and which only balance it."""
    made = odoo.ids["out_invoice"]
    shown, every = odoo.one(MOVE, made, "invoice_line_ids", "line_ids")
    names = ["display_type", "balance", "price_subtotal", "price_total", "quantity"]
    if odoo.major < 16:
        names.append("exclude_from_invoice_tab")
    answer = []
    for row in odoo.call(LINE, "read", sorted(every), names):
        hidden = row["id"] not in shown
        if odoo.major < 16:
            assert row["exclude_from_invoice_tab"] is hidden
        amounts = [] if hidden else [row["price_subtotal"], row["price_total"], row["quantity"]]
        answer.append([hidden, row["display_type"], row["balance"], *amounts])
    return answer


MODERN_LINES = [
    [False, "product", -31.65, 31.65, 36.4, 3.0],
    [False, "product", -90.0, 90.0, 90.0, 1.0],
    [False, "line_note", 0.0, 0.0, 0.0, 0.0],
    [True, "tax", -4.75],
    [True, "payment_term", 126.4],
]
OLD_LINES = [
    [False, False, -31.65, 31.65, 36.4, 3.0],
    [False, False, -90.0, 90.0, 90.0, 1.0],
    [False, "line_note", 0.0, 0.0, 0.0, 1.0],
    [True, False, -4.75],
    [True, False, 126.4],
]
SIGNED = ("amount_untaxed_signed", "amount_tax_signed", "amount_total_signed",
          "amount_residual_signed", "amount_total")  # fmt: skip
BROUGHT = [121.65, 4.75, 126.4, 126.4, 126.4]
TAKEN = [-121.65, -4.75, -126.4, -126.4, 126.4]


def posted(odoo: Target) -> Any:
    made = odoo.call(MOVE, "create", _invoice(odoo, "out_invoice"))
    result = odoo.call(MOVE, "action_post", [made])
    assert result == (False if odoo.major >= 16 else f"account.move({made},)")
    name, *rest = odoo.one(
        MOVE, made, "name", "payment_reference", "state", "payment_state", "amount_residual", "date"
    )
    lines = odoo.call(LINE, "search_read", [["move_id", "=", made]], ["parent_state", "move_name"])
    assert {(line["parent_state"], line["move_name"]) for line in lines} == {("posted", name)}
    prefix = r"INV/2026/11/\d{4}" if odoo.major < 15 else r"INV/2026/\d{5}"
    assert re.fullmatch(prefix, name), name
    return [rest[0] == name, *rest[1:]]


def deleted_parent(odoo: Target) -> Any:
    parent = odoo.call(PARTNER, "create", {"name": "Parent", "is_company": True})
    child = odoo.call(PARTNER, "create", {"name": "Child", "parent_id": parent})
    assert odoo.call(PARTNER, "unlink", [parent]) is True
    answer = odoo.one(PARTNER, child, "parent_id", "display_name")
    odoo.call(PARTNER, "unlink", [child])
    return [*answer, odoo.call(PARTNER, "read", [child, parent], ["name"])]


def renamed_parent(odoo: Target) -> Any:
    parent = odoo.call(PARTNER, "create", {"name": "Old", "is_company": True})
    child = odoo.call(PARTNER, "create", {"name": "Child", "parent_id": parent})
    odoo.call(PARTNER, "write", [parent], {"name": "New", "street": "Here 1"})
    answer = odoo.one(PARTNER, child, "display_name", "commercial_company_name", "street")
    odoo.call(PARTNER, "unlink", [child, parent])
    return answer


def archived_and_back(odoo: Target) -> Any:
    made = odoo.call(PARTNER, "create", {"name": "Shelved"})
    answers = [odoo.call(PARTNER, "action_archive", [made])]
    answers.append(odoo.call(PARTNER, "search", [["id", "=", made]]))
    answers.append(odoo.call(PARTNER, "action_unarchive", [made]))
    answers.append(odoo.call(PARTNER, "search", [["id", "=", made]]) == [made])
    odoo.call(PARTNER, "unlink", [made])
    return answers


def labels(odoo: Target) -> Any:
    row = odoo.call(PARTNER, "read", [odoo.ids["person"]], ["parent_id", "company_id"])[0]
    return [row["parent_id"] == [odoo.ids["company"], "Contract Ltd"], row["company_id"]]


def http(path: str, body: Any, *, key: str = "", method: str = "POST", **headers: str) -> Callable:
    """The status of a request, and whether its body is JSON."""

    def ask(odoo: Target) -> Any:
        # The server may have more databases, such as the one of "bin/odoo big".
        sent = {"X-Odoo-Database": odoo.database} if path.startswith("/json/2") else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Authorization"] = f"Bearer {odoo.api_key if key == 'right' else key}"
        status, got, _ = odoo.post(path, body, sent, method)
        assert got["Date"]
        return [status, got["Content-Type"].startswith("application/json")]

    return ask


def json2(model: str, method: str, **body: Any) -> Callable[[Target], Any]:
    return lambda odoo: odoo.json2(
        model, method, **{key: each(odoo) if callable(each) else each for key, each in body.items()}
    )


def own(name: str) -> Callable[[Target], list[int]]:
    return lambda odoo: [odoo.ids[name]]


def refusal(name: str) -> Callable[[Target], Refused]:
    return lambda odoo: Refused(name)


def call(model: str, method: str, *args: Any, **kwargs: Any) -> Callable[[Target], Any]:
    return lambda odoo: odoo.call(
        model, method, *(arg(odoo) if callable(arg) else arg for arg in args), **kwargs
    )


def _uuids(odoo: Target) -> list[bool]:
    rows = odoo.call(
        "ir.config_parameter", "search_read", [["key", "=", "database.uuid"]], ["value"], limit=1
    )
    shape = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    return [row.keys() == {"id", "value"} and bool(shape.fullmatch(row["value"])) for row in rows]


def _first_users(odoo: Target) -> list[bool]:
    context = {"active_test": False}
    rows = odoo.call(
        "res.users", "search_read", [], ["create_date"], order="id", limit=1, context=context
    )
    shape = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
    return [row["id"] < 3 and bool(shape.fullmatch(row["create_date"])) for row in rows]


QUESTIONS = [
    # Which Odoo it is
    Ask("the database has a uuid", _uuids, [True]),
    Ask("the first users were made with the database, to the second",
        _first_users, [True]),
    # Who asks
    Ask("login gives a user id", lambda o: o.rpc("common", "login", *_login(o)), lambda o: o.uid),
    Ask("a wrong password logs nobody in", lambda o: o.rpc("common", "login", *_login(o, "no")), False),
    Ask("a wrong password is denied",
        lambda o: o.rpc("object", "execute_kw", o.database, o.uid, "no", PARTNER, "search", [[]]),
        Refused(ACCESS_DENIED)),
    Ask("an unknown user is missing",
        lambda o: o.rpc("object", "execute_kw", o.database, 9999, "no", PARTNER, "search", [[]]),
        Refused(MISSING_ERROR)),
    Ask("an unknown database",
        lambda o: o.rpc("common", "login", "no_such_db", "admin", "admin"),
        Refused("psycopg2.OperationalError")),
    Ask("common.version",
        lambda o: sorted(o.rpc("common", "version").items())[:2],
        lambda o: [("protocol_version", 1), ("server_serie", f"{o.major}.0")]),
    Ask("version_info",
        lambda o: sorted(json.loads(o.post("/web/webclient/version_info", {})[2])["result"]),
        ["protocol_version", "server_serie", "server_version", "server_version_info"]),
    Ask("web/version", http("/web/version", None, method="GET"), [200, True], since=19),
    Ask("web/version before 19", http("/web/version", None, method="GET"), [404, False], until=18),
    Ask("the keys of web/version",
        lambda o: sorted(json.loads(o.post("/web/version", None, method="GET")[2])),
        ["version", "version_info"], since=19),
    Ask("the databases are listed",
        lambda o: o.database in json.loads(o.post("/web/database/list", {})[2])["result"], True),
    Ask("a user reads whether it is one of the portal",
        lambda o: o.call("res.users", "read", [o.uid], ["share"], load=""),
        lambda o: [{"id": o.uid, "share": False}]),
    Ask("context_get", lambda o: "lang" in o.call("res.users", "context_get"), True),
    Ask("execute takes plain arguments",
        lambda o: o.rpc("object", "execute", o.database, o.uid, o.password, PARTNER, "search",
                        [["id", "=", o.ids["company"]]]),
        lambda o: [o.ids["company"]]),
    # What a request must look like
    Ask("no JSON", http("/jsonrpc", b"{no"), [400, False]),
    Ask("a call is JSON with a date", http("/jsonrpc", {"params": {
        "service": "common", "method": "version", "args": []}}), [200, True]),
    Ask("an unknown service",
        lambda o: o.rpc("nothing", "x"),
        lambda o: Refused(o.by_version("builtins.UnboundLocalError", "builtins.KeyError"))),
    Ask("an unknown model", call("no.model", "search", []), Refused(USER_ERROR)),
    Ask("an unknown method", call(PARTNER, "no_method", [1]), Refused("builtins.AttributeError")),
    Ask("a private method", call(PARTNER, "_write", [1], {}), Refused(ACCESS_ERROR)),
    Ask("an unknown argument", call(PARTNER, "search", [], nothing=1), Refused(TYPE_ERROR)),
    Ask("create without values", call(PARTNER, "create"), Refused(TYPE_ERROR)),
    # Reading
    Ask("read leaves out what is missing",
        lambda o: o.call(PARTNER, "read", [MISSING, o.ids["company"]], ["name"], load=""),
        lambda o: [{"id": o.ids["company"], "name": "Contract Ltd"}]),
    Ask("read of nothing but missing ids", call(PARTNER, "read", [MISSING], ["name"]), []),
    Ask("read with load='' gives plain ids, absent values are False",
        lambda o: o.one(PARTNER, o.ids["person"], "parent_id", "company_id", "website", "zip"),
        lambda o: [o.ids["company"], False, False, False]),
    Ask("read gives labels otherwise", labels, [True, False]),
    Ask("read of an unknown field", call(PARTNER, "read", own("company"), ["name", "nothing"]),
        Refused(VALUE_ERROR)),
    Ask("stamps are whole seconds",
        lambda o: bool(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
                                    o.one(PARTNER, o.ids["company"], "write_date"))), True),
    Ask("search_read with load='' gives plain ids",
        lambda o: o.call(PARTNER, "search_read", [["id", "=", o.ids["person"]]], ["parent_id"],
                         load=""),
        lambda o: [{"id": o.ids["person"], "parent_id": o.ids["company"]}], since=16),
    Ask("search_read knew no load in 14", call(PARTNER, "search_read", [], ["name"], load=""),
        Refused(TYPE_ERROR), until=14),
    Ask("search_read of an unknown field", call(PARTNER, "search_read", [], ["nothing"]),
        Refused(VALUE_ERROR)),
    Ask("search_count", lambda o: o.call(PARTNER, "search_count", [["id", "in", [
        o.ids["company"], o.ids["person"], MISSING]]]), 2),
    Ask("limit, offset and order",
        lambda o: o.call(PARTNER, "search", [["id", "child_of", o.ids["company"]]], offset=1,
                         limit=2, order="id desc"),
        lambda o: [o.ids["person"], o.ids["company"]]),
    Ask("several keys of order",
        lambda o: o.call(PARTNER, "search", [["id", "in", [o.ids["company"], o.ids["person"]]]],
                         order="is_company desc, name"),
        lambda o: [o.ids["company"], o.ids["person"]]),
    Ask("order by an unknown field", search(order="nothing"), Refused(VALUE_ERROR)),
    Ask("a malformed order", search(order="name; drop"), Refused(USER_ERROR)),
    Ask("an archived record is not found", found(of="archived"), False),
    Ask("an archived record with active_test", found(of="archived", active_test=False), True),
    Ask("an archived record asked for by active", found(["active", "=", False], of="archived"), True),
    Ask("an archived record is read", lambda o: o.one(PARTNER, o.ids["archived"], "active"), False),
    Ask("a company that is not the user's",
        search(["id", "=", 1], context={"allowed_company_ids": [MISSING]}), Refused(ACCESS_ERROR)),
    # Domains
    Ask("write_date >= its second", found(stamp(">=")), True),
    Ask("write_date >= the next second", found(stamp(">=", 1)), False),
    Ask("write_date < its second", found(stamp("<")), False),
    Ask("write_date < the next second", found(stamp("<", 1)), True),
    Ask("write_date > its second", found(stamp(">")), lambda o: o.by_version(True, False)),
    Ask("write_date > the second before", found(stamp(">", -1)), True),
    Ask("write_date <= its second", found(stamp("<=")), lambda o: o.by_version(False, True)),
    Ask("write_date = its second", found(stamp("=")), lambda o: o.by_version(False, True)),
    Ask("write_date != its second", found(stamp("!=")), lambda o: o.by_version(True, False)),
    Ask("write_date unset", found(["write_date", "=", False]), False),
    Ask("or", found("|", ["name", "=", "no"], ["name", "=", "Contract Ltd"]), True),
    Ask("and within or", found("|", "&", ["name", "=", "no"], ["id", ">", 0], ["id", "=", 0]), False),
    Ask("not", found("!", ["name", "=", "Contract Ltd"]), False),
    Ask("an empty in", search(["id", "in", []]), []),
    Ask("not in keeps the unset", found(["website", "not in", ["x"]]), True),
    Ask("not in with False drops the unset", found(["website", "not in", ["x", False]]), False),
    Ask("in with False takes the unset", found(["website", "in", ["x", False]]), True),
    Ask("!= keeps the unset", found(["website", "!=", "x"]), True),
    Ask("= False", found(["website", "=", False]), True),
    Ask("!= False", found(["vat", "!=", False]), True),
    Ask("a boolean", found(["is_company", "=", True]), True),
    Ask("like minds case", found(["name", "like", "contract"]), False),
    Ask("ilike does not", found(["name", "ilike", "CONTRACT"]), True),
    Ask("=like takes the whole", found(["name", "=like", "Contract"]), False),
    Ask("=like with wildcards", found(["name", "=like", "Contr_ct%"]), True),
    Ask("=ilike", found(["name", "=ilike", "contract%"]), True),
    Ask("not ilike keeps the unset", found(["website", "not ilike", "x"]), True),
    Ask("like on an unset field", found(["website", "like", "x"]), False),
    Ask("comparing numbers", found(["id", ">=", 1], ["id", "<", MISSING]), True),
    Ask("comparing dates", found(["invoice_date", ">", "2026-11-01"], ["invoice_date", "<=",
        "2026-11-02"], model=MOVE, of="out_invoice"), True),
    Ask("a path", found(["parent_id.name", "=", "Contract Ltd"], of="person"), True),
    Ask("a path from nowhere", found(["parent_id.name", "!=", "x"]), False),
    Ask("a path to an unset field", found(["parent_id.website", "=", False], of="person"), True),
    Ask("a path of the lines", found(["invoice_line_ids.name", "=", "A"], model=MOVE,
        of="out_invoice"), True),
    Ask("lines of invoices only", lambda o: len(o.call(LINE, "search", [
        ["move_id", "=", o.ids["out_invoice"]], ["move_id.move_type", "!=", "entry"]])), 5),
    Ask("a many2one by name", found(["parent_id", "ilike", "contract"], of="person"), True),
    Ask("a many2one by ids", found(lambda o: ["parent_id", "in", [o.ids["company"]]],
        of="person"), True),
    Ask("child_of", lambda o: sorted(o.call(PARTNER, "search", [
        ["id", "child_of", [o.ids["company"]]]])),
        lambda o: sorted(o.ids[name] for name in ("company", "person", "address"))),
    Ask("child_of on a many2one", found(lambda o: ["partner_id", "child_of", o.ids["company"]],
        model=MOVE, of="out_invoice"), True),
    Ask("an unknown field", search(["nothing", "=", 1]), Refused(VALUE_ERROR)),
    Ask("an unknown field at the end of a path", search(["parent_id.nothing", "=", 1]),
        Refused(VALUE_ERROR)),
    Ask("a path through a plain field", search(["name.x", "=", 1]),
        lambda o: Refused(o.by_version("builtins.AttributeError", VALUE_ERROR))),
    Ask("an unknown operator", search(["name", "~~", "x"]), Refused(VALUE_ERROR)),
    Ask("a condition of two", search(["name", "="]), Refused(VALUE_ERROR)),
    Ask("no condition", search("name"), Refused(VALUE_ERROR)),
    Ask("an operator without conditions", search("&", ["id", "=", 1]),
        lambda o: Refused(o.by_version("builtins.AssertionError", VALUE_ERROR))),
    Ask("a domain that is no list", call(PARTNER, "search", 5), Refused(TYPE_ERROR)),
    # Sums
    Ask("count and sum of ids", totals,
        lambda o: [{"__count": 2, "id": o.ids["out_invoice"] + o.ids["out_refund"]}]),
    Ask("sums by several fields", grouped, [{
        "state": "draft", "partner_id": True, "__count": 3, "amount_total": 379.2,
        "amount_residual": 379.2}]),
    Ask("the sum of nothing",
        lambda o: o.call(PARTNER, "read_group", [["id", "=", 0]], ["id:sum"], [])[0]["id"],
        lambda o: o.by_version(None, False)),
    Ask("named aggregates",
        lambda o: o.call(PARTNER, "read_group", [["id", "=", o.ids["company"]]],
                         ["n:count(id)", "s:sum(id)"], [])[0]["s"],
        lambda o: o.ids["company"]),
    Ask("the sum of an unknown field", call(PARTNER, "read_group", [], ["nothing:sum"], []),
        Refused(VALUE_ERROR)),
    Ask("groups of an unknown field", call(PARTNER, "read_group", [], ["id:sum"], ["nothing"]),
        Refused(VALUE_ERROR)),
    Ask("formatted_read_group by currency and state", formatted, [{
        "state": "draft", "__count": 3, "amount_total:sum": 379.2,
        "amount_residual:sum": 379.2}], since=19),
    Ask("formatted_read_group of nothing",
        json2(PARTNER, "formatted_read_group", domain=[["id", "=", 0]], groupby=[],
              aggregates=["__count", "id:sum", "write_date:max"]),
        [{"__extra_domain": [[1, "=", 1]], "__count": 0, "id:sum": False,
          "write_date:max": False}], since=19),
    Ask("formatted_read_group before 19",
        call(PARTNER, "formatted_read_group", [], [], ["__count"]),
        Refused("builtins.AttributeError"), until=18),
    # What moves no stamp
    Ask("count and sum of a many2one", digest,
        lambda o: [2, 2 * o.ids["company"], 0, o.by_version(None, False)]),
    Ask("a tag set from its own side and deleted", tag_set_from_its_side, [True] * 4),
    Ask("the order of tags and their groups", order_of_tags,
        lambda o: [[1, 0], [0, 1],
                   o.by_version(Refused("builtins.AssertionError"), {0: True, 1: True})]),
    Ask("the rank of a customer", rank_of_a_customer, lambda o: [1, o.by_version(True, False)]),
    Ask("the origin of a credit note", origin_of_a_credit_note, [True, False]),
    Ask("a salesperson who goes", salesperson_who_goes, [True, False]),
    Ask("a tax of nothing that is deleted", tax_of_nothing, [2, True, True]),
    Ask("a payment term in use",
        what_is_used("account.payment.term", "invoice_payment_term_id"), Refused(USER_ERROR)),
    Ask("a fiscal position in use",
        what_is_used("account.fiscal.position", "fiscal_position_id"), Refused(VALIDATION_ERROR)),
    # Contacts
    Ask("a new contact's defaults",
        created({"name": "New"}, "name", "active", "type", "is_company", "lang", "tz", "email",
                "customer_rank", "supplier_rank", "category_id", "user_id"),
        ["New", True, "contact", False, "en_US", False, False, 0, 0, [], False]),
    Ask("what a contact has of its company",
        created({"name": "New"}, "commercial_company_name", "display_name", "street", "city",
                "vat"),
        ["Contract Ltd", "Contract Ltd, New", "Mill Lane 1", "Namur", "BE0477472701"]),
    Ask("the commercial contact",
        lambda o: [o.one(PARTNER, o.ids[name], "commercial_partner_id")
                   for name in ("company", "person", "address")],
        lambda o: [o.ids["company"]] * 3),
    Ask("the label of an address without a name",
        lambda o: o.one(PARTNER, o.ids["address"], "name", "display_name", "street"),
        lambda o: [False, "Contract Ltd, " + o.by_version("Delivery Address", "Delivery"), "X 9"]),
    Ask("complete_name", lambda o: o.one(PARTNER, o.ids["person"], "complete_name"),
        "Contract Ltd, Contract Person", since=17),
    Ask("create takes a list", lambda o: _created_ids(o, o.call(
        PARTNER, "create", [{"name": "One"}, {"name": "Two"}])), 2),
    Ask("a contact needs a name", created({"type": "contact"}), Refused(VALIDATION_ERROR)),
    Ask("an unknown type of contact", created({"name": "X", "type": "x"}), Refused(VALUE_ERROR)),
    Ask("create with an unknown field", created({"name": "X", "nothing": 1}), Refused(VALUE_ERROR)),
    Ask("create with an unknown country", created({"name": "X", "country_id": MISSING}),
        Refused(VALIDATION_ERROR)),
    Ask("write with an unknown field", call(PARTNER, "write", own("company"), {"nothing": 1}),
        lambda o: Refused(o.by_version(VALUE_ERROR, "builtins.KeyError"))),
    Ask("write on a missing record", call(PARTNER, "write", [MISSING], {"name": "X"}),
        Refused(MISSING_ERROR)),
    Ask("unlink of a missing record", call(PARTNER, "unlink", [MISSING]), Refused(MISSING_ERROR)),
    Ask("a family in a circle",
        lambda o: o.call(PARTNER, "write", [o.ids["company"]], {"parent_id": o.ids["person"]}),
        Refused(VALIDATION_ERROR)),
    Ask("a renamed parent", renamed_parent, ["New, Child", "New", "Here 1"]),
    Ask("a deleted parent", deleted_parent, [False, "Child", []]),
    Ask("archive and unarchive", archived_and_back, [Nothing, [], Nothing, True]),
    Ask("a contact with invoices stays", call(PARTNER, "unlink", own("company")),
        Refused(VALIDATION_ERROR)),
    # Invoices
    Ask("a draft's totals",
        lambda o: o.one(MOVE, o.ids["out_invoice"], "amount_untaxed", "amount_tax", "amount_total",
                        "amount_residual", "state", "payment_state", "invoice_date", "name"),
        lambda o: [121.65, 4.75, 126.4, 126.4, "draft", "not_paid", "2026-11-02",
                   o.by_version("/", False)]),
    Ask("a draft's contacts",
        lambda o: o.one(MOVE, o.ids["out_invoice"], "partner_id", "commercial_partner_id",
                        "invoice_partner_display_name"),
        lambda o: [o.ids["person"], o.ids["company"], "Contract Ltd, Contract Person"]),
    Ask("the shipping contact",
        lambda o: o.one(MOVE, o.ids["out_invoice"], "partner_shipping_id"),
        lambda o: o.ids["address"], since=16),
    Ask("lines shown and hidden", kinds_of_lines,
        lambda o: o.by_version(OLD_LINES, MODERN_LINES)),
    Ask("an invoice brings", lambda o: o.one(MOVE, o.ids["out_invoice"], *SIGNED), BROUGHT),
    Ask("a receipt brings", lambda o: o.one(MOVE, o.ids["out_receipt"], *SIGNED), BROUGHT),
    Ask("a vendor's credit note brings", lambda o: o.one(MOVE, o.ids["in_refund"], *SIGNED), BROUGHT),
    Ask("a credit note takes", lambda o: o.one(MOVE, o.ids["out_refund"], *SIGNED), TAKEN),
    Ask("a bill takes", lambda o: o.one(MOVE, o.ids["in_invoice"], *SIGNED), TAKEN),
    Ask("a posted invoice", posted, [True, "posted", "not_paid", 126.4, "2026-11-02"]),
    Ask("a posted invoice cannot be deleted", invoiced(then=("action_post", "unlink")),
        Refused(USER_ERROR)),
    Ask("a posted invoice's lines are closed",
        lambda o: o.call(MOVE, "write", [_post(o)], {"invoice_line_ids": [[0, 0, {
            "name": "C", "price_unit": 1, "tax_ids": [[6, 0, [o.ids["tax"]]]]}]]}),
        Refused(USER_ERROR)),
    Ask("posting twice", invoiced(then=("action_post", "action_post")), Refused(USER_ERROR), since=16),
    Ask("back to draft keeps the number",
        lambda o: [o.call(MOVE, "button_draft", [made := _post(o)]),
                   *o.one(MOVE, made, "state", "payment_state", "amount_residual"),
                   o.one(MOVE, made, "name")[:4]],
        [Nothing, "draft", "not_paid", 126.4, "INV/"]),
    Ask("a cancelled invoice",
        invoiced("state", "payment_state", "amount_total", "amount_residual",
                 then=("button_cancel",)),
        ["cancel", "not_paid", 126.4, 126.4]),
    Ask("cancel answers nothing", invoiced(then=("button_cancel",)), Nothing),
    Ask("a draft is deleted with its lines", lambda o: _delete_draft(o), [True, []]),
    Ask("a credit note's number",
        lambda o: _post(o, "out_refund", "name")[:9], "RINV/2026"),
    Ask("a bill's number", lambda o: _post(o, "in_invoice", "name")[:13], "BILL/2026/11/"),
    Ask("a bill needs a date",
        invoiced(move_type="in_invoice", then=("action_post",), invoice_date=False),
        Refused(USER_ERROR), since=16),
    Ask("an invoice needs a contact to be posted",
        invoiced(then=("action_post",), partner_id=False), Refused(USER_ERROR)),
    Ask("an invoice needs lines to be posted",
        invoiced(then=("action_post",), invoice_line_ids=[]), Refused(USER_ERROR)),
    Ask("nothing is born posted", invoiced("state", state="posted"), Refused(USER_ERROR)),
    Ask("a line added", edited(lambda lines: [0, 0, {"name": "C", "price_unit": 1.35,
                                                     "tax_ids": [[6, 0, []]]}]),
        [123.0, 4.75, 127.75, 4]),
    Ask("a line changed", edited(lambda lines: [1, lines[0], {"quantity": 2}]),
        [111.1, 3.17, 114.27, 3]),
    Ask("a line removed", edited(lambda lines: [2, lines[0], 0]), [90.0, 0.0, 90.0, 2]),
    # JSON-2
    Ask("JSON-2 without a key", http("/json/2/res.partner/search_count", {}), [401, True], since=19),
    Ask("JSON-2 with a wrong key", lambda o: o.json2(PARTNER, "search", "0" * 40, domain=[]),
        Refused("werkzeug.exceptions.Unauthorized", 401), since=19),
    Ask("JSON-2 with a key", http("/json/2/res.partner/search_count", {"domain": []}, key="right"),
        [200, True], since=19),
    Ask("JSON-2 with a wrong database", http("/json/2/res.partner/search_count", {"domain": []},
        key="right", X_Odoo_Database="no_such_db"), [404, False], since=19),
    Ask("JSON-2 with no JSON", http("/json/2/res.partner/search", b"{no", key="right"),
        [400, True], since=19),
    Ask("JSON-2 with another content", http("/json/2/res.partner/search", b"{}", key="right",
        Content_Type="text/plain"), [415, False], since=19),
    Ask("JSON-2 before 19", http("/json/2/res.partner/search", {"domain": []}), [404, True], until=18),
    Ask("JSON-2: an unknown model", json2("no.model", "search", domain=[]),
        Refused("werkzeug.exceptions.NotFound", 404), since=19),
    Ask("JSON-2: an unknown method", json2(PARTNER, "no_method"),
        Refused("werkzeug.exceptions.NotFound", 404), since=19),
    Ask("JSON-2: a private method", json2(PARTNER, "_write"), Refused(ACCESS_ERROR, 403), since=19),
    Ask("JSON-2: a missing argument", json2(PARTNER, "search"),
        Refused("werkzeug.exceptions.UnprocessableEntity", 422), since=19),
    Ask("JSON-2: an unknown argument", json2(PARTNER, "search", domain=[], nothing=1),
        Refused("werkzeug.exceptions.UnprocessableEntity", 422), since=19),
    Ask("JSON-2: ids where there are none", json2(PARTNER, "search", domain=[], ids=[1]),
        Refused("werkzeug.exceptions.UnprocessableEntity", 422), since=19),
    Ask("JSON-2: read",
        json2(PARTNER, "read", ids=lambda o: [o.ids["person"], MISSING], fields=["parent_id"],
              load=""),
        lambda o: [{"id": o.ids["person"], "parent_id": o.ids["company"]}], since=19),
    Ask("JSON-2: an unknown field", json2(PARTNER, "read", ids=own("company"), fields=["nothing"]),
        Refused(VALUE_ERROR, 500), since=19),
    Ask("JSON-2: a malformed domain", json2(PARTNER, "search", domain=["&"]),
        Refused(VALUE_ERROR, 500), since=19),
    Ask("JSON-2: search", json2(PARTNER, "search", domain=[["name", "=", "Contract Gone"]],
        context={"active_test": False}, order="id desc", limit=1), lambda o: [o.ids["archived"]],
        since=19),
    Ask("JSON-2: create gives a list even for one",
        lambda o: _created_ids(o, o.json2(PARTNER, "create", vals_list={"name": "One"})), 1,
        since=19),
    Ask("JSON-2: a contact needs a name", json2(PARTNER, "create", vals_list=[{"type": "contact"}]),
        Refused(VALIDATION_ERROR, 422), since=19),
    Ask("JSON-2: write on a missing record",
        json2(PARTNER, "write", ids=[MISSING], vals={"name": "X"}), Refused(MISSING_ERROR, 404),
        since=19),
    Ask("JSON-2: a method that answers nothing", json2(PARTNER, "action_unarchive",
        ids=own("company")), None, since=19),
    Ask("JSON-2: a company that is not the user's",
        json2(PARTNER, "search", domain=[["id", "=", 1]],
              context={"allowed_company_ids": [MISSING]}), Refused(ACCESS_ERROR, 403), since=19),
    Ask("JSON-2: a business rule",
        lambda o: o.json2(MOVE, "unlink", ids=[_post(o)]), Refused(USER_ERROR, 422), since=19),
]  # fmt: skip


def _post(odoo: Target, move_type: str = "out_invoice", *fields: str) -> Any:
    made = odoo.call(MOVE, "create", _invoice(odoo, move_type))
    odoo.call(MOVE, "action_post", [made])
    return odoo.one(MOVE, made, *fields) if fields else made


def _created_ids(odoo: Target, made: list[int]) -> int:
    assert odoo.call(PARTNER, "unlink", made) is True
    return len(made)


def _delete_draft(odoo: Target) -> Any:
    made = odoo.call(MOVE, "create", _invoice(odoo, "out_invoice"))
    answer = odoo.call(MOVE, "unlink", [made])
    return [answer, odoo.call(LINE, "search", [["move_id", "=", made]])]


# What a server is called, its version, and the marks of its tests.
SERVERS = {
    "demo 19": (19, ()),
    "real 19": (19, (pytest.mark.odoo,)),
    "demo 14": (14, ()),
    "real 14": (14, (pytest.mark.odoo14,)),
}


@pytest.mark.parametrize(
    ("odoo", "ask"),
    [
        pytest.param(name, ask, marks=marks, id=f"{name}-{ask.name}")
        for name, (major, marks) in SERVERS.items()
        for ask in QUESTIONS
        if ask.since <= major <= ask.until
    ],
    indirect=["odoo"],
)
def test_every_server_gives_the_same_answer(odoo, ask):
    answer = ask.answer
    if callable(answer) and answer is not Nothing:
        answer = answer(odoo)
    assert ask.question(odoo) == answer


# What is mirrored: "type", or "type > relation". "-14" is not in 14, "-19" not in 19.
MIRRORED = {
    PARTNER: """
        name char; email char; phone char; is_company boolean; type selection; active boolean
        parent_id many2one > res.partner; commercial_partner_id many2one > res.partner
        company_name char; function char; vat char; ref char; website char; street char
        street2 char; city char; zip char; state_id many2one > res.country.state
        country_id many2one > res.country; lang selection; tz selection
        company_id many2one > res.company; category_id many2many > res.partner.category
        user_id many2one > res.users; customer_rank integer; supplier_rank integer
        create_date datetime; write_date datetime; mobile char -19; complete_name char -14
        company_registry char -14
    """,
    MOVE: """
        name char; move_type selection; state selection; payment_state selection; date date
        partner_id many2one > res.partner; commercial_partner_id many2one > res.partner
        partner_shipping_id many2one > res.partner -14; invoice_date date; invoice_date_due date
        ref char; payment_reference char; invoice_origin char
        currency_id many2one > res.currency; company_id many2one > res.company
        journal_id many2one > account.journal; invoice_user_id many2one > res.users
        fiscal_position_id many2one > account.fiscal.position
        invoice_payment_term_id many2one > account.payment.term; amount_untaxed monetary
        amount_tax monetary; amount_total monetary; amount_residual monetary
        amount_untaxed_signed monetary; amount_tax_signed monetary; amount_total_signed monetary
        amount_residual_signed monetary; amount_total_in_currency_signed monetary -14
        reversed_entry_id many2one > account.move; invoice_line_ids one2many > account.move.line
        create_date datetime; write_date datetime
    """,
    LINE: """
        move_id many2one > account.move; sequence integer; display_type selection; name char
        product_id many2one > product.product; quantity float; product_uom_id many2one > uom.uom
        price_unit float; discount float; tax_ids many2many > account.tax
        account_id many2one > account.account; price_subtotal monetary; price_total monetary
        write_date datetime; exclude_from_invoice_tab boolean -19
    """,
    "res.currency": "name char; decimal_places integer; rounding float; active boolean",
    "res.country": "name char; code char",
    "res.country.state": "name char; code char; country_id many2one > res.country",
    "res.company": "name char; currency_id many2one > res.currency",
    "account.journal": "name char; code char; type selection; active boolean",
    "account.tax": "name char; sequence integer; amount float; amount_type selection; active boolean",
    "res.partner.category": "name char; active boolean; partner_ids many2many > res.partner",
    "res.users": "login char; active boolean; partner_id many2one > res.partner",
    "uom.uom": "name char; active boolean",
    "account.payment.term": "name char; active boolean",
    "account.fiscal.position": "name char; active boolean",
    "account.account": "name char",
    "product.product": "default_code char; active boolean; product_tmpl_id many2one > product.template",
    "product.template": "name char; list_price float; active boolean",
    "res.partner.bank": """
        acc_number char; acc_holder_name char; partner_id many2one > res.partner
        currency_id many2one > res.currency; sequence integer; active boolean
    """,
}


@pytest.mark.parametrize("model", MIRRORED)
@pytest.mark.parametrize(
    "odoo",
    [pytest.param(name, marks=marks) for name, (_, marks) in SERVERS.items()],
    indirect=True,
)
def test_every_mirrored_field_has_the_same_type_everywhere(odoo, model):
    wanted, absent = {}, set()
    for entry in re.split(r"[;\n]", MIRRORED[model]):
        name, _, rest = entry.strip().partition(" ")
        kind, _, missing_in = rest.partition(" -")
        if missing_in == str(odoo.major):
            absent.add(name)
        elif name:
            wanted[name] = (*kind.split(" > "), None)[:2]
    answer = odoo.call(
        model, "fields_get", [*wanted, *absent], ["type", "relation", "store", "string", "required"]
    )
    assert {name: (each["type"], each.get("relation")) for name, each in answer.items()} == wanted
    for name, each in answer.items():
        assert each["store"] is True, name
        assert isinstance(each["string"], str), name
        assert isinstance(each["required"], bool), name
