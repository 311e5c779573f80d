"""Changing Odoo, once for each wish: the row first, then the call, then the mirror.

A wish (``OdooWrite``) is stored before Odoo is called and keeps what became of it. The same key
comes back to the same row, and goes on where the row stands. When an answer of Odoo's is lost,
Odoo is looked at before anything is sent again: each action can find what an earlier call left.
"""

import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from odoo_bridge.mirror.encode import encode
from odoo_bridge.models import MirroredQuerySet, OdooWrite, SyncRun, SyncState
from odoo_bridge.odoo import patience
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import BridgeError, OdooRejected, OdooUnavailable, changed_nothing
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.sync import identity
from odoo_bridge.sync.run import run
from odoo_bridge.writing.actions import Action, all_actions
from odoo_bridge.writing.errors import (
    LOOK_AGAIN_SECONDS,
    InProgress,
    KeyReused,
    NotAsAsked,
    OutcomeUnknown,
    Unfinished,
    WriteError,
)

logger = logging.getLogger(__name__)

State = OdooWrite.State
OPEN = (State.ASKED, State.SENT, State.MADE)

# A call without an answer may still be at work in Odoo for its own time limit, two minutes unless
# changed. Only after that does "nothing to be found" mean that nothing was made.
STILL_AT_WORK = timedelta(seconds=150)
# Longer than a step of a write takes; counted from each step. A claim that was taken over costs
# nothing but work: what is known is kept by the newest claim alone, and each step can be repeated.
CLAIM = timedelta(minutes=3)


def recall(user: Any, key: str, digest: str) -> OdooWrite | None:
    """The row of ``key``, if this user used it before. Raises KeyReused for another request's."""
    write = OdooWrite.objects.filter(user=user, key=key).first()
    if write is not None and write.digest != digest:
        raise KeyReused(
            f"This Idempotency-Key was used for another request at {write.asked_at:%Y-%m-%d %H:%M} "
            "UTC. A new request needs a new key."
        )
    return write


def ask(
    action: Action,
    user: Any,
    key: str,
    digest: str,
    wish: Mapping[str, Any],
    odoo_id: int | None = None,
) -> OdooWrite:
    """Store a wish, before anything else happens. ``odoo_id``: of the record it is about.

    ``wish`` is all that ``action`` needs to know; staff see it. Raises KeyReused.
    """
    write, made = OdooWrite.objects.get_or_create(
        user=user,
        key=key,
        defaults={
            "action": action.name,
            "username": user.get_username(),
            "digest": digest,
            # Decimals as text: a float would be another number.
            "wish": json.loads(json.dumps(wish, cls=DjangoJSONEncoder)),
            "odoo_id": odoo_id,
        },
    )
    if not made:
        recall(user, key, digest)
    # Its moment and marker are given by the database and the field.
    write.refresh_from_db()
    return write


def carry_out(write: OdooWrite, user: Any) -> OdooWrite:
    """Do what is still to be done for ``write``; return it with its final answer.

    ``user``: who sends the request now, with today's rights: the key may be a year old. Raises what
    ``check`` of the action raises when these no longer allow it, InProgress when another request is
    working on it, OutcomeUnknown and Unfinished when the same request should come again, and the
    errors of the gateway when nothing was changed in Odoo.
    """
    action = all_actions()[write.action]
    action.check(user, write)
    if not _claim(write):
        return write
    with _released(write):
        odoo = _ours()
        odoo_id = _made(odoo, action, write)
        if odoo_id is not None:
            _finish(odoo, action, write, odoo_id, user)
    return write


def answer_to(write: OdooWrite, user: Any) -> Any:
    """The stored answer of a write that ended, without names that the user may no longer see."""
    answer = json.loads(write.answer)
    action = all_actions()[write.action]
    if write.state != State.DONE or write.odoo_id is None or not user.access.is_scoped:
        return answer
    today = action.row(write.odoo_id, user)
    return answer | {name: today.get(name, "") for name in action.lent}


def settle(write: OdooWrite) -> None:
    """Find out what became of a wish that nobody came back for. Sends nothing.

    What is in Odoo is mirrored with its maker; completing it (posting, say) waits for whoever asked.
    """
    if not _claim(write):
        return
    action = all_actions()[write.action]
    with _released(write):
        odoo_id = write.odoo_id
        if write.state == State.SENT:
            odoo_id = action.find(_ours(), write)
            if odoo_id is None:
                _keep(write, state=State.ASKED, error="Odoo has nothing of it.")
                return
            _keep(write, state=State.MADE, odoo_id=odoo_id)
        if odoo_id is not None:
            action.mirror(write, odoo_id)


def settle_all() -> None:
    """Settle what was sent or made, and left unfinished for longer than a call can take."""
    waiting = OdooWrite.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lt=Now()),
        state__in=[State.SENT, State.MADE],
        settled_at=None,
        sent_at__lt=Now() - STILL_AT_WORK,
    )
    for write in waiting.order_by("pk"):
        try:
            settle(write)
        except InProgress:
            continue
        except BridgeError as exc:
            logger.warning("write %s is not settled: %s", write.pk, exc)
            return
        OdooWrite.objects.filter(pk=write.pk).update(settled_at=Now())


def forget(older_than: timedelta) -> None:
    """Delete the rows of writes that ended, or never began, longer ago than that.

    What may still be going on in Odoo stays: its row is the only thread to it.
    """
    ended = Q(finished_at__lt=Now() - older_than)
    never_sent = Q(state=State.ASKED, asked_at__lt=Now() - older_than)
    OdooWrite.objects.filter(ended | never_sent).delete()


def mirrored(stream: str, ids: list[int], write: OdooWrite) -> None:
    """Bring records here. Raises NotAsAsked for one that cannot be copied, OdooUnavailable when the
    run failed."""
    done = run(
        stream,
        SyncRun.Kind.RECORDS,
        trigger=SyncRun.Trigger.API,
        requested_by=write.user,
        ids=ids,
        give_up_at=patience.give_up_at(),
    )
    if done.status == SyncRun.Status.SUCCEEDED_WITH_ISSUES:
        raise NotAsAsked(
            f"It is in Odoo as {write.odoo_id}, but could not be copied here: see the issues of the "
            f"stream {stream}.",
            "not_mirrored",
        )
    if done.status != SyncRun.Status.SUCCEEDED:
        raise OdooUnavailable(f"{stream}: {done.error or done.status}")


def _ours() -> Gateway:
    """The Odoo that is mirrored. Raises OtherOdoo: nothing is made in another one."""
    odoo = connect()
    identity.check(odoo)
    return odoo


def made_by_user(stream: str, rows: MirroredQuerySet, write: OdooWrite) -> None:
    """Note on ``rows`` of ``stream`` that the user of ``write`` made them, unless that is known."""
    with transaction.atomic():
        # As for any content: the feed shows it, in the order of the commits.
        state = SyncState.objects.select_for_update().get(pk=stream)
        seq = state.change_seq + 1
        values = {"created_by": write.user, "change_seq": seq, "stored_at": Now()}
        if write.user and rows.filter(created_by=None).update(**values):
            state.change_seq = seq
            state.save(update_fields=["change_seq"])


def _made(odoo: Gateway, action: Action, write: OdooWrite) -> int | None:
    """Have it done in Odoo, unless it is done already. The record's id; None if Odoo said no."""
    if write.state == State.MADE and write.odoo_id is not None:
        return write.odoo_id
    found = None
    if write.state == State.SENT or action.harmless_twice:
        with _unclear(write):
            found = action.find(odoo, write)
        seconds = _seconds_at_work(write)
        if found is None and seconds > 0 and not action.harmless_twice:
            raise _unknown(min(seconds, LOOK_AGAIN_SECONDS))
    if found is None:
        found = _send(odoo, action, write)
    if found is not None:
        _keep(write, state=State.MADE, odoo_id=found, error="")
    return found


def _send(odoo: Gateway, action: Action, write: OdooWrite) -> int | None:
    before = write.attempts
    _keep(write, state=State.SENT, attempts=before + 1, sent_at=Now(), settled_at=None)
    try:
        return action.send(odoo, write)
    except BridgeError as exc:
        error, undone = exc, changed_nothing(exc)
    if before or action.harmless_twice or not undone:
        # Done after all, but its answer was lost; or by another call, which is why this one failed.
        with _unclear(write):
            found = action.find(odoo, write)
        if found is not None:
            return found
    if isinstance(error, OdooRejected):
        _answer(write, State.REFUSED, 422, {"code": error.code, "message": error.reason})
        return None
    if undone:
        _keep(write, state=State.ASKED, error=str(error))
        raise error
    _keep(write, error=str(error))
    raise _unknown() from error


def _finish(odoo: Gateway, action: Action, write: OdooWrite, odoo_id: int, user: Any) -> None:
    """Complete it in Odoo, bring it here, and keep the answer."""
    problem: NotAsAsked | None = None
    try:
        try:
            action.complete(odoo, write, odoo_id)
        except NotAsAsked as exc:
            problem = exc
        _keep(write)
        try:
            action.mirror(write, odoo_id)
        except NotAsAsked as exc:
            problem = problem or exc
    except WriteError:
        raise
    except BridgeError as exc:
        _keep(write, error=str(exc))
        raise Unfinished(
            f"It is in Odoo as {odoo_id}, but the rest failed: {exc} Send the same request "
            "with the same Idempotency-Key again; nothing will be done twice."
        ) from exc
    if problem:
        error = {"code": problem.code, "message": str(problem), "odoo_id": odoo_id}
        _answer(write, State.REFUSED, problem.status, error)
    else:
        _answer(write, State.DONE, action.status, action.row(odoo_id, user))


def _answer(write: OdooWrite, state: str, status: int, content: Mapping[str, Any]) -> None:
    refused = state == State.REFUSED
    _keep(
        write,
        state=state,
        answer_status=status,
        answer=encode({"error": content} if refused else content).decode(),
        error=content["message"] if refused else "",
        finished_at=Now(),
    )


@contextmanager
def _unclear(write: OdooWrite) -> Iterator[None]:
    """While what a call did is looked up: not even that can be found out now."""
    try:
        yield
    except OdooUnavailable as exc:
        if write.state != State.SENT:
            raise
        _keep(write, error=str(exc))
        raise _unknown() from exc


def _unknown(seconds: float = LOOK_AGAIN_SECONDS) -> OutcomeUnknown:
    error = OutcomeUnknown(
        "Odoo was asked and has not answered. Send the same request with the same Idempotency-Key "
        "again: Odoo is looked at first, and asked anew only when nothing can come of this call."
    )
    error.retry_after = max(1, math.ceil(seconds))
    return error


def _seconds_at_work(write: OdooWrite) -> float:
    """How long a call that was sent may still be at work in Odoo."""
    if write.sent_at is None:
        return 0
    [now] = OdooWrite.objects.filter(pk=write.pk).values_list(Now(), flat=True)
    return (write.sent_at + STILL_AT_WORK - now).total_seconds()


def _claim(write: OdooWrite) -> bool:
    """Work on ``write`` alone, from where it stands now; False if it stands at its end.

    Raises InProgress while somebody else works on it.
    """
    taken = OdooWrite.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lt=Now()), pk=write.pk, state__in=OPEN
    ).update(claim=F("claim") + 1, claimed_until=Now() + CLAIM)
    write.refresh_from_db()
    if not taken and write.state in OPEN:
        raise InProgress("A request with this Idempotency-Key is being worked on.")
    return bool(taken)


@contextmanager
def _released(write: OdooWrite) -> Iterator[None]:
    try:
        yield
    finally:
        OdooWrite.objects.filter(pk=write.pk, claim=write.claim).update(claimed_until=None)


def _keep(write: OdooWrite, **values: Any) -> None:
    """Store what is known now and renew the claim. Raises InProgress when another one has it."""
    ours = OdooWrite.objects.filter(pk=write.pk, claim=write.claim)
    if not ours.update(claimed_until=Now() + CLAIM, **values):
        raise InProgress("Another request with this Idempotency-Key has taken over.")
    write.refresh_from_db()
