"""Refresh tokens are good for one use. Seen twice, one of the two users is a thief.

A token that was used stays known as used, so that using it again is noticed. One that logged out is
forgotten: it opens nothing, and says nothing about thieves.
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
    """Signature, type and expiry only: whether it was used is asked with its row locked."""

    def check_blacklist(self) -> None:
        pass


def issue(user: User) -> TokenPair:
    refresh = RefreshToken.for_user(user)
    refresh[VERSION] = user.token_version  # and the access token's, which is made of it
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


def rotate(raw: str) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Of several that come at once with the same token one wins. The others count as reuse, which
    ends every token of the user, the winner's new ones included (RFC 9700, section 4.14).

    Raises InvalidToken (401).
    """
    token = _signed(raw)
    # Not raised inside: what it ends must be committed.
    with transaction.atomic():
        pair = _rotate_locked(token)
    if pair is None:
        raise InvalidToken(REFUSED)
    return pair


def end(raw: str, *, everywhere: bool = False) -> None:
    """Log out: the refresh token is good for nothing any more, with ``everywhere`` no token of the
    user is, access tokens included.

    One that was used before ends them all, like reuse; one that logged out or was ended already
    changes nothing.

    Raises InvalidToken (401) for what is no refresh token of ours.
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
    """What a token is, access or refresh, if it is good for anything now. Raises InvalidToken (401)."""
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
    """The token's row and its user, or None for those that are no longer there.

    The user is locked first of all: a refresh of another token that runs beside a revocation
    either is done before it or comes after it.
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
