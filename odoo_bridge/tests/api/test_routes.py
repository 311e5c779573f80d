"""What holds for every address of the API."""

import io
import json
import logging
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.factories import PASSWORD, UserFactory, scoped, user_of
from contacts.models import Contact
from contacts.tests.factories import ContactFactory
from invoices.models import Invoice
from invoices.tests.factories import InvoiceFactory, InvoiceLineFactory
from odoo_bridge.api.examples import written
from odoo_bridge.api.throttles import ExportThrottle, RequestThrottle
from odoo_bridge.odoo.errors import OdooUnavailable
from odoo_bridge.runtime.logs import JsonFormatter
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.factories import SyncIssueFactory, SyncRunFactory, SyncStateFactory
from odoo_bridge.tests.nouns.rows import NOUNS, paths, row

pytestmark = pytest.mark.django_db

ROLES = ("anonymous", "none", "reader", "operator", "writer", "superuser")
EVERYBODY = dict.fromkeys(ROLES, 200)


def only(*roles, status=200):
    """The named roles and superusers get ``status``, nobody 401, the others 403."""
    allowed = {"superuser", *roles}
    return {
        role: status if role in allowed else 401 if role == "anonymous" else 403 for role in ROLES
    }


READERS = only("reader")
# No Odoo listens where the tests point: getting as far as asking it is a 503.
OPERATORS = only("operator", status=503)
# These requests have no Idempotency-Key, which is checked first.
WRITERS = only("writer", status=400)
ANY_USER = only(*ROLES[1:])
EMPTY_BODY = dict.fromkeys(ROLES, 400)

# route -> method -> role -> status. Methods that are not named must be refused.
TABLE = {
    # The ordinary routes of every noun.
    **{path.strip("/"): {"GET": READERS} for noun in NOUNS for path in paths(noun).values()},
    "api": {"GET": EVERYBODY},
    "api/auth/register": {"POST": EMPTY_BODY},
    "api/auth/token": {"POST": EMPTY_BODY},
    "api/auth/token/refresh": {"POST": EMPTY_BODY},
    "api/auth/token/verify": {"POST": EMPTY_BODY},
    "api/auth/logout": {"POST": EMPTY_BODY},
    # Forms, which the tests of this table do not send.
    "api/auth/session/login": {"GET": EVERYBODY, "POST": dict.fromkeys(ROLES, 415)},
    "api/auth/session/logout": {"GET": EVERYBODY, "POST": dict.fromkeys(ROLES, 302)},
    "api/auth/me": {"GET": ANY_USER, "PATCH": ANY_USER},
    "api/auth/password": {"POST": only(*ROLES[1:], status=400)},
    "api/auth/password/reset": {"POST": EMPTY_BODY},
    "api/auth/password/reset/confirm": {"POST": EMPTY_BODY},
    "api/contacts/<int:odoo_id>/invoices": {"GET": READERS},
    "api/invoices/ageing": {"GET": READERS},
    "api/invoices/summary": {"GET": READERS},
    "api/sync": {"GET": only("reader", "operator")},
    "api/sync/runs": {"GET": only("reader", "operator")},
    "api/sync/runs/<int:run_id>": {"GET": only("reader", "operator")},
    "api/sync/issues": {"GET": only("reader", "operator")},
    "api/sync/<str:stream>/run": {"POST": only("operator", status=202)},
    "api/utils/odoo-version": {"GET": OPERATORS},
    "api/utils/odoo-contacts": {"GET": OPERATORS, "POST": WRITERS},
    "api/utils/odoo-partners": {"GET": OPERATORS},
    "api/utils/odoo-invoices": {"GET": OPERATORS, "POST": WRITERS},
    "api/utils/odoo-invoices/<int:odoo_id>/post": {"POST": WRITERS},
    "api/health/live": {"GET": EVERYBODY},
    "api/health/ready": {"GET": EVERYBODY},
    "api/schema": {"GET": EVERYBODY},
    "api/docs": {"GET": EVERYBODY},
    "api/redoc": {"GET": EVERYBODY},
    "docs": {"GET": dict.fromkeys(ROLES, 302)},
    "": {"GET": dict.fromkeys(ROLES, 302)},
}
# Not JSON: their refusals are in the format of the page.
PAGES = {
    *("api/schema", "api/docs", "api/redoc", "docs", ""),
    *("api/auth/session/login", "api/auth/session/logout"),
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What writes ask for before they look further.
A_KEY = {"Idempotency-Key": "the-key-of-a-write"}


def routes(resolver=None, prefix=""):
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from routes(pattern, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield prefix + str(pattern.pattern)


def test_every_address_is_in_the_table_with_and_without_a_slash():
    with_a_slash = {f"{route}/" for route in TABLE if route}
    assert set(routes()) == {*TABLE, *with_a_slash, "favicon.ico"}


IN_A_PATH = {"<int:odoo_id>": "7", "<int:run_id>": "7", "<str:stream>": "contacts"}


def path_of(route, slash=""):
    for part, value in IN_A_PATH.items():
        route = route.replace(part, value)
    return "/" + route + (slash if route else "")


@pytest.fixture
def rows(monkeypatch):
    """A row with the id of every route that takes one, fresh streams, and no Odoo."""

    def no_odoo():
        raise OdooUnavailable("no answer")

    monkeypatch.setattr("odoo_bridge.api.live.connect", no_odoo)
    monkeypatch.setattr("contacts.views.connect", no_odoo)
    ContactFactory(odoo_id=7)
    InvoiceFactory(odoo_id=7)
    for noun in NOUNS:
        if noun.stream.name not in ("contacts", "invoices", "invoice_lines"):
            row(noun, 7, **({"company_id": 1} if "company_id" in noun.columns else {}))
    SyncRunFactory(pk=7)
    for stream in all_streams():
        SyncStateFactory(stream=stream, watermark=timezone.now())


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("slash", ["", "/"], ids=["plain", "slash"])
@pytest.mark.parametrize("route", TABLE)
def test_who_may_do_what(route, slash, role):
    client = client_of(user_of(role))
    path = path_of(route, slash)
    for method in METHODS:
        answer = client.generic(method, path, "{}", content_type="application/json")
        expected = TABLE[route].get(method)
        said = b"" if answer.streaming else answer.content[:200]
        where = f"{method} {path} as {role}: {answer.status_code} {said!r}"
        if expected:
            assert answer.status_code == expected[role], where
        elif not path.startswith("/api/"):
            assert answer.status_code in (302, 405), where
        else:
            assert answer.status_code in (401, 403, 405), where
            if role == "superuser":
                assert answer.status_code == 405, where
        if answer.status_code >= 400 and route not in PAGES:
            assert set(answer.json()["error"]) >= {"code", "message"}, where


def operations(*methods):
    return [
        pytest.param(method, route, id=f"{method} {route}")
        for route, known in TABLE.items()
        for method in known
        if method in methods and route.startswith("api")
    ]


# Scopes -------------------------------------------------------------------------------------------
SCOPES = {
    "contacts": {"contacts": [7]},
    "companies": {"companies": [1]},
    "both": {"contacts": [7], "companies": [1]},
}


@pytest.fixture(params=SCOPES)
def of_7(request, rows, monkeypatch):
    """A user of all groups whose scope holds contact 7 and the invoices 7 and 8.

    FOREIGN are: the contacts 9 and 11, one of them gone, and their invoices; what contact 7 is below
    of; who invoice 8, owed by contact 7, is addressed and shipped to; a contact's name in the issues.
    """
    values = {"name": "FOREIGN", "ref": "FOREIGN", "company_id": 2}
    for odoo_id, gone_at in ((9, None), (11, timezone.now())):
        ContactFactory(odoo_id=odoo_id, complete_name="FOREIGN", gone_at=gone_at, **values)
        InvoiceFactory(odoo_id=odoo_id, contact_id=odoo_id, gone_at=gone_at, **values)
        InvoiceLineFactory(odoo_id=odoo_id, invoice_id=odoo_id, name="FOREIGN", gone_at=gone_at)
        SyncIssueFactory(odoo_id=odoo_id, reason="FOREIGN")
    above = {"parent_id": 9, "commercial_contact_id": 9}
    names = {"name": "Jane", "complete_name": "FOREIGN, Jane", "company_name": "FOREIGN"}
    Contact.objects.filter(pk=7).update(company_id=1, **above, **names)
    Invoice.objects.filter(pk=7).update(contact_id=7, shipping_contact_id=9, company_id=1)
    others = {"contact_id": 9, "shipping_contact_id": 11, "commercial_contact_id": 7}
    open_now = {"state": "posted", "amount_residual": 1, "currency_id": 1}
    InvoiceFactory(odoo_id=8, name="INV/8", company_id=1, **others, **open_now)
    InvoiceLineFactory(odoo_id=7, invoice_id=7)
    monkeypatch.setattr(ExportThrottle, "get_rate", lambda _throttle: None)
    user = scoped(**SCOPES[request.param])
    user.groups.set(Group.objects.all())
    return client_of(user)


def body_of(answer):
    """All that is in the answer; of a workbook what is in its parts."""
    body = b"".join(answer) if answer.streaming else answer.content
    if not body.startswith(b"PK"):
        return body
    with zipfile.ZipFile(io.BytesIO(body)) as parts:
        return b"".join(map(parts.read, parts.namelist()))


WITH_AN_ID = [param for param in operations(*METHODS) if "<int:odoo_id>" in param.values[1]]


@pytest.mark.parametrize(("method", "route"), WITH_AN_ID)
def test_a_record_outside_the_scope_is_not_there(of_7, method, route):
    for odoo_id in ("9", "11"):
        path = "/" + route.replace("<int:odoo_id>", odoo_id)
        for query in ("", "?include_gone=true"):
            answer = of_7.generic(
                method, path + query, "{}", content_type="application/json", headers=A_KEY
            )
            # The route may have no such parameter.
            allowed = {404, 400} if query else {404}
            assert answer.status_code in allowed, (
                f"{method} {path}{query}: {answer.content[:200]!r}"
            )
            assert b"FOREIGN" not in body_of(answer)


QUERIES = (
    "",
    "include_gone=true",
    "search=FOREIGN",
    "expand=contact,lines",
    "fields=contact_name",
    "fields=complete_name,company_name",
    "ref=FOREIGN",
    "ordering=name",
    "ordering=-name&cursor=",
    "format=csv",
    "format=xlsx",
    "format=ndjson",
    "after=0&totals=true",
    "by=company_id",
    "side=payables",
    "max_age=100000",
)
KNOWN = re.compile("contacts|invoices|runs")
LISTING = [route for route, known in TABLE.items() if "GET" in known and route not in PAGES]


def test_no_answer_within_a_scope_tells_of_what_is_outside(of_7):
    """Whatever is asked for; where the route has an id, it is one of the scope."""
    for route in LISTING:
        for query in QUERIES:
            where = f"{path_of(route)}?{query}"
            answer = of_7.get(where)
            # An answer may quote what was asked.
            body = body_of(answer).replace(query.encode() or b"FOREIGN?", b"")
            # What names no contact is not in a scope of contacts.
            unseen = {404} if "<int:odoo_id>" in route and not KNOWN.search(route) else set()
            allowed = {200, 503} | unseen | ({400} if query else set())
            assert answer.status_code in allowed, where
            assert b"FOREIGN" not in body, where
            if "contacts" in route and answer.status_code == 200 and not query:
                assert b"7" in body, where


def found_by_search(client, route, word, others=""):
    """What a search for ``word`` answers, None where there is no search to be had."""
    answer = client.get(f"{path_of(route)}?{others}search={word}")
    said = body_of(answer).replace(f"search={word}".encode(), b"")
    return said if answer.status_code == 200 else None


def test_no_search_within_a_scope_finds_by_what_is_outside(of_7):
    """What is outside and what is nowhere find the same."""
    searched = [route for route in LISTING if found_by_search(of_7, route, "Jane")]
    assert len(searched) >= 7, searched
    for route in searched:
        for others in ("", "include_gone=true&", "move_type=out_invoice&" * ("invoice" in route)):
            found = [found_by_search(of_7, route, word, others) for word in ("FOREIGN", "FO")]
            assert found == [found_by_search(of_7, route, "NOWHERE", others)] * 2, route


def test_a_search_of_very_many_rows_finds_by_no_name_outside_the_scope(of_7, monkeypatch):
    monkeypatch.setattr("invoices.models.guess_rows", lambda _rows: 10**9)
    assert [row["odoo_id"] for row in listed(of_7, "/api/invoices?search=Jane")] == [7]
    assert listed(of_7, "/api/invoices?search=FOREIGN") == []


def listed(client, path):
    return client.get(path).json()["results"]


def test_of_a_contact_outside_the_scope_an_invoice_has_the_id_alone(of_7):
    seven, eight = listed(of_7, "/api/invoices?expand=contact")
    assert (seven["contact_id"], seven["contact_name"], seven["contact"]["name"]) == (
        7,
        "Jane",
        "Jane",
    )
    assert (eight["contact_id"], eight["contact_name"], eight["contact"]) == (9, "", None)
    assert (eight["commercial_contact_id"], eight["shipping_contact_id"]) == (7, 11)
    [contact] = listed(of_7, "/api/contacts")
    assert (contact["parent_id"], contact["commercial_contact_id"]) == (9, 9)
    assert (contact["complete_name"], contact["company_name"]) == ("Jane", "")
    [debt] = listed(of_7, "/api/invoices/ageing")
    assert (debt["contact_id"], debt["contact_name"]) == (7, "Jane")


def test_without_a_scope_the_same_names_are_there(of_7):
    client = client_of(user_of("reader"))
    names = [row["contact_name"] for row in listed(client, "/api/invoices?search=INV/8")]
    assert names == ["FOREIGN"]
    assert [row["odoo_id"] for row in listed(client, "/api/invoices?search=FOREIGN Jane")] == [7]


def test_a_scope_that_holds_the_contact_above_shows_its_name(rows):
    ContactFactory(odoo_id=1, name="Acme", complete_name="Acme", commercial_contact_id=1)
    names = {"name": "Jane", "complete_name": "Acme, Jane", "company_name": "Acme"}
    ContactFactory(odoo_id=2, parent_id=1, commercial_contact_id=1, **names)
    InvoiceFactory(odoo_id=2, contact_id=2, company_id=1)
    for scope in ({"contacts": [1]}, {"companies": [1]}):
        client = client_of(scoped(**scope))
        found = listed(client, "/api/contacts?search=Acme Jane")
        assert [(row["complete_name"], row["company_name"]) for row in found] == [
            ("Acme, Jane", "Acme")
        ]
        found = listed(client, "/api/invoices?search=Acme Jane")
        assert [row["contact_name"] for row in found] == ["Acme, Jane"]


def test_sums_within_a_scope_leave_out_what_is_outside(of_7):
    totals = of_7.get("/api/invoices/summary").json()["totals"]
    assert sum(row["count"] for row in totals) == 2
    for feed, count in (("contacts", 1), ("invoices", 2), ("invoices/lines", 1)):
        totals = of_7.get(f"/api/{feed}/changes?totals=true").json()["totals"]
        assert totals["count"] == count, feed


COUNTS = {"odoo_calls", "odoo_seconds", "error", "note"} | {
    f"{what}_count"
    for what in (
        *("inventoried", "planned", "read", "created", "updated"),
        *("unchanged", "gone", "restored", "issue"),
    )
}


def test_runs_tell_a_scoped_operator_nothing_of_other_rows(of_7):
    did = {name: 7345 for name in COUNTS if name.endswith("_count")}
    SyncRunFactory(
        status="succeeded", error="7345 rows, among them FOREIGN", odoo_calls=7345, **did
    )
    runs = [
        *listed(of_7, "/api/sync/runs"),
        of_7.get("/api/sync/runs/7").json(),
        of_7.post("/api/sync/contacts/run", {}, format="json").json(),
    ]
    assert len(runs) == 4
    for run in runs:
        assert {name: run[name] for name in COUNTS} == dict.fromkeys(COUNTS), run
    SyncIssueFactory(odoo_id=7)
    streams = of_7.get("/api/sync").json()["streams"]
    assert [stream["open_issues"] for stream in streams] == [1, 0, 0]
    assert b"7345" not in of_7.get("/api/sync").content


def test_a_scoped_operator_starts_runs_for_rows_of_the_scope_only(of_7):
    """How a run ends tells whether a record exists."""
    body = {"kind": "records", "ids": [7]}
    assert of_7.post("/api/sync/contacts/run", body, format="json").status_code == 202
    refused = [
        of_7.post("/api/sync/contacts/run", {**body, "ids": ids}, format="json")
        for ids in ([9], [7, 9], [11], [12])
    ]
    assert [answer.status_code for answer in refused] == [400] * 4
    assert {answer.content for answer in refused} == {refused[0].content}


# Names that are not known -------------------------------------------------------------------------
def superuser():
    return client_of(user_of("superuser"))


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("method", "route"), operations(*METHODS))
def test_an_unknown_query_parameter_is_refused_by_name(method, route):
    path = f"{path_of(route)}?serch=acme"
    answer = superuser().generic(method, path, "{}", content_type="application/json")
    assert answer.status_code == 400, answer.content
    if route not in PAGES:
        assert answer.json()["error"]["fields"]["serch"][0]["code"] == "unknown"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("method", "route"),
    [param for param in operations("POST", "PUT", "PATCH") if param.values[1] not in PAGES],
)
def test_an_unknown_key_of_a_body_is_refused_by_name(method, route):
    body = json.dumps({"is_stuff": True})
    answer = superuser().generic(
        method,
        path_of(route),
        body,
        content_type="application/json",
        headers=A_KEY,
    )
    assert answer.status_code == 400, answer.content
    assert answer.json()["error"]["fields"]["is_stuff"][0]["code"] == "unknown"


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(path))
    return path.read_text()


def described(schema):
    """(operationId, operation) of the schema."""
    for path in yaml.safe_load(schema)["paths"].values():
        yield from ((operation["operationId"], operation) for operation in path.values())


def test_the_committed_schema_is_current(schema):
    committed = (Path(django_settings.BASE_DIR) / "docs" / "openapi.yaml").read_text()
    assert schema == committed, "write docs/openapi.yaml anew with bin/schema"


def test_the_schema_describes_every_route(schema):
    paths = yaml.safe_load(schema)["paths"]
    documented = {path.strip("/") for path in paths}
    assert documented == {re.sub(r"<\w+:(\w+)>", r"{\1}", route) for route in set(TABLE) - PAGES}
    for path, operations_of in paths.items():
        route = re.sub(r"{(\w+)}", r"<\1>", path.strip("/"))
        known = {re.sub(r"<\w+:", "<", known): set(methods) for known, methods in TABLE.items()}
        assert {method.upper() for method in operations_of} == known[route]


def test_every_operation_says_how_to_log_in_how_it_fails_and_shows_an_example(schema):
    without = []
    for name, operation in described(schema):
        said = {"security", "summary", "description"} - set(operation)
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        contents = [body.get("content", {}) for body in bodies]
        # Of a download one format is shown.
        shown = [
            not of or any({"example", "examples"} & set(one) for one in of.values())
            for of in contents
        ]
        failures = {status for status in operation["responses"] if status >= "400"}
        open_to_all = {} in operation.get("security", [])
        if said or not failures >= ({"400", "503"} | (set() if open_to_all else {"401"})):
            without.append((name, said, failures))
        without += [(name, number) for number, there in enumerate(shown) if not there]
    assert without == []


def strays(components, described, value, path=""):
    """Where ``value`` has a key that its description lacks, or lacks one that is required."""
    if "$ref" in described:
        described = components[described["$ref"].rsplit("/", 1)[-1]]
    for part in ("allOf", "oneOf", "anyOf"):
        if part in described and "properties" not in described:
            found = [list(strays(components, one, value, path)) for one in described[part]]
            yield from min(found, key=len)
            return
    if isinstance(value, list):
        for item in value:
            yield from strays(components, described.get("items", {}), item, f"{path}.0")
    elif isinstance(value, dict) and "properties" in described:
        for name in value.keys() ^ described["properties"].keys():
            if name in value or name in described.get("required", ()):
                yield f"{path}.{name}"
        for name in value.keys() & described["properties"].keys():
            yield from strays(
                components, described["properties"][name], value[name], f"{path}.{name}"
            )


def test_examples_look_as_the_schema_says(schema):
    components = yaml.safe_load(schema)["components"]["schemas"]
    wrong = []
    for name, operation in described(schema):
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in body.get("content", {}).values():
                found = strays(components, content["schema"], content.get("example"))
                wrong += [(name, path) for path in found]
    assert wrong == []


def test_the_examples_are_all_of_operations_that_exist(schema):
    known = {name for name, _ in described(schema)}
    assert set(written()) <= known | set(all_streams())


def test_many_clients_may_ask_for_the_schema_at_once(monkeypatch, schema):
    # As in a web process that nobody has asked yet.
    monkeypatch.setattr("odoo_bridge.api.schema._made", {})
    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(lambda _: Client().get("/api/schema"), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert {answer.content for answer in answers} == {answers[0].content}
    assert yaml.safe_load(answers[0].content) == yaml.safe_load(schema)


@pytest.mark.parametrize("path", ["/api/docs", "/api/redoc"])
def test_the_docs_load_nothing_from_elsewhere_and_run_no_foreign_script(path):
    answer = Client().get(path)
    page = answer.content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert re.findall(r"https?://(?!redocly\.com/redoc/)", page) == []
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    nonce = re.search(r"script-src 'self' 'nonce-(.+?)'", policy).group(1)
    for tag in re.findall(r"<(?:script|style)[^>]*>", page):
        assert "src=" in tag or f'nonce="{nonce}"' in tag
    assert Client().get(path)["Content-Security-Policy"] != policy


def test_answers_that_are_no_pages_may_load_and_run_nothing_foreign():
    for path in ("/api/contacts", "/api/health/live", "/api/nothing"):
        policy = Client().get(path)["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ("", "*/*", "application/vnd.oai.openapi; charset=utf-8"),
        ("?format=yaml", "*/*", "application/vnd.oai.openapi; charset=utf-8"),
        ("?format=json", "*/*", "application/vnd.oai.openapi+json"),
        ("", "application/json", "application/json"),
    ],
)
def test_the_schema_comes_as_yaml_or_json(query, accept, content_type):
    answer = Client().get(f"/api/schema{query}", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, content_type)


def test_the_schema_comes_in_no_other_format():
    assert Client().get("/api/schema?format=xml").status_code == 400


@pytest.mark.parametrize("path", ["/api/nothing", "/api/contacts/7/nothing"])
def test_an_unknown_address_has_the_shape_of_an_error(path):
    answer = Client().get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_a_dead_database_is_a_503_that_keeps_its_secrets(monkeypatch):
    def fail(*_, **__):
        raise OperationalError("connection to server at db.internal as bridge failed")

    client = client_of(user_of("superuser"))
    with monkeypatch.context() as patch:
        patch.setattr("contacts.views.ContactViewSet.get_queryset", fail)
        answer = client.get("/api/contacts")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "db.internal" not in answer.content.decode()


def test_a_mistake_of_our_own_is_a_500_that_says_nothing_of_it(monkeypatch):
    def fail(*_, **__):
        raise KeyError("<b>what Odoo sent</b>")

    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user_of("superuser"))
    monkeypatch.setattr("contacts.views.ContactViewSet.get_queryset", fail)
    answer = client.get("/api/contacts")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/json")
    assert answer.json()["error"] == {
        "code": "server_error",
        "message": "Internal error; the log has the details.",
    }


# Health -------------------------------------------------------------------------------------------
def ready():
    return Client().get("/api/health/ready")


def test_a_stream_that_was_never_copied_is_not_ready():
    answer = ready()
    assert answer.status_code == 503
    assert answer.json()["status"] == "stale"
    assert set(answer.json()["streams"]) == set(all_streams())


@pytest.mark.parametrize(("minutes", "status"), [(14, 200), (16, 503)])
def test_readiness_ends_after_a_quarter_of_an_hour(minutes, status):
    *fresh, last = all_streams()
    for stream in fresh:
        SyncStateFactory(stream=stream, watermark=timezone.now())
    SyncStateFactory(stream=last, watermark=timezone.now() - timedelta(minutes=minutes))
    answer = ready()
    assert answer.status_code == status
    assert answer.json()["streams"][last]["age_seconds"] >= minutes * 60


def test_without_a_database_it_lives_but_is_not_ready(monkeypatch):
    def fail(*_, **__):
        raise OperationalError("connection to server at db.internal failed")

    monkeypatch.setattr("django.db.models.query.QuerySet._fetch_all", fail)
    monkeypatch.setattr("django.db.models.query.QuerySet.iterator", fail)
    answer = ready()
    assert answer.status_code == 503
    assert "database" in answer.json()["status"]
    assert "db.internal" not in answer.content.decode()
    assert Client().get("/api/health/live").status_code == 200


def test_health_asks_for_no_token_not_even_a_good_one():
    answer = Client().get("/api/health/live", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 200


# Logs ---------------------------------------------------------------------------------------------
def test_a_log_line_is_json_without_secrets(settings):
    settings.ODOO_PASSWORD = 'hunter"2\\é'
    UserFactory(username="ann")
    body = {"username": "ann", "password": PASSWORD}
    pair = APIClient().post("/api/auth/token", body, format="json").json()
    try:
        raise ValueError(f"login with {settings.ODOO_PASSWORD} failed")
    except ValueError as exc:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, __file__, 1, "%s %s", (settings.ODOO_PASSWORD, pair),
            (type(exc), exc, exc.__traceback__), extra={"stream": "contacts"},
        )  # fmt: skip
    text = JsonFormatter().format(record)
    line = json.loads(text)
    assert line["level"] == "ERROR"
    assert line["stream"] == "contacts"
    assert "hunter" not in text
    assert pair["access"] not in text
    assert "ValueError" in line["traceback"]


def test_the_calls_of_the_readme_are_answered():
    readme = (Path(django_settings.BASE_DIR) / "README.md").read_text()
    paths = re.findall(r'"\$BASE(/[^"]+)"', readme)
    InvoiceFactory(odoo_id=1)
    client = client_of(user_of("superuser"))
    assert len(paths) == 3
    assert [client.get(f"/api{path}").status_code for path in paths] == [200, 200, 200]


@pytest.mark.usefixtures("rows")
def test_each_user_may_ask_so_often_a_minute(monkeypatch):
    monkeypatch.setattr(RequestThrottle, "THROTTLE_RATES", {"requests": "2/min"})
    ann, bob = (APIClient() for _ in range(2))
    for client in (ann, bob):
        client.force_authenticate(user_of("superuser"))
    paths = ("/api/contacts", "/api/invoices/summary", "/api/contacts/changes")
    answers = [ann.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["code"] == "throttled"
    assert 0 < int(answers[2]["Retry-After"]) <= 60
    assert bob.get("/api/contacts").status_code == 200
    health = [Client().get("/api/health/live").status_code for _ in range(3)]
    assert health == [200, 200, 200]
