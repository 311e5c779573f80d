"""An hour of a busy Odoo in a few minutes, with the bridge beside it.

    python benchmarks/churn.py [--changes 180000] [--alone 20000] [--every 3]

Needs the settings of a bridge (``.env`` or the environment) with PostgreSQL, WRITES TO THAT ODOO and
copies it: give both a database of their own. 180,000 changes are an hour's at 50 a second, made over
Odoo's own RPC as fast as it takes them. Of each thousand, 800 are contacts written by one call, as an
import does, 15 contacts written one by one, as people do, 120 contacts made, 60 deleted, and 5
invoices written, one of them by itself. First ``--alone`` changes without the bridge, then
``--changes`` beside it, with a ``changes`` run of every stream begun ``--every`` seconds after the
last. Prints, as JSON,

- how many changes a second Odoo took, and how long its calls took, without and with the bridge;
- the lag: from a change's commit to its being here, sampled twice in a thousand changes;
- what the runs read, and what they asked of Odoo;
- the differences at the end, field by field, of every row: none, or something was lost.
"""

import argparse
import json
import os
import random
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django

django.setup()

import odoorpc  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from contacts.models import Contact  # noqa: E402
from odoo_bridge.sync.run import run  # noqa: E402
from odoo_bridge.sync.streams import all_streams  # noqa: E402
from odoo_bridge.sync.verify import verify  # noqa: E402

SHIFT = 1000


class Business:
    """Everybody who works in that Odoo."""

    def __init__(self) -> None:
        address = urlsplit(settings.ODOO_URL)
        protocol = "jsonrpc+ssl" if address.scheme == "https" else "jsonrpc"
        port = address.port or (443 if address.scheme == "https" else 80)
        self._odoo = odoorpc.ODOO(address.hostname, protocol=protocol, port=port, timeout=120)
        self._odoo.login(settings.ODOO_DB, settings.ODOO_USERNAME, settings.ODOO_PASSWORD)
        self._random = random.Random(1)
        self.contacts = self._call(
            "res.partner", "create", [{"name": f"Busy {n}"} for n in range(1500)]
        )
        self.marker = self.contacts.pop(0)
        self.invoices = self._call("account.move", "search", [("move_type", "=", "out_invoice")])
        self.marks: dict[str, float] = {}
        self.changes = 0

    def shift(self) -> dict[str, list[float]]:
        """Make a thousand changes; return by kind how many seconds each call took."""
        took: dict[str, list[float]] = {}
        name, first, second = str(self.changes), str(len(self.marks)), str(len(self.marks) + 1)
        for kind, model, method, *arguments in (
            ("import", "res.partner", "write", [*self._some(799), self.marker], {"ref": first}),
            *(
                ("write", "res.partner", "write", self._some(1), {"street": name})
                for _ in range(14)
            ),
            ("write", "res.partner", "write", [self.marker], {"ref": second}),
            ("create", "res.partner", "create", [{"name": f"{name}.{n}"} for n in range(120)]),
            ("delete", "res.partner", "unlink", [self.contacts.pop(0) for _ in range(60)]),
            (
                "import",
                "account.move",
                "write",
                self._random.sample(self.invoices, 4),
                {"ref": name},
            ),
            ("write", "account.move", "write", [self._random.choice(self.invoices)], {"ref": name}),
        ):
            began = time.perf_counter()
            answer = self._call(model, method, *arguments)
            took.setdefault(kind, []).append(time.perf_counter() - began)
            if method == "write" and self.marker in arguments[0]:
                self.marks[arguments[1]["ref"]] = time.monotonic()
            if method == "create":
                self.contacts += answer
        self.changes += SHIFT
        return took

    def _some(self, count: int) -> list[int]:
        return self._random.sample(self.contacts, count)

    def _call(self, model: str, method: str, *arguments: Any) -> Any:
        return self._odoo.execute_kw(model, method, list(arguments), {})


class Bridge(threading.Thread):
    """Runs every stream again and again, and notes when a mark is first seen here."""

    def __init__(self, business: Business, every: float) -> None:
        super().__init__()
        self._business, self._every = business, every
        self.enough = threading.Event()
        self.lags: list[float] = []
        self.runs = self.read = self.calls = 0
        self.odoo_seconds = 0.0
        self.outcomes: set[str] = set()

    def run(self) -> None:
        seen = len(self._business.marks) - 1
        while not self.enough.wait(self._every):
            for stream in all_streams():
                row = run(stream, "changes", trigger="command")
                self.runs += 1
                self.read += row.read_count
                self.calls += row.odoo_calls
                self.odoo_seconds += row.odoo_seconds
                self.outcomes.add(row.status)
                if stream == "contacts":
                    now, mark = time.monotonic(), self._mark()
                    marks = self._business.marks
                    # One may be here before Odoo's answer is there.
                    while seen < mark and str(seen + 1) in marks:
                        seen += 1
                        self.lags.append(max(0.0, now - marks[str(seen)]))
        connection.close()

    def _mark(self) -> int:
        ref = Contact.objects.values_list("ref", flat=True).get(pk=self._business.marker)
        return int(ref or -1)


def measure(business: Business, changes: int) -> dict[str, Any]:
    began = time.perf_counter()
    took: dict[str, list[float]] = {}
    for _ in range(changes // SHIFT):
        for kind, seconds in business.shift().items():
            took.setdefault(kind, []).extend(seconds)
    lasted = time.perf_counter() - began
    return {
        "seconds": round(lasted),
        "changes_a_second": round(changes / lasted),
        "call_ms_median": {
            kind: round(1000 * statistics.median(each)) for kind, each in took.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=180_000, help="beside the bridge")
    parser.add_argument("--alone", type=int, default=20_000, help="before, without it")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between runs")
    options = parser.parse_args()
    settings.ODOO_MAX_GONE_PERCENT = 100  # the deletions here are meant
    for stream in all_streams():
        run(stream, "reconcile", trigger="command")
    business = Business()
    alone = measure(business, options.alone)
    for stream in all_streams():
        run(stream, "changes", trigger="command")
    bridge = Bridge(business, options.every)
    bridge.start()
    beside = measure(business, options.changes)
    bridge.enough.set()
    bridge.join()
    for stream in all_streams():
        run(stream, "changes", trigger="command")
    differences = [
        f"{stream.name} {difference.odoo_id} {difference.field}"
        for stream in all_streams().values()
        for difference in verify(stream, sample=10**9).differences
    ]
    lags = bridge.lags or [0.0]
    print(
        json.dumps(
            {
                "changes": business.changes,
                "contacts": Contact.objects.filter(gone_at=None).count(),
                "odoo_alone": alone,
                "odoo_beside_the_bridge": beside,
                "lag_seconds": {
                    "median": round(statistics.median(lags), 1),
                    "longest": round(max(lags), 1),
                    "samples": len(lags),
                },
                "runs": bridge.runs,
                "outcomes": sorted(bridge.outcomes),
                "rows_read": bridge.read,
                "odoo_calls": bridge.calls,
                "odoo_seconds": round(bridge.odoo_seconds, 1),
                "differences": differences,
            },
            indent=2,
        )
    )
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
