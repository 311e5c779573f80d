"""Draw docs/images/architecture.svg from the layers that pyproject.toml lays down for the imports.

    python docs/architecture.py

A test fails while the picture is not what this script draws.
"""

import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
CONTRACT = "Imports go down"
# A layer without a sentence here fails: a new package must be explained.
PACKAGES = {
    "urls": "every route",
    "admin": "pages for staff",
    "api": "REST: lists, filters, feeds, exports",
    "management": "commands: sync_odoo, verify_mirror",
    "tasks": "what schedules start",
    "operations": "schedules, status, heartbeats",
    "writing": "idempotent writes to Odoo",
    "sync": "plan, fetch, store, verify",
    "mirror": "the copy as programs read it",
    "models": "what is kept in PostgreSQL",
    "runtime": "settings, logs, connections",
    "odoo": "the gateway: the only caller of Odoo",
}
# Beside the layers: an app has a file at most of them. A new mirrored model changes nothing here.
APPS = {
    "contacts, invoices ...": "a folder for each mirrored model",
    "accounts": "users, groups, scopes",
}
WIDTH, HEIGHT, GAP, MARGIN, SIDE = 940, 52, 12, 24, 210
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2937 }
  .name { font-weight: 600 } .about { font-size: 12px; fill: #4b5563 }
  .layer { fill: #eef2ff; stroke: #6366f1 } .app { fill: #ecfdf5; stroke: #059669 }
  .outside { fill: #f9fafb; stroke: #9ca3af; stroke-dasharray: 5 4 }
  .arrow { stroke: #6b7280; fill: none } .head { fill: #6b7280 } .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #f3f4f6 } .about { fill: #d1d5db } .page { fill: #0d1117 }
    .layer { fill: #1e1b4b; stroke: #818cf8 } .app { fill: #022c22; stroke: #34d399 }
    .outside { fill: #161b22 }
  }
"""


def layers() -> list[list[str]]:
    """The layers of the bridge, the highest first, each with its packages side by side."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    [found] = [each for each in contracts if each["name"].startswith(CONTRACT)]
    return [
        [name.strip().removeprefix("odoo_bridge.") for name in layer.split("|")]
        for layer in found["layers"]
    ]


def box(kind: str, x: float, y: float, width: float, height: float, name: str, about: str) -> str:
    middle, centre = x + width / 2, y + height / 2
    return (
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>\n'
        f'<text class="name" x="{middle:g}" y="{centre - 3:g}" text-anchor="middle">'
        f"{escape(name)}</text>\n"
        f'<text class="about" x="{middle:g}" y="{centre + 15:g}" text-anchor="middle">'
        f"{escape(about)}</text>\n"
    )


def row(kind: str, y: float, left: float, right: float, boxes: list[tuple[str, str]]) -> str:
    width = (right - left - GAP * (len(boxes) - 1)) / len(boxes)
    return "".join(
        box(kind, left + place * (width + GAP), y, width, HEIGHT, *one)
        for place, one in enumerate(boxes)
    )


def drawn() -> str:
    """The picture, as text."""
    left, right = MARGIN, WIDTH - MARGIN
    top = MARGIN
    step = HEIGHT + GAP
    doors = [
        ("Programs", "JSON, JWT"),
        ("Staff", "a browser"),
        ("Operators", "manage.py"),
        ("Beat and workers", "Celery"),
    ]
    parts = [row("outside", top, left, right, doors)]
    first = top + step + GAP
    for place, packages in enumerate(layers()):
        known = [(f"odoo_bridge.{name}", PACKAGES[name]) for name in packages]
        parts.append(row("layer", first + place * step, left, right - SIDE - 2 * GAP, known))
    height = len(layers()) * step - GAP
    each = (height - GAP * (len(APPS) - 1)) / len(APPS)
    for place, (name, about) in enumerate(APPS.items()):
        y = first + place * (each + GAP)
        parts.append(box("app", right - SIDE, y, SIDE, each, name, about))
    bottom = first + height + 2 * GAP
    outside = [
        ("Odoo 14 to 19", "JSON-RPC or JSON-2"),
        ("PostgreSQL", "the copy, runs, users"),
        ("Redis", "queue of tasks, limits"),
    ]
    parts.append(row("outside", bottom, left, right, outside))
    total = bottom + HEIGHT + MARGIN + 20
    x = right - SIDE - GAP
    parts.append(
        f'<path class="arrow" d="M{x:g} {first:g} V{first + height - 6:g}"/>\n'
        f'<path class="head" d="M{x - 5:g} {first + height - 8:g} h10 l-5 8 z"/>\n'
        f'<text class="about" x="{left:g}" y="{total - 14:g}">A package imports what lies below it, '
        "never what lies above it; import-linter checks that.</text>\n"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total:g}" role="img">\n'
        f"<title>The layers of odoo-bridge</title>\n<style>{STYLE}</style>\n"
        f'<rect class="page" width="{WIDTH}" height="{total:g}"/>\n{"".join(parts)}</svg>\n'
    )


if __name__ == "__main__":
    PICTURE.write_text(drawn())
