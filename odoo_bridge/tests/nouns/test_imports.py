"""The import rules of nouns. import-linter wants to be told the names of packages; nouns come and go."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
# What describes rows knows neither HTTP nor tasks.
INNER = ("models", "mapping", "noun")
DOORS = ("rest_framework", "odoo_bridge.api", "odoo_bridge.admin", "odoo_bridge.tasks", "celery")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def importing(paths, *modules) -> list[str]:
    """Which of ``paths`` import one of ``modules``, or what is below it."""
    prefixes = tuple(f"{module}." for module in modules)
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in imports(path)
        if f"{name}.".startswith(prefixes)
    ]


def test_the_bridge_knows_no_noun():
    modules = [path for path in (ROOT / "odoo_bridge").rglob("*.py") if "tests" not in path.parts]
    assert len(modules) > 100
    assert importing(modules, *settings.NOUNS) == []


@pytest.mark.parametrize("noun", settings.NOUNS)
def test_what_describes_the_rows_of_a_noun_knows_no_door(noun):
    inner = [ROOT / noun / f"{name}.py" for name in INNER]
    assert importing(inner, *DOORS) == []
    assert importing((ROOT / noun).glob("*.py"), "odoorpc") == []


def test_the_rules_see_an_import(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "models.py").write_text("from odoo_bridge import api\n")
    assert importing([tmp_path / "models.py"], *DOORS) == ["models.py imports odoo_bridge.api"]
