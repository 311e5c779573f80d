"""One version, links that lead somewhere, an index of all pages and a current picture of the layers."""

import re
import runpy
import subprocess
import sys
import tomllib
from email.message import Message
from pathlib import Path

import pytest
from django.conf import settings

from odoo_bridge import __version__
from odoo_bridge.odoo.connect import connect
from odoo_bridge.tests.deploy.test_commands import call

ROOT = Path(settings.BASE_DIR)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def said_by(*command: str) -> str:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    ).stdout.strip()


def test_the_version_is_the_same_everywhere(client):
    assert said_by("bin/start", "--version") == f"odoo-bridge {__version__}"
    assert said_by(sys.executable, "manage.py", "--version") == f"odoo-bridge {__version__}"
    assert call("version")[1].startswith(f"odoo-bridge {__version__} (Python 3.")
    schema = client.get("/api/schema", headers={"Accept": "application/json"}).json()
    assert schema["info"]["version"] == __version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"], "it is taken from odoo_bridge/__init__.py"
    changelog = (ROOT / "CHANGELOG.md").read_text()
    unreleased, latest = re.findall(r"^## (.+)$", changelog, flags=re.M)[:2]
    assert unreleased == "Unreleased"
    assert re.fullmatch(rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d", latest)


def test_a_command_shows_the_version_of_the_bridge(capsys):
    call("check_odoo", "--version")
    assert capsys.readouterr().out == f"odoo-bridge {__version__}\n"


@pytest.mark.parametrize("transport", ["jsonrpc", "json2"], indirect=True)
def test_odoo_is_told_who_asks(demo, monkeypatch):
    from odoo_bridge.demo import server

    seen: set[str] = set()
    handled = server._Handler.parse_request

    def parse_request(handler):
        result = handled(handler)
        headers: Message = handler.headers
        seen.add(headers["User-Agent"])
        return result

    monkeypatch.setattr(server._Handler, "parse_request", parse_request)
    connect().server_time()
    assert seen == {f"odoo-bridge/{__version__}"}


def test_the_picture_of_the_layers_is_current():
    script = runpy.run_path(str(ROOT / "docs" / "architecture.py"))
    assert script["PICTURE"].read_text() == script["drawn"](), "run: python docs/architecture.py"


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in a link, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    assert [
        page.name for page in PAGES if page.parent.name == "docs" if page.name not in index
    ] == ["README.md"]
