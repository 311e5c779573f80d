"""Whether the mirror equals Odoo: counts, sums, stamps, and every field of a sample or of all rows.

Reads both sides, writes nothing. It shares only the gateway and the mapping with the runs, so that it
shows a mistake in planning or storing.

Both sides change meanwhile. A row that differs in the first comparison is only suspect: after a moment
it is compared again, field by field. What changed in Odoo after the mirror's watermark is not copied
yet, and counts as no difference.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum

from odoo_bridge.models import Reference, SyncIssue, SyncState
from odoo_bridge.models.fields import ExactSum
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import RecordRejected
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.odoo.values import decimal, many2one
from odoo_bridge.sync import references, slices
from odoo_bridge.sync.fetch import read_page
from odoo_bridge.sync.plan import Stamp, compare
from odoo_bridge.sync.references import References
from odoo_bridge.sync.streams import Mapper, Stream

_READ_AT_ONCE = 500
_SUMMED = ("amount_total", "amount_residual")
# Between the two comparisons: a page that was on its way is stored by then.
SECOND_LOOK_SECONDS = 3.0
# More differences are counted, but not listed.
LISTED = 1000
ABSENT = "(no such row)"


@dataclass(frozen=True)
class Difference:
    """One value that differs, as plain text. ``odoo_id`` is None if it is about the whole stream."""

    odoo_id: int | None
    field: str
    there: str
    here: str


@dataclass
class Verdict:
    """What was compared and what differs. ``notes``: what is good to know, but no difference.

    ``differences``: at most LISTED of all ``count``. ``ids``: all rows that differ. ``settled``: how
    many rows differed in the first comparison only. ``pending``: how many changed in Odoo after the
    watermark.
    """

    stream: str
    compared: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    count: int = 0
    ids: set[int] = field(default_factory=set)
    settled: int = 0
    pending: int = 0

    @property
    def equal(self) -> bool:
        return not self.count

    def add(self, odoo_id: int | None, name: str, there: Any, here: Any) -> None:
        self.count += 1
        if odoo_id is not None:
            self.ids.add(odoo_id)
        if len(self.differences) < LISTED:
            self.differences.append(Difference(odoo_id, name, plain(there), plain(here)))


def verify(
    stream: Stream,
    *,
    sample: int,
    seed: int | None = None,
    all_fields: bool = False,
    between_looks: Callable[[], None] | None = None,
) -> Verdict:
    """Compare one stream with Odoo now: the fields of ``sample`` rows, or of all of them.

    ``between_looks`` is called before the second comparison; without it, that waits a moment.
    """
    return _Comparison(stream, between_looks or _a_moment).run(sample, seed, all_fields)


def _a_moment() -> None:
    time.sleep(SECOND_LOOK_SECONDS)


class _Comparison:
    def __init__(self, stream: Stream, wait: Callable[[], None]) -> None:
        self._stream, self._wait = stream, wait
        self._model = stream.odoo_model
        self._gateway: Gateway = connect()
        self._gateway.forget_fields(self._model)
        self._available = self._gateway.fields(self._model)
        self._domain = stream.domain(self._available)
        self._mapper: Mapper = stream.bind(self._available, References())
        self._verdict = Verdict(stream.name)
        self._suspects: set[int] = set()

    def run(self, sample: int, seed: int | None, all_fields: bool) -> Verdict:
        verdict = self._verdict
        chosen = self._compare_stamps(sample, random.Random(seed))  # noqa: S311
        if set(_SUMMED) <= set(self._available) and hasattr(self._stream.model, "amount_total"):
            self._compare_sums()
        compared = 0
        for page in self._pages_of_all() if all_fields else _parts(sorted(chosen)):
            self._suspects.update(each.odoo_id or 0 for each in self._differences(page))
            compared += len(page)
        verdict.compared.append(f"{len(self._mapper.columns)} fields of {compared} rows")
        self._look_again()
        self._compare_totals()
        self._compare_references()
        if verdict.settled:
            verdict.notes.append(
                f"{verdict.settled} rows changed during the comparison, and are equal now"
            )
        if verdict.pending:
            verdict.notes.append(
                f"{verdict.pending} rows changed in Odoo after the last run, and are not copied yet"
            )
        for name, why in {**self._mapper.refused, **self._mapper.left_out}.items():
            verdict.notes.append(f"{name} is left out: it {why}")
        return verdict

    # The first comparison: rows that may differ -----------------------------------------------------

    def _compare_stamps(self, sample: int, draw: random.Random) -> list[int]:
        """Suspect the rows with another stamp; return the ids of a sample."""
        chosen: list[int] = []
        seen = 0

        def theirs() -> Iterator[Stamp]:
            nonlocal seen
            for page in self._gateway.stamps(self._model, self._domain):
                for odoo_id in page.ids:
                    # Each id has the same chance, and only those drawn are in memory.
                    at = seen if seen < sample else draw.randrange(seen + 1)
                    seen += 1
                    if at >= sample:
                        continue
                    if at == len(chosen):
                        chosen.append(odoo_id)
                    else:
                        chosen[at] = odoo_id
                yield from zip(page.ids, page.write_dates, strict=True)

        plan = compare(theirs(), slices.stamps(self._present(), slices.nothing))
        self._verdict.compared.append(f"{seen} stamps")
        self._suspects.update(plan.read, plan.absent)
        return chosen

    def _compare_sums(self) -> None:
        """Per currency and state. Odoo adds floats, so the last digits of its sums are noise; if more
        differs, each row of the group is compared."""
        sums = self._gateway.sums(self._model, self._domain, ["currency_id", "state"], _SUMMED)
        theirs = {(many2one(row["currency_id"]), row["state"]): row for row in sums}
        ours = {
            (row["currency_id"], row["state"]): row
            for row in self._present()
            .order_by()
            .values("currency_id", "state")
            .annotate(**{f"sum_{name}": ExactSum(name) for name in _SUMMED})
        }
        self._verdict.compared.append(f"sums of {len(theirs)} groups by currency and state")
        for group in {*theirs, *ours}:
            there, here = theirs.get(group, {}), ours.get(group, {})
            if all(_close(there.get(name), here.get(f"sum_{name}")) for name in _SUMMED):
                continue
            currency, state = group
            leaves = [("currency_id", "=", currency or False), ("state", "=", state)]
            for part in _parts(self._gateway.search(self._model, [*self._domain, *leaves])):
                self._suspects.update(each.odoo_id or 0 for each in self._differences(part))
            mine = self._present().filter(currency_id=currency, state=state).order_by("pk")
            for part in _parts(mine.values_list("pk", flat=True).iterator(_READ_AT_ONCE)):
                self._suspects.update(each.odoo_id or 0 for each in self._differences(part))

    def _pages_of_all(self) -> Iterator[list[int]]:
        for page in self._gateway.stamps(self._model, self._domain):
            yield from _parts(page.ids)

    # The second comparison: what still differs ------------------------------------------------------

    def _look_again(self) -> None:
        if not self._suspects:
            return
        self._wait()
        state = SyncState.objects.filter(pk=self._stream.name).first()
        watermark = state.watermark if state else None
        for part in _parts(sorted(self._suspects)):
            found: dict[int, list[Difference]] = {odoo_id: [] for odoo_id in part}
            for each in self._differences(part):
                found[each.odoo_id or 0].append(each)
            stamps = self._stamps_of([odoo_id for odoo_id, some in found.items() if some])
            for odoo_id, some in found.items():
                stamp = stamps.get(odoo_id)
                if not some:
                    self._verdict.settled += 1
                elif stamp and watermark and stamp > watermark:
                    self._verdict.pending += 1
                else:
                    for each in some:
                        self._verdict.add(odoo_id, each.field, each.there, each.here)

    def _stamps_of(self, ids: Sequence[int]) -> dict[int, datetime | None]:
        """When each of ``ids`` was written last, according to Odoo."""
        if not ids or "write_date" not in self._mapper.columns:
            return {}
        page = read_page(self._gateway, self._model, ids, ["write_date"])
        convert = self._stream.columns["write_date"].convert  # type: ignore[union-attr]
        found = {}
        for record in page.records:
            try:
                found[record["id"]] = convert(record["write_date"])
            except ValueError:
                continue
        return found

    def _differences(self, ids: Sequence[int]) -> Iterator[Difference]:
        """Compare every field of ``ids``, which may exist in Odoo, here, or both."""
        visible = set(self._gateway.search(self._model, [*self._domain, ("id", "in", list(ids))]))
        page = read_page(self._gateway, self._model, sorted(visible), self._mapper.fields)
        self._mapper.leave_out(page.left_out)
        columns = self._mapper.columns
        rows = self._present().filter(pk__in=list(ids)).order_by("pk").values_list(*columns)
        ours = {row[0]: row for row in rows}
        issues = self._issues(set(ids) - ours.keys())
        records = {record["id"]: record for record in page.records}
        for odoo_id in ids:
            mine = ours.get(odoo_id)
            if odoo_id in page.failed:
                yield Difference(
                    odoo_id, "", f"cannot be read: {page.failed[odoo_id]}", _presence(mine)
                )
            elif odoo_id not in records:
                if mine is not None:
                    yield Difference(odoo_id, "", ABSENT, "is here")
            elif mine is None:
                yield Difference(odoo_id, "", "is there", issues.get(odoo_id, ABSENT))
            else:
                yield from self._fields_of(records[odoo_id], mine)

    def _fields_of(self, record: dict[str, Any], mine: Sequence[Any]) -> Iterator[Difference]:
        try:
            row = self._mapper.to_row(record)
        except RecordRejected as exc:
            yield Difference(
                record["id"], exc.column, f"cannot be copied: {exc.__cause__}", "is here"
            )
            return
        for name, there, here in zip(self._mapper.columns, row, mine, strict=True):
            if there != here:
                yield Difference(record["id"], name, plain(there), plain(here))

    # The stream as a whole --------------------------------------------------------------------------

    def _compare_totals(self) -> None:
        verdict = self._verdict
        theirs = self._gateway.totals(self._model, self._domain)
        row = self._present().aggregate(n=Count("pk"), s=Sum("pk"))
        ours = (row["n"], int(row["s"] or 0))
        verdict.compared.insert(0, f"{theirs.rows} rows, sum of ids {theirs.id_sum}")
        # Rows that were added or removed since the stamps were compared belong to the next comparison.
        if ours != tuple(theirs) and not verdict.ids and not verdict.pending:
            self._wait()
            theirs = self._gateway.totals(self._model, self._domain)
            row = self._present().aggregate(n=Count("pk"), s=Sum("pk"))
            ours = (row["n"], int(row["s"] or 0))
            for name, there, here in zip(("rows", "sum of ids"), theirs, ours, strict=True):
                if there != here:
                    verdict.add(None, name, there, here)

    def _compare_references(self) -> None:
        """The names behind ids: small tables, read whole. ``reconcile`` refreshes them, so an old name
        is no difference."""
        names, old = 0, 0
        for kind, records in references.read(self._gateway, self._stream.references).items():
            here = dict(Reference.objects.filter(kind=kind).values_list("odoo_id", "name"))
            names += len(records or [])
            old += sum(
                here.get(record["id"]) != (record.get("name") or "") for record in records or []
            )
        self._verdict.compared.append(f"{names} names behind ids")
        if old:
            self._verdict.notes.append(
                f"{old} of {names} names behind ids are older than Odoo's; reconcile refreshes them"
            )

    def _present(self) -> Any:
        return self._stream.model.objects.present()

    def _issues(self, ids: Iterable[int]) -> dict[int, str]:
        open_ones = SyncIssue.objects.filter(
            stream=self._stream.name, resolved_at=None, odoo_id__in=list(ids)
        )
        return {issue.odoo_id: f"an issue: {issue.reason}" for issue in open_ones}


def plain(value: Any) -> str:
    """A value in the usual notation: ``12.5``, ``2026-02-01 09:30:00``, ``Acme``."""
    if value is None or value == "":
        return "(empty)"
    if isinstance(value, Decimal):
        return format(value, "f") if -20 < value.adjusted() < 20 else str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def _presence(mine: Sequence[Any] | None) -> str:
    return ABSENT if mine is None else "is here"


def _close(there: Any, here: Decimal | None) -> bool:
    """Whether a sum of Odoo's floats may be ``here``."""
    try:
        summed = decimal(there or 0) or Decimal(0)
    except ValueError:  # NaN
        return False
    return abs(summed - (here or 0)) <= max(Decimal("0.005"), abs(summed) * Decimal("1e-12"))


def _parts(ids: Iterable[int]) -> Iterator[list[int]]:
    part: list[int] = []
    for odoo_id in ids:
        part.append(odoo_id)
        if len(part) == _READ_AT_ONCE:
            yield part
            part = []
    if part:
        yield part
