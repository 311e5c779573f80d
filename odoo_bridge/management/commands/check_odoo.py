"""``check_odoo``: can we sync from this Odoo, and if not, why and what to do."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import Error

from odoo_bridge.checks import (
    COLLECT_THEM,
    MAKE_ONE,
    NO_ADMINISTRATOR,
    NO_STATIC_FILES,
    administrator_exists,
    static_files_are_there,
)
from odoo_bridge.management.commands._output import BridgeCommand
from odoo_bridge.mirror.words import duration
from odoo_bridge.odoo.connect import connect, databases
from odoo_bridge.odoo.errors import (
    BridgeError,
    OdooForbidden,
    OdooMissing,
    OdooRejected,
    OdooWrongDatabase,
)
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.odoo.remedies import remedy
from odoo_bridge.runtime.startup import explain
from odoo_bridge.sync import identity
from odoo_bridge.sync.references import References
from odoo_bridge.sync.streams import Stream, all_streams

# Records read to measure how fast Odoo serves them.
SAMPLE = 500
# Rows per second if nothing could be measured: an Odoo with two workers, see docs/performance.md.
ROWS_PER_SECOND = 12_000


@dataclass(frozen=True)
class Problem:
    """Something that prevents a sync, and what to do about it."""

    code: str
    message: str
    remedy: str


_MIRRORS = {
    "same": "this Odoo",
    "moved": "this Odoo, until now at another URL",
    "new": "nothing yet",
    "unrecorded": "this Odoo",
}


class Command(BridgeCommand):
    help = (
        "Checks Odoo as a sync would and ends with a verdict: ready, and how long the first copy "
        "takes, or what prevents a sync and what to do about it. "
        "Exit codes: 0 a sync can run, 1 something prevents it."
    )
    examples = """
        manage.py check_odoo           show the findings and a verdict
        manage.py check_odoo --json    the same for a program: "ready", "verdict", "problems"
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        report: dict[str, Any] = {"address": settings.ODOO_URL}
        problems: list[Problem] = []
        try:
            gateway = connect()
            self._look(gateway, report, problems)
        except BridgeError as exc:
            problems.append(_problem(exc))
        except Error as exc:
            problems.append(_database_problem(exc))
        report["warnings"] = _extra_fields(report.get("streams", []))
        try:
            report["warnings"] += _bridge()
        except Error as exc:
            if not any(problem.code == "database" for problem in problems):
                problems.append(_database_problem(exc))
        report["problems"] = [vars(problem) for problem in problems]
        report["ready"] = not problems
        report["verdict"] = _verdict(problems, report.get("first_copy_seconds", 0))
        if options["json"]:
            self.print_json(report)
        else:
            self._print(report, problems)
        if problems:
            raise SystemExit(1)

    def _look(self, gateway: Gateway, report: dict[str, Any], problems: list[Problem]) -> None:
        report |= {
            "version": gateway.version().text,
            "transport": gateway.transport,
            "database": settings.ODOO_DB or "(the only one)",
            "user": settings.ODOO_USERNAME or "(of the API key)",
        }
        companies, problem = _companies(gateway)
        report["companies"] = companies
        problem = problem or _portal(gateway)
        if problem:
            problems.append(problem)
            return
        report["mirror_of"] = _mirror_of(gateway, problems)
        report["clock_difference_seconds"] = round(
            (datetime.now(UTC) - gateway.server_time()).total_seconds()
        )
        report["streams"] = [
            self._stream(gateway, stream, problems) for stream in all_streams().values()
        ]
        seconds = sum(stream.pop("seconds", 0) for stream in report["streams"])
        report["first_copy_seconds"] = max(1, round(seconds))

    def _stream(self, gateway: Gateway, stream: Stream, problems: list[Problem]) -> dict[str, Any]:
        found: dict[str, Any] = {"stream": stream.name, "model": stream.odoo_model}
        try:
            available = gateway.fields(stream.odoo_model)
            domain = stream.domain(available)
            found["rows"] = gateway.totals(stream.odoo_model, domain).rows
            mapper = stream.bind(available, References())
            found["unavailable_fields"] = sorted(mapper.unavailable)
            found["left_out_fields"] = mapper.refused
            found["seconds"] = _seconds(gateway, stream, domain, mapper.fields, found["rows"])
        except (OdooForbidden, OdooMissing, OdooRejected) as exc:
            problems.append(_problem(exc))
        return found

    def _print(self, report: dict[str, Any], problems: Sequence[Problem]) -> None:
        for name, value in report.items():
            if name not in ("streams", "warnings", "problems", "ready", "verdict"):
                shown = ", ".join(value) if isinstance(value, list) else value
                self.stdout.write(f"{name.replace('_', ' ')}: {shown}")
        for stream in report.get("streams", []):
            rows = stream.get("rows")
            self.stdout.write(
                f"{stream['stream']} ({stream['model']}): "
                + ("may not be read" if rows is None else f"{rows} rows")
            )
            if stream.get("unavailable_fields"):
                self.stdout.write(
                    f"  fields that stay empty, because they do not exist or cannot be read: "
                    f"{', '.join(stream['unavailable_fields'])}"
                )
        for warning in report["warnings"]:
            self.stdout.write(self.style.WARNING(f"Warning: {warning}"))
        for problem in problems[1:]:
            self.stdout.write(self.style.ERROR(f"{problem.message}\n  {problem.remedy}"))
        self.stdout.write((self.style.ERROR if problems else self.style.SUCCESS)(report["verdict"]))


def _mirror_of(gateway: Gateway, problems: list[Problem]) -> str:
    """Which Odoo is mirrored here, in words. A different one is a problem."""
    known = identity.recorded()
    finding = identity.look(gateway, known, thorough=True)
    if finding.is_refused:
        problems.append(_problem(identity.OtherOdoo(identity.refusal(finding, known))))
        return "another Odoo"
    return _MIRRORS[finding.kind]


def _problem(exc: BridgeError) -> Problem:
    what_to_do = remedy(exc.code)
    if isinstance(exc, OdooWrongDatabase):
        names = databases()
        if len(names) == 1:
            what_to_do = f"This Odoo has one database: set ODOO_DB={names[0]}"
        elif names:
            what_to_do = f"Set ODOO_DB to one of the databases there: {', '.join(names)}."
        else:
            what_to_do += (
                " The server does not list them: ask your Odoo administrator for its name."
            )
        if settings.ODOO_DB:
            return Problem(
                exc.code,
                f"ODOO_DB={settings.ODOO_DB} does not exist: {exc}",
                what_to_do,
            )
    return Problem(exc.code, str(exc), what_to_do)


def _database_problem(exc: Error) -> Problem:
    """The problem with our own database. Raises ``exc`` again if it is a bug."""
    text = explain(exc)
    if text is None:
        raise exc
    message, _, what_to_do = text.partition("\n")
    return Problem("database", message, what_to_do or remedy("database"))


def _companies(gateway: Gateway) -> tuple[list[str], Problem | None]:
    """The names of the companies that the user may act for, and the problem with ODOO_COMPANY_IDS."""
    # Odoo refuses any call for a company that the user may not act for, so this one names none.
    of_user = replace(gateway, company_ids=())
    rows = of_user.read("res.company", of_user.search("res.company", []), ["name"])
    names = {row["id"]: row["name"] for row in rows}
    absent = [str(company) for company in settings.ODOO_COMPANY_IDS if company not in names]
    if not absent:
        return list(names.values()), None
    known = ", ".join(f"{company} ({name})" for company, name in sorted(names.items()))
    message = (
        f"ODOO_COMPANY_IDS names {', '.join(absent)}, but the Odoo user may act only for {known}"
    )
    return list(names.values()), Problem("wrong_company", message, remedy("wrong_company"))


def _portal(gateway: Gateway) -> Problem | None:
    if gateway.is_internal_user():
        return None
    message = "The Odoo user is a portal user: it can see only its own records"
    return Problem("odoo_portal", message, remedy("odoo_portal"))


def _seconds(
    gateway: Gateway, stream: Stream, domain: Sequence[Any], fields: Sequence[str], rows: int
) -> float:
    """Estimate the duration of the stream's first copy by reading some of its records."""
    connections = 1 if gateway.client.online else settings.ODOO_CONNECTIONS
    ids = list(gateway.search(stream.odoo_model, domain, limit=SAMPLE * connections))
    if not ids:
        return 0.0
    try:
        # Fill Odoo's caches first.
        gateway.read(stream.odoo_model, ids[:1], fields)
        parts = [ids[start::connections] for start in range(connections) if ids[start:]]
        started = time.monotonic()
        # In parallel, like the copy: on a busy Odoo two connections are not twice as fast.
        with ThreadPoolExecutor(connections) as threads:
            list(threads.map(lambda part: gateway.read(stream.odoo_model, part, fields), parts))
        measured = (time.monotonic() - started) / len(ids)
    except (OdooForbidden, OdooMissing, OdooRejected):
        # One of the records cannot be read, which does not prevent a sync.
        measured = 1 / ROWS_PER_SECOND
    waiting = rows / settings.ODOO_PAGE_SIZE if gateway.client.online else 0.0
    return rows * measured + waiting


def _extra_fields(streams: Sequence[dict[str, Any]]) -> list[str]:
    """Warnings about names in ODOO_EXTRA_FIELDS that are not copied; runs continue without them."""
    models = {stream["model"]: stream.get("left_out_fields", {}) for stream in streams}
    found = []
    for model in settings.ODOO_EXTRA_FIELDS:
        if streams and model not in models:
            found.append(f"ODOO_EXTRA_FIELDS names {model}, which is not copied.")
        for name, why in models.get(model, {}).items():
            found.append(f"ODOO_EXTRA_FIELDS: {model}:{name} is not copied: the field {why}.")
    return found


def _bridge() -> list[str]:
    """Warnings about what the bridge itself lacks before people can use it."""
    found = []
    if not static_files_are_there():
        found.append(f"{NO_STATIC_FILES} {COLLECT_THEM}")
    if not administrator_exists():
        found.append(f"{NO_ADMINISTRATOR} {MAKE_ONE}")
    return found


def _verdict(problems: Sequence[Problem], seconds: int) -> str:
    if not problems:
        return f"Ready: first copy in about {duration(seconds)}. Next: manage.py sync_odoo"
    more = f" ({len(problems) - 1} more above)" if len(problems) > 1 else ""
    message = problems[0].message.strip().rstrip(".")
    return f"Not ready: {message}.{more}\nTo do: {problems[0].remedy}"
