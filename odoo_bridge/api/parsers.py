"""Bodies of requests: JSON as RFC 8259 defines it, no deeper than any body of ours."""

import codecs
import json
import math
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

# Our deepest body has four levels. Far deeper ones would exhaust the stack of whatever walks them.
MAX_DEPTH = 32


class Json(JSONParser):
    """What DRF's parser reads, without what makes Python fail later: NaN, numbers beyond a float's
    range, and lists in lists without end."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Raises ParseError (400)."""
        encoding = (parser_context or {}).get("encoding", "utf-8")
        try:
            text = codecs.getreader(encoding)(stream).read()
            body = json.loads(text, parse_constant=_refuse, parse_float=_finite)
            if "\\ud" in text.lower():
                # Half a character, which no answer and no database could repeat.
                json.dumps(body, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as exc:
            reason = "too deep" if isinstance(exc, RecursionError) else exc
            raise ParseError(f"JSON parse error - {reason}") from exc
        if _is_deeper_than(MAX_DEPTH, body):
            raise ParseError(f"JSON parse error - more than {MAX_DEPTH} levels")
        return body


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _is_deeper_than(depth: int, body: Any) -> bool:
    """Level by level: a function that calls itself would meet the limit it looks for."""
    level = [body] if isinstance(body, list | dict) else []
    for _ in range(depth):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, list | dict)
        ]
    return bool(level)
