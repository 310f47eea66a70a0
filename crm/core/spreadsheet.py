"""CSV files as people send them: found out once, checked whole, then read in even memory.

`prepare` copies the file into plain UTF-8 and refuses what cannot be read, with the line, before
anything is written anywhere else. `read_chunk` then starts at any byte that an earlier chunk
returned, so that a reader killed half-way goes on where its last step ended.
"""

import codecs
import csv
import gzip
import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias, cast

from crm.core.errors import Invalid

ENCODINGS = ("utf-8", "gb18030", "gbk", "big5", "utf-16", "shift_jis", "cp1252")
DELIMITERS = (",", ";", "\t", "，")

_BLOCK = 1 << 20
_SAMPLE = 1 << 16
_GZIP = b"\x1f\x8b"
_NOT_TEXT = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"{\\rtf", b"\x89PNG", b"\xff\xd8\xff")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HTML = re.compile(rb"\s*<(?:!doctype|html|table|\?xml)", re.I)
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Apostrophes count, so that a cell written and read again and again gains none.
_FORMULA = re.compile("[\\s\"']*[=+\\-@＝＋－＠]|[\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9][0-9 .,()-]*")
# A GBK text is now and then valid UTF-8 by chance; more than this share of its lines is not chance.
_CHANCE = 20


#: The row that names the columns (0: none does), or who finds it among the first rows.
HeaderRow: TypeAlias = int | Callable[[Sequence[Sequence[str]]], int]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a file is refused. A field's length is the csv module's own limit (131,072)."""

    size: int = 2 << 30
    rows: int = 5_000_000
    columns: int = 200
    line: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """What `prepare` found out about a file. Rows are counted as a spreadsheet shows them."""

    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    header_row: int
    row_count: int
    start: int
    size: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows, and the byte behind the last of them. An empty line is an empty row."""

    rows: list[list[str]]
    end: int


def prepare(
    source: Path,
    target: Path,
    *,
    encoding: str | None = None,
    header_row: HeaderRow = 1,
    delimiter: str | None = None,
    limits: Limits | None = None,
) -> Layout:
    """Check a CSV file (plain or gzip) and copy it to `target` as UTF-8. Raises Invalid by name."""
    limits = limits or Limits()
    found, content_hash = _copy_as_utf8(source, target, encoding, limits)
    delimiter, header_row = _shape_of(target, delimiter, header_row)
    columns, start, row_count = _check_rows(target, delimiter, header_row, limits)
    return Layout(
        encoding=found,
        delimiter=delimiter,
        columns=columns,
        header_row=header_row,
        row_count=row_count,
        start=start,
        size=target.stat().st_size,
        content_hash=content_hash,
    )


def read_chunk(path: Path, delimiter: str, *, start: int, limit: int) -> Chunk:
    """Up to `limit` rows of a prepared file from that byte on; none at its end."""
    with path.open("rb") as file:
        file.seek(start)
        lines = _Lines(file, start)
        rows = []
        for cells in csv.reader(lines, delimiter=delimiter, strict=True):
            rows.append(cells)
            if len(rows) == limit:
                break
        return Chunk(rows, lines.end)


def write_rows(file: IO[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows as CSV, made harmless for spreadsheet programs."""
    writer = csv.writer(file)
    writer.writerows([harmless(cell) for cell in row] for row in rows)


def harmless(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet program would run as a formula."""
    return "'" + cell if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def verbatim(cell: str) -> str:
    """The cell as it was before `harmless`."""
    return cell[1:] if cell[:1] == "'" and harmless(cell[1:]) != cell[1:] else cell


def has_control_characters(cells: Sequence[str]) -> bool:
    """Whether a row holds characters that no keyboard makes (line breaks and tabs are fine)."""
    return _CONTROL.search("\n".join(cells)) is not None


def plain_header(text: str) -> str:
    """A column's name for comparing: no case, no blanks, full-width as plain, nothing invisible."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return re.sub(r"[\s_*:：\-.]+", "", plain)


class _Lines:
    """Lines of text out of bytes, keeping count of where the next one begins."""

    def __init__(self, file: IO[bytes], start: int) -> None:
        self._file = file
        self.end = start
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.end += len(line)
            self.count += 1
            yield line.decode()


def _open(source: Path) -> IO[bytes]:
    with source.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast("IO[bytes]", gzip.open(source, "rb")) if packed else source.open("rb")


def _copy_as_utf8(
    source: Path, target: Path, encoding: str | None, limits: Limits
) -> tuple[str, str]:
    found = _known(encoding) if encoding else _first_guess(source)
    try:
        return found, _transcode(source, target, found, limits)
    except _Undecodable as failure:
        if encoding or found != "utf-8" or _is_mostly_utf8(source):
            raise Invalid("import.encoding_invalid", line=failure.line, encoding=found) from failure
    try:
        return "gb18030", _transcode(source, target, "gb18030", limits)
    except _Undecodable as failure:
        raise Invalid("import.encoding_unknown", line=failure.line) from failure


def _known(encoding: str) -> str:
    name = encoding.strip().lower().replace("_", "-").removesuffix("-sig")
    name = {"utf8": "utf-8", "utf-8-bom": "utf-8", "shift-jis": "shift_jis"}.get(name, name)
    if name not in ENCODINGS:
        raise Invalid("import.encoding_not_offered", encoding=encoding[:40])
    return name


def _first_guess(source: Path) -> str:
    try:
        with _open(source) as file:
            head = file.read(_SAMPLE)
    except (EOFError, OSError) as failure:
        raise Invalid("import.file_corrupt") from failure
    if head.startswith(_NOT_TEXT) or _HTML.match(head):
        raise Invalid("import.file_type_mismatch")
    if head.startswith(_UTF16):
        return "utf-16"
    return "utf-8"


class _Undecodable(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _transcode(source: Path, target: Path, encoding: str, limits: Limits) -> str:
    """Write the text to `target` as UTF-8 without BOM; the hash is that of the original bytes."""
    digest = hashlib.sha256()
    copy = _Copy(limits)
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    try:
        with _open(source) as file, target.open("wb") as out:
            while block := file.read(_BLOCK):
                digest.update(block)
                out.write(copy.take(_decode(decoder, block, copy, final=False)))
            out.write(copy.take(_decode(decoder, b"", copy, final=True)))
            out.flush()
            os.fsync(out.fileno())
    except (EOFError, gzip.BadGzipFile) as failure:
        raise Invalid("import.file_corrupt") from failure
    if not copy.size:
        raise Invalid("import.file_empty")
    return digest.hexdigest()


def _decode(decoder: codecs.IncrementalDecoder, block: bytes, copy: "_Copy", *, final: bool) -> str:
    try:
        return decoder.decode(block, final)
    except UnicodeDecodeError as failure:
        raise _Undecodable(copy.lines + failure.object.count(b"\n", 0, failure.start)) from failure


class _Copy:
    """Looks at text on its way through: old line ends, NUL, lines and files without end."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.lines = 1
        self.size = 0
        self._open_line = 0
        self._old_line_ends: bool | None = None

    def take(self, text: str) -> bytes:
        if self._old_line_ends is None and text:
            self._old_line_ends = "\r" in text and "\n" not in text
        if self._old_line_ends:
            text = text.replace("\r", "\n")
        if (at := text.find("\0")) >= 0:
            raise Invalid("import.control_character", line=self.lines + text.count("\n", 0, at))
        self.size += len(text)
        if self.size > self.limits.size:
            raise Invalid("import.file_too_large", limit=self.limits.size >> 20)
        last = text.rfind("\n")
        self._open_line = self._open_line + len(text) if last < 0 else len(text) - last
        if self._open_line > self.limits.line:
            raise Invalid("import.field_too_long", line=self.lines)
        self.lines += text.count("\n")
        return text.encode()


def _is_mostly_utf8(source: Path) -> bool:
    """Whether the lines say that this is UTF-8 with broken or foreign lines, not a GBK file."""
    valid = broken = 0
    with _open(source) as file:
        while line := file.readline(_BLOCK):
            if line.isascii():
                continue
            try:
                line.decode()
            except UnicodeDecodeError:
                broken += 1
            else:
                valid += 1
    return valid * _CHANCE > broken


def _shape_of(path: Path, delimiter: str | None, header_row: HeaderRow) -> tuple[str, int]:
    """The delimiter, and the row that names the columns."""
    with path.open("rb") as copy:
        sample = copy.read(_SAMPLE).decode("utf-8", "ignore")
    cut = sample.rfind("\n")
    text = sample[: cut + 1] if cut >= 0 else sample
    shapes = {one: _shape(text, one, header_row) for one in (delimiter or DELIMITERS)}
    likely = max(shapes, key=lambda one: shapes[one][0])
    return likely, shapes[likely][1]


def _shape(text: str, delimiter: str, header_row: HeaderRow) -> tuple[tuple[bool, float, int], int]:
    """How even the rows are with this delimiter, then how wide; and where the header stands."""
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:
        return (False, 0.0, 0), header_row if isinstance(header_row, int) else 1
    number = header_row if isinstance(header_row, int) else header_row(rows)
    widths = [len(row) for row in rows[max(0, number - 1) :] if row]
    usual = max(set(widths), key=widths.count) if widths else 0
    first = widths[0] if widths else 0
    return (first > 1, widths.count(first) / max(1, len(widths)), usual), number


def _check_rows(
    path: Path, delimiter: str, header_row: int, limits: Limits
) -> tuple[tuple[str, ...], int, int]:
    """Column names, the byte where the rows begin, and how many there are."""
    columns: tuple[str, ...] = ()
    start = count = begun_at = 0
    with path.open("rb") as file:
        lines = _Lines(file, 0)
        try:
            for count, cells in enumerate(csv.reader(lines, delimiter=delimiter, strict=True), 1):
                begun_at = lines.count
                if count == header_row:
                    columns, start = _columns(cells, limits), lines.end
                elif count > limits.rows + header_row:
                    raise Invalid("import.too_many_rows", limit=limits.rows)
                elif not columns and not header_row:
                    columns = _columns([""] * len(cells), limits)
        except csv.Error as failure:
            too_long = "field limit" in str(failure)
            code = "import.field_too_long" if too_long else "import.csv_malformed"
            raise Invalid(code, line=begun_at + 1) from failure
    if count < header_row or not columns:
        raise Invalid("import.header_missing", fields="")
    if count == header_row:
        raise Invalid("import.no_rows")
    return columns, start, count - header_row


def _columns(cells: list[str], limits: Limits) -> tuple[str, ...]:
    if len(cells) > limits.columns:
        raise Invalid("import.too_many_columns", limit=limits.columns)
    names = [_INVISIBLE.sub("", cell).strip() for cell in cells]
    names = [name or f"#{number}" for number, name in enumerate(names, 1)]
    plain = [plain_header(name) or name for name in names]
    for name, key in zip(names, plain, strict=True):
        if plain.count(key) > 1:
            raise Invalid("import.header_duplicate", column=name[:80])
    return tuple(names)
