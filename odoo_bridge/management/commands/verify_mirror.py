"""``verify_mirror``: prove that the mirror equals Odoo, or list the differences."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from odoo_bridge.management.commands._output import StreamCommand
from odoo_bridge.models import SyncRun
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.sync import identity
from odoo_bridge.sync.run import run
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.sync.verify import Difference, Verdict, verify

_SHOWN, _WIDTH = 50, 60


class Command(StreamCommand):
    help = (
        "Compares the mirror with Odoo: counts, sums of ids, every timestamp, sums of money per "
        "currency and state, and every field of a random sample or of all rows. Differences are "
        "compared again a few seconds later. --repair reads the differing rows again. "
        "Exit codes: 0 equal, 1 different or Odoo did not respond, 2 bad usage."
    )
    examples = """
        manage.py verify_mirror                        compare every stream; exit code 0: equal
        manage.py verify_mirror contacts --sample 0    compare counts, timestamps and sums only
        manage.py verify_mirror invoices --repair      read differing invoices again
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--sample", type=int, default=1000, help="rows to compare field by field"
        )
        parser.add_argument(
            "--seed", type=int, help="choose the same sample as with this seed before"
        )
        parser.add_argument(
            "--all-fields", action="store_true", help="compare every field of every row"
        )
        parser.add_argument(
            "--repair",
            action="store_true",
            help="read the differing rows again, then compare again",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        names = self.streams(options["streams"])
        try:
            known = identity.recorded()
            finding = identity.look(connect(), known, thorough=True)
            if finding.is_refused:
                raise identity.OtherOdoo(identity.refusal(finding, known))
            verdicts = [self._verify(name, options) for name in names]
        except BridgeError as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            self.print_json([_as_dict(verdict) for verdict in verdicts])
        else:
            self.stdout.write(_conclusion(verdicts, repaired=options["repair"]))
        if not all(verdict.equal for verdict in verdicts):
            raise SystemExit(1)

    def _verify(self, name: str, options: dict[str, Any]) -> Verdict:
        stream = all_streams()[name]
        asked = {name: options[name] for name in ("sample", "seed", "all_fields")}
        verdict = verify(stream, **asked)
        if not verdict.equal and options["repair"] and verdict.ids:
            self._tell(verdict, options)
            run(
                name,
                SyncRun.Kind.RECORDS,
                trigger=SyncRun.Trigger.COMMAND,
                ids=sorted(verdict.ids),
            )
            verdict = verify(stream, **asked)
        self._tell(verdict, options)
        return verdict

    def _tell(self, verdict: Verdict, options: dict[str, Any]) -> None:
        if options["json"]:
            return
        word = "equal" if verdict.equal else "DIFFERENT"
        self.stdout.write(f"{verdict.stream}: {word} ({'; '.join(verdict.compared)})")
        for line in _table(verdict.differences[:_SHOWN]):
            self.stdout.write(f"  {line}")
        if verdict.count > _SHOWN:
            self.stdout.write(f"  and {verdict.count - _SHOWN} more")
        for note in verdict.notes:
            self.stdout.write(f"  {note}")


def _table(differences: list[Difference]) -> list[str]:
    """``record  field  Odoo  here``, a line each, in columns."""
    if not differences:
        return []
    rows = [("record", "field", "Odoo", "here")]
    rows += [
        (
            "all" if each.odoo_id is None else str(each.odoo_id),
            each.field or "(the row)",
            each.there,
            each.here,
        )
        for each in differences
    ]
    cut = [[_cut(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cut, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cut
    ]


def _cut(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."


def _conclusion(verdicts: list[Verdict], *, repaired: bool) -> str:
    """The verdict and the next step, in one line."""
    different = [verdict for verdict in verdicts if not verdict.equal]
    if not different:
        return "Equal."
    names = " ".join(verdict.stream for verdict in different)
    rows = sum(len(verdict.ids) for verdict in different)
    line = f"Different: {sum(verdict.count for verdict in different)} values of {rows} rows in {names}."
    if not repaired:
        return f"{line} Next: python manage.py verify_mirror {names} --repair"
    return f"{line} Next: python manage.py sync_odoo {names} --kind full, and check the issues"


def _as_dict(verdict: Verdict) -> dict[str, Any]:
    return {
        "stream": verdict.stream,
        "equal": verdict.equal,
        "compared": verdict.compared,
        "difference_count": verdict.count,
        "different_rows": len(verdict.ids),
        "differences": [asdict(each) for each in verdict.differences],
        "settled": verdict.settled,
        "pending": verdict.pending,
        "notes": verdict.notes,
    }
