"""Log in with the user name or the e-mail address, in any case."""

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

    An address that nobody has verified logs in nobody: anyone can register with any address.
    """
    login = normal(login)
    if not login or "\x00" in login:
        return None
    column = "email" if "@" in login else "username"
    # The expression of the unique constraints, so that one user at most is found.
    users = User.objects.alias(spelling=Lower(column)).filter(spelling=Lower(Value(login)))
    if column == "email":
        users = users.filter(email_verified=True)
    user = users.exclude(**{column: ""}).first()
    # Failures are counted by this spelling: what the database takes for equal must be equal here.
    return user if user and counted(getattr(user, column)) == counted(login) else None


def lockout_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """For ``AXES_USERNAME_CALLABLE``: what was typed, whether or not anybody is called that.

    Not the user it means: a name that is locked out because of failures with an address would say
    that both belong to one account. Those are added up by ``is_locked_out``.
    """
    typed = (credentials or {}).get("username")
    if typed is None:
        typed = request.POST.get("username", "")
    return counted(str(typed))


def is_locked_out(user: User, request: HttpRequest) -> bool:
    """Whether this client failed too often for the account, by its name and its address together."""
    failures = _failures(user, request).filter(
        attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME
    )
    found = failures.aggregate(count=Sum("failures_since_start"))["count"] or 0
    return bool(found >= settings.AXES_FAILURE_LIMIT)


def forget_failures(user: User, request: HttpRequest) -> None:
    """After the right password."""
    _failures(user, request).delete()


@receiver(user_logged_in)
def _forget_failures(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    if request is not None:
        forget_failures(user, request)


def _failures(user: User, request: HttpRequest) -> Any:
    # Not an unverified address, which may be somebody else's: their failures are theirs.
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
        """The user, or None at the price of one hash, whether or not there is such a user."""
        if not username or password is None or len(password) > LONGEST_PASSWORD:
            return None
        user = find_user(username)
        if request is not None:
            # For the audit log, which says who could not log in.
            request.named_user = user  # type: ignore[attr-defined]
        # A nobody, so that an unknown name costs as many queries as a known one.
        counts_as = user or User(username=username)
        if (request is not None and is_locked_out(counts_as, request)) or user is None:
            make_password(password)
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
