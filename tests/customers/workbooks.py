"""Workbooks for tests, made cell by cell."""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook

Fill = Callable[[Workbook], None]


def workbook(path: Path, *sheets: tuple[str, Sequence[Sequence[Any]]], **options: object) -> Path:
    """A workbook with these rows in each sheet; dates as dates, the rest as it comes."""
    book = Workbook(
        str(path), {"default_date_format": "yyyy-mm-dd", "strings_to_formulas": False, **options}
    )
    for name, rows in sheets:
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    book.close()
    return path


def drawn(path: Path, fill: Fill, **options: object) -> Path:
    """A workbook of one sheet that `fill` writes as it likes."""
    book = Workbook(str(path), options)
    fill(book)
    book.close()
    return path


def with_part(path: Path, name: str, content: bytes) -> Path:
    """The same workbook with one more part."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr(name, content)
    return path


def zipped(*parts: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts:
            packed.writestr(name, content)
    return out.getvalue()


def with_sheet_xml(path: Path, text: str) -> Path:
    """The same workbook with another XML for its first sheet."""
    with zipfile.ZipFile(path) as old:
        parts = [(name, old.read(name)) for name in old.namelist()]
    changed = [
        (name, text.encode() if name == "xl/worksheets/sheet1.xml" else content)
        for name, content in parts
    ]
    path.write_bytes(zipped(*changed))
    return path
