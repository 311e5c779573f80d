"""The parts of a record's page: sections with facts, and panels with related rows."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from odoo_bridge.admin.base import BAD, WARNING, badge
from odoo_bridge.mirror.amounts import spelled
from odoo_bridge.mirror.names import Names


@dataclass(frozen=True)
class Section:
    """Facts under a heading, as (label, value); facts without a value are skipped."""

    title: str
    facts: Sequence[tuple[str, Any]]

    @property
    def known(self) -> list[tuple[str, Any]]:
        return [(label, value) for label, value in self.facts if value not in ("", None)]


@dataclass(frozen=True)
class Line:
    """A row of a panel. ``kind`` is a CSS class: ``heading`` and ``note`` are one wide cell."""

    cells: Sequence[Any]
    kind: str = ""


@dataclass(frozen=True)
class Panel:
    """A table of rows that belong to the record. ``numbers``: the right-aligned columns."""

    title: str
    headers: Sequence[str]
    lines: Sequence[Line]
    numbers: frozenset[int] = frozenset()
    note: str | SafeString = ""
    link: tuple[str, str] | None = None  # URL and text

    @property
    def rows(self) -> Iterator[tuple[Line, list[tuple[Any, str, bool]]]]:
        """Each line with its cells as (value, header, is a number)."""
        for line in self.lines:
            yield (
                line,
                [
                    (value, self.headers[at] if at < len(self.headers) else "", at in self.numbers)
                    for at, value in enumerate(line.cells)
                ],
            )


# (request, row, names) -> the panel, or None for no panel.
PanelOf = Callable[[HttpRequest, Any, Names], Panel | None]


def link_to(row: Model, text: Any = None) -> SafeString:
    """A link to the admin page of ``row``."""
    meta = row._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html(
        '<a class="ob-link" href="{}">{}</a>', address, row if text is None else text
    )


def link_to_related(row: Model, name: str) -> str | SafeString:
    """A link to the row that the reference ``name`` points to; its id where it is not here."""
    odoo_id = getattr(row, f"{name}_id")
    if odoo_id is None:
        return ""
    try:
        related = getattr(row, name)
    except ObjectDoesNotExist:
        related = None
    # None as well where it was fetched with the others.
    return link_to(related) if related else f"Odoo id {odoo_id}, not copied here"


def web_link(address: str) -> str | SafeString:
    """A link to a website, if that is what it is: a field in Odoo may say ``javascript:``."""
    whole = address if "//" in address or ":" in address else f"https://{address}"
    try:
        parts = urlsplit(whole)
    except ValueError:
        return address
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return address
    return format_html(
        '<a class="ob-link" href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>',
        whole,
        address,
    )


def moment(value: datetime.datetime | None) -> str:
    return date_format(value, "j M Y, H:i") if value else ""


def day(value: datetime.date | None) -> str:
    return date_format(value, "j M Y") if value else ""


def marks(row: Any) -> list[SafeString]:
    """The badges that every page of a row must show."""
    found = []
    if row.gone_at:
        found.append(badge("gone from Odoo", BAD))
    if getattr(row, "active", True) is False:
        found.append(badge("archived", WARNING))
    return found


def amount(value: Decimal | None, places: int, currency: str = "") -> str:
    """``-1,234.50 EUR``."""
    if value is None:
        return ""
    whole, point, fraction = spelled(value, places).partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{point}{fraction} {currency}".strip()


def in_a_row(parts: Iterable[Any]) -> SafeString:
    return format_html_join(" ", "{}", ((part,) for part in parts))


def named(text: str, row: Any) -> SafeString:
    """The name of a row in a list, with its marks."""
    return format_html("{} {}", text, in_a_row(marks(row)))
