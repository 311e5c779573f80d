"""Logs without secrets: one JSON object a line, for whatever collects them."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

HIDDEN = "[hidden]"
# Three parts in base64, the first two of them JSON objects: a token anybody may log in with.
TOKEN = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*")
# Shorter ones (the demo's "admin") are ordinary words, and no secret to begin with.
SHORTEST_SECRET = 6
# What every record has; anything else came in by ``extra=``.
ORDINARY = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configured_secrets() -> list[str]:
    """The secrets the settings hold, in each spelling they can appear in."""
    found = [
        settings.SECRET_KEY,
        settings.JWT_SIGNING_KEY,
        settings.ODOO_PASSWORD,
        settings.ODOO_API_KEY,
        str(settings.DATABASES["default"].get("PASSWORD") or ""),
        urlsplit(settings.REDIS_URL or "").password or "",
    ]
    spellings = {
        spelling
        for secret in found
        if len(secret) >= SHORTEST_SECRET
        for spelling in (secret, quote(secret, safe=""), unquote(secret), json.dumps(secret)[1:-1])
    }
    # The longest first: one may contain another.
    return sorted(spellings, key=len, reverse=True)


def redact(text: str) -> str:
    for secret in configured_secrets():
        text = text.replace(secret, HIDDEN)
    return TOKEN.sub(HIDDEN, text)


class PlainFormatter(logging.Formatter):
    """The usual line, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """``{"at", "level", "logger", "message", "traceback"?, ...extra}``"""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        for key, value in vars(record).items():
            if key not in ORDINARY and key not in line:
                line[key] = value
        return json.dumps(_redacted(line), ensure_ascii=False)


def _redacted(value: Any) -> Any:
    # Before JSON spells it: a secret with a quote or a backslash looks different afterwards.
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {redact(str(key)): _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return redact(str(value))
