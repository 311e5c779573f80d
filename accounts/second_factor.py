"""Two-factor login: a code from an authenticator app (TOTP, RFC 6238) after the password.

A user has at most one app, and recovery codes in case it is lost. The library counts wrong codes
separately for both, and doubles the delay before the next attempt each time. A code works once.
"""

import base64
import re
from collections.abc import Iterable

import segno
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.models import VerifyNotAllowed
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User

RECOVERY_CODES = 10
_OF_AN_APP = re.compile(r"[0-9]{6}", re.ASCII)


class WrongCode(Exception):
    """The code is wrong, or was used before."""

    def __init__(self) -> None:
        super().__init__("This code is wrong or was used before. Wait for the next code.")


class TooManyCodes(Exception):
    """Too many wrong codes: the next attempt must wait for ``seconds``."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"Too many wrong codes. Try again in {seconds} seconds.")


def is_on(user: User) -> bool:
    return TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).exists()


def is_required(user: User) -> bool:
    return bool(settings.REQUIRE_TOTP == "staff" and user.is_staff)


def lacks_code(user: User, session: SessionBase) -> bool:
    """Whether the session began without a code although the user uses, or must use, two-factor login."""
    if not user.is_staff or DEVICE_ID_SESSION_KEY in session:
        return False
    return is_required(user) or is_on(user)


def check(user: User, code: str) -> None:
    """Check the code and mark it as used. A session that then starts counts as begun with a code.

    Raises WrongCode or TooManyCodes.
    """
    code = re.sub(r"[\s-]", "", code).lower()
    kind = TOTPDevice if _OF_AN_APP.fullmatch(code) else StaticDevice
    # The row is locked, so that of two requests with the same code only one succeeds. Errors are raised
    # after the transaction, because the count of wrong codes must be committed.
    with transaction.atomic():
        devices = kind.objects.select_for_update().filter(user_id=user.pk, confirmed=True)
        device = devices.first()
        wait = _wait(device) if device else 0
        good = bool(device and not wait and device.verify_token(code))
    if wait:
        raise TooManyCodes(wait)
    if not good:
        raise WrongCode
    # django-otp stores the device in the new session.
    user.otp_device = device


def _wait(device: TOTPDevice | StaticDevice) -> int:
    """Seconds until ``device`` may be tried again."""
    allowed, why = device.verify_is_allowed()
    if allowed or why is None or why.get("reason") != VerifyNotAllowed.N_FAILED_ATTEMPTS:
        return 0
    left = why["locked_until"] - timezone.now()
    return max(1, int(left.total_seconds()) + 1)


# Setting up ------------------------------------------------------------------------------------------


def pending(user: User) -> TOTPDevice:
    """The app that is being set up. Its secret stays the same until the set-up is confirmed by a
    code."""
    found = TOTPDevice.objects.filter(user_id=user.pk, confirmed=False).first()
    return found or TOTPDevice.objects.create(user=user, name="app", confirmed=False)


def qr_code(device: TOTPDevice) -> str:
    """The secret as a QR code: an SVG as a data URI."""
    # Always on white, also in dark mode, because many cameras need that.
    return segno.make(device.config_url, error="m").svg_data_uri(scale=5, border=4, light="#fff")


def secret(device: TOTPDevice) -> str:
    """The secret to type by hand: base32 in groups of four."""
    text = base64.b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def turn_on(user: User, code: str) -> list[str]:
    """Confirm the pending app with one of its codes, and return the recovery codes, which are shown
    once.

    All tokens of the user end, because they were issued without a code.

    Raises WrongCode or TooManyCodes.
    """
    with transaction.atomic():
        # Lock the user's row first, so that of two requests only one turns it on.
        User.objects.select_for_update().get(pk=user.pk)
        device = TOTPDevice.objects.select_for_update().get(pk=pending(user).pk)
        wait = _wait(device)
        good = not wait and device.verify_token(re.sub(r"\s", "", code))
        if good:
            TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).delete()
            device.confirmed = True
            device.save()
            codes = _new_codes(user)
            user.end_tokens()
    if wait:
        raise TooManyCodes(wait)
    if not good:
        raise WrongCode
    user.otp_device = device
    return codes


def new_recovery_codes(user: User) -> list[str]:
    """Create codes to log in without the app. Each works once; the old ones become invalid."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        return _new_codes(user)


def _new_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user_id=user.pk).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return [f"{code[:4]}-{code[4:]}" for code in codes]


def recovery_codes_left(user: User) -> int:
    return StaticToken.objects.filter(device__user_id=user.pk).count()


def turn_off(users: Iterable[User]) -> None:
    """Delete the app and the recovery codes, and end the tokens and sessions of each user."""
    for user in users:
        with transaction.atomic():
            TOTPDevice.objects.filter(user_id=user.pk).delete()
            StaticDevice.objects.filter(user_id=user.pk).delete()
            user.end_tokens()
