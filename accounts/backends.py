"""Login with the user name or the e-mail address, regardless of case."""

from typing import Any

from axes.helpers import get_client_ip_address
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.contrib.auth.signals import user_logged_in
from django.db.models import Sum, Value
from django.db.models.functions import Lower
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.hashers import LONGEST_PASSWORD
from accounts.models import User
from accounts.names import counted, normal


def find_user(login: str) -> User | None:
    """The user with this name or, if there is an ``@`` in ``login``, with this e-mail address.

    An unverified address cannot be used to log in, because anyone can register with any address.
    """
    login = normal(login)
    if not login or "\x00" in login:
        return None
    column = "email" if "@" in login else "username"
    # The expression of the unique constraints, so that at most one user is found.
    users = User.objects.alias(spelling=Lower(column)).filter(spelling=Lower(Value(login)))
    if column == "email":
        users = users.filter(email_verified=True)
    user = users.exclude(**{column: ""}).first()
    # Failures are counted by this spelling: what the database takes for equal must be equal here.
    return user if user and counted(getattr(user, column)) == counted(login) else None


def lockout_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """For ``AXES_USERNAME_CALLABLE``: the typed name, whether or not such a user exists.

    It does not resolve the user: if failures with an address locked out the name, that would reveal that
    both belong to one account. ``is_locked_out`` adds them up instead.
    """
    typed = (credentials or {}).get("username")
    if typed is None:
        typed = request.POST.get("username", "")
    return counted(str(typed))


def is_locked_out(user: User, request: HttpRequest) -> bool:
    """Whether this client failed too often for the account, counting its name and address together."""
    failures = _failures(user, request).filter(
        attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME
    )
    found = failures.aggregate(count=Sum("failures_since_start"))["count"] or 0
    return bool(found >= settings.AXES_FAILURE_LIMIT)


def forget_failures(user: User, request: HttpRequest) -> None:
    """Delete the account's failed logins from this client, after the right password."""
    _failures(user, request).delete()


@receiver(user_logged_in)
def _forget_failures(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    if request is not None:
        forget_failures(user, request)


def _failures(user: User, request: HttpRequest) -> Any:
    # Skip an unverified address: it may belong to somebody else, and so may its failures.
    names = {counted(user.username)}
    if user.email and user.email_verified:
        names.add(counted(user.email))
    return AccessAttempt.objects.filter(
        username__in=names, ip_address=get_client_ip_address(request)
    )


class EmailOrUsernameBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """The user, or None. Either takes the time of one hash, whether or not the user exists."""
        if not username or password is None or len(password) > LONGEST_PASSWORD:
            return None
        user = find_user(username)
        if request is not None:
            # For the audit log, which records who could not log in.
            request.named_user = user  # type: ignore[attr-defined]
        # Use an unsaved user, so that an unknown name takes as many queries as a known one.
        counts_as = user or User(username=username)
        if (request is not None and is_locked_out(counts_as, request)) or user is None:
            make_password(password)
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
