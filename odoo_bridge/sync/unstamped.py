"""Find rows whose references, tags or counters changed in Odoo without a new stamp.

Odoo's database empties or rewrites a reference when its target is deleted or merged, drops a tag
with its relation rows, and Odoo itself counts ``customer_rank`` in SQL up to 18: none of these
moves ``write_date``. ``reconcile`` therefore compares both sides by digests:

- a many2one or an integer by how many rows have a value, and by the sum of the values. Where these
  differ, the rows are divided into eighths by id until few are left, whose values are compared;
- a many2many by which ids have which value, a block of rows at a time.

Rows that are read again anyway are left out of the digests. A change in Odoo between two of the
questions may look like a difference: then a row is read again without need.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.db.models import BigIntegerField, Count, F, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from odoo_bridge.models import MirroredQuerySet
from odoo_bridge.odoo import values
from odoo_bridge.odoo.aggregates import FieldDigest
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.sync import slices
from odoo_bridge.sync.fetch import Fetcher, read_page
from odoo_bridge.sync.streams import Mapper, Stream

# How many rows are summed at once, and how many are grouped at once.
SUMMED_AT_ONCE, GROUPED_AT_ONCE = 250_000, 50_000
# Where a digest differs, the rows are divided into so many parts, until there are so few.
_PARTS, _FEW = 8, 1_000

Digest = dict[str, FieldDigest]  # by Odoo's field


@dataclass(frozen=True)
class Tracked:
    """One Odoo field, and our column with its value."""

    field: str
    column: str
    type: str


@dataclass(frozen=True)
class Block:
    """Ids from ``first`` up to, but not including, ``end``. None means no limit."""

    first: int | None = None
    end: int | None = None

    def domain(self) -> list[Any]:
        limits = [("id", ">=", self.first), ("id", "<", self.end)]
        return [limit for limit in limits if limit[2] is not None]

    def rows(self, rows: MirroredQuerySet) -> MirroredQuerySet:
        if self.first is not None:
            rows = rows.filter(pk__gte=self.first)
        return rows if self.end is None else rows.filter(pk__lt=self.end)

    def among(self, ids: Sequence[int]) -> list[int]:
        return [
            i
            for i in ids
            if (self.first is None or i >= self.first) and (self.end is None or i < self.end)
        ]


def tracked(mapper: Mapper) -> Iterator[Tracked]:
    """The fields of ``mapper`` that can change without a stamp: all that Odoo keeps as ids or whole
    numbers in a column or a relation table, whatever Odoo or module writes them.

    A computed field that is not stored has no digest, nor has a field with a value per company.
    """
    for column, name, about in mapper.copied():
        kept_in_table = about.get("store") and not about.get("company_dependent")
        if kept_in_table and about["type"] in ("many2one", "integer", "many2many"):
            yield Tracked(name, column, about["type"])


class Unstamped:
    """One comparison of a stream's unstamped fields. It starts before the inventory, and ends after."""

    def __init__(
        self,
        stream: Stream,
        mapper: Mapper,
        domain: Sequence[Any],
        rows: MirroredQuerySet,
        gateway: Gateway,
        fetcher: Fetcher,
    ) -> None:
        """Start to ask Odoo for the sums. ``rows``: the present ones."""
        self._model, self._domain, self._rows = stream.odoo_model, list(domain), rows.order_by()
        self._gateway, self._fetcher = gateway, fetcher
        fields = list(tracked(mapper))
        self._summed = [one for one in fields if one.type != "many2many"]
        self._grouped = [one for one in fields if one.type == "many2many"]
        self._blocks = _cut(self._rows, Block(), SUMMED_AT_ONCE, fetcher.keep_alive)
        # On a connection of its own while the inventory is taken on another.
        self._coming: Future[list[Digest]] = fetcher.begin(self._ask_digests)

    def different(self, stale: Sequence[int]) -> set[int]:
        """Ids of rows that differ in an unstamped field. ``stale``: rows that are read anyway, or that
        are no longer in Odoo."""
        found: set[int] = set()
        known = self._fetcher.answer(self._coming)
        for block, theirs in zip(self._blocks, known, strict=True):
            found |= self._look_into(block, self._summed, block.among(stale), theirs)
            self._fetcher.keep_alive()
        for one in self._grouped:
            found |= self._differently_grouped(one)
        return found.difference(stale)

    # Sums ---------------------------------------------------------------------------------------

    def _ask_digests(self) -> list[Digest]:
        return [self._ask_digest(block.domain(), self._summed) for block in self._blocks]

    def _ask_digest(self, more: Sequence[Any], fields: Sequence[Tracked]) -> Digest:
        if not fields:
            return {}
        names = [one.field for one in fields]
        digest = self._gateway.digest(self._model, [*self._domain, *more], names)
        for one in fields:
            if one.type == "integer":
                # Empty and 0 are the same here.
                digest[one.field] = digest[one.field]._replace(filled=0)
        return digest

    def _look_into(
        self,
        block: Block,
        fields: Sequence[Tracked],
        stale: list[int],
        theirs: Digest | None = None,
    ) -> set[int]:
        """Ids in ``block`` whose value of one of ``fields`` differs."""
        if theirs is None:
            theirs = self._fetcher.ask(self._ask_digest, block.domain(), fields)
        rows = block.rows(self._rows)
        count, ours = _our_digest(rows, fields)
        for part in slices.parts(stale):
            stale_count, stale_here = _our_digest(rows.filter(pk__in=part), fields)
            count -= stale_count
            ours = _without(ours, stale_here)
            stale_there = self._fetcher.ask(self._ask_digest, [("id", "in", part)], fields)
            theirs = _without(theirs, stale_there)
        differing = [one for one in fields if ours[one.field] != theirs[one.field]]
        if not differing or not count:
            return set()
        if count <= _FEW:
            return self._compare(block, differing, stale)
        found: set[int] = set()
        for eighth in _cut(rows, block, -(-rows.count() // _PARTS), self._fetcher.keep_alive):
            found |= self._look_into(eighth, differing, eighth.among(stale))
        return found

    def _compare(self, block: Block, fields: Sequence[Tracked], stale: Sequence[int]) -> set[int]:
        skipped = set(stale)
        columns = [one.column for one in fields]
        ours = {
            row[0]: row[1:]
            for row in block.rows(self._rows).values_list("pk", *columns)
            if row[0] not in skipped
        }
        names = [one.field for one in fields]
        page = self._fetcher.ask(read_page, self._gateway, self._model, sorted(ours), names)
        return {
            record["id"]
            for record in page.records
            if any(
                _differs(one, record[one.field], here)
                for one, here in zip(fields, ours[record["id"]], strict=True)
            )
        }

    # Groups -------------------------------------------------------------------------------------

    def _differently_grouped(self, one: Tracked) -> set[int]:
        """Ids whose values of a many2many differ from ours."""
        blocks = _cut(self._rows, Block(), GROUPED_AT_ONCE, self._fetcher.keep_alive)

        def ask() -> Iterator[dict[int, Sequence[int]]]:
            for block in blocks:
                yield self._gateway.members(
                    self._model, [*self._domain, *block.domain()], one.field
                )

        found: set[int] = set()
        for block, theirs in zip(blocks, self._fetcher.each(ask()), strict=True):
            ours: dict[int, array[int]] = {}
            rows = block.rows(self._rows).exclude(**{one.column: []})
            for odoo_id, held in rows.values_list("pk", one.column):
                for value in held or ():
                    ours.setdefault(value, array("q")).append(odoo_id)
            for value in ours.keys() | theirs.keys():
                found |= set(ours.get(value, ())) ^ set(theirs.get(value, ()))
        return found


def _our_digest(rows: MirroredQuerySet, fields: Sequence[Tracked]) -> tuple[int, Digest]:
    """How many rows there are, and the digests of ``fields`` over them."""
    wanted: dict[str, Any] = {"rows": Count("pk")}
    for at, one in enumerate(fields):
        value: Any = F(one.column)
        if one.column.startswith("extra__"):
            value = Cast(KT(one.column), BigIntegerField())
        wanted[f"sum{at}"] = Sum(value)
        if one.type != "integer":
            wanted[f"count{at}"] = Count(value)
    row = rows.aggregate(**wanted)
    return row["rows"], {
        one.field: FieldDigest(row.get(f"count{at}", 0), int(row[f"sum{at}"] or 0))
        for at, one in enumerate(fields)
    }


def _without(digest: Digest, less: Digest) -> Digest:
    return {name: value - less[name] for name, value in digest.items()}


def _differs(one: Tracked, there: Any, here: Any) -> bool:
    try:
        if one.type == "integer":
            return values.integer(there) != (here or 0)
        return values.many2one(there) != here
    except ValueError:
        return True  # reading the row again shows why


def _cut(
    rows: MirroredQuerySet, block: Block, size: int, between: Callable[[], None]
) -> list[Block]:
    """Divide ``block`` into blocks that each have ``size`` of ``rows``, and cover it together."""
    left = block.rows(rows).order_by("pk").values_list("pk", flat=True)
    later: list[int] = []
    while found := list((left.filter(pk__gte=later[-1]) if later else left)[size : size + 1]):
        later += found
        between()
    limits = [block.first, *later, block.end]
    return [Block(first, end) for first, end in pairwise(limits)]
