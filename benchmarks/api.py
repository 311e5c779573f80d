"""Lists of the API beside a plain view that answers with the same bytes, in one run.

    python benchmarks/api.py [--rows 100000 1000000]

Needs the settings of a bridge (``.env`` or the environment), with PostgreSQL, and EMPTIES ITS MIRROR:
give it a database of its own. Fills contacts and invoices with made-up rows, starts gunicorn with one
worker, and prints requests a second and p50, p95 and p99 in milliseconds, of a page of 100 contacts or
invoices:

- as the API answers it: token, rights, scope, filters, names, ETag and all;
- as a plain Django view does: one SQL query, written by hand, that nobody is asked for a token for.
  Both answers are compared byte by byte before anything is measured.

Ratios are of one run on one machine; absolute figures say more of the machine than of the code.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django  # noqa: E402

django.setup()

import urllib3  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import READERS, User  # noqa: E402
from accounts.tokens import issue  # noqa: E402
from contacts.models import Contact  # noqa: E402
from invoices.models import Invoice  # noqa: E402
from odoo_bridge.api.keyset import Position  # noqa: E402
from odoo_bridge.models import Reference, SyncState  # noqa: E402
from odoo_bridge.sync.streams import all_streams  # noqa: E402

FILL_CONTACTS = """
INSERT INTO contacts_contact (odoo_id, create_date, write_date, extra, change_seq, stored_at, name,
  complete_name, email, phone, mobile, is_company, type, parent_id, commercial_contact_id,
  company_name, function, vat, ref, company_registry, website, street, street2, city, zip,
  country_id, country_code, lang, tz, active, company_id, tag_ids, salesperson_id, customer_rank,
  supplier_rank)
SELECT n, stamp, stamp, '{}', n, stamp, 'Contact ' || n, 'Contact ' || n, n || '@example.com', '', '',
  n % 5 = 0, 'contact', CASE WHEN n % 5 > 0 THEN n + 5 - n % 5 END, n + (5 - n % 5) % 5, '', '', '',
  '', '', '', n % 300 || ' Rue Haute', '', 'Bruxelles', '1000', 1 + n % 20, 'BE', 'en_US',
  'Europe/Brussels', n % 50 > 0, NULL, '[]', 1 + n % 12, 1, 0
FROM (SELECT n, timestamptz '2020-01-01 08:00Z' + n * interval '97 seconds' AS stamp
      FROM generate_series(1, %s) n) numbers
"""
FILL_INVOICES = """
INSERT INTO invoices_invoice (odoo_id, create_date, write_date, extra, change_seq, stored_at, name,
  move_type, state, payment_state, contact_id, commercial_contact_id, shipping_contact_id,
  invoice_date, invoice_date_due, date, ref, payment_reference, invoice_origin, currency_id,
  currency_code, company_id, journal_id, payment_term_id, salesperson_id, amount_untaxed, amount_tax,
  amount_total, amount_residual, amount_untaxed_signed, amount_tax_signed, amount_total_signed,
  amount_residual_signed, line_ids)
SELECT n, stamp, stamp, '{}', n, stamp, 'INV/' || lpad(n::text, 8, '0'), 'out_invoice', 'posted',
  CASE WHEN n % 10 = 3 THEN 'not_paid' ELSE 'paid' END, n, n, n, day, day + 30, day, '', 'RF' || n,
  'S' || n, 1 + n % 3, (ARRAY['EUR','USD','JPY'])[1 + n % 3], 1 + n % 3, 1 + n % 8, 1, 1 + n % 12,
  total, total / 5, total + total / 5, CASE WHEN n % 10 = 3 THEN total ELSE 0 END, total, total / 5,
  total + total / 5, CASE WHEN n % 10 = 3 THEN total ELSE 0 END, jsonb_build_array(2 * n - 1, 2 * n)
FROM (SELECT n, n * 7919 % 100000 * 5 AS total, date '2020-01-01' + (n / 1000)::int AS day,
        timestamptz '2020-01-01 08:00Z' + n * interval '97 seconds' AS stamp
      FROM generate_series(1, %s::bigint) n) numbers
"""


def fill(rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE contacts_contact, invoices_invoice, invoices_invoiceline CASCADE")
        cursor.execute(FILL_CONTACTS.replace("%", "%%").replace("%%s", "%s"), [rows])
        cursor.execute(FILL_INVOICES.replace("%", "%%").replace("%%s", "%s"), [rows])
        for table in ("contacts_contact", "invoices_invoice"):
            cursor.execute(f"VACUUM ANALYZE {table}")
    Reference.objects.all().delete()
    kinds = Reference.Kind
    named = [
        *(
            Reference(kind=kinds.CURRENCY, odoo_id=i, name=code, code=code, decimal_places=places)
            for i, code, places in ((1, "EUR", 2), (2, "USD", 2), (3, "JPY", 0))
        ),
        *(
            Reference(kind=kinds.COMPANY, odoo_id=i, name=f"We {i}", currency_id=1)
            for i in (1, 2, 3)
        ),
        *(Reference(kind=kinds.JOURNAL, odoo_id=i, name=f"Journal {i}") for i in range(1, 9)),
        *(Reference(kind=kinds.USER, odoo_id=i, name=f"Person {i}") for i in range(1, 13)),
        *(Reference(kind=kinds.COUNTRY, odoo_id=i, name=f"Land {i}") for i in range(1, 21)),
    ]
    for reference in named:
        reference.stored_at = timezone.now() - timedelta(hours=1)
    Reference.objects.bulk_create(named)
    for stream in all_streams():
        SyncState.objects.update_or_create(
            stream=stream, defaults={"watermark": timezone.now(), "change_seq": rows}
        )


def token() -> str:
    user, _made = User.objects.get_or_create(username="benchmark")
    user.groups.add(Group.objects.get(name=READERS))
    return issue(user).access


def serve() -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "gunicorn", "plain:application", "--chdir", str(ROOT / "benchmarks"),
        "--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "2", "--log-level", "error",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(command, env=environment)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.1)
    server.terminate()
    sys.exit("gunicorn did not start")


class Client:
    def __init__(self, port: int, key: str, connections: int) -> None:
        self.pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=connections)
        self.headers = {"Authorization": f"Bearer {key}", "X-Forwarded-Proto": "https"}
        self.connections = connections

    def get(self, path: str) -> bytes:
        answer = self.pool.request("GET", path, headers=self.headers, redirect=False)
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status} {answer.data[:300]!r}")
        return answer.data

    def measure(self, path: str, requests: int) -> dict[str, float]:
        """Requests a second, and percentiles of their milliseconds."""

        def one(_number: int) -> float:
            started = time.perf_counter()
            self.get(path)
            return (time.perf_counter() - started) * 1000

        for number in range(20):
            one(number)
        started = time.perf_counter()
        with ThreadPoolExecutor(self.connections) as threads:
            took = sorted(threads.map(one, range(requests)))
        seconds = time.perf_counter() - started
        at = {
            f"p{share}": took[min(len(took) - 1, len(took) * share // 100)]
            for share in (50, 95, 99)
        }
        return {"rate": requests / seconds, **at}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--empty", action="store_true", help="yes, empty this mirror first")
    parser.add_argument("--keep", action="store_true", help="measure what an earlier run filled in")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--connections", type=int, default=1)
    options = parser.parse_args()
    if connection.vendor != "postgresql":
        sys.exit("DATABASE_URL must name a PostgreSQL.")
    if not (options.empty or options.keep) and (
        Contact.objects.exists() or Invoice.objects.exists()
    ):
        sys.exit("This mirror holds rows. Give another DATABASE_URL, or --empty to lose them.")
    line = "{:>10}  {:<42}{:>10}{:>8}{:>8}{:>8}{:>8}"
    print(line.format("rows", "a page of 100", "requests/s", "p50", "p95", "p99", "ratio"))
    for rows in [Invoice.objects.count()] if options.keep else options.rows:
        if not options.keep:
            fill(rows)
        deep = min(5000, rows // 100 - 1)
        cursor = Position("odoo_id", (deep - 1) * 100, (deep - 1) * 100)
        server, port = serve()
        try:
            client = Client(port, token(), options.connections)
            queries = (
                ("by number, page 1", ""),
                ("by cursor, page 1", "?cursor="),
                (f"by cursor, page {deep:,}", f"?cursor={cursor}"),
            )
            for noun, (name, query) in product(("contacts", "invoices"), queries):
                ours, plain = f"/api/{noun}{query}", f"/plain/{noun}{query}"
                if client.get(ours) != client.get(plain).replace(b"/plain/", b"/api/"):
                    sys.exit(f"{query}: the plain view does not answer the same")
                measured: dict[str, dict[str, Any]] = {
                    "plain view": client.measure(plain, options.requests),
                    "API": client.measure(ours, options.requests),
                }
                for who, found in measured.items():
                    print(
                        line.format(
                            f"{rows:,}",
                            f"{noun} {name}, {who}",
                            f"{found['rate']:.0f}",
                            *(f"{found[at]:.1f}" for at in ("p50", "p95", "p99")),
                            f"{found['rate'] / measured['plain view']['rate']:.2f}",
                        ),
                        flush=True,
                    )
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
