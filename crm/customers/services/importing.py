"""Reading a file in, step by step: each step is one transaction, and a killed run goes on.

The file lies under `imports/<public id>.csv` in plain UTF-8 while the row in `imports` holds how
far it has been read. Rows come first, then (for orders line by line) the orders' sums, then (for
orders) the totals of the customers met.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session

from crm.core import bulk, spreadsheet
from crm.core.company import company
from crm.core.db import dialect_name
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.spreadsheet import Limits
from crm.customers.models import (
    ContactPoint,
    ContactSubject,
    Customer,
    Import,
    ImportedCustomer,
    ImportedOrder,
    ImportKind,
    ImportPhase,
    ImportRejection,
    ImportState,
    Order,
    OrderLine,
)
from crm.customers.queries import custom_fields
from crm.customers.rules import mappings
from crm.customers.rules.cells import Refusal
from crm.customers.rules.customer_rows import CustomerRows
from crm.customers.rules.mappings import Mapping
from crm.customers.rules.opportunity_rows import OpportunityRows
from crm.customers.rules.order_rows import OrderRows
from crm.customers.services import (
    importing_checks,
    importing_customers,
    importing_files,
    importing_mappings,
    importing_opportunities,
    importing_orders,
    importing_undo,
    stages,
    stats,
)
from crm.customers.services.importing_customers import Taken
from crm.customers.services.importing_files import Reading, file_of
from crm.users import policies
from crm.users.models import User

#: What reads the rows of a kind of file.
Rows: TypeAlias = CustomerRows | OrderRows | OpportunityRows
ROWS_A_STEP = 4_000
RECORDS_A_STEP = 4_000
#: Tables that an import fills while it looks things up in them.
GROWING = (Customer, ContactPoint, Order, OrderLine, ImportedCustomer, ImportedOrder)
LONGEST_FILE_NAME = 255
CANCELLABLE = (
    ImportState.PREPARED,
    ImportState.CHECKING,
    ImportState.CHECKED,
    ImportState.RUNNING,
)

#: States in which the worker has something to do.
WORKING = (ImportState.CHECKING, ImportState.RUNNING, ImportState.UNDOING)
#: Orders are known by source and number, so they need one.
UNNAMED_SOURCE = "import"


@dataclass(frozen=True, slots=True)
class NewImport:
    """A file to be read in; without a mapping the header is asked."""

    kind: ImportKind
    path: Path
    file_name: str
    mapping: Mapping | None = None
    encoding: str | None = None
    source: str = ""
    sheet: str | None = None
    limits: Limits | None = None
    keep_original: bool = False


def upload(session: Session, wanted: NewImport, *, by: User, now: datetime) -> Import:
    """Check the file and keep it; nothing is read in before `begin`. Refuses a bad file by name.

    The database is not touched before the file is known to be good, so nobody waits for it.
    """
    policies.require(by, "customers.import")
    mapping = wanted.mapping
    item = Import(
        public_id=uuid.uuid4().hex,
        kind=wanted.kind,
        state=ImportState.PREPARED,
        file_name=wanted.file_name[:LONGEST_FILE_NAME],
        by_id=by.id,
        created_at=now,
    )
    reading = Reading(
        encoding=wanted.encoding or (mapping.encoding if mapping else None),
        sheet=wanted.sheet,
        header_row=mapping.header_row if mapping else None,
        limits=wanted.limits,
    )
    header_row = importing_files.keep(session, item, wanted.path, reading)
    if wanted.keep_original:
        importing_files.keep_original(session, item, wanted.path)
    source = wanted.source or (UNNAMED_SOURCE if wanted.kind is ImportKind.ORDERS else "")
    if mapping is None:
        mapping = importing_mappings.understood(session, item, source=source)
    item.mapping = replace(mapping, header_row=1 if header_row is None else header_row).as_json()
    session.add(item)
    session.flush()
    return item


def read_again(session: Session, item: Import, reading: Reading, *, by: User) -> None:
    """Choose another sheet, header row or encoding; what the columns mean is found out anew."""
    policies.require(by, "customers.import")
    header_row = importing_files.read_again(session, item, reading)
    source = mapping_of(item).source
    mapping = importing_mappings.understood(session, item, source=source)
    item.mapping = replace(mapping, header_row=1 if header_row is None else header_row).as_json()


def check(session: Session, item: Import, mapping: Mapping, *, by: User, now: datetime) -> None:
    """Let the worker try every row without writing one. Refuses what `begin` would refuse."""
    _accept(session, item, mapping, by=by)
    _start_over(session, item, ImportState.CHECKING, now=now)


def change_mapping(session: Session, item: Import, *, by: User) -> None:
    """Back from the check to the columns."""
    policies.require(by, "customers.import")
    if item.state not in (ImportState.CHECKING, ImportState.CHECKED):
        raise Conflict("import.already_running")
    _start_over(session, item, ImportState.PREPARED, now=None)


def begin(session: Session, item: Import, mapping: Mapping, *, by: User, now: datetime) -> None:
    """Let the worker read it in with this mapping. Refuses one that the file cannot satisfy."""
    _accept(session, item, mapping, by=by)
    _start_over(session, item, ImportState.RUNNING, now=now)
    importing_mappings.remember(session, item, mapping, by=by, now=now)
    importing_files.forget_original(session, item)


def start(session: Session, wanted: NewImport, *, by: User, now: datetime) -> Import:
    """Upload and begin in one go, as the command line does."""
    item = upload(session, wanted, by=by, now=now)
    begin(session, item, mapping_of(item), by=by, now=now)
    session.flush()
    return item


def cancel(session: Session, item: Import, *, by: User, now: datetime) -> None:
    """Stop before the next step. What has been read stays."""
    policies.require(by, "customers.import")
    if item.state not in CANCELLABLE:
        raise Conflict("import.already_over")
    importing_files.forget_original(session, item)
    item.state = ImportState.CANCELLED
    item.finished_at = now


def advance(session: Session, now: datetime) -> bool:
    """One step of the oldest import at work. True while there is more to do for any."""
    # As it is in the database now: a session that knew it before it was begun would wait for ever.
    claimed = _running().limit(1).with_for_update(skip_locked=True)
    item = session.scalar(claimed.execution_options(populate_existing=True))
    if item is None:
        return False
    _step(session, item, now)
    return session.scalar(_running().limit(1)) is not None


def advance_one(session: Session, item: Import, now: datetime) -> bool:
    """One step of this import, after whoever is at one now. True while it is at work."""
    session.refresh(item, with_for_update=True)
    if item.state in WORKING:
        _step(session, item, now)
    return item.state in WORKING


def mapping_of(item: Import) -> Mapping:
    """The mapping as it stands, even one that `begin` would refuse."""
    return mappings.read(item.mapping, kind=item.kind.value)


def preview(session: Session, item: Import, *, count: int) -> list[list[str]]:
    """The first rows of a file that waits for its mapping."""
    path = file_of(session, item)
    if not path.exists():
        raise NotFound("import.file_lost")
    chunk = spreadsheet.read_chunk(path, item.delimiter, start=item.start, limit=count)
    return [cells for cells in chunk.rows if cells]


def _accept(session: Session, item: Import, mapping: Mapping, *, by: User) -> None:
    policies.require(by, "customers.import")
    if item.state not in (ImportState.PREPARED, ImportState.CHECKED):
        raise Conflict("import.already_running")
    if importing_files.needs_a_sheet(item):
        raise Invalid("import.sheet_missing")
    mappings.check(mapping)
    reader_of(session, item, mapping)
    item.mapping = mapping.as_json()


def _start_over(
    session: Session, item: Import, state: ImportState, *, now: datetime | None
) -> None:
    """To the first row, as if nothing had been tried."""
    if item.state is not ImportState.PREPARED:
        importing_checks.forget(session, item)
        session.execute(delete(ImportRejection).where(ImportRejection.import_id == item.id))
    item.state, item.started_at = state, now
    item.position, item.cursor, item.reasons = 0, item.start, {}
    item.created_count = item.updated_count = item.unchanged_count = item.rejected_count = 0
    session.flush()


def _running() -> Select[Import]:
    return select(Import).where(Import.state.in_(WORKING)).order_by(Import.id)


def _step(session: Session, item: Import, now: datetime) -> None:
    with bulk.uncollected():
        _advance_phase(session, item, now)


def _advance_phase(session: Session, item: Import, now: datetime) -> None:
    by = session.get_one(User, item.by_id)
    if item.state is ImportState.UNDOING:
        importing_undo.advance(session, item, now=now)
    elif item.phase is ImportPhase.ROWS:
        _read_rows(session, item, by=by, now=now)
    elif item.phase is ImportPhase.TOTALS:
        _sum_orders(session, item, now=now)
    else:
        _recompute(session, item, now=now)
    session.flush()


def _read_rows(session: Session, item: Import, *, by: User, now: datetime) -> None:
    path = file_of(session, item)
    if not path.exists():
        _fail(item, "import.file_lost", now=now)
        return
    mapping = mapping_of(item)
    chunk = spreadsheet.read_chunk(path, item.delimiter, start=item.cursor, limit=ROWS_A_STEP)
    first = mapping.header_row + item.position + 1
    numbered = [(number, cells) for number, cells in enumerate(chunk.rows, first) if cells]
    try:
        reader = reader_of(session, item, mapping)
    except Invalid as wrong:
        _fail(item, wrong.code, now=now)
        return
    if isinstance(reader, OpportunityRows):
        is_try = item.state is ImportState.CHECKING
        taken = importing_opportunities.take(
            session, numbered, reader, by=by, now=now, is_try=is_try
        )
    elif item.state is ImportState.CHECKING:
        taken = importing_checks.look(session, item, numbered, reader, by=by)
    elif isinstance(reader, CustomerRows):
        taken = importing_customers.take(session, item, numbered, reader, by=by, now=now)
    else:
        taken = importing_orders.take(session, item, numbered, reader, by=by, now=now)
    _keep_refused(session, item, taken.refused)
    _count(item, taken)
    item.cursor = chunk.end
    item.position += len(chunk.rows)
    if (
        item.state is ImportState.RUNNING and (item.position // ROWS_A_STEP).bit_count() == 1
    ):  # after 1, 2, 4, 8 … steps
        bulk.refresh_statistics(session, *GROWING)
    if len(chunk.rows) < ROWS_A_STEP:
        _leave_rows(session, item, mapping, now=now)


def _leave_rows(session: Session, item: Import, mapping: Mapping, *, now: datetime) -> None:
    """What follows the last row: customers without their orders have no totals to recompute."""
    if item.state is ImportState.CHECKING:
        importing_checks.forget(session, item)
        item.state = ImportState.CHECKED
        return
    if item.kind is not ImportKind.ORDERS:
        _finish(item, now=now)
        return
    item.phase = ImportPhase.TOTALS if mapping.has_lines else ImportPhase.STATISTICS
    item.cursor = 0


def reader_of(session: Session, item: Import, mapping: Mapping) -> Rows:
    places = mappings.match(mapping, item.columns)
    width = len(item.columns)
    if item.kind is ImportKind.CUSTOMERS:
        return CustomerRows(mapping, places, width, custom_fields.shown(session))
    if item.kind is ImportKind.OPPORTUNITIES:
        return OpportunityRows(mapping, places, width)
    return OrderRows(mapping, places, width, zone=company(session).zone)


def _sum_orders(session: Session, item: Import, *, now: datetime) -> None:
    """Now that every order is read to its end: drop lines the file no longer has, sum again."""
    page = (
        select(ImportedOrder.order_id)
        .where(ImportedOrder.import_id == item.id, ImportedOrder.order_id > item.cursor)
        .order_by(ImportedOrder.order_id)
        .limit(RECORDS_A_STEP)
    )
    order_ids = session.scalars(page).all()
    shorter = importing_orders.drop_surplus_lines(session, item.id, order_ids)
    if shorter and mapping_of(item).sums_lines:
        importing_orders.sum_lines(session, sorted(shorter), now=now)
    _turn_page(item, order_ids, ImportPhase.STATISTICS)


def _recompute(session: Session, item: Import, *, now: datetime) -> None:
    met = select(ImportedCustomer.customer_id).where(
        ImportedCustomer.import_id == item.id, ImportedCustomer.customer_id > item.cursor
    )
    page = met.order_by(ImportedCustomer.customer_id).limit(RECORDS_A_STEP)
    found = session.scalars(page).all()
    if found:
        _recompute_some(session, met.where(ImportedCustomer.customer_id <= found[-1]), now=now)
    _turn_page(item, found, None)
    if len(found) < RECORDS_A_STEP:
        _finish(item, now=now)


def _recompute_some(session: Session, customer_ids: Select[int], *, now: datetime) -> None:
    # An order that comes in through the API meanwhile waits, and counts after us.
    subjects = select(Customer.subject_id).where(Customer.id.in_(customer_ids))
    turns = select(ContactSubject.id).where(ContactSubject.id.in_(subjects))
    if dialect_name(session) == "postgresql":
        session.execute(turns.order_by(ContactSubject.id).with_for_update()).all()
    stats.recompute(session, customer_ids, now=now)
    stages.move_by_orders(session, customer_ids, now=now)


def _turn_page(item: Import, ids: Sequence[int], following: ImportPhase | None) -> None:
    if len(ids) == RECORDS_A_STEP:
        item.cursor = ids[-1]
    elif following is not None:
        item.phase, item.cursor = following, 0


def _keep_refused(session: Session, item: Import, refused: Sequence[Refusal]) -> None:
    rows = [
        {
            "import_id": item.id,
            "line": number,
            "code": reason.code,
            "field": reason.field,
            "value": reason.value,
            "cells": cells,
        }
        for number, reason, cells in refused
    ]
    if rows:
        session.execute(insert(bulk.table(ImportRejection)), rows)


def _count(item: Import, taken: Taken) -> None:
    item.created_count += taken.created
    item.updated_count += taken.updated
    item.unchanged_count += taken.unchanged
    item.rejected_count += len(taken.refused)
    if taken.refused:
        item.reasons = dict(Counter(item.reasons) + Counter(one[1].code for one in taken.refused))


def _finish(item: Import, *, now: datetime) -> None:
    item.state = ImportState.DONE
    item.finished_at = now


def _fail(item: Import, code: str, *, now: datetime) -> None:
    item.state = ImportState.FAILED
    item.error_code = code
    item.finished_at = now
