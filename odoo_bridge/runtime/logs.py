"""Logs without secrets, one line per record: as text, or as JSON for log collectors."""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from odoo_bridge.odoo.redaction import redact, redacted

# The attributes of every record; all others were passed with ``extra=``.
ORDINARY = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Characters that end a line, move a terminal's cursor or change the writing direction.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """``text`` with line breaks and other control characters escaped."""
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


class PlainFormatter(logging.Formatter):
    """``2026-02-01 09:30:00,123 WARNING logger: message``. The lines of a traceback begin with ``|``,
    so that no text in it can be mistaken for a record."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        lines = [one_line(redact(self.formatMessage(record)))]
        for trace in _traces(self, record):
            lines += [f"| {one_line(line)}" for line in redact(trace).split("\n")]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """``{"at", "level", "logger", "message", "traceback"?, ...extra}``"""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if traces := _traces(self, record):
            line["traceback"] = "\n".join(traces)
        for key, value in vars(record).items():
            if key not in ORDINARY and key not in line:
                line[key] = value
        # Redact before encoding as JSON, which escapes quotes and backslashes in a secret.
        text = json.dumps(redacted(line), ensure_ascii=False)
        return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _traces(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    found = []
    if record.exc_info:
        # Format it again: the text cached on the record by another formatter may be unredacted.
        found.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        found.append(record.stack_info)
    return found


def show_redacted(
    kind: type[BaseException], exc: BaseException, trace: TracebackType | None
) -> None:
    """For ``sys.excepthook``: print the traceback of an uncaught exception, without secrets."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, exc, trace))))
