"""Rows to read again because of a related row, although their own stamp may not have moved.

Odoo merges contacts in SQL: rows that reference a merged contact are rewritten and keep their stamps.
And a line can leave its invoice without a trace of its own. What is found here is added to the re-read
queue of the stream it belongs to, in the transaction that found it out.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q

from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.sync import rereads, slices
from odoo_bridge.sync.session import Session
from odoo_bridge.sync.streams import Mapper, Row, Stream, all_streams

# Rows that reference a row that is gone ---------------------------------------------------------


def note_referencing(session: Session, ids: Sequence[int]) -> None:
    """Have the rows read again that reference one of ``ids``, which have just been marked gone."""
    for other in all_streams().values():
        columns = other.points_to.get(session.stream.name)
        if not columns or not ids:
            continue
        # A page of the other stream is stored before this, and its rows are seen here; or after it,
        # and then note_referencing_gone sees which rows are gone. Locks are taken in the order of the
        # streams.
        SyncState.objects.select_for_update().get_or_create(stream=other.name)
        found = _referencing(other, columns, ids)
        if other.name == session.stream.name:
            found -= set(ids)
        _note(session, other.name, found)


def note_referencing_gone(session: Session, mapper: Mapper, rows: list[Row]) -> None:
    """Have those of ``rows`` read again that reference rows marked gone since the run began."""
    for name, columns in session.stream.points_to.items():
        if not _marks_gone(session, name):
            continue
        places = [mapper.columns.index(column) for column in columns]
        named = {row[at] for row in rows for at in places if row[at] is not None}
        targets = all_streams()[name].model._default_manager
        marked = targets.filter(pk__in=named, gone_at__gte=session.started_at)
        gone = set(marked.values_list("pk", flat=True))
        _note(
            session,
            session.stream.name,
            {row[0] for row in rows if any(row[at] in gone for at in places)},
        )


def _marks_gone(session: Session, stream: str) -> bool:
    """Whether a run of ``stream`` marked rows gone since our run began."""
    meanwhile = Q(finished_at=None) | Q(finished_at__gte=session.started_at)
    return SyncRun.objects.filter(meanwhile, stream=stream, gone_count__gt=0).exists()


def referencing_missing(session: Session) -> set[int]:
    """Rows that reference a row that is not here, or gone.

    A merge while our user had no right to see the record went unnoticed, and left no new stamp.
    """
    found: set[int] = set()
    for name, columns in session.stream.points_to.items():
        targets = all_streams()[name].model.objects.present()
        for column in columns:
            # A query for each: joined by OR, PostgreSQL would look up every row by itself.
            here = Exists(targets.filter(pk=OuterRef(column)))
            naming = session.present().filter(**{f"{column}__isnull": False})
            found.update(slices.without(naming, here, session.keep_alive))
    return found


def _referencing(stream: Stream, columns: Sequence[str], ids: Sequence[int]) -> set[int]:
    """The present rows of ``stream`` that reference one of ``ids``."""
    found: set[int] = set()
    for part in slices.parts(ids):
        named = Q()
        for column in columns:
            named |= Q(**{f"{column}__in": part})
        rows = stream.model._default_manager.filter(named, gone_at=None)
        found.update(rows.values_list("pk", flat=True))
    return found


# Lines and the invoices that list them ----------------------------------------------------------


def note_unlisted(session: Session, mapper: Mapper, rows: list[Row]) -> None:
    """Have the rows of another stream read again that name one of ``rows`` as their owner, although
    the owner, which was just read, does not list them."""
    for name, (listed, owner) in session.stream.owns.items():
        other = all_streams()[name].model._default_manager
        if not other.exists():
            continue
        at = mapper.columns.index(listed)
        lists = {row[0]: set(row[at]) for row in rows}
        owned = other.filter(**{f"{owner}__in": list(lists), "gone_at": None})
        pairs = owned.values_list("pk", owner)
        _note(session, name, {pk for pk, owner_id in pairs if pk not in lists[owner_id]})


def note_owners(session: Session, mapper: Mapper, rows: list[Row]) -> None:
    """Have the owners of ``rows`` read again that do not list them: a note added to an invoice of
    Odoo 14 or 15 leaves no stamp on the invoice."""
    # A run that follows from reading the owner must not have the owner read once more.
    if session.row.trigger == SyncRun.Trigger.HINT:
        return
    for other, listed, owner in _owners(session.stream):
        at = mapper.columns.index(owner)
        lists = _lists(other, listed, {row[at] for row in rows})
        missing = {row[at] for row in rows if row[0] not in lists.get(row[at], {row[0]})}
        _note(session, other.name, missing)


def note_owners_of_gone(session: Session, ids: Sequence[int]) -> None:
    """Have the owners read again that still list one of ``ids``, which have just been marked gone."""
    for other, listed, owner in _owners(session.stream):
        for part in slices.parts(ids):
            rows = session.model._default_manager.filter(pk__in=part).exclude(**{owner: None})
            owner_of = dict(rows.values_list("pk", owner))
            lists = _lists(other, listed, set(owner_of.values()))
            still_listed = {pk for pk in owner_of if pk in lists.get(owner_of[pk], ())}
            _note(session, other.name, {owner_of[pk] for pk in still_listed})


def _owners(stream: Stream) -> Iterator[tuple[Stream, str, str]]:
    """The streams that list the rows of ``stream``, each with its column that lists them and the
    column of ``stream`` that names the owner."""
    for other in all_streams().values():
        if stream.name in other.owns:
            yield other, *other.owns[stream.name]


def _lists(other: Stream, listed: str, ids: set[Any]) -> dict[int, set[int]]:
    """By owner, of those of ``ids`` that are present: the ids that it lists."""
    rows = other.model.objects.present().filter(pk__in=ids - {None}).order_by()
    return {pk: set(held) for pk, held in rows.values_list("pk", listed)}


def _note(session: Session, stream: str, ids: set[int]) -> None:
    if ids:
        rereads.add(stream, ids)
        session.follow_ups.streams.add(stream)
