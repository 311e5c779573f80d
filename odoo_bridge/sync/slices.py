"""Our own rows, a slice at a time, so that a run can keep its lease alive however many there are.

A statement over a large table takes long, and PostgreSQL fills a cursor that outlives its transaction
before it returns the first row: with tens of millions of rows, either takes longer than a lease lasts.

The slices are not one snapshot: a ``records`` run, which needs no lease, may store or mark rows
between two of them. That is safe, because each row is judged on its own:

- A row that changes after it was listed: the ``records`` run that changed it read Odoo later than this
  run's inventory, so the row is the newer copy. If this run reads the record too, its older page is
  refused (``store``, ``since``).
- A row that is added after its slice was listed: its id is in Odoo's inventory and seems to be missing
  here. The record is read once more, which changes nothing.
- A row that is listed, but made after Odoo's inventory: it seems to be absent from Odoo. Odoo is asked
  for absent rows by id before they are marked.
- A count and a sum of ids that were true at no moment: the run lists all ids for nothing. They could
  agree with Odoo's by mistake only if rows with the same count and the same sum of ids were added and
  removed meanwhile; the next run counts again.

Runs that list and mark absent rows exclude each other by the lease.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Min, Model, QuerySet, Sum

from odoo_bridge.models import MirroredQuerySet, OdooMoment

# Rows of a table that one statement looks at, and rows that one statement returns. With wide rows on a
# slow disk either takes seconds, a fraction of a lease.
LOOKED_AT_ONCE, READ_AT_ONCE = 250_000, 20_000
# Ids that one query names, to Odoo or to PostgreSQL.
IDS_PER_QUERY = 10_000

Between = Callable[[], None]


def nothing() -> None:
    """For callers without a lease."""


def slices(rows: QuerySet[Any], between: Between, size: int | None = None) -> Iterator[Any]:
    """Yield ``rows`` in slices, by ascending primary key, each of ``size`` rows of the table.

    ``between`` is called after each slice but the last. ``size`` counts the rows of the whole table,
    not those that pass the filters of ``rows``: else, in a table with many gone rows, a slice would
    look at too many.
    """
    size = size or LOOKED_AT_ONCE
    model: type[Model] = rows.model
    ids, left = model._default_manager.order_by("pk").values_list("pk", flat=True), rows
    while (last := next(iter(ids[size - 1 : size]), None)) is not None:
        yield left.filter(pk__lte=last)
        between()
        ids, left = ids.filter(pk__gt=last), rows.filter(pk__gt=last)
    yield left


def stamps(rows: MirroredQuerySet, between: Between) -> Iterator[tuple[int, str]]:
    """Ids, ascending, each with its ``write_date`` as Odoo spells it.

    As text, like the stamps from Odoo: converting a million stamps of both sides to moments takes
    longer than Odoo takes to list them.
    """
    for part in slices(rows, between, READ_AT_ONCE):
        yield from part.order_by("pk").values_list("pk", OdooMoment("write_date"))


def ids(rows: QuerySet[Any], between: Between) -> Iterator[int]:
    """Ids, ascending."""
    for part in slices(rows, between):
        yield from part.order_by("pk").values_list("pk", flat=True)


def totals(rows: QuerySet[Any], between: Between) -> tuple[int, int]:
    """How many rows there are, and the sum of their ids."""
    count = id_sum = 0
    for part in slices(rows.order_by(), between):
        found = part.aggregate(rows=Count("pk"), ids=Sum("pk"))
        count += found["rows"]
        id_sum += int(found["ids"] or 0)
    return count, id_sum


def without(rows: QuerySet[Any], condition: Any, between: Between) -> Iterator[int]:
    """The ids of ``rows`` for which ``condition``, about another table, does not hold."""
    ids = rows.model._default_manager.order_by("pk").values_list("pk", flat=True)
    several = bool(ids[LOOKED_AT_ONCE : LOOKED_AT_ONCE + 1])
    for part in slices(rows.order_by(), between):
        with _looked_up_by_index() if several else nullcontext():
            found = list(part.filter(~condition).values_list("pk", flat=True))
        yield from found


def parts(ids: Sequence[int]) -> Iterator[list[int]]:
    """``ids``, as many at once as one query may name."""
    for start in range(0, len(ids), IDS_PER_QUERY):
        yield list(ids[start : start + IDS_PER_QUERY])


@contextmanager
def _looked_up_by_index() -> Iterator[None]:
    """Make PostgreSQL look up each row of a slice in the other table by its index. Otherwise it might
    read the whole other table for each slice."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL enable_hashjoin = off")
                cursor.execute("SET LOCAL enable_mergejoin = off")
        yield


def first_stored_at(rows: MirroredQuerySet, between: Between) -> datetime | None:
    """When the first of ``rows`` was stored; None if there are none."""
    parts = slices(rows.order_by(), between)
    moments = [part.aggregate(first=Min("stored_at"))["first"] for part in parts]
    return min((moment for moment in moments if moment), default=None)
