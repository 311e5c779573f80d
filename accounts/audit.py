"""Logins in the audit log, and what people change about their own account in the log of the admin."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry

from accounts.backends import find_user
from accounts.models import User
from odoo_bridge.operations import audit


def note_login(
    request: Any,
    typed: str,
    user: Any = None,
    *,
    wanted: str,
    with_code: bool,
    reason: str = "",
) -> None:
    """Add a login to the audit log: a success, or with ``reason`` a failure.

    ``wanted`` is what the login is for: a token or a session. The ``typed`` name is not stored, because
    people sometimes type their password there. A failure stores the account that was meant, if it
    exists.
    """
    if user is None:
        # The backend has looked the user up, unless the name was locked out before.
        user = request.named_user if hasattr(request, "named_user") else find_user(typed)
    audit.note(
        getattr(request, "_request", request),
        audit.Event.LOGIN,
        user,
        succeeded=not reason,
        by="password and code" if with_code else "password",
        wanted=wanted,
        **({"reason": reason} if reason else {}),
    )


def note_change(user: Any, message: str) -> None:
    """Add what ``user`` changed about their own account to the log of the admin."""
    LogEntry.objects.log_actions(
        user_id=user.pk,
        queryset=User.objects.filter(pk=user.pk),
        action_flag=CHANGE,
        change_message=message,
        single_object=True,
    )
