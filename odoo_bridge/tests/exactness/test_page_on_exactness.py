"""docs/exactness.md names tests as proof: they must exist, and each of these must be named."""

import re
from pathlib import Path

from django.conf import settings

PAGE = (Path(settings.BASE_DIR) / "docs" / "exactness.md").read_text()


def names_in(folder: Path) -> set[str]:
    return {
        name
        for path in folder.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def test_every_test_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 40
    assert named <= names_in(Path(settings.BASE_DIR) / "odoo_bridge")


def test_every_promise_of_the_page_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| (P\d+)? \|", line)]
    assert [row.split("|")[1].strip() for row in rows if row.startswith("| P")] == [
        f"P{number}" for number in range(1, 13)
    ]
    for row in rows:
        assert "`test_" in row.split("|")[4], row
