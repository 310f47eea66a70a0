"""Workbooks (XLSX) out of plain rows, at even memory: one sheet, texts and numbers, a fixed head.

A sheet is written as the text that it is, row by row into the packed file. XlsxWriter was tried
first: in its constant-memory mode it spends five times as long on a hundred thousand rows, nearly
all of it on formats, links and formulas that a list has none of (docs/adr/0011).
"""

import csv
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

MOST_ROWS: Final = 1_048_575  # of a sheet, below its head
ROWS_AT_ONCE: Final = 500  # joined before they are packed
LEVEL: Final = 1  # twice as quick as the usual 6, and a tenth larger

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS: Final = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
        "</Types>"
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}
_HEAD: Final = (
    f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane xSplit="1" ySplit="1" topLeftCell="B2" activePane="bottomRight" state="frozen"/>'
    "</sheetView></sheetViews><sheetData>"
)
_FOOT: Final = "</sheetData></worksheet>"

#: What XML cannot hold, or would change, or Excel would take for such a mark: written as _xHHHH_.
_MARKED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]|_(?=x[0-9A-Fa-f]{4}_)")
_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]|_x")


def write(source: Path, target: Path, *, numeric: Sequence[bool]) -> None:
    """The rows of a CSV file as a workbook: texts stay texts, whatever they look like."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as book:
        for name, text in _PARTS.items():
            book.writestr(name, _XML + text)
        sheet = zipfile.ZipInfo("xl/worksheets/sheet1.xml")
        sheet.compress_type = zipfile.ZIP_DEFLATED
        with book.open(sheet, "w", force_zip64=True) as out:
            out.write(_HEAD.encode())
            for rows in _rows(source, numeric):
                out.write(rows.encode())
            out.write(_FOOT.encode())


def _rows(source: Path, numeric: Sequence[bool]) -> Iterator[str]:
    letters = [_letter(place) for place in range(len(numeric))]
    made: list[str] = []
    with source.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            made.append(f'<row r="{number}">')
            for letter, is_number, cell in zip(letters, numeric, row, strict=True):
                if not cell:
                    continue
                if is_number and number > 1:
                    made.append(f'<c r="{letter}{number}"><v>{cell}</v></c>')
                    continue
                text = _escaped(cell) if _SPECIAL.search(cell) else cell
                made.append(
                    f'<c r="{letter}{number}" t="inlineStr"><is>'
                    f'<t xml:space="preserve">{text}</t></is></c>'
                )
            made.append("</row>")
            if number % ROWS_AT_ONCE == 0:
                yield "".join(made)
                made.clear()
    yield "".join(made)


def _escaped(cell: str) -> str:
    text = _MARKED.sub(lambda found: f"_x{ord(found[0]):04X}_", cell)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")  # a bare one would become a line feed


def _letter(place: int) -> str:
    """A column's name: A, B … Z, AA."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
