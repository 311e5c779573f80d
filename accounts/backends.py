"""Signing in by name or e-mail address, whatever their case; and who counts as the same guesser."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.models import User


def find_user(login: str) -> User | None:
    """The user that ``login`` means. A name goes before an address."""
    return (
        User.objects.filter(username__iexact=login).first()
        or User.objects.exclude(email="").filter(email__iexact=login).first()
    )


class EmailOrUsernameBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        user = find_user(username) if username else None
        # Django spends the time of a hash on an unknown name, so time does not tell them apart.
        return super().authenticate(
            request, username=user.username if user else username or "", password=password
        )


def lockout_name(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """One name for all spellings of a login, so that each of them counts towards the lockout."""
    login = str((credentials or {}).get("username") or "")
    if not login and request is not None:
        login = request.POST.get("username", "")
    user = find_user(login) if login and "\x00" not in login else None
    return (user.username if user else login).lower()[:255]


def client_address(request: HttpRequest) -> str:
    """The address that guesses are counted by: the one our outermost proxy saw.

    What stands further left in X-Forwarded-For was written by the client, and may say anything.
    """
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    if settings.NUM_PROXIES and forwarded[0]:
        return forwarded[-min(settings.NUM_PROXIES, len(forwarded))]
    return str(request.META.get("REMOTE_ADDR", ""))
