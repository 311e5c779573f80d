"""Idempotent requests: each one changes Odoo once.

A request is stored (``OdooWrite``) before Odoo is called, and its outcome is stored with it. When the
same key is sent again, work continues from the state of that row. When Odoo's response was lost, the
record is looked up in Odoo before anything is sent again: each action can find the result of an
earlier call.
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
    RETRY_SECONDS,
    InProgress,
    KeyReused,
    NotAsRequested,
    OutcomeUnknown,
    Unfinished,
    WriteError,
)

logger = logging.getLogger(__name__)

State = OdooWrite.State
OPEN = (State.REQUESTED, State.SENT, State.MADE)

# A call that got no response may still be running in Odoo, up to Odoo's own time limit: two minutes by
# default. Only after that does "not found" mean that nothing was created.
MAY_STILL_RUN = timedelta(seconds=150)
# Longer than any single step of a write; each step renews it. If a claim is taken over while its
# owner still works, only work is lost: the newest claim alone may store results, and every step can
# be repeated.
CLAIM = timedelta(minutes=3)


def find_request(user: Any, key: str, digest: str) -> OdooWrite | None:
    """The stored request with this user's ``key``. Raises KeyReused if the key belongs to another
    one."""
    write = OdooWrite.objects.filter(user=user, key=key).first()
    if write is not None and write.digest != digest:
        raise KeyReused(
            f"This Idempotency-Key was used for another request at {write.requested_at:%Y-%m-%d %H:%M} "
            "UTC. A new request needs a new key."
        )
    return write


def store_request(
    action: Action,
    user: Any,
    key: str,
    digest: str,
    body: Mapping[str, Any],
    odoo_id: int | None = None,
) -> OdooWrite:
    """Store a request before anything else happens. ``odoo_id`` is the record that it changes, if any.

    ``body`` has everything that ``action`` needs; staff can see it. Raises KeyReused.
    """
    write, made = OdooWrite.objects.get_or_create(
        user=user,
        key=key,
        defaults={
            "action": action.name,
            "username": user.get_username(),
            "digest": digest,
            # Decimals as text: a float would be a different number.
            "body": json.loads(json.dumps(body, cls=DjangoJSONEncoder)),
            "odoo_id": odoo_id,
        },
    )
    if not made:
        find_request(user, key, digest)
    # The database sets requested_at, the field's default sets the marker.
    write.refresh_from_db()
    return write


def carry_out(write: OdooWrite, user: Any) -> OdooWrite:
    """Do all remaining steps of ``write``; return it with its final response.

    ``user`` is the sender of the current request, with today's rights: the key may be a year old.
    Raises the errors of the action's ``check`` if these rights no longer allow the request, InProgress
    if another request is working on it, OutcomeUnknown or Unfinished if the client should send the same
    request again, and the errors of the gateway if nothing was changed in Odoo.
    """
    action = all_actions()[write.action]
    action.check(user, write)
    if not _claim(write):
        return write
    with _released(write):
        odoo = _mirrored_odoo()
        odoo_id = _send_once(odoo, action, write)
        if odoo_id is not None:
            _finish(odoo, action, write, odoo_id, user)
    return write


def response_to(write: OdooWrite, user: Any) -> Any:
    """The stored response of a finished write, without names that the user may no longer see."""
    answer = json.loads(write.answer)
    action = all_actions()[write.action]
    if write.state != State.DONE or write.odoo_id is None or not user.access.is_scoped:
        return answer
    today = action.row(write.odoo_id, user)
    return answer | {name: today.get(name, "") for name in action.related_names}


def resolve(write: OdooWrite) -> None:
    """Find out the outcome of a request that no client repeated. Sends nothing.

    If the record is in Odoo, it is mirrored with its creator. Completing it (for example posting it)
    waits until the client repeats the request.
    """
    if not _claim(write):
        return
    action = all_actions()[write.action]
    with _released(write):
        odoo_id = write.odoo_id
        if write.state == State.SENT:
            odoo_id = action.find(_mirrored_odoo(), write)
            if odoo_id is None:
                _keep(write, state=State.REQUESTED, error="Odoo has no such record.")
                return
            _keep(write, state=State.MADE, odoo_id=odoo_id)
        if odoo_id is not None:
            action.mirror(write, odoo_id)


def resolve_all() -> None:
    """Resolve the writes that were sent or made, and left unfinished for longer than a call can run."""
    waiting = OdooWrite.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lt=Now()),
        state__in=[State.SENT, State.MADE],
        resolved_at=None,
        sent_at__lt=Now() - MAY_STILL_RUN,
    )
    for write in waiting.order_by("pk"):
        try:
            resolve(write)
        except InProgress:
            continue
        except BridgeError as exc:
            logger.warning("The outcome of write %s is still unknown: %s", write.pk, exc)
            return
        OdooWrite.objects.filter(pk=write.pk).update(resolved_at=Now())


def prune(older_than: timedelta) -> None:
    """Delete the writes that ended, or were stored and never sent, longer ago than ``older_than``.

    A write whose outcome is unknown stays: its row is the only way to find the record in Odoo.
    """
    ended = Q(finished_at__lt=Now() - older_than)
    never_sent = Q(state=State.REQUESTED, requested_at__lt=Now() - older_than)
    OdooWrite.objects.filter(ended | never_sent).delete()


def copy_records(stream: str, ids: list[int], write: OdooWrite) -> None:
    """Copy records into the mirror. Raises NotAsRequested for a record that cannot be copied, and
    OdooUnavailable if the run failed."""
    done = run(
        stream,
        SyncRun.Kind.RECORDS,
        trigger=SyncRun.Trigger.API,
        requested_by=write.user,
        ids=ids,
        give_up_at=patience.give_up_at(),
    )
    if done.status == SyncRun.Status.SUCCEEDED_WITH_ISSUES:
        raise NotAsRequested(
            f"The record is in Odoo (id {write.odoo_id}), but it could not be copied here. See the "
            f"issues of the stream {stream}.",
            "not_mirrored",
        )
    if done.status != SyncRun.Status.SUCCEEDED:
        raise OdooUnavailable(f"{stream}: {done.error or done.status}")


def _mirrored_odoo() -> Gateway:
    """The gateway to the mirrored Odoo. Raises OtherOdoo: nothing may be written to a different one."""
    odoo = connect()
    identity.check(odoo)
    return odoo


def record_creator(stream: str, rows: MirroredQuerySet, write: OdooWrite) -> None:
    """Store the user of ``write`` as the creator of ``rows`` in ``stream``, unless one is stored
    already."""
    with transaction.atomic():
        # The creator is content: the feed must show the change, in the order of the commits.
        state = SyncState.objects.select_for_update().get(pk=stream)
        seq = state.change_seq + 1
        values = {"created_by": write.user, "change_seq": seq, "stored_at": Now()}
        if write.user and rows.filter(created_by=None).update(**values):
            state.change_seq = seq
            state.save(update_fields=["change_seq"])


def _send_once(odoo: Gateway, action: Action, write: OdooWrite) -> int | None:
    """Send the write to Odoo unless it was done before. Returns the record's id; None if Odoo
    rejected it."""
    if write.state == State.MADE and write.odoo_id is not None:
        return write.odoo_id
    found = None
    if write.state == State.SENT or action.repeatable:
        with _unclear(write):
            found = action.find(odoo, write)
        seconds = _seconds_it_may_run(write)
        if found is None and seconds > 0 and not action.repeatable:
            raise _unknown(min(seconds, RETRY_SECONDS))
    if found is None:
        found = _send(odoo, action, write)
    if found is not None:
        _keep(write, state=State.MADE, odoo_id=found, error="")
    return found


def _send(odoo: Gateway, action: Action, write: OdooWrite) -> int | None:
    before = write.attempts
    _keep(write, state=State.SENT, attempts=before + 1, sent_at=Now(), resolved_at=None)
    try:
        return action.send(odoo, write)
    except BridgeError as exc:
        error, undone = exc, changed_nothing(exc)
    if before or action.repeatable or not undone:
        # The call may have succeeded and its response was lost, or another call made the record, which
        # is why this one failed.
        with _unclear(write):
            found = action.find(odoo, write)
        if found is not None:
            return found
    if isinstance(error, OdooRejected):
        _answer(write, State.REFUSED, 422, {"code": error.code, "message": error.reason})
        return None
    if undone:
        _keep(write, state=State.REQUESTED, error=str(error))
        raise error
    _keep(write, error=str(error))
    raise _unknown() from error


def _finish(odoo: Gateway, action: Action, write: OdooWrite, odoo_id: int, user: Any) -> None:
    """Complete the write in Odoo, copy the record here, and store the response."""
    problem: NotAsRequested | None = None
    try:
        try:
            action.complete(odoo, write, odoo_id)
        except NotAsRequested as exc:
            problem = exc
        _keep(write)
        try:
            action.mirror(write, odoo_id)
        except NotAsRequested as exc:
            problem = problem or exc
    except WriteError:
        raise
    except BridgeError as exc:
        _keep(write, error=str(exc))
        raise Unfinished(
            f"The record is in Odoo (id {odoo_id}), but a later step failed: {exc} Send the same "
            "request with the same Idempotency-Key again; nothing will be done twice."
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
    """While the outcome of a call is looked up: if that fails too, the outcome stays unknown."""
    try:
        yield
    except OdooUnavailable as exc:
        if write.state != State.SENT:
            raise
        _keep(write, error=str(exc))
        raise _unknown() from exc


def _unknown(seconds: float = RETRY_SECONDS) -> OutcomeUnknown:
    error = OutcomeUnknown(
        "Odoo was called and has not responded. Send the same request with the same Idempotency-Key "
        "again: the bridge first looks the record up in Odoo, and sends the request again only when "
        "this call can no longer succeed."
    )
    error.retry_after = max(1, math.ceil(seconds))
    return error


def _seconds_it_may_run(write: OdooWrite) -> float:
    """How long the call that was sent may still be running in Odoo."""
    if write.sent_at is None:
        return 0
    [now] = OdooWrite.objects.filter(pk=write.pk).values_list(Now(), flat=True)
    return (write.sent_at + MAY_STILL_RUN - now).total_seconds()


def _claim(write: OdooWrite) -> bool:
    """Claim ``write`` for this process and read its current state; False if the write has ended.

    Raises InProgress while another process works on it.
    """
    taken = OdooWrite.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lt=Now()), pk=write.pk, state__in=OPEN
    ).update(claim=F("claim") + 1, claimed_until=Now() + CLAIM)
    write.refresh_from_db()
    if not taken and write.state in OPEN:
        raise InProgress("A request with this Idempotency-Key is in progress.")
    return bool(taken)


@contextmanager
def _released(write: OdooWrite) -> Iterator[None]:
    try:
        yield
    finally:
        OdooWrite.objects.filter(pk=write.pk, claim=write.claim).update(claimed_until=None)


def _keep(write: OdooWrite, **values: Any) -> None:
    """Store ``values`` and renew the claim. Raises InProgress if another process has taken the claim."""
    ours = OdooWrite.objects.filter(pk=write.pk, claim=write.claim)
    if not ours.update(claimed_until=Now() + CLAIM, **values):
        raise InProgress("Another request with this Idempotency-Key has taken over.")
    write.refresh_from_db()
