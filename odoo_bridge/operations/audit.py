"""The audit log: who logged in or exported what, when and from where.

If an entry cannot be written, there is only a warning in the log: a full disk must not lock
everybody out of a mirror that can still be read.
"""

import logging
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models.functions import Now
from django.http import HttpRequest

from odoo_bridge.models import AuditEntry
from odoo_bridge.odoo.redaction import redact
from odoo_bridge.runtime.client_address import client_address

logger = logging.getLogger(__name__)

Event = AuditEntry.Event
_LONGEST_TEXT, _MOST_ITEMS = 200, 50
_FAILED = "The audit log could not be written (%s by %s): %s"


def note(
    request: HttpRequest,
    event: AuditEntry.Event,
    user: Any = None,
    *,
    succeeded: bool | None,
    **detail: Any,
) -> AuditEntry | None:
    """Add an entry about ``request``, with one INSERT. Returns None if it could not be written.

    ``user`` is an existing account, or None. Texts in ``detail`` are shortened and redacted.
    """
    entry = AuditEntry(
        event=event,
        succeeded=succeeded,
        user_id=user and user.pk,
        username=_text(user.get_username(), 150) if user else "",
        address=client_address(request),
        route=_text(request.path),
        detail=_bounded(detail),
    )
    try:
        with _alone():
            entry.save(force_insert=True)
    except (DatabaseError, InterfaceError) as exc:
        logger.warning(_FAILED, event, entry.username, exc)
        return None
    return entry


def sent(entry: AuditEntry | None, rows: int, *, complete: bool) -> None:
    """Store how an export ended: ``rows`` were sent, and these are all if ``complete``."""
    if entry is None:
        return
    try:
        with _alone():
            AuditEntry.objects.filter(pk=entry.pk).update(rows=rows, succeeded=complete)
    except (DatabaseError, InterfaceError) as exc:
        logger.warning(_FAILED, entry.event, entry.username, exc)


def prune(age: timedelta) -> None:
    AuditEntry.objects.filter(at__lt=Now() - age).delete()


def _alone() -> Any:
    """A savepoint, so that a failure here does not roll back or break the surrounding transaction."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        items = list(value.items())[:_MOST_ITEMS]
        return {_text(name, 100): _bounded(item) for name, item in items}
    return value if value is None or isinstance(value, bool | int) else _text(value)


def _text(value: Any, most: int = _LONGEST_TEXT) -> str:
    """Text that PostgreSQL accepts: without NUL and lone surrogates."""
    text = str(value).replace("\0", "").encode("utf-8", "replace").decode()
    # Redact before shortening: half a token would not be recognised.
    return redact(text[: 20 * most])[:most]
