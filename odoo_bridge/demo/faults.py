"""Faults on demand: what a real Odoo, its proxy or the network does on a bad day."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

# What each kind may be given, with its default.
KINDS: dict[str, dict[str, Any]] = {
    "delay": {"seconds": 1.0},
    "status": {"code": 500, "headers": {}, "body": "<h1>Internal Server Error</h1>"},
    "cut": {"at": None},  # bytes sent before the socket closes; None: half of the body
    "html": {"body": "<!DOCTYPE html><html><body><form>Log in</form></body></html>"},
    "busy": {"retry_after": 1},
    "reset": {},
    "drip": {"seconds": 0.1, "headers": False},  # between two bytes; of the headers, too
    "no_result": {},
    "wrong_type": {"result": "not what was asked for"},
    "redirect": {"location": "/web/login"},
    "access_denied": {},
    "poison_record": {"ids": (), "fields": ()},  # none of either: whichever it is
    "hook": {"run": None},
    "after_commit_reset": {},
}


class Fault:
    """One thing that goes wrong for the calls it matches.

    ``model`` and ``method`` None match any. ``skip`` lets that many matching calls through first,
    ``times`` is how many then fail (None: until cleared). Calls that are not on a model are named
    ``common.login``, ``common.version``, ``web.version``, ``web.version_info`` and
    ``web.database_list``.
    The options of each kind are in ``KINDS``.
    """

    def __init__(
        self,
        kind: str,
        model: str | None = None,
        method: str | None = None,
        skip: int = 0,
        times: int | None = 1,
        **options: Any,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)}")
        unknown = options.keys() - KINDS[kind].keys()
        if unknown:
            raise TypeError(f"fault {kind!r} has no option {', '.join(sorted(unknown))}")
        self.kind = kind
        self.model = model
        self.method = method
        self.skip = skip
        self.times = times
        self.options = KINDS[kind] | options

    def __repr__(self) -> str:
        return f"Fault({self.kind!r}, {self.model!r}, {self.method!r}, {self.options})"

    def matches(self, model: str, method: str) -> bool:
        return self.model in (None, model) and self.method in (None, method)


class Faults:
    """The faults that wait for a call."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._waiting += faults

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, model: str, method: str) -> list[Fault]:
        """Return what goes wrong with this call, and count it as used."""
        with self._lock:
            return [
                fault
                for fault in list(self._waiting)
                if fault.kind != "poison_record"
                and fault.matches(model, method)
                and self._use(fault)
            ]

    def poisoned(
        self, model: str, method: str, ids: Collection[int], fields: Collection[str]
    ) -> int | None:
        """Return a record among ``ids`` of which one of ``fields`` cannot be read now."""
        with self._lock:
            for fault in list(self._waiting):
                if fault.kind != "poison_record" or not fault.matches(model, method):
                    continue
                bad = sorted(set(fault.options["ids"] or ids).intersection(ids))
                bad_fields = set(fault.options["fields"] or fields).intersection(fields)
                if bad and bad_fields and self._use(fault):
                    return bad[0]
        return None

    def _use(self, fault: Fault) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._waiting.remove(fault)
        return True
