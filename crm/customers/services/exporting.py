"""Writing a list of customers to a file, step by step: each step is one transaction.

The rows are kept as CSV under `exports/<public id>.csv`; the row in `exports` says how many bytes
of it count, so that a killed step is written again. A workbook is made of the finished CSV, outside
any transaction. Rows stand in the order in which the customers were made: that order does not
change while the file is being written.
"""

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Row, update
from sqlalchemy.orm import Session

from crm.core import audit, files, workbook_writer
from crm.core.company import company
from crm.core.db import Step
from crm.core.errors import Conflict, Invalid
from crm.core.jobs import Outside
from crm.core.phones import mask_phone
from crm.customers.models import CustomField, Export, ExportFormat, ExportState, FieldKind
from crm.customers.queries import custom_fields, list_columns, listing, saved_views
from crm.customers.queries import exports as queries
from crm.customers.queries.listing import Filters
from crm.customers.rules import columns as rules
from crm.customers.rules import export_cells as cells
from crm.customers.rules.columns import Column, ColumnKind
from crm.customers.rules.masking import mask_email
from crm.users import policies
from crm.users.models import User

FOLDER = "exports"
ROWS_A_STEP = 10_000
KEPT = timedelta(days=7)
LEASE = timedelta(minutes=10)
MAX_ATTEMPTS = 3
MOST_AT_ONCE = 3  # exports of one person under way
BOM = "\ufeff"  # so that a spreadsheet program reads it as UTF-8
_AS_NUMBERS = frozenset({ColumnKind.NUMBER, ColumnKind.MONEY})


@dataclass(frozen=True, slots=True)
class NewExport:
    """Which list, which columns (none: the usual ones), what kind of file."""

    filters: Filters
    format: ExportFormat = ExportFormat.CSV
    columns: Sequence[str] = ()
    title: str = ""


def request(session: Session, wanted: NewExport, *, by: User, locale: str, now: datetime) -> Export:
    """Have the worker write what the user may see of a list. Audited, with the number of rows."""
    policies.require(by, "customers.export")
    if queries.running_count(session, by) >= MOST_AT_ONCE:
        raise Conflict("exports.too_many_at_once", limit=MOST_AT_ONCE)
    count = listing.count(session, wanted.filters, viewer=by, now=now)
    if wanted.format is ExportFormat.XLSX and count > workbook_writer.MOST_ROWS:
        raise Invalid("exports.too_many_rows", limit=workbook_writer.MOST_ROWS)
    known = [column.name for column in list_columns.offered(session) if column.is_filed]
    names = rules.chosen(wanted.columns or rules.USUAL, known)
    export = Export(
        by_id=by.id,
        state=ExportState.RUNNING,
        format=wanted.format,
        title=wanted.title[:120],
        filters=saved_views.as_json(wanted.filters),
        columns=names,
        locale=locale,
        scope=scope_of(by),
        row_count=count,
        created_at=now,
    )
    session.add(export)
    session.flush()
    audit.record(
        session,
        "customers.export",
        by_id=by.id,
        thing=f"export:{export.id}",
        now=now,
        format=export.format.value,
        rows=count,
        columns=names,
    )
    return export


def cancel(session: Session, export: Export, *, now: datetime) -> None:
    """Stop before the next step; what has been written is thrown away."""
    if export.state not in (ExportState.RUNNING, ExportState.PACKING):
        raise Conflict("exports.already_over")
    _end(session, export, ExportState.CANCELLED, now=now)


def advance(session: Session, now: datetime) -> bool | Outside:
    """One step of the oldest export under way. True while there is more to do for any."""
    claimed = queries.due(now).limit(1).with_for_update(skip_locked=True)
    export = session.scalar(claimed.execution_options(populate_existing=True))
    if export is None:
        return False
    by = session.get_one(User, export.by_id)
    if by.disabled_at is not None or scope_of(by) != export.scope:
        _end(session, export, ExportState.FAILED, code="exports.rights_changed", now=now)
    elif export.state is ExportState.PACKING:
        return _begin_packing(session, export, now=now)
    elif _is_cut(_rows_path(session, export), export.size):
        _end(session, export, ExportState.FAILED, code="exports.file_lost", now=now)
    else:
        _write_some(session, export, by=by, now=now)
    session.flush()
    return session.scalar(queries.due(now).limit(1)) is not None


def forget_expired(session: Session, now: datetime) -> bool:
    """Delete a file that is a week old. True while there are more."""
    found = session.scalars(queries.expired(now).limit(2)).all()
    if found:
        for path in _paths(session, found[0]):
            path.unlink(missing_ok=True)
        found[0].state = ExportState.EXPIRED
    return len(found) > 1


def file_for(session: Session, export: Export, *, viewer: User) -> Path:
    """The finished file. Raises Conflict when there is none, or the viewer's reach changed."""
    if export.state is ExportState.EXPIRED:
        raise Conflict("exports.expired")
    if export.state is not ExportState.DONE:
        raise Conflict("exports.not_done")
    if scope_of(viewer) != export.scope:
        raise Conflict("exports.rights_changed")
    path = _path(session, export)
    if not path.is_file():
        raise Conflict("exports.file_lost")
    return path


def note_download(session: Session, export: Export, *, by: User, now: datetime) -> None:
    audit.record(
        session,
        "customers.export_downloaded",
        by_id=by.id,
        thing=f"export:{export.id}",
        now=now,
        rows=export.position,
    )


def scope_of(user: User) -> str:
    """Whose records the user's role covers, to be compared when a file is fetched."""
    far = policies.RECORDS[user.role]
    if far is policies.ALL:
        return "all"
    return f"team:{user.team_id}" if far is policies.TEAM else f"user:{user.id}"


def _write_some(session: Session, export: Export, *, by: User, now: datetime) -> None:
    # The moment it was asked for decides what "overdue" means, in the first step and the last.
    filters = saved_views.from_json(export.filters)
    where = listing.within(session, filters, viewer=by, now=export.created_at)
    known = {column.name: column for column in list_columns.offered(session)}
    columns = [rules.NAME, *(known[name] for name in export.columns if name in known)]
    found = queries.rows(session, columns, where, after=export.cursor, limit=ROWS_A_STEP)
    sheet = _Sheet(session, columns, by, export.locale)
    if any(column.kind is ColumnKind.TAGS for column in columns):
        sheet.tags = queries.tags(session, [row[0] for row in found])
    head = [sheet.head()] if export.size == 0 else []
    export.size = _append(_rows_path(session, export), export.size, head, sheet.rows(found))
    export.position += len(found)
    if found:
        export.cursor = found[-1][0]
    if len(found) < ROWS_A_STEP:
        if export.format is ExportFormat.XLSX:
            export.state = ExportState.PACKING
        else:
            _end(session, export, ExportState.DONE, now=now)


@dataclass(frozen=True, slots=True)
class _Line:
    """What cells may ask about their row beside their own value."""

    customer_id: int
    custom: Mapping[str, Any]
    is_hidden: bool  # the maker sees the customer, not how to reach it


#: A value and its row to a cell.
_Make = Callable[[Any, _Line], str]


@dataclass(slots=True)
class _Sheet:
    """Makes rows of the database rows of the file, with addresses as the maker may see them."""

    session: Session
    columns: Sequence[Column]
    by: User
    locale: str
    tags: Mapping[int, list[str]] = field(default_factory=dict)

    def head(self) -> list[str]:
        return [cells.header(column, self.locale) for column in self.columns]

    def rows(self, found: Sequence[Row[Any]]) -> Iterator[list[str]]:
        zone = company(self.session).zone
        ways = cells.converters(self.columns, locale=self.locale, zone=zone)
        special = list(self._special())
        only_own = policies.reach(self.by, "customers.see_contacts") is policies.OWN
        for row in found:
            customer_id, owner_id, custom, *values = tuple(row)
            made = [
                "" if value is None else way(value) for way, value in zip(ways, values, strict=True)
            ]
            if special:
                line = _Line(customer_id, custom or {}, only_own and owner_id != self.by.id)
                for place, make in special:
                    made[place] = "" if values[place] is None else make(values[place], line)
            yield made

    def _special(self) -> Iterator[tuple[int, _Make]]:
        """The cells that need more than their value, by place."""
        makers: dict[str, _Make] = {
            "tags": lambda _value, line: cells.tags(self.tags.get(line.customer_id, ())),
            "phone": lambda e164, line: mask_phone(e164) if line.is_hidden else cells.phone(e164),
            "email": lambda text, line: mask_email(text) if line.is_hidden else cells.text(text),
        }
        for place, column in enumerate(self.columns):
            if column.kind is ColumnKind.CUSTOM:
                own = custom_fields.find(self.session, column.name)
                if own is not None:
                    yield place, partial(_own_cell, own)
            elif column.name in makers:
                yield place, makers[column.name]


def _own_cell(own: CustomField, _value: object, line: _Line) -> str:
    """Phones and addresses among own fields are kept from whom the others are kept from."""
    stored = line.custom.get(own.key)
    if line.is_hidden and stored:
        if own.kind is FieldKind.PHONE:
            return mask_phone(str(stored))
        if own.kind is FieldKind.EMAIL:
            return mask_email(str(stored))
    return cells.own_field(own, stored)


def _is_cut(path: Path, size: int) -> bool:
    """Whether bytes are missing that an earlier step has written."""
    return size > 0 and (not path.exists() or path.stat().st_size < size)


def _append(path: Path, size: int, head: Sequence[Sequence[str]], rows: Iterator[list[str]]) -> int:
    """Write behind the bytes that count; what a killed step left behind them is cut off."""
    text = io.StringIO(newline="")
    if not size:
        text.write(BOM)
    writer = csv.writer(text)
    writer.writerows(head)
    writer.writerows(rows)
    with path.open("r+b" if size else "wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(text.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _begin_packing(session: Session, export: Export, *, now: datetime) -> bool | Outside:
    if export.attempts >= MAX_ATTEMPTS:
        _end(session, export, ExportState.FAILED, code="exports.failed", now=now)
        return True
    export.attempts += 1
    export.lease_until = now + LEASE
    known = {column.name: column for column in list_columns.offered(session)}
    kinds = [known[name].kind for name in ("name", *export.columns) if name in known]
    source, target = _rows_path(session, export), _path(session, export)
    return partial(_pack, export.id, export.attempts, source, target, kinds)


def _pack(
    export_id: int, attempt: int, source: Path, target: Path, kinds: Sequence[ColumnKind]
) -> Step:
    part = target.with_suffix(f".{attempt}.part")
    workbook_writer.write(source, part, numeric=[kind in _AS_NUMBERS for kind in kinds])
    part.replace(target)
    return partial(_note_packed, export_id, attempt)


def _note_packed(export_id: int, attempt: int, session: Session, now: datetime) -> bool:
    """Only while the attempt is still ours: it may have been cancelled or taken over."""
    done = session.execute(
        update(Export)
        .where(
            Export.id == export_id,
            Export.state == ExportState.PACKING,
            Export.attempts == attempt,
        )
        .values(state=ExportState.DONE, lease_until=None, finished_at=now, expires_at=now + KEPT)
        .execution_options(synchronize_session=False)
    )
    export = session.get_one(Export, export_id, populate_existing=True)
    _rows_path(session, export).unlink(missing_ok=True)
    if not cast("Any", done).rowcount:
        _path(session, export).unlink(missing_ok=True)
    return True


def _end(
    session: Session, export: Export, state: ExportState, *, code: str | None = None, now: datetime
) -> None:
    export.state, export.error_code = state, code
    export.finished_at, export.lease_until = now, None
    if state is ExportState.DONE:
        export.expires_at = now + KEPT
        return
    for path in _paths(session, export):
        path.unlink(missing_ok=True)


def _path(session: Session, export: Export) -> Path:
    return files.folder(session, FOLDER) / f"{export.public_id}.{export.format.value}"


def _rows_path(session: Session, export: Export) -> Path:
    return files.folder(session, FOLDER) / f"{export.public_id}.csv"


def _paths(session: Session, export: Export) -> set[Path]:
    return {_path(session, export), _rows_path(session, export)}
