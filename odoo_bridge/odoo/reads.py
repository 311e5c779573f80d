"""Reading records, ids and stamps, however many there are."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from odoo_bridge.odoo import values
from odoo_bridge.odoo.calls import Calls, Domain, Record
from odoo_bridge.odoo.errors import OdooRejected, OdooUnavailable

# Ids or short rows per response, at 8 and 50 bytes each on the wire. So memory stays the same for any
# number of rows, and no call runs for long.
IDS_PER_CALL = 100_000
ROWS_PER_CALL = 20_000
_ATTRIBUTES = ["type", "store", "relation", "string", "company_dependent"]
_MOST_BAD_STAMPS = 100
_STAMP_LENGTH = len("2026-02-01 09:30:00")


class Stamps(NamedTuple):
    """Ids in ascending order, each with its ``write_date`` in Odoo's format, naive UTC."""

    ids: Sequence[int]
    write_dates: Sequence[str]


class Reads(Calls):
    """Records, ids and stamps, in pages; archived records included."""

    def fields(self, model: str) -> dict[str, dict[str, Any]]:
        """Return the fields that our user may read: ``{"name": {"type": "char", "store": True}}``."""
        if model not in self._fields:
            answer = self._ask(model, "fields_get", dict, attributes=_ATTRIBUTES)
            self._fields[model] = answer
        return self._fields[model]

    def describe(self, model: str) -> dict[str, dict[str, Any]]:
        """Return all that Odoo says of the fields our user may read, by their names."""
        answer: dict[str, dict[str, Any]] = self._ask(model, "fields_get", dict)
        return answer

    def forget_fields(self, model: str) -> None:
        """Request the fields again next time: a module upgrade may have added or removed some."""
        self._fields.pop(model, None)

    def search(self, model: str, domain: Domain, limit: int | None = None) -> Sequence[int]:
        """Return the matching ids in ascending order, archived records included, at most ``limit``."""
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
        """Yield the id and write_date of all matching records, in pages, ids ascending.

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
        """Yield all matching records, in pages, ids ascending.

        Meant for few fields. A many2one is ``[id, label]``, because Odoo 14 has no ``load`` here.
        """
        yield from self._pages(model, domain, fields)

    def _pages(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        otherwise: Callable[[str, Domain], list[Record]] | None = None,
    ) -> Iterator[list[Record]]:
        """``otherwise`` returns the page if Odoo fails to read it in one call."""
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
        """A page of stamps in which Odoo cannot read some, because of a year such as 12026 or BC.

        Raises OdooRejected if Odoo cannot read many: then the values are not the reason.
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

    def read(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> list[Record]:
        """Return the existing records among ``ids``, one dict per record, in any order.

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
                    f"{model}.read at {self.url} returned a record that was not requested, or one twice"
                )
            wanted.remove(odoo_id)
        return records

    def first(self, model: str, fields: Sequence[str], limit: int) -> list[Record]:
        """Return the records with the lowest ids, archived ones included."""
        rows: list[Record] = self._ask(
            model, "search_read", list, domain=[], fields=list(fields), order="id", limit=limit
        )
        return rows


def _after(domain: Domain, found: Sequence[int]) -> list[Any]:
    return [*domain, ("id", ">", found[-1])] if found else list(domain)
