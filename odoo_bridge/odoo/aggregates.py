"""Counts and sums calculated by Odoo's database, so that the records need not be read."""

from array import array
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from odoo_bridge.odoo.calls import Domain, Record
from odoo_bridge.odoo.errors import OdooRejected, OdooUnavailable
from odoo_bridge.odoo.reads import Reads


class Totals(NamedTuple):
    rows: int
    id_sum: int


class FieldDigest(NamedTuple):
    """A summary of one field over many records: how many have a value, and the sum of the values."""

    filled: int
    total: int

    def __sub__(self, other: "FieldDigest") -> "FieldDigest":
        return FieldDigest(self.filled - other.filled, self.total - other.total)


class Aggregates(Reads):
    """Counts, sums and digests of all records that match a domain."""

    def totals(self, model: str, domain: Domain) -> Totals:
        """Return the number of matching records and the sum of their ids, with one small query."""
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
        ``formatted_read_group`` from 19 on, where ``read_group`` is deprecated.
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
        """Return the digest of each of ``fields`` (many2one or integer) over all matching records.

        It is one query without groups, so Odoo looks up no labels and sorts nothing. If Odoo refuses
        to sum a field, the fields are read instead.
        Source: as ``sums``; up to 18 an aggregate may be named, as in ``n0:count(user_id)``.
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
        """Return, for each value of a many2many, the ids of the matching records that have it.

        Odoo 14 cannot group by a many2many, and later versions may refuse for some fields: then the
        field is read instead.
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


def _plain(value: Any) -> Any:
    """The id of a many2one with a label: groups return ``[id, label]`` whatever ``load`` is."""
    return value[0] if isinstance(value, list | tuple) and value else value
