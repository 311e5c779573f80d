"""The first copy, measured beside Odoo alone and the usual script, in one run.

    python benchmarks/first_copy.py

Needs the settings of a bridge (``.env`` or the environment) with PostgreSQL, and EMPTIES ITS MIRROR:
give it a database of its own. Prints, per stream and in all, rows a second and ratios of

- Odoo alone: the same fields of the same ids over the same connections, answers thrown away;
- ours: ``run(stream, "reconcile")`` into an empty mirror, inventory, storing and all;
- the usual script: pages of 100 by offset, labels, ``update_or_create`` row by row, on the first
  5,000 contacts;
- reconcile with nothing to do, beside Odoo's own listing of the stamps it compares.

Ratios are of one run on one machine; absolute figures say more of the machine than of the code.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from odoo_bridge.models import Reference, SyncState  # noqa: E402
from odoo_bridge.odoo.connect import connect  # noqa: E402
from odoo_bridge.sync import references  # noqa: E402
from odoo_bridge.sync.references import References  # noqa: E402
from odoo_bridge.sync.run import run  # noqa: E402
from odoo_bridge.sync.streams import Stream, all_streams  # noqa: E402

USUAL_ROWS = 5000


def odoo_alone(stream: Stream) -> tuple[int, float]:
    """Rows and seconds of a listing of ids and all reads, answers thrown away."""
    gateway = connect()
    available = gateway.fields(stream.odoo_model)
    fields = stream.bind(available, References()).fields
    started = time.perf_counter()
    ids = gateway.search(stream.odoo_model, stream.domain(available))
    size = 2 * settings.ODOO_PAGE_SIZE
    pages = [ids[start : start + size] for start in range(0, len(ids), size)]
    with ThreadPoolExecutor(settings.ODOO_CONNECTIONS) as threads:
        for _ in threads.map(
            lambda page: len(gateway.read(stream.odoo_model, page, fields)), pages
        ):
            pass
    return len(ids), time.perf_counter() - started


def ours(stream: Stream) -> dict[str, Any]:
    """Our first copy, in a process of its own so that its memory is its own."""
    code = (
        "import django, json, resource, time; django.setup()\n"
        "from odoo_bridge.sync.run import run\n"
        "started = time.perf_counter()\n"
        f"row = run({stream.name!r}, 'reconcile', trigger='command')\n"
        "print(json.dumps({'status': row.status, 'error': row.error, 'rows': row.read_count,"
        " 'calls': row.odoo_calls, 'seconds': time.perf_counter() - started,"
        " 'peak_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))"
    )
    root = str(Path(__file__).resolve().parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=root
    )
    return json.loads(done.stdout.splitlines()[-1])


def usual_script() -> tuple[int, float]:
    """What most scripts do, on the first rows: offset pages with labels, saved one by one."""
    from contacts.models import Contact

    stream, gateway = all_streams()["contacts"], connect()
    mapper = stream.bind(gateway.fields("res.partner"), References())
    fields = gateway.fields("res.partner")
    labelled = {name for name in mapper.fields if fields[name]["type"] == "many2one"}
    started, rows = time.perf_counter(), 0
    while rows < USUAL_ROWS:
        page = gateway._transport.invoke(
            "res.partner",
            "search_read",
            ids=None,
            domain=[],
            fields=mapper.fields,
            offset=rows,
            limit=100,
            context={"active_test": False},
        )
        for record in page:
            plain = {
                name: value[0] if name in labelled and value else value
                for name, value in record.items()
            }
            values = dict(zip(mapper.columns, mapper.to_row(plain), strict=True))
            Contact.objects.update_or_create(
                odoo_id=values.pop("odoo_id"),
                defaults={**values, "change_seq": 0, "stored_at": values["write_date"]},
            )
        rows += len(page)
        if len(page) < 100:
            break
    return rows, time.perf_counter() - started


def stamps_alone(stream: Stream) -> float:
    gateway = connect()
    domain = stream.domain(gateway.fields(stream.odoo_model))
    started = time.perf_counter()
    for _page in gateway.stamps(stream.odoo_model, domain):
        pass
    return time.perf_counter() - started


def empty_mirror() -> None:
    """TRUNCATE, and not delete(): neither a million rows in this process nor dead ones in the table."""
    models = [*(stream.model for stream in all_streams().values()), SyncState, Reference]
    tables = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in models)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--empty", action="store_true", help="yes, empty this mirror first")
    parser.add_argument("--no-usual", action="store_true", help="leave the usual script out")
    options = parser.parse_args()
    if not options.empty and any(
        stream.model._default_manager.exists() for stream in all_streams().values()
    ):
        sys.exit("This mirror holds rows. Give another DATABASE_URL, or --empty to lose them.")
    gateway = connect()
    print(
        f"Odoo {gateway.version().text} over {gateway.transport}, "
        f"{settings.ODOO_CONNECTIONS} connections, pages of {settings.ODOO_PAGE_SIZE} and up"
    )
    line = "{:<14}{:>9}{:>13}{:>13}{:>8}{:>8}{:>9}{:>11}{:>11}{:>8}"
    print(
        line.format(
            "stream",
            "rows",
            "Odoo rows/s",
            "our rows/s",
            "ratio",
            "calls",
            "peak MB",
            "stamps s",
            "reconcile",
            "ratio",
        )
    )
    alone_seconds = our_seconds = 0.0
    empty_mirror()
    # Contacts stay for the invoices: reconcile reads again what points to a row that is not here.
    for stream in all_streams().values():
        references.save(references.read(gateway, stream.references), timezone.now())
        rows, alone = odoo_alone(stream)
        copy = ours(stream)
        if copy["status"] != "succeeded":
            sys.exit(f"{stream.name}: {copy['status']}: {copy['error']}")
        listing = stamps_alone(stream)
        started = time.perf_counter()
        again = run(stream.name, "reconcile", trigger="command")
        idle = time.perf_counter() - started
        if again.read_count:
            sys.exit(f"{stream.name}: the second run read {again.read_count} rows")
        alone_seconds += alone
        our_seconds += copy["seconds"]
        print(
            line.format(
                stream.name,
                rows,
                f"{rows / alone:,.0f}",
                f"{copy['rows'] / copy['seconds']:,.0f}",
                f"{copy['seconds'] / alone:.2f}",
                copy["calls"],
                f"{copy['peak_mb']:.0f}",
                f"{listing:.2f}",
                f"{idle:.2f}",
                f"{idle / listing:.2f}",
            )
        )
    print(
        f"first copy: {our_seconds:.1f} s, Odoo alone {alone_seconds:.1f} s, "
        f"ratio {our_seconds / alone_seconds:.2f}"
    )
    if not options.no_usual:
        empty_mirror()
        references.save(references.read(gateway, all_streams()["contacts"].references))
        rows, seconds = usual_script()
        print(f"the usual script: {rows} contacts in {seconds:.1f} s, {rows / seconds:,.0f} rows/s")
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
