"""Log in with the user name or the e-mail address, in any case."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.models import User


def find_user(login: str) -> User | None:
    """The user with this name, else the one with this e-mail address.

    Names come first, and registration takes none with an @: nobody can pick another's address as
    a name and so stand between them and their account.
    """
    if not login or "\x00" in login:
        return None
    by_name = User.objects.filter(username__iexact=login).first()
    return by_name or User.objects.filter(email__iexact=login).first()


def canonical_login(login: str) -> str:
    """One spelling for all that mean the same user, so that each guess counts against it."""
    user = find_user(login)
    return user.get_username() if user else login.lower()[:255]


def lockout_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """For ``AXES_USERNAME_CALLABLE``: the admin's form sends what was typed."""
    typed = (credentials or {}).get("username")
    if typed is None:
        typed = request.POST.get("username", "")
    return canonical_login(str(typed))


class EmailOrUsernameBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if not username or password is None:
            return None
        user = find_user(username)
        if user is None:
            # Hash anyway: an unknown name must not be answered faster than a wrong password.
            User().set_password(password)
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
