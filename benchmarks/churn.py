"""An hour of a busy Odoo in a few minutes, with the bridge beside it.

    python benchmarks/churn.py [--seconds 600] [--every 5]

Needs the settings of a bridge (``.env`` or the environment) with PostgreSQL, WRITES TO THAT ODOO and
copies it: give both a database of their own. Each simulated second is 50 changes, made over Odoo's
own RPC as fast as it takes them: 40 contacts written, 6 made, 3 deleted, an invoice written. A fifth
of the time passes without the bridge, the rest with a ``changes`` run of every stream begun
``--every`` seconds after the last. Prints, as JSON,

- how many changes a second Odoo took, and how long its calls took, without and with the bridge;
- the lag: from a change's commit to its being here, sampled once a second;
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

CHANGES_A_SECOND = 50


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
            "res.partner", "create", [{"name": f"Busy {n}"} for n in range(500)]
        )
        self.marker = self.contacts.pop(0)
        self.invoices = self._call("account.move", "search", [("move_type", "=", "out_invoice")])
        self.marks: dict[str, float] = {}
        self.changes = 0

    def second(self) -> list[float]:
        """Make the changes of one second; return how long each call took."""
        took = []
        mark = str(len(self.marks))
        for model, method, *arguments in (
            ("res.partner", "write", self._some(39), {"function": mark}),
            ("res.partner", "write", [self.marker], {"ref": mark}),
            ("res.partner", "create", [{"name": f"New {mark}.{n}"} for n in range(6)]),
            ("res.partner", "unlink", [self.contacts.pop(0) for _ in range(3)]),
            ("account.move", "write", [self._random.choice(self.invoices)], {"ref": mark}),
        ):
            began = time.perf_counter()
            answer = self._call(model, method, *arguments)
            took.append(time.perf_counter() - began)
            if arguments[0] == [self.marker]:
                self.marks[mark] = time.monotonic()
            if method == "create":
                self.contacts += answer
        self.changes += CHANGES_A_SECOND
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
                    self.lags += [now - marks[str(n)] for n in range(seen + 1, mark + 1)]
                    seen = max(seen, mark)
        connection.close()

    def _mark(self) -> int:
        ref = Contact.objects.values_list("ref", flat=True).get(pk=self._business.marker)
        return int(ref or -1)


def measure(business: Business, seconds: int) -> dict[str, float]:
    began = time.perf_counter()
    took = [each for _ in range(seconds) for each in business.second()]
    return {
        "changes_a_second": round(seconds * CHANGES_A_SECOND / (time.perf_counter() - began), 1),
        "call_ms_median": round(1000 * statistics.median(took), 1),
        "call_ms_95": round(1000 * statistics.quantiles(took, n=20)[-1], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600, help="simulated, of 50 changes each")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between runs")
    options = parser.parse_args()
    settings.ODOO_MAX_GONE_PERCENT = 100  # the deletions here are meant
    for stream in all_streams():
        run(stream, "reconcile", trigger="command")
    business = Business()
    alone = measure(business, options.seconds // 5)
    for stream in all_streams():
        run(stream, "changes", trigger="command")
    bridge = Bridge(business, options.every)
    bridge.start()
    beside = measure(business, options.seconds - options.seconds // 5)
    bridge.enough.set()
    bridge.join()
    for stream in all_streams():
        run(stream, "changes", trigger="command")
    differences = [
        difference
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
