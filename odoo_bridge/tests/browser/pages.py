"""Sizes of a screen, and a look at a page: what keeps somebody from using it fails the test."""

import os
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe

DESKTOP: Any = {"width": 1440, "height": 900}
PHONE: Any = {"width": 390, "height": 844}
PASSWORD = "correct-horse-battery"
# What axe calls these keeps somebody from using a page.
BARRIERS = {"serious", "critical"}
# The rows of a list are: five of them tell, and fifty would take axe many times as long.
ALIKE = {"exclude": [["#result_list > tbody:nth-of-type(n+6)"]]}


def look(page: Any, name: str) -> None:
    """Show the page the browser is on in light and in dark: nothing may keep anybody from using it.

    SCREENSHOTS=docs/images keeps what the browser saw, for the README and for a person to judge.
    """
    folder = os.environ.get("SCREENSHOTS")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.reload(wait_until="networkidle")
        if folder:
            page.screenshot(path=Path(folder) / f"{name}-{scheme}.png")
        found = Axe().run(page, ALIKE)
        barriers = [
            f"{name} ({scheme}): {broken['id']}: {node['html'][:200]}\n  {node['failureSummary']}"
            for broken in found.response["violations"]
            if broken["impact"] in BARRIERS
            for node in broken["nodes"]
        ]
        assert not barriers, "\n".join(barriers)
    page.emulate_media(color_scheme="light")
