"""Refresh tokens can be used once. If one is used twice, one of the two users must have stolen it.

A used token stays stored as used, so that a second use is detected. A token that logged out is deleted:
it is invalid, and using it again does not indicate a theft.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, UntypedToken

from accounts.authentication import VERSION, TokenAuthentication, is_current
from accounts.models import User

REFUSED = "This token is not valid, no longer valid, or was used before. Log in again."


@dataclass(frozen=True)
class TokenPair:
    access: str
    refresh: str


@dataclass(frozen=True)
class Verified:
    token_type: str  # access or refresh
    username: str
    expires_at: datetime


class _Signed(RefreshToken):
    """Checks only signature, type and expiry. Whether it was used is checked later, with its row
    locked."""

    def check_blacklist(self) -> None:
        pass


def issue(user: User) -> TokenPair:
    refresh = RefreshToken.for_user(user)
    refresh[VERSION] = user.token_version  # The access token copies this claim.
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


def rotate(raw: str) -> TokenPair:
    """Exchange a refresh token for a new pair.

    If several requests use the same token at the same time, one succeeds. The others count as reuse,
    which ends every token of the user, including the newly issued ones (RFC 9700, section 4.14).

    Raises InvalidToken (401).
    """
    token = _signed(raw)
    # Raise outside of the transaction, because ending the tokens must be committed.
    with transaction.atomic():
        pair = _rotate_locked(token)
    if pair is None:
        raise InvalidToken(REFUSED)
    return pair


def end(raw: str, *, everywhere: bool = False) -> None:
    """Log out: revoke the refresh token, or with ``everywhere`` all tokens of the user, access tokens
    included.

    A token that was used before ends all tokens, like any reuse. A token that logged out or was revoked
    before changes nothing.

    Raises InvalidToken (401) if it is not a refresh token of this bridge.
    """
    token = _signed(raw)
    with transaction.atomic():
        row, user = _locked(token)
        if row is None or user is None or not is_current(token, user):
            return
        if everywhere or _was_used(row):
            user.end_tokens()
        row.delete()


def verify(raw: str) -> Verified:
    """The type, user and expiry of a valid token. Raises InvalidToken (401) for an invalid one."""
    try:
        token = UntypedToken(raw)  # type: ignore[arg-type]  # the stubs say Token
    except TokenError as exc:
        raise InvalidToken(REFUSED) from exc
    if token.get("token_type") == RefreshToken.token_type:
        row = OutstandingToken.objects.filter(jti=token["jti"]).first()
        if row is None or _was_used(row):
            raise InvalidToken(REFUSED)
    user = TokenAuthentication().get_user(token)
    expires_at = datetime.fromtimestamp(token["exp"], UTC)
    return Verified(token["token_type"], user.get_username(), expires_at)


def _signed(raw: str) -> RefreshToken:
    try:
        return _Signed(raw)  # type: ignore[arg-type]  # the stubs say Token
    except TokenError as exc:
        raise InvalidToken(REFUSED) from exc


def _locked(token: RefreshToken) -> tuple[OutstandingToken | None, User | None]:
    """The token's row and its user, or None for each that no longer exists.

    The user is locked first, so that a revocation and a refresh of another token at the same time run
    one after the other.
    """
    user = User.objects.select_for_update(no_key=True).filter(
        pk__in=OutstandingToken.objects.filter(jti=token["jti"]).values("user_id")
    )
    found = user.first()
    return OutstandingToken.objects.filter(jti=token["jti"]).first(), found


def _rotate_locked(token: RefreshToken) -> TokenPair | None:
    row, user = _locked(token)
    if row is None or user is None or not user.is_active or not is_current(token, user):
        return None
    if _was_used(row):
        user.end_tokens()
        return None
    BlacklistedToken.objects.create(token=row)
    return issue(user)


def _was_used(row: OutstandingToken) -> bool:
    return BlacklistedToken.objects.filter(token=row).exists()
