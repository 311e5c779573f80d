"""What Odoo has, what is here, and what a run must read to make them equal."""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models.functions import Now

from odoo_bridge.models import SyncState
from odoo_bridge.sync import issues, related, slices
from odoo_bridge.sync.binding import Binding
from odoo_bridge.sync.plan import (
    Choice,
    Plan,
    Scope,
    Situation,
    Stamp,
    compare,
    totals_agree,
    union,
)
from odoo_bridge.sync.references import UnknownReference
from odoo_bridge.sync.rereads import Queue
from odoo_bridge.sync.session import Session
from odoo_bridge.sync.unstamped import Unstamped

# The column with the id of a reference, and the column with its code.
_CODES = {
    "res.country": ("country_id", "country_code"),
    "res.currency": ("currency_id", "currency_code"),
}


@dataclass
class Inventory:
    """``odoo_rows``: how many records Odoo has. ``rows_here``: how many rows are here, where a run for
    changes counted them."""

    plan: Plan
    odoo_rows: int
    rows_here: int | None = None


def situation_of(
    session: Session, binding: Binding, state: SyncState, odoo_now: datetime
) -> Situation:
    return Situation(
        kind=session.row.kind,
        odoo_now=odoo_now,
        watermark=state.watermark,
        overlap=settings.ODOO_OVERLAP,
        has_rows=session.present().exists(),
        copy_began_at=None if state.watermark else _copy_began_at(session, odoo_now),
        odoo_went_back=session.follow_ups.odoo_went_back,
        fields_then=state.copied_fields,
        fields_now=binding.mapper.copies,
    )


def _copy_began_at(session: Session, odoo_now: datetime) -> datetime | None:
    """When the first of our rows was stored, on Odoo's clock."""
    first = slices.first_stored_at(session.present(), session.keep_alive)
    if first is None:
        return None
    database_now = SyncState.objects.values_list(Now(), flat=True)[0]
    return odoo_now - (database_now - first)


def take(session: Session, binding: Binding, choice: Choice, queue: Queue) -> Inventory:
    """List both sides as far as ``choice`` needs, and plan what to read.

    Besides what the inventories show, a run reads the records of open issues, those of the re-read
    queue, and, if it compares every stamp, those that changed without a new one.
    """
    known = issues.open_ids(session.stream.name)
    unstamped, missing = None, set[int]()
    if choice.scope is Scope.CHANGED:
        inventory = _changed(session, binding, choice.since, known)
    elif choice.scope is Scope.DIFFERENT:
        # Odoo calculates its digests while both sides are listed.
        unstamped = _begin_unstamped(session, binding)
        inventory = _different(session, binding, choice.since)
        missing = related.referencing_missing(session)
    elif choice.scope is Scope.ALL:
        inventory = _all(session, binding)
    else:
        inventory = _into_empty_table(session, binding)
    binding.finish_references()
    plan = inventory.plan
    plan.add(known, missing, queue, _with_old_code(session, binding))
    if unstamped:
        plan.add(unstamped.different(union(plan.read, plan.absent)))
    return inventory


def _changed(session: Session, binding: Binding, since: str, known: set[int]) -> Inventory:
    """Odoo's records written from ``since`` on. All ids only if count or sum do not agree."""
    model, gateway = session.stream.odoo_model, session.gateway
    # One operator, whole seconds: >= is the only one that means the same on every version.
    changed = session.ask(gateway.search, model, [*binding.domain, ("write_date", ">=", since)])
    theirs = session.ask(gateway.totals, model, binding.domain)
    ours = slices.totals(session.present(), session.keep_alive)
    expected = {*changed, *known}
    plan = Plan(changed, array("q"), len(changed))
    if not totals_agree(theirs, ours, expected - present_among(session, expected)):
        # A delete, a late commit, a row that is restored: the ids alone tell which.
        plan = _compare_ids(session, _their_ids(session, binding))
        plan.read = union(changed, plan.read)
    return Inventory(plan, theirs.rows, ours[0])


def _different(session: Session, binding: Binding, since: str) -> Inventory:
    """Every stamp of both sides."""
    ours = slices.stamps(session.present(), session.keep_alive)
    plan = compare(_their_stamps(session, binding), ours, since)
    return Inventory(plan, plan.inventoried)


def _all(session: Session, binding: Binding) -> Inventory:
    """Every id of both sides, to read all that Odoo has."""
    theirs = _their_ids(session, binding)
    absent = _compare_ids(session, theirs).absent
    return Inventory(Plan(theirs, absent, len(theirs)), len(theirs))


def _into_empty_table(session: Session, binding: Binding) -> Inventory:
    """Every id of Odoo. No stamps, as there is nothing to compare them with: Odoo takes five times as
    long to list them."""
    theirs = _their_ids(session, binding)
    return Inventory(Plan(theirs, array("q"), len(theirs)), len(theirs))


def _compare_ids(session: Session, theirs: Sequence[int]) -> Plan:
    ours = slices.ids(session.present(), session.keep_alive)
    return compare(((odoo_id, "") for odoo_id in theirs), ((pk, "") for pk in ours))


def _their_ids(session: Session, binding: Binding) -> Sequence[int]:
    return session.ask(session.gateway.search, session.stream.odoo_model, binding.domain)


def _their_stamps(session: Session, binding: Binding) -> Iterator[Stamp]:
    pages = session.gateway.stamps(session.stream.odoo_model, binding.domain)
    for page in session.fetcher.each(pages):
        session.send_heartbeat()
        yield from zip(page.ids, page.write_dates, strict=True)


# Ids, a part at a time --------------------------------------------------------------------------


def present_among(session: Session, ids: set[int]) -> set[int]:
    """Those of ``ids`` that are present in the mirror."""
    found: set[int] = set()
    for part in slices.parts(sorted(ids)):
        found.update(session.present().filter(pk__in=part).values_list("pk", flat=True))
        session.keep_alive()
    return found


def visible_among(session: Session, binding: Binding, ids: Sequence[int]) -> Sequence[int]:
    """Those of ``ids`` that Odoo shows as records of this stream."""
    found = array("q")
    for part in slices.parts(ids):
        domain = [*binding.domain, ("id", "in", part)]
        found.extend(session.ask(session.gateway.search, session.stream.odoo_model, domain))
    return found


# Differences that move no stamp -----------------------------------------------------------------


def _begin_unstamped(session: Session, binding: Binding) -> Unstamped:
    return Unstamped(
        session.stream,
        binding.mapper,
        binding.domain,
        session.present(),
        session.gateway,
        session.fetcher,
    )


def _with_old_code(session: Session, binding: Binding) -> set[int]:
    """Rows with another code than their currency or country has by now."""
    found: set[int] = set()
    if not session.compares_all:
        return found
    for kind, (column, code) in _CODES.items():
        if code not in session.stream.columns:
            continue
        named = session.present().exclude(**{column: None}).order_by()
        for part in slices.slices(named, session.keep_alive):
            for odoo_id, ours in part.values_list(column, code).distinct():
                with suppress(UnknownReference):
                    if binding.references.code(kind, odoo_id) != ours:
                        rows = part.filter(**{column: odoo_id, code: ours})
                        found.update(rows.values_list("pk", flat=True))
    return found
