#!/usr/bin/env python
"""Django's command line for odoo-bridge."""

import os
import sys


def main() -> None:
    # Before the settings are read: also where they are wrong.
    if sys.argv[1:] == ["--version"]:
        from odoo_bridge import __version__

        print(f"odoo-bridge {__version__}")  # noqa: T201
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")
    from django.core.management import execute_from_command_line

    from odoo_bridge.runtime.startup import explained

    with explained(traceback="--traceback" in sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
