"""Common parts of the commands: examples in the help, ``--json``, a progress bar on a terminal."""

import json
import sys
import textwrap
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)

from odoo_bridge import __version__
from odoo_bridge.models import SyncRun
from odoo_bridge.sync.session import Progress
from odoo_bridge.sync.streams import all_streams


class _HelpFormatter(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Django's formatter, but it keeps the line breaks of the examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("Examples:"):
            return super()._fill_text(text, width, indent)
        return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent)


class BridgeCommand(BaseCommand):
    """A command with ``examples`` below its ``--help``, and ``print_json``."""

    examples = ""

    def get_version(self) -> str:
        """For ``--version``: of the bridge, not of Django."""
        return f"odoo-bridge {__version__}"

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        lines = textwrap.indent(textwrap.dedent(self.examples).strip(), "  ")
        return super().create_parser(
            prog_name,
            subcommand,
            epilog=f"Examples:\n{lines}" if lines else None,
            formatter_class=_HelpFormatter,
            **kwargs,
        )

    def print_json(self, document: Any) -> None:
        self.stdout.write(json.dumps(document, default=str, indent=2))


class StreamCommand(BridgeCommand):
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
                f"there is no stream {', '.join(sorted(unknown))}; the streams are "
                f"{', '.join(all_streams())}",
                returncode=2,
            )
        return [name for name in all_streams() if not names or "all" in names or name in names]

    @contextmanager
    def progress(self, quiet: bool) -> Iterator[Progress | None]:
        """A progress bar per stream on a terminal; nothing elsewhere, where the lines at the end
        suffice."""
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
