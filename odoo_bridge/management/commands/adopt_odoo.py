"""``adopt_odoo``: accept that the mirrored Odoo moved, or continue from a copy of it."""

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from odoo_bridge.management.commands._output import BridgeCommand
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.sync import identity

_OTHER = (
    "This is a different database: its records would overwrite the ones that are mirrored here. Use a "
    "new mirror: set DATABASE_URL to an empty database and run migrate. docs/operations.md explains "
    "how, also for a staging server."
)
_QUESTIONS = {
    "moved": "Continue from this server?",
    "older": (
        "Continue from this copy? Changes that it lacks are undone here. If more than "
        "ODOO_MAX_GONE_PERCENT of the rows vanish, you must confirm that first."
    ),
    "duplicate": (
        "Continue from this copy? Do so only if it replaces the original, for example because Odoo's "
        "database manager restored it as a copy on a new server."
    ),
}


class Command(BridgeCommand):
    help = (
        "Shows which Odoo this mirror copies and which one the settings point to. Accepts the second if "
        "it is the first one at another URL, or a copy of it; never a different database. "
        "Exit codes: 0 it is the mirrored Odoo now, 1 it is not, or Odoo did not respond."
    )

    examples = """
        manage.py adopt_odoo          show both Odoos side by side, and ask for confirmation
        manage.py adopt_odoo --yes    adopt it without confirmation
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        known = identity.recorded()
        try:
            finding = identity.look(connect(), known, thorough=True)
        except BridgeError as exc:
            raise CommandError(str(exc)) from exc
        report = {
            "finding": finding.kind,
            "why": finding.why,
            "mirrored": _shown(known) if known else None,
            "found": _shown(finding.found),
            "adopted": False,
        }
        if not options["json"]:
            self._print(report)
        report["adopted"] = self._decide(finding, options)
        if report["adopted"]:
            identity.remember(finding.found)
        if options["json"]:
            self.print_json(report)
        elif report["adopted"]:
            self.stdout.write("Adopted: the next run continues from there.")
        if not report["adopted"] and finding.kind != "same":
            raise SystemExit(1)

    def _decide(self, finding: identity.Finding, options: dict[str, Any]) -> bool:
        if finding.kind == "same":
            if not options["json"]:
                self.stdout.write("This is the mirrored Odoo: there is nothing to adopt.")
            return False
        if finding.kind == "other":
            self.stderr.write(self.style.ERROR(_OTHER))
            return False
        if finding.kind in ("new", "unrecorded") or options["yes"]:
            return True
        if not sys.stdin.isatty():
            self.stderr.write(
                "No terminal to ask on: run this again with --yes to adopt this Odoo."
            )
            return False
        answer = input(f"{_QUESTIONS[finding.kind]} [y/N] ")
        return answer.strip().lower() in ("y", "yes")

    def _print(self, report: dict[str, Any]) -> None:
        ours, found = report["mirrored"] or {}, report["found"]
        self.stdout.write(f"{'':<10} {'mirrored here':<40} settings point to")
        for name in found:
            here, there = str(ours.get(name, "")) or "-", str(found[name]) or "-"
            mark = "" if here == there else "  (differs)"
            self.stdout.write(f"{name:<10} {here:<40} {there}{mark}")
        if report["why"]:
            self.stdout.write(report["why"])


def _shown(odoo: Any) -> dict[str, str]:
    first = min(odoo.users.values(), default="")
    return {
        "url": odoo.url,
        "database": odoo.database,
        "company": odoo.company,
        "uuid": odoo.uuid,
        "made": f"{first} UTC" if first else "",
    }
