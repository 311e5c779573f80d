"""The re-read queue: rows to read again because a related row changed. See ``related.py``.

The transaction that finds it out adds the rows, and only the transaction that stores what was read
afterwards removes them: a crash, a fault or another run in between loses none.
"""

from collections.abc import Iterable

from odoo_bridge.models import Reread
from odoo_bridge.sync.slices import Between, nothing, parts, slices

# Odoo id -> the entries about it.
Queue = dict[int, list[int]]


def queued(stream: str, between: Between = nothing) -> Queue:
    """The queue of ``stream``. To be called before the reading begins: what is added later may be
    about something that happened after it."""
    queue: Queue = {}
    for part in slices(Reread.objects.filter(stream=stream), between):
        for pk, odoo_id in part.values_list("pk", "odoo_id"):
            queue.setdefault(odoo_id, []).append(pk)
    return queue


def add(stream: str, ids: Iterable[int]) -> None:
    """Add ``ids`` to the queue."""
    Reread.objects.bulk_create(
        (Reread(stream=stream, odoo_id=odoo_id) for odoo_id in sorted(set(ids))), batch_size=1000
    )


def remove(queue: Queue, ids: Iterable[int], between: Between = nothing) -> None:
    """Remove the entries in ``queue`` about ``ids``, which were read."""
    done = [pk for odoo_id in ids for pk in queue.get(odoo_id, ())]
    for part in parts(done):
        Reread.objects.filter(pk__in=part).delete()
        between()
