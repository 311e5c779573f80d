"""What a run does, step by step. How it begins and ends is in ``run.py``."""

from array import array
from datetime import datetime

from odoo_bridge.models import SyncRun, SyncState
from odoo_bridge.sync import (
    backfill,
    gone,
    identity,
    inventory,
    issues,
    marking,
    rereads,
    slices,
    undone,
)
from odoo_bridge.sync.binding import Binding
from odoo_bridge.sync.copying import Copier
from odoo_bridge.sync.inventory import Inventory
from odoo_bridge.sync.plan import Plan, Scope, choose, union
from odoo_bridge.sync.session import Session
from odoo_bridge.sync.streams import all_streams

Kind, Phase = SyncRun.Kind, SyncRun.Phase


def copy_stream(session: Session) -> None:
    """A run of kind changes, reconcile or full, under the lease of its stream.

    1.  Refuse another Odoo than the one that is mirrored.
    2.  Ask Odoo for its time, the new watermark: what is written from here on is for the next run.
    3.  Find out whether a backup was restored in Odoo.
    4.  Note the re-read queue, and fit the mapping to the fields of this Odoo.
    5.  Choose what to read, list both sides, and plan.
    6.  For a first copy, set the indexes of the empty table aside.
    7.  Read the planned records and store them.
    8.  Mark the rows gone whose records Odoo no longer shows.
    9.  Build the indexes that this run, or one that was killed, set aside.
    10. Move the watermark.
    """
    session.enter(Phase.INVENTORY)
    check_identity(session)
    if session.row.kind != Kind.CHANGES:
        session.gateway.forget_fields(session.stream.odoo_model)
    state = SyncState.objects.get(stream=session.stream.name)
    session.row.watermark_before = state.watermark
    odoo_now = session.ask(session.gateway.server_time)
    check_for_backup(session, state.watermark, odoo_now)
    queue = rereads.queued(session.stream.name, session.keep_alive)
    binding = Binding(session)
    key_expires_at = session.ask(session.gateway.key_expires_at) if asks_for_key(session) else None
    try:
        choice = choose(inventory.situation_of(session, binding, state, odoo_now))
        found = inventory.take(session, binding, choice, queue)
        if choice.scope is Scope.FIRST_COPY:
            prepare_first_copy(session, binding, found.odoo_rows)
        copier = Copier(session, binding, queue, is_first_copy=choice.scope is Scope.FIRST_COPY)
        copy_and_mark(session, binding, copier, found.plan)
    finally:
        build_indexes(session)
    row_count = count_rows(session, found)
    with session.locked() as state:
        move_watermark(session, state, odoo_now)
        note_copied_fields(state, binding, choice.scope)
        state.row_count, state.odoo_row_count = row_count, found.odoo_rows
        state.odoo_version = session.gateway.version().text
        if asks_for_key(session):
            state.key_expires_at = key_expires_at
        session.save_progress()
        gone.settle(session.row)


def copy_records(session: Session) -> None:
    """A run of kind records: only the ids that were requested. It needs no lease.

    1. Refuse another Odoo than the one that is mirrored.
    2. Note the re-read queue, and fit the mapping to the fields of this Odoo.
    3. Ask which of the ids Odoo shows.
    4. Read those and store them.
    5. Mark the rows of the others gone.
    """
    session.enter(Phase.INVENTORY)
    check_identity(session)
    queue = rereads.queued(session.stream.name, session.keep_alive)
    binding = Binding(session)
    ids = union(session.row.requested_ids)
    visible = inventory.visible_among(session, binding, ids)
    session.row.inventoried_count = len(visible)
    binding.finish_references()
    missing = sorted(set(ids) - set(visible))
    copier = Copier(session, binding, queue)
    copy_and_mark(session, binding, copier, Plan(visible, array("q", missing), len(visible)))
    rereads.remove(copier.queue, missing, session.keep_alive)
    gone.settle(session.row)


# Which Odoo this is -----------------------------------------------------------------------------


def check_identity(session: Session) -> None:
    """Before anything is stored, references included: is this the Odoo that is mirrored?"""
    session.add_note(identity.check(session.gateway, session.ask, thorough=session.compares_all))


def check_for_backup(session: Session, watermark: datetime | None, odoo_now: datetime) -> None:
    """Find out whether Odoo lost changes that are copied here: then every stamp is compared."""
    if watermark is None:
        return
    known = issues.open_ids(session.stream.name)
    back = undone.find(session.gateway, session.stream, session.ask, known)
    if back is None:
        return
    if back.reused:
        identity.check_rows(session.gateway, session.ask)
    session.follow_ups.odoo_went_back = True
    clock = "Its clock was set back" if odoo_now < watermark else "A backup was restored there"
    session.add_note(f"{back} {clock}: every stamp is compared.")


def asks_for_key(session: Session) -> bool:
    """Whether the run asks when our API key expires. The key is the whole bridge's: the runs of the
    first stream ask for all."""
    first = next(iter(all_streams().values()))
    return session.row.kind != Kind.CHANGES and session.stream is first


# Copying ----------------------------------------------------------------------------------------


def copy_and_mark(session: Session, binding: Binding, copier: Copier, plan: Plan) -> None:
    """Read and store what is planned, then decide which rows are gone."""
    session.row.inventoried_count = plan.inventoried
    session.row.planned_count = len(plan.read)
    session.enter(Phase.READING)
    copier.copy(plan.read)
    session.enter(Phase.GONE)
    marking.settle_absent(session, binding, copier, plan.absent)
    binding.report_left_out()


def prepare_first_copy(session: Session, binding: Binding, odoo_rows: int) -> None:
    """Note which fields the copy has, and set the indexes aside if that saves time.

    If the run is killed after this, the next one continues with the same fields, or reads all rows
    again if they are different by then.
    """
    with session.locked() as state:
        state.copied_fields = binding.mapper.copies
    table_is_empty = not session.model._default_manager.exists()
    if session.lease and odoo_rows >= backfill.WORTH_IT_ROWS and table_is_empty:
        backfill.set_aside(session.model, session.lease)


def build_indexes(session: Session) -> None:
    """Build the indexes that a first copy, this or one that was killed, set aside."""
    if session.lease and backfill.is_due(session.stream.name):
        session.stopwatch.switch_to(Phase.INDEXES)
        session.row.phase = Phase.INDEXES
        session.save_progress()
        backfill.restore(session.model, session.lease)
    session.stopwatch.switch_to("")


# What the next run must know --------------------------------------------------------------------


def count_rows(session: Session, found: Inventory) -> int:
    """How many rows are present now. Outside a transaction: counting a large table takes a while."""
    row = session.row
    if found.rows_here is None or row.created_count + row.restored_count + row.gone_count:
        return slices.totals(session.present(), session.keep_alive)[0]
    return found.rows_here


def move_watermark(session: Session, state: SyncState, odoo_now: datetime) -> None:
    """All that Odoo held at ``odoo_now`` is stored here. A clock that was set back moves nothing."""
    if state.watermark is None or odoo_now > state.watermark:
        state.watermark = odoo_now
    session.row.watermark_after = state.watermark


def note_copied_fields(state: SyncState, binding: Binding, scope: Scope) -> None:
    """Remember with which fields the rows here were copied."""
    if scope is Scope.ALL:
        state.copied_fields = binding.mapper.copies
    # Once Odoo can read a field again that is left out now, it is new to every row.
    left_out = binding.mapper.left_out
    state.copied_fields = [name for name in state.copied_fields if name not in left_out]
