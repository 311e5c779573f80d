"""Refresh tokens are good for one use. Seen twice, one of the two users is a thief."""

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from accounts.models import User

REFUSED = "This token is not valid, no longer valid, or was used before. Log in again."


@dataclass(frozen=True)
class TokenPair:
    access: str
    refresh: str


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
    try:
        token = _Signed(raw)  # type: ignore[arg-type]  # the stubs say Token
    except TokenError as exc:
        raise InvalidToken(REFUSED) from exc
    # Not raised inside: the revocation must be committed.
    with transaction.atomic():
        pair = _rotate_locked(token)
    if pair is None:
        raise InvalidToken(REFUSED)
    return pair


def _rotate_locked(token: RefreshToken) -> TokenPair | None:
    row = OutstandingToken.objects.select_for_update().filter(jti=token["jti"]).first()
    if row is None or row.user_id is None:  # the user was deleted
        return None
    user = User.objects.filter(pk=row.user_id).first()
    if user is None:
        return None
    if BlacklistedToken.objects.filter(token=row).exists():
        revoke_all(user)
        return None
    claim = settings.SIMPLE_JWT.get("REVOKE_TOKEN_CLAIM", "hash_password")
    if not user.is_active or token.get(claim) != get_md5_hash_password(user.password):
        return None
    BlacklistedToken.objects.create(token=row)
    return issue(user)


def revoke_all(user: User) -> None:
    alive = OutstandingToken.objects.filter(
        user=user, blacklistedtoken=None, expires_at__gt=timezone.now()
    )
    BlacklistedToken.objects.bulk_create(
        [BlacklistedToken(token=token) for token in alive], ignore_conflicts=True
    )
