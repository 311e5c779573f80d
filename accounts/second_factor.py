"""Two-factor login: a code of an authenticator app (TOTP, RFC 6238) after the password.

A user has at most one app, and recovery codes for the day it is lost. The library counts wrong codes for
each of them and makes the next attempt wait, twice as long each time; a code is good for one use.
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
        super().__init__("This code is wrong, or was used before. Wait for the next one.")


class TooManyCodes(Exception):
    """Too many wrong codes: the next attempt must wait. ``seconds`` says how long."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"Too many wrong codes. Try again in {seconds} seconds.")


def is_on(user: User) -> bool:
    return TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).exists()


def is_required(user: User) -> bool:
    return bool(settings.REQUIRE_TOTP == "staff" and user.is_staff)


def lacks_code(user: User, session: SessionBase) -> bool:
    """Whether the session was begun without a code that the user has, or must have."""
    if not user.is_staff or DEVICE_ID_SESSION_KEY in session:
        return False
    return is_required(user) or is_on(user)


def check(user: User, code: str) -> None:
    """Use the code up. A session that ``user`` then logs in to is one begun with a code.

    Raises WrongCode or TooManyCodes.
    """
    code = re.sub(r"[\s-]", "", code).lower()
    kind = TOTPDevice if _OF_AN_APP.fullmatch(code) else StaticDevice
    # The row is locked, so that of two requests with one code one wins. Nothing is raised in here: the
    # count of wrong codes must be kept.
    with transaction.atomic():
        devices = kind.objects.select_for_update().filter(user_id=user.pk, confirmed=True)
        device = devices.first()
        wait = _wait(device) if device else 0
        good = bool(device and not wait and device.verify_token(code))
    if wait:
        raise TooManyCodes(wait)
    if not good:
        raise WrongCode
    # django-otp keeps it in the session that is begun.
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
    """The app that is being set up: its secret stays the same until a code of it is given."""
    found = TOTPDevice.objects.filter(user_id=user.pk, confirmed=False).first()
    return found or TOTPDevice.objects.create(user=user, name="app", confirmed=False)


def qr_code(device: TOTPDevice) -> str:
    """The secret as a picture for an app to read: an SVG as the address of an image."""
    # On white in the dark as well: many cameras read it only so.
    return segno.make(device.config_url, error="m").svg_data_uri(scale=5, border=4, light="#fff")


def secret(device: TOTPDevice) -> str:
    """The secret for typing: base32 in groups of four."""
    text = base64.b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def turn_on(user: User, code: str) -> list[str]:
    """Confirm the pending app by a code of it, and return the recovery codes: shown once.

    All tokens of the user end: they were given out without a code.

    Raises WrongCode or TooManyCodes.
    """
    with transaction.atomic():
        # The user's row first, so that two requests do not both turn it on.
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
    """Codes to log in without the app, each good for one use. The old ones end."""
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
    """Forget app and recovery codes. Tokens and sessions that were begun with a code end."""
    for user in users:
        with transaction.atomic():
            TOTPDevice.objects.filter(user_id=user.pk).delete()
            StaticDevice.objects.filter(user_id=user.pk).delete()
            user.end_tokens()
