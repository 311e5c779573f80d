"""What the API promises of every noun: its lists, filters, pages, feed, files and scopes."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import django_filters
import openpyxl
import pytest
from django.utils import timezone

from accounts.tests.factories import reader, scoped
from odoo_bridge.api.changes import GONE_FIELDS, content_fields
from odoo_bridge.api.filters import (
    Amount,
    Codes,
    Day,
    Me,
    Moment,
    OneOf,
    Ordering,
    WholeNumber,
    YesNo,
)
from odoo_bridge.api.throttles import ExportThrottle
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.tests.clients import client_of
from odoo_bridge.tests.factories import SyncStateFactory
from odoo_bridge.tests.nouns.rows import LISTED, NOON, NOUNS, paths, row, view_of

pytestmark = pytest.mark.django_db


def each(nouns):
    return pytest.mark.parametrize("noun", nouns, ids=lambda noun: noun.stream.name)


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch):
    monkeypatch.setattr(ExportThrottle, "get_rate", lambda _throttle: None)


@pytest.fixture
def state(noun):
    """Streams that are fresh. An answer may be made of several; it returns the noun's own."""
    states = {
        name: SyncStateFactory(stream=name, watermark=NOON, change_seq=9) for name in all_streams()
    }
    return states[noun.stream.name]


def get(client: Any, noun: Any, action: str = "list", query: str = "", odoo_id: int = 1) -> Any:
    path = paths(noun)[action].replace("<int:odoo_id>", str(odoo_id))
    return client.get(f"{path}?{query}")


def listed(client: Any, noun: Any, query: str = "") -> list[dict[str, Any]]:
    answer = get(client, noun, "list", query)
    assert answer.status_code == 200, (query, answer.content[:300])
    return answer.json()["results"]


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [one["odoo_id"] for one in rows]


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content[:300]
    return b"".join(answer.streaming_content)


# Rows and lists --------------------------------------------------------------------------------------
@each(LISTED)
def test_a_row_has_the_same_fields_everywhere_and_in_one_order(api, noun, state):
    row(noun, 1)
    [one] = listed(api, noun)
    assert list(one) == list(noun.rows.fields)
    columns = {"odoo_id", *noun.stream.columns, "gone_at", "change_seq", "stored_at"}
    assert columns <= set(one), "a column of the mapping is not served"
    alone = get(api, noun, "retrieve").json()
    # One invoice comes with its lines.
    assert {name: alone[name] for name in one} == one


@each(LISTED)
def test_what_is_gone_is_not_there_unless_asked_for(api, noun, state):
    row(noun, 1)
    row(noun, 2, gone_at=timezone.now())
    assert ids(listed(api, noun)) == [1]
    assert ids(listed(api, noun, "include_gone=true")) == [1, 2]
    assert get(api, noun, "retrieve", odoo_id=2).status_code == 404
    assert get(api, noun, "retrieve", "include_gone=true", odoo_id=2).status_code == 200
    assert get(api, noun, "retrieve", odoo_id=3).status_code == 404


@each(LISTED)
def test_only_the_fields_that_are_asked_for(api, noun, state):
    row(noun, 1)
    for name in noun.rows.fields:
        assert list(listed(api, noun, f"fields={name}")[0]) == [name]
        assert list(get(api, noun, "retrieve", f"fields={name}").json()) == [name]


@each(LISTED)
@pytest.mark.parametrize("action", ["list", "retrieve", "changes", "export"])
def test_an_unknown_parameter_is_refused_by_name(api, noun, state, action):
    row(noun, 1)
    answer = get(api, noun, action, "no_such=1")
    assert answer.status_code == 400
    assert "no_such" in answer.json()["error"]["fields"]


@each(LISTED)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_one(
    api, noun, state, django_assert_max_num_queries
):
    row(noun, 1)
    listed(api, noun)
    with django_assert_max_num_queries(8) as one:
        listed(api, noun)
    for number in range(2, 12):
        row(noun, number)
    with django_assert_max_num_queries(len(one)):
        listed(api, noun, "include_gone=false")


# Filters ---------------------------------------------------------------------------------------------
def filters() -> list[Any]:
    return [
        pytest.param(noun, name, id=f"{noun.stream.name}-{name}")
        for noun in LISTED
        for name in view_of(noun).filterset_class.base_filters
        if name != "ordering"
    ]


def given(noun: Any, name: str, one: Any) -> list[tuple[str, set[int] | None]]:
    """What may be asked of the filter ``name``, and which of the rows 1 and 3 it finds; None where
    that is the noun's own business."""
    column, method = one.field_name, one.method
    known = noun.columns.get(column)
    if isinstance(one, Me):
        return [("me", {3})]
    if name == "search":
        searched = noun.model._default_manager.all().searched
        own = next(name for name in searched if name in noun.columns)
        return [(f"{own}3", {3}), ("nothing-has-this", set())]
    if name == "include_gone":
        return [("true", {1, 3}), ("no", {1, 3})]
    if method or known is None:
        return [({YesNo: "true", OneOf: "x"}.get(type(one), "3"), None)]
    if isinstance(one, YesNo):
        return [("true", {1, 3}), ("false", set())]
    if isinstance(one, Day | Moment):
        at = (
            getattr(noun.model._default_manager.get(pk=3), column)
            .isoformat()
            .replace("+00:00", "Z")
        )
        ends = {"gte": {3}, "lte": {1, 3}, "exact": {3}}
        return [(at, {3} if isinstance(one, Moment) else ends[one.lookup_expr])]
    if isinstance(one, Amount):
        return [("3.5", {"gte": {3}, "lte": {1, 3}}[one.lookup_expr])]
    if isinstance(one, Codes):
        return [("C" * one._length, {3} if one._length == 3 else set())]
    if isinstance(one, OneOf) and one.choices:
        return [(next(iter(one.choices)), set())]
    if isinstance(one, WholeNumber):
        return [("3", None if known.is_relation else {3}), ("4", set())]
    return [(f"{column}3", {3}), (f"{column}1,{column}3" * isinstance(one, OneOf) or "no", None)]


@pytest.mark.parametrize(("noun", "name"), filters())
def test_a_filter_finds_what_it_names_and_nothing_else(noun, name, state):
    user = reader()
    row(noun, 1)
    last = row(noun, 3)
    if "created_by_id" in noun.columns:
        type(last)._default_manager.filter(pk=3).update(created_by=user)
    api = client_of(user)
    one = view_of(noun).filterset_class.base_filters[name]
    for value, found in given(noun, name, one):
        rows = listed(api, noun, f"{name}={value}")
        if found is not None:
            assert set(ids(rows)) == found, (name, value)
    is_text = isinstance(one, django_filters.CharFilter) and not isinstance(one, OneOf)
    if not is_text:
        for impossible in ("", "%00", "no such thing,"):
            answer = get(api, noun, "list", f"{name}={impossible}")
            assert answer.status_code == 400, (name, impossible)
            assert name in answer.json()["error"]["fields"]


def orderings() -> list[Any]:
    found = []
    for noun in LISTED:
        one = view_of(noun).filterset_class.base_filters.get("ordering")
        choices = [value for value, _words in one.extra["choices"]] if one else []
        found += [pytest.param(noun, each, id=f"{noun.stream.name}-{each}") for each in choices]
    return found


@pytest.mark.parametrize(("noun", "ordering"), orderings())
def test_pages_by_cursor_and_by_number_show_each_row_once_in_order(api, noun, state, ordering):
    for number in (4, 1, 5, 2, 3):
        row(noun, number)
    whole = ids(listed(api, noun, f"ordering={ordering}"))
    assert whole == sorted(whole, reverse=ordering.startswith("-"))
    assert len(whole) == 5
    numbered = [
        odoo_id
        for number in (1, 2, 3)
        for odoo_id in ids(listed(api, noun, f"ordering={ordering}&per_page=2&page={number}"))
    ]
    assert numbered == whole
    found, address = [], f"{paths(noun)['list']}?ordering={ordering}&per_page=2&cursor="
    while address:
        page = api.get(address).json()
        found += ids(page["results"])
        address = page["next"]
    assert found == whole


def test_every_list_can_be_ordered():
    assert all("ordering" in view_of(noun).filterset_class.base_filters for noun in LISTED)
    assert isinstance(view_of(LISTED[0]).filterset_class.base_filters["ordering"], Ordering)


# The feed --------------------------------------------------------------------------------------------
@each(NOUNS)
def test_the_feed_has_every_change_in_its_order(api, noun, state):
    for number, seq in ((1, 7), (2, 3), (3, 9)):
        row(noun, number, change_seq=seq, gone_at=timezone.now() if number == 1 else None)
    page = get(api, noun, "changes", "limit=2").json()
    assert (ids(page["results"]), page["next_after"], page["more"]) == ([2, 1], 7, True)
    assert set(page["results"][0]) == set(content_fields(noun.model, noun.rows))
    assert list(page["results"][1]) == list(GONE_FIELDS)
    page = get(api, noun, "changes", "after=7&totals=true").json()
    assert (ids(page["results"]), page["next_after"], page["more"]) == ([3], 9, False)
    assert page["totals"] == {"count": 2, "sum_of_ids": 5}
    assert get(api, noun, "changes", "after=10").status_code == 410


# Files -----------------------------------------------------------------------------------------------
@each(LISTED)
def test_a_file_has_the_rows_of_the_list(api, noun, state):
    for number in (1, 2):
        row(noun, number)
    row(noun, 3, gone_at=timezone.now())
    shown = listed(api, noun)
    lines = body(get(api, noun, "export", "format=ndjson")).splitlines()
    assert [json.loads(line) for line in lines] == shown
    text = body(get(api, noun, "export", "format=csv")).decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(text)))
    assert table[0] == list(noun.rows.fields)
    assert [line[0] for line in table[1:]] == ["1", "2"]
    sheet = openpyxl.load_workbook(
        io.BytesIO(body(get(api, noun, "export", "format=xlsx"))), read_only=True
    ).active
    cells = list(sheet.iter_rows(values_only=True))
    assert [cells[0], [line[0] for line in cells[1:]]] == [tuple(noun.rows.fields), [1, 2]]


# Scopes ----------------------------------------------------------------------------------------------
def seen(user: Any, noun: Any) -> set[int]:
    """The ids that ``user`` sees in any route of ``noun``."""
    client, found = client_of(user), set[int]()
    for action in paths(noun):
        if action == "retrieve":
            for odoo_id in (1, 2, 3):
                if get(client, noun, action, "include_gone=true", odoo_id).status_code == 200:
                    found.add(odoo_id)
        elif action == "export":
            query = "format=ndjson&include_gone=true"
            lines = body(get(client, noun, action, query)).splitlines()
            found |= {json.loads(line)["odoo_id"] for line in lines}
        else:
            query = "include_gone=true" if action == "list" else ""
            found |= set(ids(get(client, noun, action, query).json()["results"]))
    return found


@each(NOUNS)
def test_no_scope_shows_every_row_and_a_scope_of_contacts_only_what_names_them(noun, state):
    for number in (1, 2):
        row(noun, number)
    row(noun, 3, gone_at=timezone.now())
    assert seen(reader(), noun) == {1, 2, 3}
    # A contact that no row names, and which is not here either.
    user = scoped(companies=[])
    user.scope_contacts.through.objects.create(user_id=user.pk, contact_id=99)
    assert seen(user, noun) == set()


@each([noun for noun in NOUNS if "company_id" in noun.columns])
def test_a_scope_of_companies_shows_no_row_of_another_company(noun, state):
    row(noun, 1, company_id=1)
    row(noun, 2, company_id=2)
    row(noun, 3, company_id=2, gone_at=timezone.now())
    assert seen(scoped(companies=[1]), noun) == {1}


@each(NOUNS)
def test_answers_say_how_fresh_they_are(api, noun, state):
    row(noun, 1, stored_at=timezone.now() - timedelta(days=1))
    for action in paths(noun):
        if action != "changes":
            at = get(api, noun, action)["X-Odoo-Synced-At"]
            assert at == "2026-02-01T12:00:00Z"
