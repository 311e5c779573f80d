"""Data of an answer as HTML. All of it is escaped, whatever it is: names come from Odoo.

Written by hand, not as templates: a page of a thousand rows has tens of thousands of cells.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

# A column of a page of rows -> the address of what it names, with {} for its value.
Links = Mapping[str, str]
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_EMPTY: tuple[Any, ...] = (None, "", [], {})
_LONGEST = 300
# So many columns have room for whole sentences.
_FEW = 6


def shown(value: Any, links: Links, headings: Mapping[str, str] | None = None) -> SafeString:
    """Any part of an answer: a table for a list of rows, a list of names for an object.

    ``headings``: by column, an address that orders the rows by it.
    """
    if isinstance(value, Mapping):
        return _object(value, links)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if value and all(isinstance(item, Mapping) for item in value):
            return _table(value, links, headings or {})
        return _safe(f"<p>{_scalar(value)}</p>")
    return _safe(f"<p>{_scalar(value)}</p>")


def _table(
    rows: Sequence[Mapping[str, Any]], links: Links, headings: Mapping[str, str]
) -> SafeString:
    rows = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    # What no row has would only push the rest out of sight.
    filled = [name for name in names if any(row.get(name) not in _EMPTY for row in rows)]
    few = ' class="ob-few"' if len(filled) <= _FEW else ""
    head = "".join(f'<th scope="col">{_heading(name, headings)}</th>' for name in filled)
    lines = [
        f"<tr>{''.join(_cell(name, row.get(name), links) for name in filled)}</tr>" for row in rows
    ]
    table = (
        f'<div class="ob-scroll" tabindex="0" role="region" aria-label="Rows"><table{few}>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
    return _safe(table + _without_a_value([name for name in names if name not in filled]))


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` with what its objects hold as columns of their own."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and value:
            found |= {f"{name}.{inner}": part for inner, part in value.items()}
        else:
            found[name] = value
    return found


def _heading(name: str, headings: Mapping[str, str]) -> str:
    if name not in headings:
        return escape(name)
    return f'<a href="{escape(headings[name])}" title="Order by this">{escape(name)}</a>'


def _cell(name: str, value: Any, links: Links) -> str:
    if value in _EMPTY:
        return "<td></td>"
    text = _linked(name, value, links)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        kind = ' class="ob-moment"' if _MOMENT.match(value) else ""
        # A text is cut off where the column ends; the title has it all.
        title = f' title="{text}"' if not kind and len(value) > 30 else ""
        return f"<td{kind}{title}><div>{text}</div></td>"
    is_id = name == "id" or name.endswith("_id")
    number = not is_id and not isinstance(value, bool | list | dict)
    kind = ' class="ob-number"' if number else ""
    return f"<td{kind}><div>{text}</div></td>"


def _object(value: Mapping[str, Any], links: Links) -> SafeString:
    pairs, parts, empty = [], [], []
    for name, inner in value.items():
        if inner in _EMPTY:
            empty.append(name)
        elif _is_nested(inner):
            parts.append(f"<section><h3>{escape(name)}</h3>{shown(inner, links)}</section>")
        else:
            pairs.append(
                f"<div><dt>{escape(name)}</dt><dd>{_linked(name, inner, links)}</dd></div>"
            )
    listed = f"<dl>{''.join(pairs)}</dl>" if pairs else ""
    return _safe(listed + _without_a_value(empty) + "".join(parts))


def _is_nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _without_a_value(names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(escape(name) for name in names)
    return f'<p class="ob-quiet ob-empty">Without a value: {listed}</p>'


def _linked(name: str, value: Any, links: Links) -> str:
    text = _scalar(value)
    if name in links and isinstance(value, int):
        return f'<a href="{escape(links[name].format(value))}">{text}</a>'
    return text


def _scalar(value: Any) -> str:
    """A value as text. Nothing becomes a link here: an address from Odoo could be any."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list | dict):
        simple = isinstance(value, list) and not any(isinstance(one, list | dict) for one in value)
        text = (
            ", ".join(_word(one) for one in value)
            if simple
            else json.dumps(value, ensure_ascii=False)
        )
        return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …")
    return escape(str(value))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _safe(html: str) -> SafeString:
    # Every value in it went through escape().
    return mark_safe(html)  # noqa: S308
