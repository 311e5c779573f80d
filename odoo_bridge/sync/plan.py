"""Deciding, apart from doing: from two inventories, what to read and what may be gone.

No database, no network. Inventories are ascending by id; only ids are kept, eight bytes each, so
a plan over millions of rows stays small.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

# An id and its write_date as Odoo spells it, whole seconds of UTC, so that text sorts as time does;
# the empty string where Odoo has none, or where only ids are compared.
Stamp = tuple[int, str]


@dataclass
class Plan:
    """``read``: ids to read. ``absent``: ids of ours that Odoo's inventory lacks; to be asked for
    once more before they count as gone. ``inventoried``: how many ids Odoo listed."""

    read: Sequence[int] = field(default_factory=lambda: array("q"))
    absent: Sequence[int] = field(default_factory=lambda: array("q"))
    inventoried: int = 0


def compare(theirs: Iterable[Stamp], ours: Iterable[Stamp], since: str = "") -> Plan:
    """Compare row by row: read what is new or has another stamp, older ones included.

    An older stamp is no mistake: Odoo's clock was set back, or a backup was restored. An equal one
    from ``since`` on proves nothing: stamps are whole seconds, and a record may have been written
    once more within the second in which it was read.
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

    ``expected_here``: ids Odoo has that we lack and know of: about to be read, or open issues.
    """
    missing = list(expected_here)
    return theirs == (ours[0] + len(missing), ours[1] + sum(missing))


def too_many_gone(gone: int, present: int, max_percent: float, always_allowed: int = 20) -> bool:
    """Whether so many would be marked gone that a person must say it is true."""
    return gone > always_allowed and gone > present * max_percent / 100


def union(*sequences: Iterable[int]) -> Sequence[int]:
    """The ids of all, once each, ascending."""
    merged: set[Any] = set()
    merged.update(*sequences)
    return array("q", sorted(merged))
