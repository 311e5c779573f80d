"""Who asks: the user of an access token, or the one who is logged in with this browser."""

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

# In access and refresh tokens: the user's ``token_version`` when they were given out.
VERSION = "version"


class TokenAuthentication(JWTAuthentication):
    def get_user(self, validated_token: Token) -> Any:
        """The user with rights and scope, in one query. Raises AuthenticationFailed (401)."""
        claimed = validated_token.get(api_settings.USER_ID_CLAIM)
        try:
            user = with_access(int(claimed))
        except (TypeError, ValueError) as exc:
            raise InvalidToken("The token names no user.") from exc
        if user is None:
            raise AuthenticationFailed("There is no such user.", code="user_not_found")
        if not user.is_active:
            raise AuthenticationFailed("The account is locked.", code="user_inactive")
        if not is_current(validated_token, user):
            raise AuthenticationFailed(
                "This token was ended: by a new password, or by logging out everywhere.",
                code="token_revoked",
            )
        return user


class BrowserSession(SessionAuthentication):
    """The user of the session, as the admin and ``auth/session/login`` begin it.

    It ends with what ends tokens: see ``User._get_session_auth_hash``. A locked user has none. Every
    request that may change something must carry the CSRF token.
    """

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        # Not Django's lazy object, and with rights and scope in one query, as for a token.
        user = with_access(found[0].pk)
        if user is None or not user.is_active or second_factor.lacks_code(user, request.session):
            return None
        return user, None


def is_current(token: Token, user: User) -> bool:
    """Whether all that ended tokens of the user was before this one was given out."""
    return bool(token.get(VERSION) == user.token_version)
