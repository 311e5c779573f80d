"""``verify_mirror``: prove that the mirror equals Odoo, or say where it does not."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from odoo_bridge.management.commands._output import StreamCommand
from odoo_bridge.models import SyncRun
from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.odoo.gateway import connect
from odoo_bridge.sync import identity
from odoo_bridge.sync.run import run
from odoo_bridge.sync.streams import all_streams
from odoo_bridge.sync.verify import Verdict, verify


class Command(StreamCommand):
    help = (
        "Compares the mirror with Odoo: counts, id sums, every stamp, sums of money per currency "
        "and state, and every field of a random sample. Exit codes: 0 equal, 1 different or Odoo "
        "did not answer, 2 bad usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--sample", type=int, default=1000, help="rows to compare field by field"
        )
        parser.add_argument("--seed", type=int, help="chooses the same sample again")
        parser.add_argument(
            "--repair", action="store_true", help="read the differing rows again, then compare anew"
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
            self.print_json(
                [
                    {
                        "stream": verdict.stream,
                        "equal": verdict.equal,
                        "compared": verdict.compared,
                        "differences": verdict.differences,
                    }
                    for verdict in verdicts
                ]
            )
        if not all(verdict.equal for verdict in verdicts):
            raise SystemExit(1)

    def _verify(self, name: str, options: dict[str, Any]) -> Verdict:
        stream = all_streams()[name]
        verdict = verify(stream, sample=options["sample"], seed=options["seed"])
        if not verdict.equal and options["repair"] and verdict.ids:
            self._tell(verdict, options)
            run(
                name,
                SyncRun.Kind.RECORDS,
                trigger=SyncRun.Trigger.COMMAND,
                ids=sorted(verdict.ids),
            )
            verdict = verify(stream, sample=options["sample"], seed=options["seed"])
        self._tell(verdict, options)
        return verdict

    def _tell(self, verdict: Verdict, options: dict[str, Any]) -> None:
        if options["json"]:
            return
        word = "equal" if verdict.equal else "DIFFERENT"
        self.stdout.write(f"{verdict.stream}: {word} ({'; '.join(verdict.compared)})")
        for difference in verdict.differences[:50]:
            self.stdout.write(f"  {difference}")
        if len(verdict.differences) > 50:
            self.stdout.write(f"  and {len(verdict.differences) - 50} more")
