#!/usr/bin/env python
"""Django's command line for odoo-bridge."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")
    from django.core.management import execute_from_command_line

    from odoo_bridge.runtime.startup import explained

    with explained(traceback="--traceback" in sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
