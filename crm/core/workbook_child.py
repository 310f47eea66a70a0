"""The process that opens a workbook: an order comes in, JSON goes out, nothing of ours is imported.

A workbook is a zip of XML, so it can claim to be larger than any memory. Everything is therefore
measured before it is parsed, and the limits of this process hold what the measuring has missed.
"""

import csv
import json
import re
import resource
import signal
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

BLOCK = 1 << 20
LARGEST_ROW = 16 << 20
SMALL = 1 << 20  # below this a part may be packed as tightly as it likes
LARGEST_WHOLE = 10**15  # a spreadsheet keeps 15 digits of a number
NO_VALUE = "#FORMULA!"
MOST_BAD_CELLS = 100_000

_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_ROW_NUMBER = re.compile(rb'\br="(\d{1,9})"')
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_COLUMN = re.compile(rb'\br="([A-Z]{1,3})[0-9]')
_ERROR = re.compile(rb'\bt="e"')
_NO_VALUE = re.compile(
    rb"</(?:\w+:)?f>\s*(?:<(?:\w+:)?v\s*/>\s*|<(?:\w+:)?v>\s*</(?:\w+:)?v>\s*)?</(?:\w+:)?c>"
    rb"|<(?:\w+:)?f\b[^>]*/>\s*</(?:\w+:)?c>"
)
_CELL = re.compile(rb"<(?:\w+:)?c\b")
_PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]{0,40})<")
_TEXT_CELL = re.compile(rb'\bt="str"')
_DECLARED = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)

Places = dict[tuple[int, int], str]


class Refused(Exception):
    def __init__(self, code: str, **details: int) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


def main() -> int:
    order: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    _limit(order)
    try:
        answer = open_workbook(order)
    except Refused as refused:
        answer = {"refused": refused.code, "details": refused.details}
    except MemoryError:
        answer = {"refused": "import.file_too_large_unpacked", "details": {}}
    json.dump(answer, sys.stdout)
    return 0


def open_workbook(order: dict[str, Any]) -> dict[str, Any]:
    """Look at the parts, name the sheets, and write the wanted one (or the only one) as CSV."""
    from python_calamine import (  # noqa: PLC0415 - the parent must not need it
        CalamineError,
        SheetTypeEnum,
        SheetVisibleEnum,
        load_workbook,
    )

    _look_at_parts(order)
    try:
        book = load_workbook(order["source"])
        found = [one for one in book.sheets_metadata if one.typ is SheetTypeEnum.WorkSheet]
        shown = {one.name: one.visible is SheetVisibleEnum.Visible for one in found}
        wanted = _wanted(order["sheet"], shown)
        answer: dict[str, Any] = {
            "sheets": [{"name": name, "is_hidden": not seen} for name, seen in shown.items()],
            "sheet": wanted,
        }
        if wanted is not None:
            number = book.sheet_names.index(wanted)
            answer["notes"] = _write(book, number, order)
    except CalamineError as failure:
        raise Refused("import.file_corrupt") from failure
    return answer


def _wanted(asked: str | None, shown: dict[str, bool]) -> str | None:
    if not shown:
        raise Refused("import.file_type_mismatch")
    if asked is not None:
        if asked not in shown:
            raise Refused("import.sheet_unknown")
        return asked
    seen = [name for name, is_shown in shown.items() if is_shown]
    return seen[0] if len(seen) == 1 else None


def _look_at_parts(order: dict[str, Any]) -> None:
    try:
        with zipfile.ZipFile(order["source"]) as parts:
            infos = parts.infolist()
            if len(infos) > order["members"]:
                raise Refused("import.file_unsafe")
            _must_be_a_workbook({info.filename for info in infos})
            for info in infos:
                _must_unpack(info, order)
            if sum(info.file_size for info in infos) > order["unpacked"]:
                raise Refused("import.file_too_large_unpacked")
            for info in infos:
                _read_through(parts, info)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as failure:
        raise Refused("import.file_corrupt") from failure
    except RuntimeError as failure:  # a password
        raise Refused("import.xlsx_encrypted") from failure


def _must_be_a_workbook(names: set[str]) -> None:
    if any(name.startswith("Index/") or name.endswith(".iwa") for name in names):
        raise Refused("import.numbers_format")
    if "xl/workbook.bin" in names:
        raise Refused("import.old_format")
    if "xl/workbook.xml" not in names:
        raise Refused("import.file_type_mismatch")
    if any("vbaProject" in name or name.startswith("xl/externalLinks/") for name in names):
        raise Refused("import.file_unsafe")


def _must_unpack(info: zipfile.ZipInfo, order: dict[str, Any]) -> None:
    if info.filename.lower().endswith((".zip", ".xlsx", ".gz")):
        raise Refused("import.file_unsafe")
    packed = max(1, info.compress_size)
    if info.file_size > SMALL and info.file_size / packed > order["ratio"]:
        raise Refused("import.file_too_large_unpacked")


def _read_through(parts: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Unpack a part to nowhere: it is as long as it said, and its XML declares nothing."""
    is_xml = info.filename.endswith((".xml", ".rels"))
    read, tail = 0, b""
    with parts.open(info) as part:
        while block := part.read(BLOCK):
            read += len(block)
            if read > info.file_size:
                raise Refused("import.file_too_large_unpacked")
            if is_xml and _DECLARED.search(tail + block):
                raise Refused("import.file_unsafe")
            tail = block[-16:]


class _Measured:
    """What a sheet's XML says about itself that the reader would keep to itself."""

    def __init__(self) -> None:
        self.rows = 0
        self.columns = 0
        self.hidden_rows = 0
        self.bad: Places = {}
        self._counted = 0
        self._letters: set[bytes] = set()

    def take(self, text: bytes, order: dict[str, Any]) -> None:
        for row in _ROW.finditer(text):
            self._counted += 1
            number = _ROW_NUMBER.search(row[1])
            self._counted = max(self._counted, int(number[1]) if number else 0)
            self.hidden_rows += _HIDDEN.search(row[1]) is not None
        self.rows = self._counted
        self._letters.update(_COLUMN.findall(text))
        self.columns = max(map(_column_number, self._letters), default=0)
        if self.columns > order["columns"]:
            raise Refused("import.too_many_columns", limit=order["columns"])
        if self.rows > order["rows"] + order["titles"]:
            raise Refused("import.too_many_rows", limit=order["rows"])
        if self.rows * self.columns > order["cells"]:
            raise Refused("import.file_too_large_unpacked")
        for found in _ERROR.finditer(text):
            self._note(text, found.start(), "")
        for found in _NO_VALUE.finditer(text):
            self._note(text, found.start(), NO_VALUE)

    def _note(self, text: bytes, at: int, said: str) -> None:
        begin = max(text.rfind(b"<c ", 0, at), text.rfind(b":c ", 0, at))
        place = _PLACE.search(text, begin, at + 200) if begin >= 0 else None
        if place is None or len(self.bad) >= MOST_BAD_CELLS:
            return
        opening = text[begin : text.find(b">", begin)]
        if said and _TEXT_CELL.search(opening):
            return  # a formula whose text is empty
        value = _VALUE.search(text, at, at + 2_000)
        shown = said or (value[1].decode("utf-8", "replace") if value else "#ERROR!")
        self.bad[int(place[2]), _column_number(place[1])] = shown


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _measure(order: dict[str, Any], part_name: str) -> _Measured:
    found = _Measured()
    with zipfile.ZipFile(order["source"]) as parts, parts.open(part_name) as part:
        rest = b""
        while block := part.read(BLOCK):
            text = rest + block
            cut = text.rfind(b"</row>")
            cut = max(cut, text.rfind(b":row>"))
            if cut < 0:
                rest = text
                if len(rest) > LARGEST_ROW:
                    raise Refused("import.file_too_large_unpacked")
                continue
            found.take(text[:cut], order)
            rest = text[cut:]
        found.take(rest, order)
    return found


def _part_of(source: str, number: int) -> str:
    """Which part holds the sheet of that number, by way of the workbook's relations."""
    with zipfile.ZipFile(source) as parts:
        book = parts.read("xl/workbook.xml")
        relations = parts.read("xl/_rels/workbook.xml.rels")
        names = set(parts.namelist())
    sheets = re.findall(rb"<(?:\w+:)?sheet\b[^>]*>", book)
    key = re.search(rb'\b\w+:id="([^"]+)"', sheets[number]) if number < len(sheets) else None
    for relation in re.findall(rb"<(?:\w+:)?Relationship\b[^>]*>", relations):
        target = re.search(rb'\bTarget="([^"]+)"', relation)
        if key and target and b'Id="' + key[1] + b'"' in relation:
            path = target[1].decode()
            path = path.lstrip("/") if path.startswith("/") else f"xl/{path}"
            if path in names:
                return path
    raise Refused("import.file_corrupt")


def _write(book: Any, number: int, order: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    measured = _measure(order, _part_of(order["source"], number))
    sheet = book.get_sheet_by_index(number)
    first_column = sheet.start[1] if sheet.start else 0
    merged = [
        (top, bottom, left - first_column)
        for (top, left), (bottom, _) in sheet.merged_cell_ranges or ()
        if bottom > top and left >= first_column
    ]
    bad = {
        (row - 1, column - 1 - first_column): text for (row, column), text in measured.bad.items()
    }
    with Path(order["target"]).open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        for cells in _rows(sheet.iter_rows(), merged, bad):
            writer.writerow(cells if any(cells) else [])
    return {
        "hidden_rows": measured.hidden_rows,
        "merged": len(sheet.merged_cell_ranges or ()),
        "bad_cells": len(bad),
    }


def _rows(
    rows: Iterator[list[Any]], merged: list[tuple[int, int, int]], bad: Places
) -> Iterator[list[str]]:
    """Every row as text; what is merged downwards stands in each of its rows."""
    wrong: dict[int, list[tuple[int, str]]] = {}
    for (row, column), text in bad.items():
        wrong.setdefault(row, []).append((column, text))
    below = _Merged(merged)
    for number, values in enumerate(rows):
        cells = [value if isinstance(value, str) else as_text(value) for value in values]
        for column, text in wrong.get(number, ()):
            if 0 <= column < len(cells):
                cells[column] = text
        if merged:
            below.fill(number, cells)
        yield cells


class _Merged:
    """Fills the rows of a range that is merged downwards with the value of its first."""

    def __init__(self, merged: list[tuple[int, int, int]]) -> None:
        self._begins: dict[int, list[tuple[int, int]]] = {}
        for top, bottom, column in merged:
            self._begins.setdefault(top, []).append((bottom, column))
        self._open: list[tuple[int, int, str]] = []

    def fill(self, number: int, cells: list[str]) -> None:
        self._open = [one for one in self._open if one[0] >= number]
        for _, column, text in self._open:
            cells[column] = cells[column] or text
        for bottom, column in self._begins.get(number, ()):
            if column < len(cells) and cells[column]:
                self._open.append((bottom, column, cells[column]))


def as_text(value: object) -> str:
    """A cell's value as a person would have typed it, with all the digits the file has."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float | int):
        return _number(value)
    if isinstance(value, datetime):
        moment = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
        return str(moment.date() if moment.time() == time() else moment)
    if isinstance(value, time):
        return value.isoformat("seconds")
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _number(value: float) -> str:
    """Whole numbers without a point; one that has lost digits shows it, as 3.3E+17 does."""
    if abs(value) >= LARGEST_WHOLE:
        digits, _, power = f"{value:.14E}".partition("E")
        return f"{digits.rstrip('0').rstrip('.')}E{power}"
    if value == int(value):
        return str(int(value))
    text = f"{value:.15g}"
    return f"{Decimal(text):f}" if "e" in text else text


def _limit(order: dict[str, Any]) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: order["file_bytes"],
        resource.RLIMIT_CPU: order["seconds"],
        resource.RLIMIT_DATA: order["memory_bytes"],
    }
    for kind, amount in limits.items():
        resource.setrlimit(kind, (amount, amount))
    # A parent that was killed cannot end us any more.
    signal.alarm(order["seconds"] + 5)


if __name__ == "__main__":
    sys.exit(main())
