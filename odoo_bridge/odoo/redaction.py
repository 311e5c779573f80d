"""Removes secrets from text: from errors of Odoo, a database or Redis, and from every line of a log.

Each secret of the settings is hidden in every encoding in which it can be quoted. A secret of less than
LONG characters may be an ordinary word ("admin"): it is hidden only as a whole word. If it is also the
login or the database name, it is hidden only where it is written like a value ('admin', =admin).
Besides, everything that looks like a credential is hidden.
"""

import base64
import html
import json
import re
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

HIDDEN = "[hidden]"
LONG = 8

# Text that looks like a credential. Group 1 of each pattern is kept.
_SHAPES = [
    # A JWT: three parts in base64, the first two of which are JSON objects. It allows to log in.
    r"()eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*",
    # https://user:password@host
    r"(\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:)[^\s/'\"]+(?=@)",
    # Authorization: Bearer ..., as a header or in a dict; and a long token after "bearer" or "basic".
    r"(\bauthorization['\"\\]*\s*[:=]\s*['\"\\]*(?:(?:bearer|basic|token)\s+)?)[^\s'\"\\,;]+",
    r"(\b(?:bearer|basic)\s+)[\w.~+/-]{16,}=*",
    # password=..., "api_key": "...", also with escaped quotes
    r"(\b[\w-]*(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token|refresh[_-]?token)"
    r"(?:=|['\"\\]+\s*[:=]\s*))(?:['\"\\]+(?:[^'\"\\]|\\.)*|[^\s'\"\\,;&)}\]]+)",
]
_LOOKS = re.compile("|".join(f"(?:{shape})" for shape in _SHAPES), re.IGNORECASE)


def redact(text: str) -> str:
    """``text`` with each secret replaced by ``[hidden]``, otherwise unchanged."""
    known = _known(_secrets(), _public())
    if known is not None:
        text = known.sub(HIDDEN, text)
    return _LOOKS.sub(lambda found: (found[found.lastindex or 0] or "") + HIDDEN, text)


def redacted(value: Any) -> Any:
    """``value`` for JSON: each text in it is redacted, and types that JSON does not have become text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {redact(str(key)): redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return redact(str(value))


def _secrets() -> tuple[str, ...]:
    try:
        found = [
            settings.SECRET_KEY,
            settings.JWT_SIGNING_KEY,
            settings.ODOO_PASSWORD,
            settings.ODOO_API_KEY,
            *(str(one.get("PASSWORD") or "") for one in settings.DATABASES.values()),
            *(_password(url) for url in (settings.REDIS_URL, settings.CACHE_URL)),
        ]
    except ImproperlyConfigured:
        return ()  # The settings are not loaded, so no text can contain their secrets.
    return tuple(secret for secret in found if secret)


def _public() -> tuple[str, ...]:
    try:
        return settings.ODOO_USERNAME, settings.ODOO_DB
    except ImproperlyConfigured:
        return ()


def _password(url: str) -> str:
    try:
        return unquote(urlsplit(url or "").password or "")
    except ValueError:
        return ""


@lru_cache(maxsize=8)
def _known(secrets: tuple[str, ...], public: tuple[str, ...]) -> re.Pattern[str] | None:
    """The pattern that finds the secrets; None if there are none."""
    patterns: dict[str, None] = {}
    # Longest first, because one may contain another.
    for secret in sorted(secrets, key=len, reverse=True):
        for spelling in sorted(_spellings(secret), key=len, reverse=True):
            found = re.escape(spelling)
            if len(secret) < LONG and secret in public:
                found = rf"(?<=['\"=>]){found}(?=['\"&<\\]|\Z)"
            elif len(secret) < LONG:
                found = rf"(?<![\w.@-]){found}(?![\w@-])"
            patterns[found] = None
    return re.compile("|".join(patterns)) if patterns else None


def _spellings(secret: str) -> set[str]:
    """The secret itself, and its encodings in URLs, JSON, Python, HTML and base64."""
    found = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="").lower(),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        html.escape(secret),
    }
    if len(secret) >= LONG:
        found |= _in_base64(secret.encode())
    return found


def _in_base64(secret: bytes) -> set[str]:
    """The parts that base64 of any text with ``secret`` in it contains, at every possible offset."""
    found = set()
    for before in range(3):
        # Skip the characters that also depend on the bytes beside the secret.
        first = (before * 8 + 5) // 6
        last = (before + len(secret)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * before + secret).decode()[first:last])
    return found
