"""Whether a backup was restored in Odoo, which undid changes that are copied here.

Ids and stamps are then older than before, so a search for recent changes does not find them. So each
run compares the newest of our rows: what was undone is newer than the backup, and so among them.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from odoo_bridge.models import OdooMoment
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.sync.streams import Stream

# Rows in the first comparison; each further one compares twice as many, up to the second number: many
# new rows may have been deleted at once.
_AT_ONCE, _MOST_AT_ONCE = 100, 10_000
# If so many comparisons find none of our newest rows as it is here, every row is compared.
_PAGES = 20

Stamps = dict[int, tuple[str, str]]


@dataclass
class WentBack:
    """``older``: rows whose record has an older stamp in Odoo. ``reused``: rows whose id belongs to
    another record there."""

    stream: str
    older: list[int] = field(default_factory=list)
    reused: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        if not self.older and not self.reused:
            return f"Odoo has none of the newest {self.stream} in the version that is here."
        ids = sorted([*self.older, *self.reused])
        return (
            f"Odoo has older versions of {len(ids)} of the newest {self.stream} than this mirror "
            f"(such as {', '.join(map(str, ids[:3]))})."
        )


def find(
    gateway: Gateway,
    stream: Stream,
    ask: Callable[..., Any],
    except_ids: Collection[int] = (),
) -> WentBack | None:
    """Compare our newest rows with Odoo; None if nothing was undone.

    ``except_ids``: rows that are known to differ. ``ask``: a function that asks Odoo one thing.
    """
    rows = stream.model.objects.present().exclude(write_date=None).exclude(pk__in=except_ids)
    newest = rows.order_by("-write_date", "-pk")
    columns = ("pk", OdooMoment("create_date"), OdooMoment("write_date"))
    start, size = 0, _AT_ONCE
    for _ in range(_PAGES):
        ours = list(newest.values_list(*columns)[start : start + size])
        if not ours:
            return None
        theirs = ask(stamps_of, gateway, stream.odoo_model, [row[0] for row in ours])
        back, as_here = WentBack(stream.name), 0
        for pk, created, written in ours:
            if pk not in theirs:
                continue  # deleted, or made after the backup: counts and ids show it
            their_created, their_written = theirs[pk]
            if created and their_created and created != their_created:
                back.reused.append(pk)
            elif their_written < written:
                back.older.append(pk)
            elif their_written == written:
                as_here += 1
        if back.older or back.reused:
            return back
        if as_here or len(ours) < size:
            # The backup is at least as new as the row that is equal, and so as all older rows.
            return None
        start, size = start + size, min(2 * size, _MOST_AT_ONCE)
    return WentBack(stream.name)


def stamps_of(gateway: Gateway, model: str, ids: Sequence[int]) -> Stamps:
    """By id, (create_date, write_date) as Odoo spells them, for those of ``ids`` that it shows."""
    fields = ["create_date", "write_date"]
    return {
        row["id"]: (row["create_date"] or "", row["write_date"] or "")
        for page in gateway.search_read(model, [("id", "in", list(ids))], fields)
        for row in page
    }
