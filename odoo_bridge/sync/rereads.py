"""Rows to read again although their own stamp may not tell: what they point to has gone.

Odoo merges contacts in SQL, and a line can leave its invoice without a trace of its own. So the
transaction that finds it out notes the rows, and only the one that stores what was read afterwards
strikes them off: a crash, a fault or another run in between loses none.
"""

from collections.abc import Iterable, Mapping

from odoo_bridge.models import Reread
from odoo_bridge.sync.slices import Between, nothing, slices

# Odoo id -> the notes about it.
Notes = dict[int, list[int]]
_AT_ONCE = 10_000


def noted(stream: str, between: Between = nothing) -> Notes:
    """What is to be read again. To be asked before the reading begins: what is noted later may be
    about something that happened after it."""
    notes: Notes = {}
    for part in slices(Reread.objects.filter(stream=stream), between):
        for pk, odoo_id in part.values_list("pk", "odoo_id"):
            notes.setdefault(odoo_id, []).append(pk)
    return notes


def note(stream: str, ids: Iterable[int]) -> None:
    Reread.objects.bulk_create(
        (Reread(stream=stream, odoo_id=odoo_id) for odoo_id in sorted(set(ids))), batch_size=1000
    )


def strike_off(
    notes: Mapping[int, list[int]], ids: Iterable[int], between: Between = nothing
) -> None:
    """Forget the ``notes`` about ``ids``: they were read."""
    done = [pk for odoo_id in ids for pk in notes.get(odoo_id, ())]
    for start in range(0, len(done), _AT_ONCE):
        Reread.objects.filter(pk__in=done[start : start + _AT_ONCE]).delete()
        between()
