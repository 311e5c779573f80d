"""Rows whose records Odoo no longer shows: it is asked once more, then they are marked gone."""

from collections.abc import Iterable

from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.sync import gone, issues, related, rereads, slices
from odoo_bridge.sync.binding import Binding
from odoo_bridge.sync.copying import Copier
from odoo_bridge.sync.inventory import present_among, visible_among
from odoo_bridge.sync.session import Session
from odoo_bridge.sync.store import mark_gone


def settle_absent(
    session: Session, binding: Binding, copier: Copier, absent: Iterable[int]
) -> None:
    """Mark the rows of ``absent`` gone, and those whose records vanished while they were read.

    Raises NeedsConfirmation, or GoneRejected, where a person must decide first.
    """
    doubtful = set(absent) | present_among(session, copier.vanished)
    if doubtful:
        # What the inventory lacks may also be new, or just unarchived: ask Odoo by id once more.
        visible = visible_among(session, binding, sorted(doubtful))
        copier.copy(visible)
        _mark(session, binding, copier, sorted(doubtful - set(visible)))
    issues.resolve(session.stream.name, copier.vanished)


def _mark(session: Session, binding: Binding, copier: Copier, ids: list[int]) -> None:
    if not ids:
        return
    present, _sum = slices.totals(session.present(), session.keep_alive)
    here = sorted(present_among(session, set(ids)))
    with session.locked() as state:
        sure, review = gone.judge(session.row, here, present)
        parts = list(slices.parts(sure))
        # The first part in one transaction with the judgement; all of them might outlast the lease.
        for part in parts[:1]:
            _mark_part(session, part, state)
    for part in parts[1:]:
        with session.locked() as state:
            _mark_part(session, part, state)
    _read_referencing(session, binding, copier)
    if review:
        SyncRun.objects.filter(pk=session.row.pk).update(gone_review=review)
        raise gone.question(review)


def _mark_part(session: Session, ids: list[int], state: SyncState) -> None:
    session.row.gone_count += mark_gone(session.model, ids, state)
    session.save_progress()
    related.note_referencing(session, ids)
    related.note_owners_of_gone(session, ids)


def _read_referencing(session: Session, binding: Binding, copier: Copier) -> None:
    """Read again the rows of this same stream that reference a row that is gone."""
    stream = session.stream.name
    if stream not in session.follow_ups.streams:
        return
    session.follow_ups.streams.discard(stream)
    copier.queue = rereads.queued(stream, session.keep_alive)
    again = visible_among(session, binding, sorted(copier.queue))
    hidden = set(copier.queue) - set(again)
    rereads.remove(copier.queue, hidden, session.keep_alive)
    copier.copy(again)
