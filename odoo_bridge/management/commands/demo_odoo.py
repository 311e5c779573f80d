"""``demo_odoo``: serve a demo Odoo."""

from __future__ import annotations

import threading
from typing import Any

from django.core.management.base import CommandError, CommandParser

from odoo_bridge.demo import Churn, DemoOdoo
from odoo_bridge.management.commands._output import BridgeCommand


class Command(BridgeCommand):
    help = "Serves a demo Odoo with made-up contacts and invoices until Ctrl-C."
    examples = """
        manage.py demo_odoo                                        on port 8069, until Ctrl-C
        manage.py demo_odoo --odoo-version 14.0 --port 8014        as an Odoo 14
        manage.py demo_odoo --contacts 10000 --invoices 20000 --churn 5
    """
    # The command needs neither the database nor complete settings.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8069, help="0 chooses a free one")
        parser.add_argument("--contacts", type=int, default=300)
        parser.add_argument("--invoices", type=int, default=500)
        parser.add_argument("--seed", type=int, default=1, help="the same seed, the same data")
        parser.add_argument("--odoo-version", default="19.0", help="14.0 to 19.0")
        parser.add_argument(
            "--churn",
            type=float,
            nargs="?",
            const=1.0,
            default=0.0,
            metavar="CHANGES_PER_SECOND",
            help="keep changing records, once a second if no number is given",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["churn"] < 0:
            raise CommandError("--churn takes a number of changes per second, not below 0")
        try:
            demo = DemoOdoo(
                options["odoo_version"],
                contacts=options["contacts"],
                invoices=options["invoices"],
                seed=options["seed"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        server = demo.serve(options["host"], options["port"])
        try:
            server.start()
        except OSError as error:
            raise CommandError(
                f"Port {options['port']} is not available ({error.strerror}). Choose another: --port"
            ) from error
        churn = Churn(demo, options["churn"], options["seed"]) if options["churn"] else None
        if churn is not None:
            churn.start()
        self.stdout.write(describe(demo, server.url))
        self.stdout.flush()
        try:
            self.wait()
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")
        finally:
            if churn is not None:
                churn.stop()
            server.stop()

    def wait(self) -> None:
        """Wait for Ctrl-C."""
        threading.Event().wait()


def describe(demo: DemoOdoo, url: str) -> str:
    """The settings with which the bridge uses this server."""
    invoices = sum(row["move_type"] != "entry" for row in demo.rows("account.move").values())
    lines = [
        f"Demo Odoo {demo.version} at {url}",
        f"{len(demo.rows('res.partner'))} contacts, {invoices} invoices. Ctrl-C stops it.",
        "",
        "For .env:",
        f"ODOO_URL={url}",
        f"ODOO_DB={demo.database}",
        f"ODOO_USERNAME={demo.username}",
        f"ODOO_PASSWORD={demo.password}",
    ]
    if demo.major >= 19:
        lines.append(f"ODOO_API_KEY={demo.api_key}")
    return "\n".join(lines)
