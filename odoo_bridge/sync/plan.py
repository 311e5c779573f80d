"""The decisions of a run: which records it reads, and which rows may be gone.

No database, no network. Inventories are ascending by id; only ids are kept, eight bytes each, so
a plan over millions of rows stays small.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from odoo_bridge.models import SyncRun

Kind = SyncRun.Kind
# An id and its write_date as Odoo spells it, whole seconds of UTC, so that text sorts as time does;
# the empty string where Odoo has none, or where only ids are compared.
Stamp = tuple[int, str]


class Scope(Enum):
    """Which records a run reads. All but ``CHANGED`` list every id, and so find what is gone."""

    CHANGED = auto()  # those written since the watermark
    DIFFERENT = auto()  # those whose stamp differs from the row's
    FIRST_COPY = auto()  # all of them, into an empty table
    ALL = auto()  # all of them, although rows are here


@dataclass(frozen=True)
class Situation:
    """What a run knows before it lists anything.

    ``watermark``, ``odoo_now`` and ``copy_began_at`` are moments on Odoo's clock. ``copy_began_at`` is
    when the first row of an unfinished first copy was stored. ``odoo_went_back``: a backup was restored
    in Odoo. ``fields_then``: the fields that the rows here were copied with; ``fields_now``: the fields
    that this run copies.
    """

    kind: str
    odoo_now: datetime
    watermark: datetime | None
    overlap: timedelta
    has_rows: bool
    copy_began_at: datetime | None = None
    odoo_went_back: bool = False
    fields_then: Sequence[str] = ()
    fields_now: Sequence[str] = ()


@dataclass(frozen=True)
class Choice:
    """``since``: the stamp from which a run looks again, even where stamps are equal."""

    scope: Scope
    since: str


def choose(situation: Situation) -> Choice:
    """Decide which records the run reads."""
    return Choice(_scope(situation), _since(situation))


def _scope(situation: Situation) -> Scope:
    if situation.kind == Kind.FULL:
        return Scope.ALL
    if situation.kind == Kind.CHANGES and _has_sound_watermark(situation):
        return Scope.CHANGED
    if not situation.has_rows:
        return Scope.FIRST_COPY
    # An upgrade of Odoo or of the bridge, or other rights, change the fields but move no stamp.
    if list(situation.fields_then) != list(situation.fields_now):
        return Scope.ALL
    return Scope.DIFFERENT


def _has_sound_watermark(situation: Situation) -> bool:
    """Whether all that Odoo holds from before the watermark is stored here."""
    if situation.watermark is None or situation.odoo_went_back:
        return False
    clock_was_set_back = situation.odoo_now < situation.watermark - situation.overlap
    return not clock_was_set_back


def _since(situation: Situation) -> str:
    if situation.watermark is None:
        start = situation.copy_began_at or situation.odoo_now
    else:
        start = min(situation.watermark, situation.odoo_now)
    return (start - situation.overlap).strftime("%Y-%m-%d %H:%M:%S")


@dataclass
class Plan:
    """``read``: ids to read. ``absent``: ids of our rows that Odoo's inventory lacks; Odoo is asked
    for them once more before they count as gone. ``inventoried``: how many ids Odoo listed."""

    read: Sequence[int] = field(default_factory=lambda: array("q"))
    absent: Sequence[int] = field(default_factory=lambda: array("q"))
    inventoried: int = 0

    def add(self, *more: Iterable[int]) -> None:
        """Read ``more`` as well."""
        added = union(*more)
        if added:
            self.read = union(self.read, added)


def compare(theirs: Iterable[Stamp], ours: Iterable[Stamp], since: str = "") -> Plan:
    """Compare two inventories: read each record that is new or has another stamp, even an older one.

    An older stamp is no mistake: Odoo's clock was set back, or a backup was restored. An equal stamp
    from ``since`` on proves nothing: stamps are whole seconds, and a record may have been written
    again within the second in which it was read.
    """
    read, absent, inventoried = array("q"), array("q"), 0
    mine = iter(ours)
    our_id, our_stamp = next(mine, (None, None))
    for their_id, their_stamp in theirs:
        inventoried += 1
        while our_id is not None and our_id < their_id:
            absent.append(our_id)
            our_id, our_stamp = next(mine, (None, None))
        if our_id == their_id:
            if our_stamp != their_stamp or (since and their_stamp >= since):
                read.append(their_id)
            our_id, our_stamp = next(mine, (None, None))
        else:
            read.append(their_id)
    while our_id is not None:
        absent.append(our_id)
        our_id, our_stamp = next(mine, (None, None))
    return Plan(read, absent, inventoried)


def totals_agree(
    theirs: tuple[int, int], ours: tuple[int, int], expected_here: Iterable[int]
) -> bool:
    """Whether Odoo's (count, sum of ids) is what ours will be after a run.

    ``expected_here``: ids that Odoo has and we lack, and that we know of: the run is about to read
    them, or they are open issues.
    """
    missing = list(expected_here)
    return theirs == (ours[0] + len(missing), ours[1] + sum(missing))


def too_many_gone(gone: int, present: int, max_percent: float, always_allowed: int = 20) -> bool:
    """Whether a run would mark so many rows gone that a person must confirm it."""
    return gone > always_allowed and gone > present * max_percent / 100


def union(*sequences: Iterable[int]) -> Sequence[int]:
    """All ids of ``sequences``, once each, ascending."""
    merged: set[Any] = set()
    merged.update(*sequences)
    return array("q", sorted(merged))
