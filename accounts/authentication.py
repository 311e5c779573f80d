"""Authentication of API requests: by an access token, or by the session of a browser."""

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from accounts import second_factor
from accounts.models import User, with_access

# The claim in access and refresh tokens with the user's ``token_version`` at their issue.
VERSION = "version"


class TokenAuthentication(JWTAuthentication):
    def get_user(self, validated_token: Token) -> Any:
        """The user with rights and scope, in one query. Raises AuthenticationFailed (401)."""
        claimed = validated_token.get(api_settings.USER_ID_CLAIM)
        try:
            user = with_access(int(claimed))
        except (TypeError, ValueError) as exc:
            raise InvalidToken("The token contains no user.") from exc
        if user is None:
            raise AuthenticationFailed("There is no such user.", code="user_not_found")
        if not user.is_active:
            raise AuthenticationFailed("The account is locked.", code="user_inactive")
        if not is_current(validated_token, user):
            raise AuthenticationFailed(
                "This token was revoked, for example by a new password or by logging out everywhere.",
                code="token_revoked",
            )
        return user


class BrowserSession(SessionAuthentication):
    """The user of the session that the admin or ``auth/session/login`` started.

    Whatever ends tokens also ends the session: see ``User._get_session_auth_hash``. A locked user has
    no session. Every request that may change something must contain the CSRF token.
    """

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        # Replace Django's lazy object: read the user with rights and scope in one query, as for a token.
        user = with_access(found[0].pk)
        if user is None or not user.is_active or second_factor.lacks_code(user, request.session):
            return None
        return user, None


def is_current(token: Token, user: User) -> bool:
    """Whether the user's tokens were not ended after this one was issued."""
    return bool(token.get(VERSION) == user.token_version)
