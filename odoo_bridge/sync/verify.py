"""Whether the mirror equals Odoo: counts, sums, stamps, and every field of a random sample.

Reads both sides, writes nothing. Shares with the runs only the gateway and the mapping, so a
mistake of planning or storing shows.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum

from odoo_bridge.odoo.errors import RecordRejected
from odoo_bridge.odoo.gateway import Gateway, connect
from odoo_bridge.odoo.values import decimal, many2one
from odoo_bridge.sync.fetch import read_page
from odoo_bridge.sync.plan import Stamp, compare
from odoo_bridge.sync.references import References
from odoo_bridge.sync.streams import Stream

_READ_AT_ONCE = 500
_SUMMED = ("amount_total", "amount_residual")


@dataclass
class Verdict:
    """What was compared and what differs, in sentences. ``ids`` are the rows that differ."""

    stream: str
    compared: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    ids: set[int] = field(default_factory=set)

    @property
    def equal(self) -> bool:
        return not self.differences


def verify(stream: Stream, *, sample: int, seed: int | None = None) -> Verdict:
    """Compare one stream with Odoo now. Changes made in Odoo meanwhile show as differences."""
    gateway = connect()
    gateway.forget_fields(stream.odoo_model)
    available = gateway.fields(stream.odoo_model)
    domain = stream.domain(available)
    verdict = Verdict(stream.name)
    _compare_totals(verdict, stream, gateway, domain)
    theirs = _compare_stamps(verdict, stream, gateway, domain)
    if set(_SUMMED) <= set(available) and hasattr(stream.model, "amount_total"):
        _compare_sums(verdict, stream, gateway, domain)
    chosen = random.Random(seed).sample(theirs, min(sample, len(theirs)))  # noqa: S311
    _compare_fields(verdict, stream, gateway, available, sorted(chosen))
    return verdict


def _compare_totals(verdict: Verdict, stream: Stream, gateway: Gateway, domain: list[Any]) -> None:
    theirs = gateway.totals(stream.odoo_model, domain)
    row = stream.model._default_manager.filter(gone_at=None).aggregate(n=Count("pk"), s=Sum("pk"))
    ours = (row["n"], int(row["s"] or 0))
    verdict.compared.append(f"{theirs.rows} rows, sum of ids {theirs.id_sum}")
    if ours != tuple(theirs):
        verdict.differences.append(
            f"Odoo has {theirs.rows} rows with id sum {theirs.id_sum}, "
            f"the mirror {ours[0]} with {ours[1]}"
        )


def _compare_stamps(
    verdict: Verdict, stream: Stream, gateway: Gateway, domain: list[Any]
) -> list[int]:
    seen: list[int] = []

    def theirs() -> Iterator[Stamp]:
        for page in gateway.stamps(stream.odoo_model, domain):
            seen.extend(page.ids)
            yield from zip(page.ids, page.write_dates, strict=True)

    plan = compare(theirs(), stream.model.objects.present().stamps())
    verdict.compared.append(f"{len(seen)} stamps")
    if len(plan.read):
        verdict.differences.append(
            f"{len(plan.read)} rows are missing or have another stamp: {_some(plan.read)}"
        )
    if len(plan.absent):
        verdict.differences.append(
            f"{len(plan.absent)} rows are not in Odoo and not marked gone: {_some(plan.absent)}"
        )
    verdict.ids.update(plan.read, plan.absent)
    return seen


def _compare_sums(verdict: Verdict, stream: Stream, gateway: Gateway, domain: list[Any]) -> None:
    """Per currency and state. Odoo sums floats, so the last digits of its sums are noise."""
    rows: Any = stream.model._default_manager.filter(gone_at=None)
    theirs = {
        (many2one(row["currency_id"]), row["state"]): [decimal(row[name] or 0) for name in _SUMMED]
        for row in gateway.sums(stream.odoo_model, domain, ["currency_id", "state"], _SUMMED)
    }
    ours = {
        (row["currency_id"], row["state"]): [row[f"sum_{name}"] or Decimal(0) for name in _SUMMED]
        for row in rows.order_by()
        .values("currency_id", "state")
        .annotate(**{f"sum_{name}": Sum(name) for name in _SUMMED})
    }
    verdict.compared.append(f"sums of {len(theirs)} groups by currency and state")
    for group in sorted({*theirs, *ours}, key=str):
        for index, name in enumerate(_SUMMED):
            there = theirs.get(group, [Decimal(0)] * 2)[index] or Decimal(0)
            here = ours.get(group, [Decimal(0)] * 2)[index]
            if abs(there - here) > max(Decimal("0.005"), abs(there) * Decimal("1e-12")):
                verdict.differences.append(
                    f"{name} of currency {group[0]}, {group[1]}: Odoo {there}, the mirror {here}"
                )


def _compare_fields(
    verdict: Verdict,
    stream: Stream,
    gateway: Gateway,
    available: dict[str, Any],
    ids: Sequence[int],
) -> None:
    mapper = stream.bind(available, References())
    for start in range(0, len(ids), _READ_AT_ONCE):
        part = ids[start : start + _READ_AT_ONCE]
        page = read_page(gateway, stream.odoo_model, part, mapper.fields)
        ours = {
            row[0]: row
            for row in stream.model._default_manager.filter(pk__in=part).values_list(
                *mapper.columns
            )
        }
        for record in page.records:
            try:
                row = mapper.to_row(record)
            except RecordRejected as exc:
                verdict.differences.append(str(exc))
                continue
            mine = ours.get(record["id"])
            if mine is None:
                continue  # a missing row is already told by its stamp
            for name, there, here in zip(mapper.columns, row, mine, strict=True):
                if there != here:
                    verdict.ids.add(record["id"])
                    verdict.differences.append(
                        f"{record['id']}.{name}: Odoo {there!r}, the mirror {here!r}"
                    )
    verdict.compared.append(f"{len(mapper.columns)} fields of {len(ids)} rows")


def _some(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:10])) + (" ..." if len(ids) > 10 else "")
