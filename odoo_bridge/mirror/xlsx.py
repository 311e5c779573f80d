"""A workbook for any number of rows, sent while it is made.

Libraries that write workbooks keep the sheet, in memory or on a disk, until its last row: minutes
before the first byte of a large one (docs/performance.md), longer than proxies wait. A sheet is XML
in the order of its rows, in a ZIP file, and both can be written from front to back.

Texts are inline strings in cells of the format "text": no formula when the file is opened, and none
when somebody edits the cell.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import chain, islice
from typing import Any
from xml.sax.saxutils import escape, quoteattr

# What Excel takes.
ROWS_PER_SHEET = 2**20
CELL_LENGTH = 32_767  # in UTF-16
CUT = " … (cut)"
# From 2 GiB on an entry of a ZIP file needs extensions that not every reader knows.
BYTES_PER_SHEET = 3 * 2**29
EXACT_DIGITS = 15
LONGEST_NUMBER = 300
_ROWS_PER_CHUNK = 500
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_HEADER, _TEXT, _DATE, _MOMENT = 1, 2, 3, 4  # positions in cellXfs below

Spell = Callable[[Any, str], str]


def workbook(
    title: str, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]
) -> Iterator[bytes]:
    """Yield the file in parts. ``columns``: names and kinds, a kind is one of ``CELLS``.

    More rows than a sheet can have go on in a second sheet.
    """
    outlet, left, sheets = _Outlet(), iter(rows), 0
    first: Any
    # The fastest level: the others halve the speed for a tenth of the size.
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        book.writestr("[Content_Types].xml", _CONTENT_TYPES)
        book.writestr("_rels/.rels", _RELATIONS)
        book.writestr("xl/styles.xml", _STYLES)
        while sheets == 0 or (first := next(left, None)):
            if sheets:
                left = chain([first], left)
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w") as sheet:
                for part in _sheet(columns, left):
                    sheet.write(part)
                    yield outlet.take()
        book.writestr("xl/workbook.xml", _workbook(title, sheets))
        book.writestr("xl/_rels/workbook.xml.rels", _workbook_relations(sheets))
    yield outlet.take()


def _sheet(columns: Mapping[str, str], rows: Iterator[Mapping[str, Any]]) -> Iterator[bytes]:
    """The XML of one sheet, with as many of ``rows`` as it can take."""
    letters = [_letters(index) for index in range(len(columns))]
    spelled = [
        (name, CELLS[kind], at) for (name, kind), at in zip(columns.items(), letters, strict=True)
    ]
    yield _sheet_head(columns, letters).encode()
    row_number, size = 1, 0
    while size < BYTES_PER_SHEET and row_number < ROWS_PER_SHEET:
        most = min(_ROWS_PER_CHUNK, ROWS_PER_SHEET - row_number)
        lines = []
        for row in islice(rows, most):
            row_number += 1
            cells = [spell(row[name], f"{at}{row_number}") for name, spell, at in spelled]
            lines.append(f'<row r="{row_number}">{"".join(cells)}</row>')
        if not lines:
            break
        part = "".join(lines).encode("utf-8", "replace")
        size += len(part)
        yield part
    yield b"</sheetData></worksheet>"


# Cells ------------------------------------------------------------------------------------------
def _text(value: str, at: str) -> str:
    if not value:
        return ""
    if len(value) > CELL_LENGTH // 2:
        value = _fitting(value)
    if _TO_ESCAPE.search(value):
        value = _TO_ESCAPE.sub(_escaped, value)
    return f'<c r="{at}" s="{_TEXT}" t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'


def _number(value: Any, at: str) -> str:
    if value is None:
        return ""
    text = str(value)
    # A long one without many digits is smaller than what Excel takes for zero.
    if len(text.replace(".", "").lstrip("-0")) > EXACT_DIGITS or len(text) > LONGEST_NUMBER:
        return _text(text, at)
    return f'<c r="{at}"><v>{text}</v></c>'


def _boolean(value: bool | None, at: str) -> str:
    return "" if value is None else f'<c r="{at}" t="b"><v>{value:d}</v></c>'


def _date(value: date | None, at: str) -> str:
    if value is None:
        return ""
    days = (value - _EPOCH.date()).days
    # Excel believes in a 29 February 1900; before it, its days are others.
    if days < 61:
        return _text(value.isoformat(), at)
    return f'<c r="{at}" s="{_DATE}"><v>{days}</v></c>'


def _moment(value: datetime | None, at: str) -> str:
    if value is None:
        return ""
    days = (value - _EPOCH).total_seconds() / 86_400
    if days < 61:
        return _text(value.astimezone(UTC).isoformat(" ")[:19], at)
    return f'<c r="{at}" s="{_MOMENT}"><v>{days:.8f}</v></c>'


def _json(value: Any, at: str) -> str:
    return _text(json.dumps(value, ensure_ascii=False), at) if value else ""


CELLS: dict[str, Spell] = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "moment": _moment,
    "json": _json,
}
_WIDTHS = {"text": 24, "json": 24, "moment": 19}
_USUAL_WIDTH = 12

# Markup, what XML cannot say, and what would be read as the escape of such a character.
_TO_ESCAPE = re.compile("[&<>\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    return escape(character) if character in "&<>" else f"_x{ord(character):04X}_"


def _fitting(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * CELL_LENGTH:
        return text
    return units[: 2 * (CELL_LENGTH - len(CUT))].decode("utf-16-le", "ignore") + CUT


# Around the cells -------------------------------------------------------------------------------
class _Outlet:
    """Where the ZIP file goes: keeps what was written until it is taken. Cannot seek."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _letters(index: int) -> str:
    """The name of a column: A, B, ... Z, AA ..."""
    letters = ""
    while index >= 0:
        index, last = divmod(index, 26)
        letters = chr(ord("A") + last) + letters
        index -= 1
    return letters


def _sheet_head(columns: Mapping[str, str], letters: Sequence[str]) -> str:
    widths = "".join(
        f'<col min="{number}" max="{number}" width="{_WIDTHS.get(kind, _USUAL_WIDTH)}"/>'
        for number, kind in enumerate(columns.values(), start=1)
    )
    names = "".join(
        f'<c r="{at}1" s="{_HEADER}" t="inlineStr"><is><t>{escape(name)}</t></is></c>'
        for name, at in zip(columns, letters, strict=True)
    )
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        f'</sheetView></sheetViews><cols>{widths}</cols><sheetData><row r="1">{names}</row>'
    )


def _workbook(title: str, sheets: int) -> str:
    entries = "".join(
        f"<sheet name={quoteattr(title if number == 1 else f'{title} {number}')}"
        f' sheetId="{number}" r:id="sheet{number}"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}/relationships">'
        f"<sheets>{entries}</sheets></workbook>"
    )


def _workbook_relations(sheets: int) -> str:
    entries = "".join(
        f'<Relationship Id="sheet{number}" Type="{_OFFICE}/relationships/worksheet"'
        f' Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{entries}'
        f'<Relationship Id="styles" Type="{_OFFICE}/relationships/styles" Target="styles.xml"/>'
        "</Relationships>"
    )


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# Sheets are what an XML file is unless it is named: how many there are is not known yet.
_CONTENT_TYPES = (
    f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels"'
    ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Default Extension="xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>'
)
_RELATIONS = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="workbook"'
    f' Type="{_OFFICE}/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><numFmts count="2">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    "<borders><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)
