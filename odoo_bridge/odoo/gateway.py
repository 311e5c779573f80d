"""What the rest of the bridge may ask of Odoo, and ``connect()``, which picks how.

The transports differ in how one call travels (``Transport.invoke``); what is asked, with which
context, and how an answer is checked is the same for both and stands here, once.
"""

import re
import threading
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

import tenacity
from django.conf import settings

from odoo_bridge.odoo import values
from odoo_bridge.odoo.errors import (
    BridgeError,
    OdooBusy,
    OdooForbidden,
    OdooForeign,
    OdooMissing,
    OdooRefused,
    OdooRejected,
    OdooTimeout,
    OdooTooLarge,
    OdooTooOld,
    OdooUnavailable,
    OdooUnreachable,
    OdooWrongDatabase,
)
from odoo_bridge.odoo.http import MAX_SMALL_BODY_BYTES, Client, json_value
from odoo_bridge.odoo.patience import at_most

T = TypeVar("T")
Record = dict[str, Any]
Domain = Sequence[Any]
Company = int | None  # the id of the company to act for; None: the settings', or the user's own

# One answer holds at most so many ids or short rows: 8 and 50 bytes each on the wire, so memory
# stays flat at any number of rows and no single call runs for long.
IDS_PER_CALL = 100_000
ROWS_PER_CALL = 20_000
READ_ATTEMPTS = 4
_ATTRIBUTES = ["type", "store", "relation", "string", "company_dependent"]
_MOST_BAD_STAMPS = 100
_STAMP_LENGTH = len("2026-02-01 09:30:00")


class Version(NamedTuple):
    """``text`` as Odoo spells it (``19.0``, ``saas~18.4``), ``major`` for decisions."""

    major: int
    text: str


class Stamps(NamedTuple):
    """Ids in order, and beside each its ``write_date`` as Odoo spells it, naive UTC."""

    ids: Sequence[int]
    write_dates: Sequence[str]


class Totals(NamedTuple):
    rows: int
    id_sum: int


class FieldDigest(NamedTuple):
    """Of one field over many records: how many have a value, and the sum of the values."""

    filled: int
    total: int

    def __sub__(self, other: "FieldDigest") -> "FieldDigest":
        return FieldDigest(self.filled - other.filled, self.total - other.total)


class Transport(Protocol):
    """One way for a call to reach Odoo."""

    name: str

    def invoke(
        self, model: str, method: str, *, ids: Sequence[int] | None, **arguments: Any
    ) -> Any:
        """Return what Odoo's method returned. ``arguments`` carry Odoo's own parameter names."""

    def user_id(self) -> int:
        """The id of our user in ``res.users``."""


class Gateway(Protocol):
    """All that may be asked of Odoo. Raises only the errors of ``errors.py``."""

    url: str
    transport: str

    def version(self) -> Version: ...
    def server_time(self) -> datetime: ...
    def fields(self, model: str) -> dict[str, dict[str, Any]]: ...
    def forget_fields(self, model: str) -> None: ...
    def search(self, model: str, domain: Domain, limit: int | None = None) -> Sequence[int]: ...
    def stamps(self, model: str, domain: Domain) -> Iterator[Stamps]: ...
    def search_read(
        self, model: str, domain: Domain, fields: Sequence[str]
    ) -> Iterator[list[Record]]: ...
    def totals(self, model: str, domain: Domain) -> Totals: ...
    def sums(
        self, model: str, domain: Domain, groupby: Sequence[str], fields: Sequence[str]
    ) -> list[Record]: ...
    def digest(
        self, model: str, domain: Domain, fields: Sequence[str]
    ) -> dict[str, "FieldDigest"]: ...
    def members(self, model: str, domain: Domain, field: str) -> dict[int, Sequence[int]]: ...
    def read(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> list[Record]: ...
    def load(
        self, model: str, columns: Sequence[str], rows: Sequence[Sequence[str]], company: Company
    ) -> int: ...
    def marked(self, model: str, marker: str) -> int | None: ...
    def call(
        self,
        model: str,
        method: str,
        ids: Sequence[int],
        company: Company = None,
        **arguments: Any,
    ) -> Any: ...
    def key_expires_at(self) -> datetime | None: ...
    def database_uuid(self, forbidden_before: bool = False) -> str: ...
    def first(self, model: str, fields: Sequence[str], limit: int) -> list[Record]: ...
    def usage(self) -> tuple[int, float]: ...


@dataclass
class OdooGateway:
    """A ``Gateway`` over one transport. Safe between threads; keep one per process."""

    url: str
    client: Client
    _transport: Transport
    _version: Version
    company_ids: Sequence[int] = ()

    def __post_init__(self) -> None:
        self.transport = self._transport.name
        self._fields: dict[str, dict[str, dict[str, Any]]] = {}
        self._uuid_is_forbidden = False

    def version(self) -> Version:
        return self._version

    def usage(self) -> tuple[int, float]:
        return self.client.usage()

    def server_time(self) -> datetime:
        """Odoo's clock, aware UTC, from the ``Date`` header of an answer not older than 2 s."""
        moment = self.client.recent_server_time()
        if moment is None:
            _reading(lambda: ask_version(self.client))
            moment = self.client.recent_server_time()
        if moment is None:
            raise OdooUnavailable(f"{self.client.host} sends no Date header, so we lack its clock")
        return moment

    def fields(self, model: str) -> dict[str, dict[str, Any]]:
        """Return the fields our user may read: ``{"name": {"type": "char", "store": True}}``."""
        if model not in self._fields:
            answer = self._ask(model, "fields_get", dict, attributes=_ATTRIBUTES)
            self._fields[model] = answer
        return self._fields[model]

    def forget_fields(self, model: str) -> None:
        """Ask again next time: a module upgrade may have added or removed some."""
        self._fields.pop(model, None)

    def search(self, model: str, domain: Domain, limit: int | None = None) -> Sequence[int]:
        """Return the ids that match, ascending, archived ones included; ``limit`` cuts the list."""
        found = array("q")
        while True:
            size = IDS_PER_CALL if limit is None else min(IDS_PER_CALL, limit - len(found))
            page = self._ask(
                model, "search", list, domain=_after(domain, found), order="id", limit=size
            )
            try:
                found.extend(page)
            except (TypeError, OverflowError) as exc:
                raise OdooUnavailable(f"{model}.search at {self.url}: not a list of ids") from exc
            if len(page) < size or (limit is not None and len(found) >= limit):
                return found

    def stamps(self, model: str, domain: Domain) -> Iterator[Stamps]:
        """Yield the (id, write_date) of all that match, in pages of ids ascending.

        The stamp of a record that Odoo fails to read is ``?``.
        """
        for page in self._pages(model, domain, ["write_date"], self._stamps_one_by_one):
            try:
                ids = array("q", [row["id"] for row in page])
                write_dates = [row["write_date"] or "" for row in page]
            except (TypeError, KeyError, OverflowError) as exc:
                raise OdooUnavailable(f"{model}.search_read at {self.url}: not stamps") from exc
            if any(s.__class__ is not str or len(s) != _STAMP_LENGTH for s in write_dates):
                write_dates = list(map(values.stamp, write_dates))
            yield Stamps(ids, write_dates)

    def search_read(
        self, model: str, domain: Domain, fields: Sequence[str]
    ) -> Iterator[list[Record]]:
        """Yield the records of all that match, in pages of ids ascending.

        For short rows: a many2one comes as ``[id, label]``, since Odoo 14 knows no ``load`` here.
        """
        yield from self._pages(model, domain, fields)

    def _pages(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        otherwise: Callable[[str, Domain], list[Record]] | None = None,
    ) -> Iterator[list[Record]]:
        """``otherwise`` makes the page of a domain that Odoo fails to read at once."""
        last: list[int] = []
        while True:
            here = _after(domain, last)
            try:
                page = self._ask(
                    model,
                    "search_read",
                    list,
                    domain=here,
                    fields=list(fields),
                    order="id",
                    limit=ROWS_PER_CALL,
                )
            except OdooRejected:
                if otherwise is None:
                    raise
                page = otherwise(model, here)
            yield page
            if len(page) < ROWS_PER_CALL:
                return
            try:
                last = [int(page[-1]["id"])]
            except (TypeError, KeyError, ValueError) as exc:
                raise OdooUnavailable(f"{model}.search_read at {self.url}: no ids") from exc

    def _stamps_one_by_one(self, model: str, domain: Domain) -> list[Record]:
        """A page of stamps where one is of the year 12026 or BC, which Odoo cannot read.

        Raises OdooRejected where many cannot be read: then it is not for their values.
        """
        page: list[Record] = []
        left, failed = [list(self.search(model, domain, ROWS_PER_CALL))], 0
        while left:
            ids = left.pop()
            try:
                page += self.read(model, ids, ["write_date"]) if ids else []
            except OdooRejected:
                failed += len(ids) == 1
                if failed > _MOST_BAD_STAMPS:
                    raise
                if len(ids) == 1:
                    page.append({"id": ids[0], "write_date": "?"})
                else:
                    left += [ids[: len(ids) // 2], ids[len(ids) // 2 :]]
        return sorted(page, key=lambda row: row["id"])

    def totals(self, model: str, domain: Domain) -> Totals:
        """Return how many records match and the sum of their ids, from one small query."""
        row = self.sums(model, domain, [], ["id"])
        try:
            return Totals(int(row[0]["__count"]), int(row[0]["id"] or 0))
        except (IndexError, KeyError, TypeError, ValueError) as exc:
            raise OdooUnavailable(f"{model} totals at {self.url}: not a count and a sum") from exc

    def sums(
        self, model: str, domain: Domain, groupby: Sequence[str], fields: Sequence[str]
    ) -> list[Record]:
        """Return per group ``{"__count": n, <groupby>: value, <field>: sum}``.

        A many2one in ``groupby`` is an id, or False. Source: ``read_group`` up to 18,
        ``formatted_read_group`` from 19 on, where the former is deprecated.
        """
        if self._version.major >= 19:
            rows = self._ask(
                model,
                "formatted_read_group",
                list,
                domain=list(domain),
                groupby=list(groupby),
                aggregates=["__count", *(f"{field}:sum" for field in fields)],
            )
            suffix = ":sum"
        else:
            rows = self._ask(
                model,
                "read_group",
                list,
                domain=list(domain),
                fields=[f"{field}:sum" for field in fields],
                groupby=list(groupby),
                lazy=False,
            )
            suffix = ""
        return [
            {
                "__count": row["__count"],
                **{name: _plain(row.get(name)) for name in groupby},
                **{name: row.get(name + suffix) for name in fields},
            }
            for row in rows
        ]

    def digest(self, model: str, domain: Domain, fields: Sequence[str]) -> dict[str, FieldDigest]:
        """Return the digest of each of ``fields``, many2one or integer, over all that match.

        One query with no group, so no label is looked up and nothing is sorted. Where Odoo refuses
        to sum one of them, the fields are read instead.
        Source: as ``sums``; up to 18 an aggregate may have a name of its own, ``n0:count(user_id)``.
        """
        if self._version.major >= 19:
            method, named = (
                "formatted_read_group",
                [(f"{name}:count", f"{name}:sum") for name in fields],
            )
            asked: Record = {
                "groupby": [],
                "aggregates": [key for pair in named for key in pair],
            }
        else:
            method, named = "read_group", [(f"n{at}", f"s{at}") for at in range(len(fields))]
            asked = {
                "fields": [
                    spec
                    for (count, total), name in zip(named, fields, strict=True)
                    for spec in (f"{count}:count({name})", f"{total}:sum({name})")
                ],
                "groupby": [],
                "lazy": False,
            }
        try:
            rows = self._ask(model, method, list, domain=list(domain), **asked)
        except OdooRejected:
            return self._digest_by_reading(model, domain, fields)
        try:
            return {
                name: FieldDigest(int(rows[0][count] or 0), int(rows[0][total] or 0))
                for name, (count, total) in zip(fields, named, strict=True)
            }
        except (IndexError, KeyError, TypeError, ValueError) as exc:
            raise OdooUnavailable(f"{model} digest at {self.url}: not counts and sums") from exc

    def _digest_by_reading(
        self, model: str, domain: Domain, fields: Sequence[str]
    ) -> dict[str, FieldDigest]:
        counts, totals = dict.fromkeys(fields, 0), dict.fromkeys(fields, 0)
        for page in self.search_read(model, domain, fields):
            for row in page:
                for name in fields:
                    value = _plain(row[name])
                    if value is not False:
                        counts[name] += 1
                        totals[name] += value
        return {name: FieldDigest(counts[name], totals[name]) for name in fields}

    def members(self, model: str, domain: Domain, field: str) -> dict[int, Sequence[int]]:
        """Return for each value of a many2many which of the records that match have it.

        Odoo 14 refuses to group by a many2many, and a later one may refuse this one: then the field
        is read instead.
        """
        has_some = [*domain, (field, "!=", False)]
        asked: dict[str, Any] = {"domain": has_some, "groupby": [field]}
        if self._version.major >= 19:
            method, ids = "formatted_read_group", "id:array_agg"
            asked["aggregates"] = [ids]
        else:
            method, ids = "read_group", "ids"
            asked |= {"fields": ["ids:array_agg(id)"], "lazy": False}
        if self._version.major >= 15:
            with suppress(OdooRejected):
                rows = self._ask(model, method, list, **asked)
                try:
                    return {
                        value: array("q", row[ids])
                        for row in rows
                        if (value := _plain(row[field])) is not False
                    }
                except (KeyError, TypeError) as exc:
                    raise OdooUnavailable(f"{model} groups at {self.url}: not ids") from exc
        found: dict[int, array[int]] = {}
        for page in self.search_read(model, has_some, [field]):
            for row in page:
                for value in row[field]:
                    found.setdefault(value, array("q")).append(row["id"])
        return dict(found)

    def read(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> list[Record]:
        """Return the records of ``ids`` that exist, one dict per record, in no promised order.

        A record is ``{"id": 7, "name": "Acme", "email": False, "parent_id": 3, "write_date":
        "2026-02-01 09:30:00"}``: an absent value is ``False``, a many2one is an id, a datetime is
        naive UTC in whole seconds.

        Source: Odoo external API, ``read`` with ``load=''``.
        """
        records = self._ask(model, "read", list, ids=ids, fields=list(fields), load="")
        wanted = set(ids)
        for record in records:
            odoo_id = record.get("id") if isinstance(record, dict) else None
            if not isinstance(odoo_id, int) or odoo_id not in wanted:
                raise OdooUnavailable(
                    f"{model}.read at {self.url}: a record nobody asked for, or one twice"
                )
            wanted.remove(odoo_id)
        return records

    def load(
        self, model: str, columns: Sequence[str], rows: Sequence[Sequence[str]], company: Company
    ) -> int:
        """Create one record, with the lines below it, as an import does; return its id.

        ``columns`` are import paths (``partner_id/.id``, ``invoice_line_ids/name``), values are text
        and empty for nothing; rows after the first hold further lines. The column ``id`` is an
        external id like ``odoo_bridge.7f3a``: made in the record's own transaction and unique in
        Odoo, so two such calls at once cannot leave two records, and ``marked`` finds what a call
        without an answer left. Called again once the record is there, Odoo writes it anew instead.

        Not retried: an unclear outcome is the caller's. Raises OdooRejected with Odoo's messages.
        Source: ``load`` in ``odoo/models.py``, 14 to 19.
        """
        answer = self._transport.invoke(
            model,
            "load",
            ids=None,
            fields=list(columns),
            data=[list(row) for row in rows],
            context=self._context(company),
        )
        where = f"{model}.load at {self.url}"
        match answer:
            case {"ids": [int(odoo_id)]}:
                return odoo_id
            case {"ids": False | [], "messages": [*messages]}:
                raise _refused_import(messages, where)
        raise OdooUnavailable(f"{where}: not the answer of an import")

    def marked(self, model: str, marker: str) -> int | None:
        """Return the id of the record with the external id ``marker``, None if there is none.

        Source: ``check_object_reference`` of ``ir.model.data``, the one way to look an external id
        up that needs no administrator.
        """
        module, _, name = marker.partition(".")
        try:
            answer = self._ask(
                "ir.model.data", "check_object_reference", list, module=module, xml_id=name
            )
        except OdooRejected as exc:
            if exc.exception.endswith("ValueError") and marker in exc.reason:
                return None
            raise
        match answer:
            case [str(found), int(odoo_id)] if found == model and odoo_id > 0:
                return odoo_id
            case [str(found), False] if found == model:
                raise OdooForbidden(f"{model} at {self.url}: {marker} is there, but not for us")
        raise OdooUnavailable(f"ir.model.data at {self.url}: {marker} is no {model}")

    def call(
        self,
        model: str,
        method: str,
        ids: Sequence[int],
        company: Company = None,
        **arguments: Any,
    ) -> Any:
        """Call ``method`` on ``ids`` and return its answer. Not retried."""
        return self._transport.invoke(
            model, method, ids=list(ids), context=self._context(company), **arguments
        )

    def key_expires_at(self) -> datetime | None:
        """When the first API key of our user expires; None if none does, or Odoo does not say.

        Odoo does not tell which key a call came with: of several this may be another one.
        Source: ``res.users.apikeys``; ``expiration_date`` is there from 18 on.
        """
        model = "res.users.apikeys"
        try:
            if "expiration_date" not in self.fields(model):
                return None
            user = self._ask("res.users", "context_get", dict)["uid"]
            mine = [("user_id", "=", user), ("expiration_date", "!=", False)]
            keys = self.read(model, self.search(model, mine), ["expiration_date"])
        except (OdooForbidden, OdooMissing, OdooRejected):
            return None
        moments = (values.moment(key["expiration_date"]) for key in keys)
        return min((moment for moment in moments if moment), default=None)

    def is_internal_user(self) -> bool:
        """Whether our user is one of the staff. A user of the portal reads its own records alone.

        Source: ``share`` of ``res.users``, which each user may read of itself, 14 to 19.
        """
        user = _reading(self._transport.user_id)
        rows = (
            self.read("res.users", [user], ["share"]) if "share" in self.fields("res.users") else []
        )
        return not any(row["share"] for row in rows)

    def database_uuid(self, forbidden_before: bool = False) -> str:
        """Return the UUID that Odoo gave its database; empty where our user may not read it.

        Only administrators may. Once refused, it is asked for again with ``forbidden_before`` alone.
        Odoo's own "duplicate" gives the copy another UUID, a restored dump has the same.
        Source: ``ir.config_parameter``, key ``database.uuid``, 14 to 19.
        """
        if self._uuid_is_forbidden and not forbidden_before:
            return ""
        try:
            rows = self._ask(
                "ir.config_parameter",
                "search_read",
                list,
                domain=[("key", "=", "database.uuid")],
                fields=["value"],
                limit=1,
            )
        except (OdooForbidden, OdooMissing, OdooRejected):
            self._uuid_is_forbidden = True
            return ""
        self._uuid_is_forbidden = False
        return str(rows[0].get("value") or "") if rows and isinstance(rows[0], dict) else ""

    def first(self, model: str, fields: Sequence[str], limit: int) -> list[Record]:
        """Return the first records by id, archived ones included."""
        rows: list[Record] = self._ask(
            model, "search_read", list, domain=[], fields=list(fields), order="id", limit=limit
        )
        return rows

    def _context(self, company: Company = None) -> Record:
        # Archived records are records. Without a language names come as they were typed.
        context: Record = {"active_test": False}
        if company is not None:
            context["allowed_company_ids"] = [company]
        elif self.company_ids:
            context["allowed_company_ids"] = list(self.company_ids)
        return context

    def _ask(
        self,
        model: str,
        method: str,
        kind: type,
        ids: Sequence[int] | None = None,
        **arguments: Any,
    ) -> Any:
        def question() -> Any:
            answer = self._transport.invoke(
                model,
                method,
                ids=None if ids is None else list(ids),
                context=self._context(),
                **arguments,
            )
            if not isinstance(answer, kind):
                # An answer of the wrong type read as an empty list would look like "all gone".
                raise OdooUnavailable(
                    f"{model}.{method} at {self.url}: {type(answer).__name__} where "
                    f"{kind.__name__} belongs"
                )
            return answer

        return _reading(question)


def _after(domain: Domain, found: Sequence[int]) -> list[Any]:
    return [*domain, ("id", ">", found[-1])] if found else list(domain)


def _refused_import(messages: Sequence[Any], where: str) -> BridgeError:
    """The error behind the messages of ``load``. Nothing was made: Odoo has undone it all."""
    said = [str(one.get("message", "")) for one in messages if isinstance(one, dict)]
    # What the database says goes on with the whole row, below.
    lines = dict.fromkeys(text.strip().partition("\nDETAIL:")[0].strip() for text in said)
    reason = "\n".join(line for line in lines if line)
    if _CONFLICT.search(reason):
        return OdooUnavailable(f"{where}: {reason}")
    return OdooRejected(f"{where}: {reason}", reason=reason)


# PostgreSQL's words when two transactions want one row. Odoo repeats such calls by itself, except an
# import, whose messages are all that is left of the error.
_CONFLICT = re.compile("could not serialize access|deadlock detected|could not obtain lock")


def _plain(value: Any) -> Any:
    """The id of a labelled many2one: groups carry ``[id, label]`` whatever ``load`` says."""
    return value[0] if isinstance(value, list | tuple) and value else value


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, OdooBusy) and error.retry_after is not None:
        return error.retry_after
    return tenacity.wait_exponential_jitter(multiplier=0.5, max=20, jitter=0.5)(state)


def _enough(state: tenacity.RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    # Each timeout cost a whole minute, and whoever reads a page has a better idea: half of it.
    attempts = 2 if isinstance(error, OdooTimeout) else READ_ATTEMPTS
    if isinstance(error, OdooTooLarge):
        attempts = 1
    if state.attempt_number >= attempts:
        return True
    # Whoever waits will not be here for another answer.
    return at_most(state.upcoming_sleep + 0.1) < state.upcoming_sleep + 0.1


def _reading(question: Callable[[], T]) -> T:
    """Ask, and ask again when Odoo could not answer. For reads only: they can be repeated."""
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OdooUnavailable),
        wait=_wait,
        stop=_enough,
        reraise=True,
    ):
        with attempt:
            return question()
    raise AssertionError("tenacity returns or raises")


def ask_version(client: Client) -> Version:
    """Ask an Odoo for its version, without logging in. ``/web/version`` is there from 19 on."""
    answer = client.call("GET", "/web/version", most_bytes=MAX_SMALL_BODY_BYTES)
    if answer.status == 200:
        with suppress(ValueError, KeyError, TypeError):
            return _version(json_value(answer.body), "version_info", "version")
    answer = client.call(
        "POST",
        "/web/webclient/version_info",
        b'{"jsonrpc": "2.0", "method": "call", "params": {}}',
        {"Content-Type": "application/json"},
        MAX_SMALL_BODY_BYTES,
    )
    try:
        return _version(json_value(answer.body)["result"], "server_version_info", "server_version")
    except (ValueError, KeyError, TypeError) as exc:
        raise OdooForeign(
            f"{client.base_url} does not answer like an Odoo ({answer.status}{_title(answer.body)})"
        ) from exc


def ask_databases(client: Client) -> list[str]:
    """The databases that this address serves; empty where Odoo does not list them (``list_db``).

    Source: ``/web/database/list``, which needs no login, 14 to 19.
    """
    with suppress(BridgeError, ValueError, KeyError, TypeError):
        answer = client.call(
            "POST",
            "/web/database/list",
            b'{"jsonrpc": "2.0", "method": "call", "params": {}}',
            {"Content-Type": "application/json"},
        )
        return [str(name) for name in json_value(answer.body)["result"]]
    return []


def databases() -> list[str]:
    """The databases at ODOO_URL, as ``ask_databases`` finds them."""
    return ask_databases(_client())


def _title(page: bytes) -> str:
    found = re.search(rb"<title>\s*(.{1,80}?)\s*</title>", page, re.IGNORECASE | re.DOTALL)
    text = found[1].decode(errors="replace") if found else ""
    return f", {text}" if text.isprintable() and text else ""


def _version(answer: Mapping[str, Any], info: str, text: str) -> Version:
    # saas~18.4 has the major number inside a word.
    major = str(answer[info][0]).rpartition("~")[2]
    return Version(int(float(major)), str(answer[text]))


_gateways: dict[tuple[Any, ...], OdooGateway] = {}
_connecting = threading.Lock()


def connect() -> OdooGateway:
    """Return this process's gateway to the Odoo of the settings, made at the first call.

    19 and later with ``ODOO_API_KEY`` speak JSON-2, all others JSON-RPC through OdooRPC.
    """
    key = (
        settings.ODOO_URL,
        settings.ODOO_DB,
        settings.ODOO_USERNAME,
        settings.ODOO_PASSWORD,
        settings.ODOO_API_KEY,
        tuple(settings.ODOO_COMPANY_IDS),
        settings.ODOO_CONNECTIONS,
        settings.ODOO_TIMEOUT_SECONDS,
    )
    if not _connecting.acquire(timeout=at_most(threading.TIMEOUT_MAX)):
        raise OdooUnreachable(f"{settings.ODOO_URL}: no connection was made in time")
    try:
        if key not in _gateways:
            _gateways[key] = _connect()
        return _gateways[key]
    finally:
        _connecting.release()


def disconnect() -> None:
    """Forget this process's gateways: the next ``connect()`` starts afresh."""
    with _connecting:
        _gateways.clear()


def _client() -> Client:
    return Client(
        settings.ODOO_URL,
        connections=settings.ODOO_CONNECTIONS,
        timeout_seconds=settings.ODOO_TIMEOUT_SECONDS,
    )


def _connect() -> OdooGateway:
    from odoo_bridge.odoo.json2 import Json2Transport
    from odoo_bridge.odoo.rpc import RpcTransport

    client = _client()
    version = _reading(lambda: ask_version(client))
    if version.major < 14:
        raise OdooTooOld(f"{settings.ODOO_URL} is Odoo {version.text}; the oldest known is 14")
    transport: Transport
    if version.major >= 19 and settings.ODOO_API_KEY:
        transport = Json2Transport(client, settings.ODOO_API_KEY, settings.ODOO_DB)
    else:
        missing = [name for name in ("ODOO_DB", "ODOO_USERNAME") if not getattr(settings, name)]
        if missing:
            error = OdooWrongDatabase if missing == ["ODOO_DB"] else OdooRefused
            raise error(
                f"{settings.ODOO_URL} is Odoo {version.text}, which is asked over JSON-RPC: "
                f"set {' and '.join(missing)}"
            )
        transport = RpcTransport(
            client,
            version.text,
            settings.ODOO_DB,
            settings.ODOO_USERNAME,
            # From 14 on an API key is taken where the password is.
            settings.ODOO_API_KEY or settings.ODOO_PASSWORD,
        )
    return OdooGateway(
        settings.ODOO_URL, client, transport, version, tuple(settings.ODOO_COMPANY_IDS)
    )
