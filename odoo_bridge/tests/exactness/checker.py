"""The checker that every test of this folder ends with: is the mirror what Odoo says, all of it?

It reads Odoo with another client than the bridge's own and spells our values the way Odoo spells
them, so a mistake in the gateway, in the conversions or in the storing has nowhere to hide. From
the code under test it takes only which column comes from which field.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Sum

from odoo_bridge.demo import DemoOdoo
from odoo_bridge.models import SyncIssue, SyncRun, SyncState
from odoo_bridge.sync.streams import Column, Stream, all_streams
from odoo_bridge.tests.real_odoo.client import RealOdoo

Status = SyncRun.Status
ARCHIVED_TOO = {"active_test": False}


class Truth(Protocol):
    """What Odoo holds, asked for without the bridge."""

    def fields(self, model: str) -> Collection[str]: ...
    def records(self, model: str, domain: list[Any], fields: Sequence[str]) -> list[Any]: ...
    def now(self) -> datetime: ...


class DemoTruth:
    """A demo Odoo, asked inside this process, as the user the bridge logs in as."""

    def __init__(self, demo: DemoOdoo) -> None:
        self._demo = demo

    def fields(self, model: str) -> Collection[str]:
        return self._demo.call(model, "fields_get", [], {}, {}).keys()

    def records(self, model: str, domain: list[Any], fields: Sequence[str]) -> list[Any]:
        # Two calls: search_read of Odoo 14 cannot leave out the labels.
        name = "args" if self._demo.major < 16 else "domain"
        ids = self._demo.call(model, "search", [], ARCHIVED_TOO, {name: domain})
        asked = {"fields": list(fields), "load": ""}
        return self._demo.call(model, "read", ids, ARCHIVED_TOO, asked)

    def now(self) -> datetime:
        return self._demo.clock.now()


class RealTruth:
    """A real Odoo, asked over plain OdooRPC."""

    def __init__(self, odoo: RealOdoo) -> None:
        self._odoo = odoo

    def fields(self, model: str) -> Collection[str]:
        return self._odoo.call(model, "fields_get", attributes=["type"]).keys()

    def records(self, model: str, domain: list[Any], fields: Sequence[str]) -> list[Any]:
        # Two calls: search_read of Odoo 14 cannot leave out the labels.
        ids = self._odoo.search(model, domain)
        return self._odoo.read(model, ids, *fields)

    def now(self) -> datetime:
        [(now,)] = self._odoo.sql("select clock_timestamp()")
        return now


class Journal(logging.Handler):
    """Everything that was logged, at any level, and the logs of programs that were started."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.files: list[Path] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.exc_info:
            line += logging.Formatter().formatException(record.exc_info)
        self.lines.append(line)

    @contextmanager
    def kept(self) -> Iterator["Journal"]:
        root = logging.getLogger()
        level = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        try:
            yield self
        finally:
            root.removeHandler(self)
            root.setLevel(level)

    def text(self) -> str:
        return "\n".join([*self.lines, *(path.read_text() for path in self.files)])


class Checker:
    """Call it at the end of a test: it raises AssertionError with all that is wrong."""

    def __init__(self, truth: Truth, journal: Journal) -> None:
        self.truth, self.journal = truth, journal

    def __call__(self, *streams: str) -> None:
        """Check everything. ``streams``: those that must equal Odoo by now; all, unless named."""
        wrong = self.wrong_books() + self.secrets()
        for name in streams or all_streams():
            wrong += self.differences(all_streams()[name])
        assert not wrong, "\n".join(wrong)

    # The mirror equals Odoo ---------------------------------------------------------------------

    def differences(self, stream: Stream) -> list[str]:
        """What differs between Odoo and the mirror; a record with an open issue may be behind."""
        available = self.truth.fields(stream.odoo_model)
        sources = _sources(stream, available)
        theirs = {
            record["id"]: record
            for record in self.truth.records(
                stream.odoo_model,
                stream.domain({name: {} for name in available}),
                sorted({source for source in sources.values() if source}),
            )
        }
        codes = self._codes()
        excused = set(
            SyncIssue.objects.filter(stream=stream.name, resolved_at=None).values_list(
                "odoo_id", flat=True
            )
        )
        wrong, seen = [], set()
        for row in stream.model._default_manager.all():
            record = theirs.get(row.pk)
            if record is None:
                if row.gone_at is None:
                    wrong.append(f"{stream.name} {row.pk}: not in Odoo, and not marked gone")
                continue
            seen.add(row.pk)
            if row.gone_at is not None:
                wrong.append(f"{stream.name} {row.pk}: marked gone, and alive in Odoo")
            if row.pk in excused:
                continue
            for name, source in sources.items():
                here = getattr(row, name)
                there = False if source is None else record[source]
                if not _equal(stream, name, here, there, codes):
                    wrong.append(f"{stream.name} {row.pk}.{name}: {here!r} here, {there!r} in Odoo")
        missing = sorted(theirs.keys() - seen - excused)
        if missing:
            wrong.append(f"{stream.name} {missing[:20]}: in Odoo, and not here")
        return wrong

    def _codes(self) -> dict[str, dict[int, Any]]:
        """By our column: the code behind an id."""
        ask = self.truth.records
        return {
            "country_code": {row["id"]: row["code"] for row in ask("res.country", [], ["code"])},
            "currency_code": {row["id"]: row["name"] for row in ask("res.currency", [], ["name"])},
        }

    # The books of the runs are right ------------------------------------------------------------

    def wrong_books(self) -> list[str]:
        """What is wrong with runs, counts, watermarks and change_seq."""
        wrong = []
        for run in SyncRun.objects.all():
            if run.status in (Status.QUEUED, Status.RUNNING):
                wrong.append(f"{run} is {run.status}: it reached no end")
            done = run.created_count + run.updated_count + run.unchanged_count + run.issue_count
            if run.read_count != done:
                wrong.append(f"{run}: read {run.read_count}, but accounted for {done}")
            if (run.finished_at is None) == (run.status not in (Status.QUEUED, Status.RUNNING)):
                wrong.append(f"{run} is {run.status} and finished at {run.finished_at}")
        for stream in all_streams().values():
            wrong += self._wrong_totals(stream)
            wrong += self._missing_indexes(stream)
            wrong += self._wrong_watermark(stream)
        return wrong

    def _wrong_totals(self, stream: Stream) -> list[str]:
        """Rows are never deleted, so what all runs counted is what the table holds."""
        wrong = []
        rows = stream.model._default_manager.all()
        told = SyncRun.objects.filter(stream=stream.name).aggregate(
            created=Sum("created_count", default=0),
            gone=Sum("gone_count", default=0),
            restored=Sum("restored_count", default=0),
        )
        held = rows.count(), rows.exclude(gone_at=None).count()
        if held != (told["created"], told["gone"] - told["restored"]):
            wrong.append(f"{stream.name}: {held} rows and gone rows, but the runs counted {told}")
        numbers = rows.aggregate(n=Count("pk"), distinct=Count("change_seq", distinct=True))
        if numbers["n"] != numbers["distinct"]:
            wrong.append(f"{stream.name}: two rows share a change_seq")
        state = SyncState.objects.filter(pk=stream.name).first()
        last = rows.aggregate(last=Max("change_seq"))["last"] or 0
        if last > (state.change_seq if state else 0):
            wrong.append(f"{stream.name}: change_seq {last} was given out without being counted")
        return wrong

    def _missing_indexes(self, stream: Stream) -> list[str]:
        """A first copy sets indexes aside, and must put them back however it ended."""
        if connection.vendor != "postgresql":
            return []  # where they stay in place, and some kinds of them do not exist
        table = stream.model._meta.db_table
        with connection.cursor() as cursor:
            there = connection.introspection.get_constraints(cursor, table)
        return [
            f"{table}: the index {index.name} is not there"
            for index in stream.model._meta.indexes
            if index.name not in there
        ]

    def _wrong_watermark(self, stream: Stream) -> list[str]:
        wrong = []
        state = SyncState.objects.filter(pk=stream.name).first()
        latest = None
        moved = SyncRun.objects.filter(stream=stream.name, watermark_after__isnull=False)
        for run in moved.order_by("lease_token"):
            after = run.watermark_after
            if latest is not None and after is not None and after < latest:
                wrong.append(f"{run}: the watermark went back from {latest}")
            if run.watermark_before != latest:
                wrong.append(f"{run} found {run.watermark_before} where {latest} was left")
            latest = run.watermark_after
        if state is not None and state.watermark != latest:
            wrong.append(f"{stream.name}: {state.watermark} stands where {latest} was left")
        return wrong

    # No secret was told -------------------------------------------------------------------------

    def secrets(self) -> list[str]:
        told = [self.journal.text()]
        told += SyncRun.objects.values_list("error", flat=True)
        told += (
            f"{reason} {record}"
            for reason, record in SyncIssue.objects.values_list("reason", "record")
        )
        text = "\n".join(told)
        names = ("ODOO_PASSWORD", "ODOO_API_KEY", "SECRET_KEY", "JWT_SIGNING_KEY")
        return [
            f"{name} was told: {_around(text, getattr(settings, name))}"
            for name in names
            # Shorter ones are words, and the users of other tests.
            if len(getattr(settings, name)) > 8 and getattr(settings, name) in text
        ]


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return text[max(0, at - 100) : at] + "[...]"


def _sources(stream: Stream, available: Collection[str]) -> dict[str, str | None]:
    """Our column -> the field it comes from; None where this Odoo has no such field."""
    return {
        name: next((source for source in _first(column) if source in available), None)
        for name, column in stream.columns.items()
    }


def _first(column: Any) -> Sequence[str]:
    return column.sources if isinstance(column, Column) else column.sources[:1]


def _equal(stream: Stream, name: str, here: Any, there: Any, codes: dict[str, Any]) -> bool:
    if name in ("country_code", "currency_code"):
        return bool(here == (codes[name][there] if there else ""))
    if isinstance(here, Decimal):
        return here == Decimal(repr(there))
    if name == "name" and stream.name == "invoices":
        there = False if there == "/" else there
    if name == "display_type":
        there = there or "product"
    if isinstance(there, list | tuple):
        # Odoo lists them in the order of the other model; here they are a set, ids ascending.
        if here != sorted(here):
            return False
        there = sorted(there)
    return bool(_as_odoo_spells(here) == (there if there != "" and there != [] else False))


def _as_odoo_spells(value: Any) -> Any:
    if value is None or value == "" or value == []:
        return False
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    return value
