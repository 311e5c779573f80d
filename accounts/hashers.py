"""Password hashing: slow for an attacker, but cheap enough not to exhaust this server.

It uses OWASP's parameters for Argon2id. With Django's defaults each hash takes 100 MB, and every thread
of the web server could be hashing at the same time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher
from rest_framework.exceptions import APIException

# In characters. Longer passwords take longer to hash, so those beyond this limit are not hashed.
LONGEST_PASSWORD = 1024
# Hashes that one process calculates at the same time, and the seconds that others wait for a slot.
AT_ONCE, PATIENCE_SECONDS = 2, 3.0
RETRY_AFTER_SECONDS = 2


class Busy(APIException):
    """503: too many passwords are being checked; the same request may succeed in a moment."""

    status_code = 503
    default_code = "busy"
    default_detail = "Too many passwords are being checked right now. Try again in a moment."
    wait = RETRY_AFTER_SECONDS  # for Retry-After


_slots = threading.BoundedSemaphore(AT_ONCE)
_held = threading.local()


@contextmanager
def _slot() -> Iterator[None]:
    """Raises Busy if no slot becomes free in time."""
    if getattr(_held, "depth", 0):
        # Some hashers call encode() in verify().
        yield
        return
    if not _slots.acquire(timeout=PATIENCE_SECONDS):
        raise Busy
    _held.depth = 1
    try:
        yield
    finally:
        _held.depth = 0
        _slots.release()


class _InTurn:
    """Limits the number of parallel hashes and the length of passwords."""

    def encode(self, password: str, salt: str, *args: Any) -> str:
        with _slot():
            return super().encode(password, salt, *args)  # type: ignore[misc]

    def verify(self, password: str, encoded: str) -> bool:
        if len(password) > LONGEST_PASSWORD:
            return False
        with _slot():
            return super().verify(password, encoded)  # type: ignore[misc]


class Argon2(_InTurn, Argon2PasswordHasher):
    """A hash with other parameters is replaced at the next login.

    Source: OWASP Password Storage Cheat Sheet, Argon2id.
    """

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1


class PBKDF2(_InTurn, PBKDF2PasswordHasher):
    """For hashes from other systems; replaced at the next login."""
