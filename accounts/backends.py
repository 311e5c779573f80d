"""Signing in by username or by e-mail."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.models import User


class EmailOrUsernameBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        if username and "@" in username:
            # A name with an @ cannot be registered, so an address means a mailbox and no name.
            known = User.objects.filter(email__iexact=username).values_list("username", flat=True)
            username = known.first() or username
        return super().authenticate(request, username=username, password=password, **kwargs)
