"""Exports of 50,000 and 500,000 contacts: speed, time to the first byte, and the server's memory.

    python benchmarks/export.py [--rows 50000,500000]

Needs the settings of a bridge on PostgreSQL (``.env`` or the environment). Makes a database of its
own beside that one, fills it, serves it with one gunicorn worker and drops it. Memory is the most
that the worker holds while it sends, over what it held before: flat means that ten times the rows
take no more of it. ``xlsxwriter`` is the usual library for workbooks in its mode of constant memory,
with the same cells from the same rows, fewest rows only: it takes its time, and has no byte to send
before the last row is written.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django

django.setup()

import psutil  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import READERS, User  # noqa: E402
from accounts.tokens import issue  # noqa: E402
from contacts.models import Contact  # noqa: E402
from contacts.noun import CONTACTS  # noqa: E402
from odoo_bridge.mirror.files import FORMS, kinds  # noqa: E402

PORT = 18720
# One row of many fields, as a company has them: nothing is fast because it is empty.
FILL = """
INSERT INTO contacts_contact (
    odoo_id, name, complete_name, email, phone, mobile, is_company, type, company_name, function,
    vat, ref, company_registry, website, street, street2, city, zip, country_code, lang, tz, active,
    tag_ids, customer_rank, supplier_rank, extra, commercial_contact_id, country_id,
    create_date, write_date, stored_at, change_seq
)
SELECT n, 'Société n° ' || n, 'Société n° ' || n, 'office' || n || '@example.com',
       '+32 2 290 ' || n, '', true, 'contact', 'Société n° ' || n, '', 'BE0' || 477472701 + n,
       'C' || n, '', 'https://example.com/' || n, 'Rue de la Loi ' || mod(n, 300), '', 'Bruxelles',
       (1000 + mod(n, 9000))::text, 'BE', 'fr_BE', 'Europe/Brussels', true, '[1, 2]', 1, 0, '{}', n, 20,
       now(), now(), now(), n
FROM generate_series(1, %s) n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="50000,500000")
    counts = [int(count) for count in parser.parse_args().rows.split(",")]
    with _own_database() as url:
        user = User.objects.create(username="benchmark")
        user.groups.add(Group.objects.get_or_create(name=READERS)[0])
        token = issue(user).access
        print(f"{'rows':>8} {'form':<10} {'rows/s':>8} {'first byte':>11} {'MB':>7} {'memory':>9}")
        for count in counts:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE contacts_contact")
                cursor.execute(FILL, [count])
                cursor.execute("ANALYZE contacts_contact")
            for form in FORMS:
                with _server(url) as worker:
                    _report(count, form, *_download(form, token, worker))
            if count == min(counts):
                _report(count, "xlsxwriter", *_xlsxwriter())


def _report(rows: int, form: str, seconds: float, first: float, size: int, memory: int) -> None:
    speed, first_byte = f"{rows / seconds:,.0f}", f"{first:.2f} s"
    print(
        f"{rows:>8} {form:<10} {speed:>8} {first_byte:>11} {size / 1e6:>7.1f} {memory / 1e6:>6.1f} MB"
    )


def _download(form: str, token: str, worker: psutil.Process) -> tuple[float, float, int, int]:
    """Seconds in all and to the first byte, bytes, and bytes of memory beyond those before."""
    headers = {"Authorization": f"Bearer {token}"}
    ask = Request(f"http://127.0.0.1:{PORT}/api/contacts/export?format={form}", headers=headers)
    # Whatever a worker's first request leaves behind for good.
    urlopen(Request(f"{ask.full_url}&search=nobody", headers=headers)).read()
    with _peak(worker) as memory:
        started, first, size = time.perf_counter(), 0.0, 0
        with urlopen(ask) as answer:
            while part := answer.read(2**16):
                first = first or time.perf_counter() - started
                size += len(part)
        seconds = time.perf_counter() - started
    return seconds, first, size, memory[0]


def _xlsxwriter() -> tuple[float, float, int, int]:
    import xlsxwriter

    columns = kinds(Contact, CONTACTS.rows.fields)
    with _peak(psutil.Process()) as memory, tempfile.TemporaryDirectory() as folder:
        started, file = time.perf_counter(), f"{folder}/contacts.xlsx"
        book = xlsxwriter.Workbook(
            file, {"constant_memory": True, "remove_timezone": True, "tmpdir": folder}
        )
        sheet = book.add_worksheet("contacts")
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        write: dict[str, Any] = {
            "number": sheet.write_number,
            "boolean": sheet.write_boolean,
            "moment": lambda row, column, value: sheet.write_datetime(row, column, value, moment),
            "json": lambda row, column, value: sheet.write_string(row, column, str(value)),
            "text": sheet.write_string,
        }
        cells = [(name, write[kind]) for name, kind in columns.items()]
        rows = CONTACTS.rows.stream(Contact.objects.order_by("odoo_id"))
        for number, row in enumerate(rows, start=1):
            for column, (name, cell) in enumerate(cells):
                value = row[name]
                if value is not None and value != "":
                    cell(number, column, value)
        book.close()
        seconds = time.perf_counter() - started
        size = Path(file).stat().st_size
    return seconds, seconds, size, memory[0]


@contextmanager
def _peak(process: psutil.Process) -> Iterator[list[int]]:
    """Yield a list whose only item becomes the most memory that was used beyond that before."""
    before, most, done = process.memory_info().rss, [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            most[0] = max(most[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


@contextmanager
def _server(database_url: str) -> Iterator[psutil.Process]:
    """One gunicorn with one worker; yields the worker."""
    command = ["gunicorn", "odoo_bridge.wsgi:application", "--bind", f"127.0.0.1:{PORT}"]
    gunicorn = subprocess.Popen(
        [
            sys.executable,
            "-m",
            *command,
            "--workers",
            "1",
            "--threads",
            "4",
            "--log-level",
            "error",
        ],
        env={**os.environ, "DATABASE_URL": database_url, "PYTHONWARNINGS": "ignore"},
    )
    try:
        for _ in range(200):
            try:
                urlopen(f"http://127.0.0.1:{PORT}/api/health/live").read()
                break
            except OSError:
                time.sleep(0.1)
        [worker] = psutil.Process(gunicorn.pid).children()
        yield worker
    finally:
        gunicorn.terminate()
        gunicorn.wait()


@contextmanager
def _own_database() -> Iterator[str]:
    if connection.vendor != "postgresql":
        sys.exit("DATABASE_URL must name a PostgreSQL")
    given = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{given}_benchmark"
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        parts = urlsplit(os.environ["DATABASE_URL"])
        yield urlunsplit(parts._replace(path=f"/{quote(name)}"))
    finally:
        connection.creation.destroy_test_db(given, verbosity=0)


if __name__ == "__main__":
    main()
