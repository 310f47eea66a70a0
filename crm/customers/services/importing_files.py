"""A file as it was sent becomes the kept one: plain UTF-8 CSV, its header found, its rows counted.

Workbooks and visiting cards pass through a file of their own first. While an import waits to be
begun, the original lies beside it, so that another sheet, header or encoding can be chosen.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from crm.core import bulk, files, spreadsheet, workbook
from crm.core.errors import Conflict, Invalid
from crm.core.spreadsheet import Layout, Limits
from crm.customers.models import Import, ImportKind, ImportState
from crm.customers.rules import header_rows, vcards

FOLDER = "imports"
SHEET_ROWS = 200_000
KEPT_FOR = timedelta(days=7)
WAITING = (ImportState.PREPARED, ImportState.CHECKED)
_WORKBOOK_NAMES = (".xlsx", ".xlsm", ".xltx", ".xls", ".numbers")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read; what is None is found out."""

    encoding: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    limits: Limits | None = None


def file_of(session: Session, item: Import) -> Path:
    return files.folder(session, FOLDER) / f"{item.public_id}.csv"


def keep(session: Session, item: Import, source: Path, reading: Reading) -> int | None:
    """Make the kept file and describe it in `item`. The header's row; None: a sheet is to choose.

    Raises Invalid by name, and leaves nothing behind then.
    """
    kept = file_of(session, item)
    passed, fresh = kept.with_suffix(".part"), kept.with_suffix(".new")
    try:
        layout = _prepared(item, source, passed, fresh, reading)
        if layout is not None:
            fresh.replace(kept)
    finally:
        passed.unlink(missing_ok=True)
        fresh.unlink(missing_ok=True)
    item.content_hash = layout.content_hash if layout else _hash_of(source)
    if layout is None:
        item.columns, item.row_count, item.sheet = [], 0, ""
        return None
    item.encoding = layout.encoding
    item.delimiter = layout.delimiter
    item.columns = list(layout.columns)
    item.size = layout.size
    item.row_count = layout.row_count
    item.start = item.cursor = layout.start
    return layout.header_row


def keep_original(session: Session, item: Import, source: Path) -> None:
    """Keep the file as it was sent until the import begins."""
    shutil.copyfile(source, _original(session, item))


def read_again(session: Session, item: Import, reading: Reading) -> int | None:
    """The same with another sheet, header or encoding."""
    if item.state is not ImportState.PREPARED:
        raise Conflict("import.already_running")
    original = _original(session, item)
    if not original.exists():
        raise Conflict("import.file_lost")
    return keep(session, item, original, reading)


def forget_original(session: Session, item: Import) -> None:
    _original(session, item).unlink(missing_ok=True)


def forget_old(session: Session, now: datetime) -> bool:
    """Delete the files of imports that ended a week ago, and give up those nobody has begun."""
    names = {path.stem for path in files.folder(session, FOLDER).iterdir()}
    before = now - KEPT_FOR
    old = select(Import).where(
        bulk.among(session, Import.public_id, names),
        or_(
            Import.finished_at < before,
            and_(Import.state.in_(WAITING), Import.created_at < before),
        ),
    )
    for item in session.scalars(old):
        if item.state in WAITING:
            item.state, item.finished_at = ImportState.CANCELLED, now
        for path in (file_of(session, item), _original(session, item)):
            path.unlink(missing_ok=True)
    return False


def needs_a_sheet(item: Import) -> bool:
    """Whether somebody has to say which sheet of the workbook is meant."""
    return bool(item.sheets) and not item.columns


def _original(session: Session, item: Import) -> Path:
    return file_of(session, item).with_suffix(".original")


def _prepared(
    item: Import, source: Path, passed: Path, kept: Path, reading: Reading
) -> Layout | None:
    if workbook.is_workbook(source):
        return _from_workbook(item, source, passed, kept, reading)
    if vcards.is_vcard(source):
        return _from_cards(item, source, passed, kept)
    if item.file_name.lower().endswith(_WORKBOOK_NAMES):
        raise Invalid("import.file_type_mismatch")
    return _prepare(item, source, kept, reading)


def _from_workbook(
    item: Import, source: Path, passed: Path, kept: Path, reading: Reading
) -> Layout | None:
    limits = reading.limits or Limits()
    opened = workbook.write_sheet(
        source,
        passed,
        sheet=reading.sheet,
        limits=workbook.Limits(rows=min(SHEET_ROWS, limits.rows), columns=limits.columns),
    )
    item.sheets = [{"name": one.name, "is_hidden": one.is_hidden} for one in opened.sheets]
    item.notes = opened.notes
    if opened.sheet is None:
        return None
    item.sheet = opened.sheet[:200]
    return _from_text(item, source, passed, kept, reading)


def _from_cards(item: Import, source: Path, passed: Path, kept: Path) -> Layout:
    if item.kind is not ImportKind.CUSTOMERS:
        raise Invalid("import.cards_are_customers")
    item.notes = vcards.write_rows(source, passed)
    return _from_text(item, source, passed, kept, Reading(header_row=1))


def _from_text(item: Import, source: Path, passed: Path, kept: Path, reading: Reading) -> Layout:
    """What passed through a file of ours is UTF-8 with commas, whatever it looks like."""
    layout = _prepare(item, passed, kept, replace(reading, encoding="utf-8"), delimiter=",")
    return replace(layout, content_hash=_hash_of(source))


def _prepare(
    item: Import, source: Path, kept: Path, reading: Reading, *, delimiter: str | None = None
) -> Layout:
    find = partial(_header_row, item.kind)
    return spreadsheet.prepare(
        source,
        kept,
        encoding=reading.encoding,
        header_row=find if reading.header_row is None else reading.header_row,
        delimiter=delimiter,
        limits=reading.limits,
    )


def _header_row(kind: ImportKind, rows: Sequence[Sequence[str]]) -> int:
    return header_rows.find(rows, kind.value)


def _hash_of(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
