"""What the commands share: exit codes, ``--json``, a progress bar on a terminal."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from odoo_bridge.models import SyncRun
from odoo_bridge.sync.execution import Progress
from odoo_bridge.sync.streams import all_streams

EXIT_FAILED = 1


class StreamCommand(BaseCommand):
    """A command over streams, with ``--json``."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "streams",
            nargs="*",
            metavar="STREAM",
            help=f"{', '.join(all_streams())}, or all (the default)",
        )
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout")

    def streams(self, names: list[str]) -> list[str]:
        unknown = set(names) - {*all_streams(), "all"}
        if unknown:
            raise CommandError(
                f"no stream is called {', '.join(sorted(unknown))}; there are "
                f"{', '.join(all_streams())}",
                returncode=2,
            )
        return [name for name in all_streams() if not names or "all" in names or name in names]

    def print_json(self, document: Any) -> None:
        self.stdout.write(json.dumps(document, default=str, indent=2))

    @contextmanager
    def progress(self, quiet: bool) -> Iterator[Progress | None]:
        """A bar per stream on a terminal; nothing elsewhere, where lines at the end say it."""
        if quiet or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        with Bars(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("rows"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        ) as bars:
            tasks: dict[int, Any] = {}

            def show(run: SyncRun) -> None:
                if run.pk not in tasks:
                    tasks[run.pk] = bars.add_task(run.stream)
                bars.update(
                    tasks[run.pk],
                    completed=run.read_count,
                    total=max(run.planned_count, run.read_count),
                )

            yield show
