"""``version``: which bridge this is, for a report of an error."""

import platform
from typing import Any

import django

from odoo_bridge import __version__
from odoo_bridge.management.commands._output import BridgeCommand


class Command(BridgeCommand):
    help = "Prints the versions of the bridge, Python and Django."
    examples = """
        manage.py version    for a report of an error
        manage.py --version  the bridge's alone; needs no settings
    """

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(
            f"odoo-bridge {__version__} (Python {platform.python_version()}, "
            f"Django {django.get_version()})"
        )
