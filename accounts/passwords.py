"""Setting a new password with a link.

A link works once, and for ``PASSWORD_RESET_TIMEOUT``. It becomes invalid when anything changes from
which it is calculated: the password, the address, the last login or the token version.
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPRecipientsRefused
from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.db import close_old_connections, transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from redis.exceptions import RedisError

from accounts.audit import note_change
from accounts.models import User
from accounts.names import normal

logger = logging.getLogger(__name__)

# How many of the accounts that claim one address get a link, and the seconds between two mails to one.
_MOST_ACCOUNTS, _SECONDS_BETWEEN_MAILS = 5, 120
# Requests that may wait for the mail server. Others are dropped, so that they cannot fill the memory.
_MOST_WAITING = 100
# A single thread: a slow mail server delays only other mails.
_background = ThreadPoolExecutor(1, thread_name_prefix="mail")
_waiting = threading.BoundedSemaphore(_MOST_WAITING)


class _Links(PasswordResetTokenGenerator):
    def __init__(self, key_salt: str) -> None:
        super().__init__()
        self.key_salt = key_salt

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.token_version}"


# Using a mailed link proves that the user can read mail to that address. A link from staff proves
# nothing about the address.
_mailed, _handed_over = (
    _Links("accounts.passwords.mailed"),
    _Links("accounts.passwords.handed-over"),
)


class AnyLink:
    """For Django's view: accepts a token of either kind."""

    def check_token(self, user: User | None, token: str | None) -> bool:
        return _mailed.check_token(user, token) or _handed_over.check_token(user, token)


# Requesting a link --------------------------------------------------------------------------------


def request_link(email: str) -> None:
    """Mail a link to the accounts with this address, if there are any.

    Returns at once and without a result. The accounts are looked up in another thread, so that neither
    the response nor its duration reveals who has an account.
    """
    if not _waiting.acquire(blocking=False):
        logger.warning(
            "More than %s requests for a password wait for the mail server", _MOST_WAITING
        )
        return
    try:
        _background.submit(_send_links, email)
    except RuntimeError:
        # The process is stopping.
        _waiting.release()


def _send_links(email: str) -> None:
    try:
        close_old_connections()
        for user in _with_address(email):
            if _is_due(user):
                _send(user)
    except SMTPRecipientsRefused:
        # The error's text is the address, and many people can read the log.
        logger.error("A link to set a new password: the mail server refused the recipient")
    except Exception as exc:
        # Log every error, because no caller waits for the result.
        logger.error(
            "A link to set a new password could not be sent: %s: %s", type(exc).__name__, exc
        )
    finally:
        close_old_connections()
        _waiting.release()


def _with_address(email: str) -> list[User]:
    """The active accounts with this address and a password, the one with the verified address first."""
    if not email or "\x00" in email:
        return []
    users = (
        User.objects.alias(spelling=Lower("email"))
        .filter(spelling=Lower(Value(normal(email))), is_active=True)
        .exclude(email="")
        .order_by("-email_verified", "pk")
    )
    return [user for user in users[:_MOST_ACCOUNTS] if user.has_usable_password()]


def _is_due(user: User) -> bool:
    try:
        return bool(cache.add(f"password-link:{user.pk}", True, _SECONDS_BETWEEN_MAILS))
    except RedisError:
        return True


def _send(user: User) -> None:
    context = {
        "user": user,
        "link": settings.PUBLIC_URL + _path(user, _mailed),
        "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
        "public_url": settings.PUBLIC_URL,
    }
    # Send to the stored address, not to the typed one.
    EmailMessage(
        subject="Set a new password for odoo-bridge",
        body=render_to_string("accounts/password_mail.txt", context),
        to=[user.email],
    ).send()


# Links --------------------------------------------------------------------------------------------


def make_link(user: User, request: HttpRequest | None = None) -> str:
    """A link for staff to pass on. Without ``PUBLIC_URL`` and a request it is only the path."""
    path = _path(user, _handed_over)
    if settings.PUBLIC_URL or request is None:
        return str(settings.PUBLIC_URL + path)
    return request.build_absolute_uri(path)


def _path(user: User, links: _Links) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("admin:password_reset_confirm", args=[uid, links.make_token(user)])


def user_of_link(uid: str, token: str) -> User | None:
    """The active user to whom this valid link belongs."""
    user = user_of_uid(uid)
    return user if user and AnyLink().check_token(user, token) else None


def user_of_uid(uid: str) -> User | None:
    try:
        pk = int(urlsafe_base64_decode(uid))
        return User.objects.filter(pk=pk, is_active=True).first()
    except (ValueError, OverflowError, UnicodeEncodeError):
        return None


def use_link(user: User, token: str, password: str) -> bool:
    """Set the new password, which ends the link, all tokens and all sessions.

    Returns False if the link is no longer valid. Of two requests at the same time, only one succeeds.
    """
    with transaction.atomic():
        fresh = User.objects.select_for_update().filter(pk=user.pk, is_active=True).first()
        if not AnyLink().check_token(fresh, token) or fresh is None:
            return False
        if _mailed.check_token(fresh, token) and not fresh.email_verified:
            others = User.objects.exclude(pk=fresh.pk).filter(email_verified=True)
            fresh.email_verified = not others.filter(email__iexact=fresh.email).exists()
        fresh.set_password(password)
        fresh.save()
        note_change(fresh, "Set a new password with a link.")
    return True
