"""``sync_odoo``: sync streams now, or queue the runs for the workers."""

import argparse
from typing import Any

from django.core.management.base import CommandError, CommandParser

from odoo_bridge.management.commands._output import StreamCommand
from odoo_bridge.models import SyncRun
from odoo_bridge.sync import stopping
from odoo_bridge.sync.run import request, run

Status = SyncRun.Status
EXIT_CODES = {
    Status.SUCCEEDED: 0,
    Status.QUEUED: 0,
    Status.SUCCEEDED_WITH_ISSUES: 4,
    Status.SKIPPED: 5,
    Status.NEEDS_CONFIRMATION: 3,
    Status.FAILED: 1,
    Status.CANCELLED: 1,
    Status.INTERRUPTED: 1,
}
# If several streams end differently, the first of these codes is the exit code.
SEVERITY = [1, 3, 5, 4, 0]


class Command(StreamCommand):
    help = (
        "Copies changes from Odoo. Exit codes: 0 succeeded, 1 failed, 2 bad usage, 3 vanished rows "
        "need confirmation, 4 succeeded with issues, 5 skipped because another run holds the lease, "
        "130 or 143 stopped by Ctrl-C or SIGTERM after the current page: the next run continues "
        "from there."
    )
    examples = """
        manage.py sync_odoo                            copy the changes of every stream
        manage.py sync_odoo contacts --kind full       read every contact again
        manage.py sync_odoo invoices --ids 7,9         read two invoices again
        manage.py sync_odoo invoices --confirm-gone    mark all missing rows gone, however many
        manage.py sync_odoo --queue                    let the workers carry the runs out
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--kind",
            choices=["changes", "reconcile", "full"],
            help="changes (default): copy what changed since the last run; reconcile: compare the "
            "timestamp of every row; full: read every row again",
        )
        parser.add_argument("--ids", type=_ids, help="read only these records, for example 7,9")
        parser.add_argument(
            "--confirm-gone",
            action="store_true",
            help="mark rows gone even if they are more than ODOO_MAX_GONE_PERCENT",
        )
        parser.add_argument("--queue", action="store_true", help="queue the runs for the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        names = self.streams(options["streams"])
        ids = options["ids"]
        if ids and (len(names) != 1 or options["kind"]):
            raise CommandError("--ids needs exactly one stream and no --kind", returncode=2)
        kind = SyncRun.Kind.RECORDS if ids else options["kind"] or SyncRun.Kind.CHANGES
        runs = []
        quiet = options["json"] or options["queue"]
        with stopping.by_signals() as signals, self.progress(quiet) as progress:
            for name in names:
                if stopping.is_requested():
                    break
                arguments = {
                    "trigger": SyncRun.Trigger.COMMAND,
                    "ids": ids,
                    "confirm_gone": options["confirm_gone"],
                }
                if options["queue"]:
                    runs.append(request(name, kind, **arguments))
                else:
                    runs.append(run(name, kind, progress=progress, **arguments))
                if not options["json"]:
                    self.stdout.write(describe(runs[-1]))
        if options["json"]:
            self.print_json([as_dict(row) for row in runs])
        if len(runs) < len(names) or runs[-1].status == Status.INTERRUPTED:
            signals.leave()
        codes = {EXIT_CODES[Status(row.status)] for row in runs}
        code = next(code for code in SEVERITY if code in codes)
        if code:
            raise SystemExit(code)


def _ids(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1 or max(found) > 2**31 - 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of ids, for example 7,9")
    return found


def describe(row: SyncRun) -> str:
    """A line about a run: what it did, or why it did nothing."""
    if row.status == Status.QUEUED:
        return f"{row.stream}: queued as run {row.pk}"
    seconds = (
        (row.finished_at - row.started_at).total_seconds()
        if row.finished_at and row.started_at
        else 0
    )
    counts = ", ".join(
        f"{getattr(row, f'{name}_count')} {label}"
        for name, label in [
            ("read", "read"),
            ("created", "created"),
            ("updated", "updated"),
            ("unchanged", "unchanged"),
            ("gone", "gone"),
            ("restored", "restored"),
            ("issue", "issues"),
        ]
    )
    line = (
        f"{row.stream}: {row.get_status_display()} in {seconds:.1f} s: {counts} "
        f"({row.odoo_calls} Odoo calls)"
    )
    left_out = [f"{name} is skipped: it {why}" for name, why in row.left_out_fields.items()]
    parts = (line, row.note, row.error, row.remedy, *left_out)
    return "\n  ".join(part for part in parts if part)


def as_dict(row: SyncRun) -> dict[str, Any]:
    """A run for ``--json``: its columns under their names, and the remedy of its error."""
    return {
        "id": row.pk,
        **{
            field.attname: getattr(row, field.attname)
            for field in row._meta.concrete_fields
            if not field.primary_key
        },
        "remedy": row.remedy,
    }
