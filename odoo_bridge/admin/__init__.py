"""The admin: the desk that staff work at. One module per page, ``base.py`` what all pages share.

Django finds the pages by importing this package.
"""

from odoo_bridge.admin import audit, gone, issues, references, runs, schedules, streams, writes

__all__ = ["audit", "gone", "issues", "references", "runs", "schedules", "streams", "writes"]
