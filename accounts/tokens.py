"""Refresh tokens are good for one use. Seen twice, one of the two users is a thief.

A token that was used stays known as used, so that using it again is noticed. One that logged out is
forgotten: it opens nothing, and says nothing about thieves.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, UntypedToken
from rest_framework_simplejwt.utils import get_md5_hash_password

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
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


def rotate(raw: str) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Of several that come at once with the same token one wins. The others count as reuse, which
    revokes every token of the user, the winner's new one included (RFC 9700, section 4.14).

    Raises InvalidToken (401).
    """
    token = _signed(raw)
    # Not raised inside: the revocation must be committed.
    with transaction.atomic():
        pair = _rotate_locked(token)
    if pair is None:
        raise InvalidToken(REFUSED)
    return pair


def end(raw: str, *, everywhere: bool = False) -> None:
    """Log out: the refresh token is good for nothing any more, with ``everywhere`` none of the user's.

    One that was used before ends them all, like reuse; one that logged out already changes
    nothing. Access tokens run out by themselves, in minutes.

    Raises InvalidToken (401) for what is no refresh token of ours.
    """
    token = _signed(raw)
    with transaction.atomic():
        row, user = _locked(token)
        if row is None or user is None:
            return
        if everywhere or _was_used(row):
            revoke_all(user)
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
    user = JWTAuthentication().get_user(token)
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
    if row is None or user is None:
        return None
    if _was_used(row):
        revoke_all(user)
        return None
    claim = settings.SIMPLE_JWT.get("REVOKE_TOKEN_CLAIM", "hash_password")
    if not user.is_active or token.get(claim) != get_md5_hash_password(user.password):
        return None
    BlacklistedToken.objects.create(token=row)
    return issue(user)


def _was_used(row: OutstandingToken) -> bool:
    return BlacklistedToken.objects.filter(token=row).exists()


def revoke_all(user: User) -> None:
    alive = OutstandingToken.objects.filter(
        user=user, blacklistedtoken=None, expires_at__gt=timezone.now()
    )
    BlacklistedToken.objects.bulk_create(
        [BlacklistedToken(token=token) for token in alive], ignore_conflicts=True
    )
