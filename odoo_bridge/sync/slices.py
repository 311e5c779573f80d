"""Our own rows, a slice at a time, so that a run can keep its lease alive however many there are.

A statement over a whole table takes as long as the table is large, and PostgreSQL fills a cursor that
outlives its transaction before it returns the first row: of tens of millions of rows, longer than a
lease lasts.

The slices are not one snapshot: a ``records`` run, which needs no lease, may store or mark rows
between two of them. That is safe, because rows are judged one by one, never as a whole:

- A row that is read and then changed had the stamp that was compared; what changed it read Odoo later
  than this run's inventory and is the newer copy. If this run reads the record again, the older page is
  refused (``store``, ``since``).
- A row that comes after its slice is not seen, so Odoo's inventory has an id that seems to be missing:
  it is read once more, which changes nothing.
- A row that is seen, but made after Odoo's inventory, seems to be absent from Odoo: absent rows are
  asked for by id before they are marked.
- A count and sum of ids that no moment had makes a run list all ids for nothing. For them to agree
  with Odoo's by mistake, rows of the same number and sum of ids would have to come and go unnoticed
  meanwhile; the next run counts again.

Window runs, which list and mark what is absent, exclude each other by the lease.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Min, Model, QuerySet, Sum

from odoo_bridge.models import MirroredQuerySet, OdooMoment

# Rows of a table that one statement looks at, and rows that one statement returns. Of wide rows on a
# slow disk each takes seconds, a fraction of a lease.
LOOKED_AT_ONCE, READ_AT_ONCE = 250_000, 20_000
# Ids that one query names, to Odoo or to PostgreSQL.
IDS_PER_QUERY = 10_000

Between = Callable[[], None]


def nothing() -> None:
    """For readers without a lease."""


def slices(rows: QuerySet[Any], between: Between, size: int | None = None) -> Iterator[Any]:
    """Yield ``rows`` as query sets by primary key, ascending, each of ``size`` rows of the table.

    ``between`` is called after each but the last. Rows of the whole table are counted, not those
    that pass the filters of ``rows``: of a table with many gone rows a slice would look at too many.
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

    Text, since that is what they are compared with: making a million moments of both sides
    takes longer than Odoo takes to list them.
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
    """Have PostgreSQL look each row of a slice up in the other table by its index: it might read that
    whole, for each slice anew."""
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
