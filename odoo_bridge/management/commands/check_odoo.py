"""``check_odoo``: can we sync from this Odoo, and if not, why and what to do."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from odoo_bridge.management.commands._output import StreamCommand
from odoo_bridge.odoo.errors import BridgeError, OdooForbidden
from odoo_bridge.odoo.gateway import OdooGateway, connect
from odoo_bridge.remedies import remedy
from odoo_bridge.sync.references import References
from odoo_bridge.sync.streams import Stream, all_streams

# Rows a second that a two-worker Odoo serves with our fields; see docs/performance.md.
ROWS_PER_SECOND = 12_000


class Command(BaseCommand):
    help = (
        "Looks at Odoo as a sync would and says what stands in the way. "
        "Exit codes: 0 a sync can run, 1 something stops it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        report: dict[str, Any] = {"address": settings.ODOO_URL}
        problems: list[str] = []
        try:
            gateway = connect()
            report |= self._server(gateway)
            report["streams"] = [
                self._stream(gateway, stream, problems) for stream in all_streams().values()
            ]
            rows = sum(stream.get("rows", 0) for stream in report["streams"])
            report["first_copy_seconds"] = round(rows / ROWS_PER_SECOND)
        except BridgeError as exc:
            problems.append(_with_remedy(exc))
        report["problems"] = problems
        if options["json"]:
            StreamCommand.print_json(self, report)  # type: ignore[arg-type]
        else:
            self._print(report)
        if problems:
            raise SystemExit(1)

    def _server(self, gateway: OdooGateway) -> dict[str, Any]:
        companies = gateway.read("res.company", gateway.search("res.company", []), ["name"])
        return {
            "version": gateway.version().text,
            "transport": gateway.transport,
            "database": settings.ODOO_DB or "(the only one)",
            "user": settings.ODOO_USERNAME or "(of the API key)",
            "companies": [row["name"] for row in companies],
            "clock_difference_seconds": round(
                (datetime.now(UTC) - gateway.server_time()).total_seconds()
            ),
        }

    def _stream(self, gateway: OdooGateway, stream: Stream, problems: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {"stream": stream.name, "model": stream.odoo_model}
        try:
            available = gateway.fields(stream.odoo_model)
            found["rows"] = gateway.totals(stream.odoo_model, stream.domain(available)).rows
            found["unavailable_fields"] = stream.bind(available, References()).unavailable
        except OdooForbidden as exc:
            problems.append(_with_remedy(exc))
        return found

    def _print(self, report: dict[str, Any]) -> None:
        for name, value in report.items():
            if name not in ("streams", "problems"):
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
                    f"  stay empty, not there or not readable: "
                    f"{', '.join(stream['unavailable_fields'])}"
                )
        for problem in report["problems"]:
            self.stderr.write(self.style.ERROR(problem))


def _with_remedy(exc: BridgeError) -> str:
    return f"{exc}. {remedy(exc.code)}"
