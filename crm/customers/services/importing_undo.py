"""Taking an import of customers back, step by step: what nobody has touched since, and no more.

Customers whom it made go, unless somebody has changed or used them; customers whom it changed get
their values back while they are still as the import left them. Whoever stays keeps the reason.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Date, Enum, Table, delete, select, update
from sqlalchemy.orm import Session

from crm.core import audit, bulk
from crm.core.db import Model
from crm.core.errors import Conflict
from crm.core.events import publish
from crm.customers.events import CustomerAssigned
from crm.customers.models import (
    ContactPoint,
    ContactSubject,
    Customer,
    CustomerTag,
    Import,
    ImportChange,
    ImportedCustomer,
    ImportKind,
    ImportState,
    OwnerReason,
    StageChange,
    StageReason,
)
from crm.customers.rules.customer_rows import search_spelling
from crm.customers.services import owners
from crm.customers.services.owners import Cause
from crm.users import policies
from crm.users.models import User

KEPT_FOR = timedelta(days=7)
CUSTOMERS_A_STEP = 1_000
ENDED = (ImportState.DONE, ImportState.CANCELLED)

CHANGED, USED = "changed", "used"
REASONS = (CHANGED, USED)

#: Tables that the program fills by itself beside a customer, or that an import fills. A row of any
#: other table that points at a customer means that somebody has worked with it.
OWN_TABLES = frozenset(
    {
        "customer_tags",
        "stage_changes",
        "imported_customers",
        "import_changes",
        "customer_stats",
        "customer_scores",
        "segment_entries",
        "duplicate_pairs",
        "duplicate_keys",
    }
)


def can_be_undone(item: Import, *, now: datetime) -> bool:
    return (
        item.kind is ImportKind.CUSTOMERS
        and item.state in ENDED
        and item.finished_at is not None
        and now - item.finished_at <= KEPT_FOR
        and item.created_count + item.updated_count > 0
    )


def undo(session: Session, item: Import, *, by: User, now: datetime) -> None:
    """Let the worker take it back. Raises Conflict when there is nothing to take back any more."""
    policies.require(by, "customers.import")
    if item.kind is not ImportKind.CUSTOMERS:
        raise Conflict("import.undo_orders")
    if item.state not in ENDED or item.finished_at is None:
        raise Conflict("import.undo_not_over")
    if not can_be_undone(item, now=now):
        raise Conflict("import.undo_too_late", days=KEPT_FOR.days)
    item.state, item.cursor = ImportState.UNDOING, 0
    item.undone = {"by_id": by.id, "removed": 0, "restored": 0, **dict.fromkeys(REASONS, 0)}
    audit.record(session, "imports.undo", by_id=by.id, thing=f"import:{item.id}", now=now)


def advance(session: Session, item: Import, *, now: datetime) -> None:
    """One step: some of the customers whom the import met."""
    page = (
        select(ImportedCustomer.customer_id, ImportedCustomer.is_new)
        .where(
            ImportedCustomer.import_id == item.id,
            ImportedCustomer.customer_id > item.cursor,
        )
        .order_by(ImportedCustomer.customer_id)
        .limit(CUSTOMERS_A_STEP)
    )
    met = session.execute(page).all()
    made = [row.customer_id for row in met if row.is_new]
    known = [row.customer_id for row in met if not row.is_new]
    if made:
        _remove(session, item, made)
    if known:
        _restore(session, item, known, now=now)
    if len(met) == CUSTOMERS_A_STEP:
        item.cursor = met[-1].customer_id
        return
    item.state = ImportState.UNDONE
    counts = {name: count for name, count in item.undone.items() if name != "by_id"}
    audit.record(
        session,
        "imports.undone",
        by_id=item.undone["by_id"],
        thing=f"import:{item.id}",
        now=now,
        **counts,
    )


def _remove(session: Session, item: Import, made: Sequence[int]) -> None:
    """Delete those whom nobody has touched since the import made them."""
    locked = select(Customer.id, Customer.subject_id, Customer.version)
    found = session.execute(
        locked.where(bulk.among(session, Customer.id, made)).order_by(Customer.id).with_for_update()
    ).all()
    subjects = {row.id: row.subject_id for row in found}
    used = _used(session, item, subjects)
    stays = {row.id: CHANGED for row in found if row.version != 1}
    stays |= {customer_id: USED for customer_id in used if customer_id not in stays}
    gone = [customer_id for customer_id in subjects if customer_id not in stays]
    for table, column in _pointing_at("customers", only=OWN_TABLES):
        _delete_from(session, table, column, gone)
    _delete_from(session, bulk.table(Customer), bulk.table(Customer).c.id, gone)
    _drop_subjects(session, {subjects[customer_id] for customer_id in gone})
    _keep_reasons(session, item, stays)
    _count(item, removed=len(gone), stays=stays)


def _used(session: Session, item: Import, subjects: dict[int, int]) -> set[int]:
    """Whom somebody has worked with: a row elsewhere points at them, or a later tag or stage."""
    used: set[int] = set()
    for _, column in _pointing_at("customers", but=OWN_TABLES):
        found = select(column).where(_among(session, column, subjects)).distinct()
        used.update(session.scalars(found))
    reached: set[int] = set()
    for _, column in _pointing_at("contact_subjects", but={"customers", "contact_points"}):
        reached.update(
            session.scalars(
                select(column).where(_among(session, column, set(subjects.values()))).distinct()
            )
        )
    used.update(one for one, subject_id in subjects.items() if subject_id in reached)
    for later in (
        select(CustomerTag.customer_id).where(
            bulk.among(session, CustomerTag.customer_id, subjects),
            CustomerTag.created_at > item.finished_at,
        ),
        select(StageChange.customer_id).where(
            bulk.among(session, StageChange.customer_id, subjects),
            StageChange.reason == StageReason.BY_HAND,
        ),
    ):
        used.update(session.scalars(later))
    return used


def _restore(session: Session, item: Import, known: Sequence[int], *, now: datetime) -> None:
    """Give back the values of those who are still as the import left them."""
    changes = session.scalars(
        select(ImportChange).where(
            ImportChange.import_id == item.id,
            bulk.among(session, ImportChange.customer_id, known),
        )
    ).all()
    by_id = {change.customer_id: change for change in changes}
    found = session.scalars(
        select(Customer)
        .where(bulk.among(session, Customer.id, by_id))
        .order_by(Customer.id)
        .with_for_update()
    )
    stays, restored = {}, 0
    for customer in found:
        change = by_id[customer.id]
        if customer.version != change.version:
            stays[customer.id] = CHANGED
            continue
        _put_back(session, customer, change, by_id=item.undone["by_id"], now=now)
        restored += 1
    session.flush()
    _keep_reasons(session, item, stays)
    _count(item, restored=restored, stays=stays)


def _put_back(
    session: Session, customer: Customer, change: ImportChange, *, by_id: int, now: datetime
) -> None:
    owner_before, stage_before = customer.owner_id, customer.stage
    for name, value in change.before.items():
        column = bulk.table(Customer).c[name]
        if getattr(customer, name) == _stored(column, change.after[name]):
            setattr(customer, name, _stored(column, value))
    if change.before:
        spelling = search_spelling(customer.name, customer.company)
        customer.name_pinyin, customer.name_initials = spelling
        customer.updated_at = now
    if customer.stage is not stage_before:
        customer.stage_since = now
        session.add(
            StageChange(
                customer_id=customer.id,
                before=stage_before,
                after=customer.stage,
                reason=StageReason.IMPORT,
                by_id=by_id,
                at=now,
            )
        )
    if customer.owner_id != owner_before:
        customer.owner_since = now
        by = session.get_one(User, by_id)
        owners.write_down(session, customer, owner_before, Cause("", OwnerReason.UNDONE, by, now))
        publish(session, CustomerAssigned(customer.id, owner_before, customer.owner_id, now))
    if change.tag_ids:
        session.execute(
            delete(CustomerTag).where(
                CustomerTag.customer_id == customer.id, CustomerTag.tag_id.in_(change.tag_ids)
            )
        )


def _stored(column: Column[Any], value: Any) -> Any:  # noqa: ANN401 - a customer's column
    """What JSON kept, as the column holds it."""
    if value is None:
        return None
    if isinstance(column.type, Enum) and column.type.enum_class is not None:
        return column.type.enum_class(value)
    return date.fromisoformat(value) if isinstance(column.type, Date) else value


def _pointing_at(
    target: str, *, only: Iterable[str] | None = None, but: Iterable[str] = ()
) -> list[tuple[Table, Column[Any]]]:
    """Columns of any table that point at this one; upper modules' tables too, unnamed."""
    return [
        (table, key.parent)
        for table in Model.metadata.sorted_tables
        if (table.name in only if only is not None else table.name not in but)
        for key in table.foreign_keys
        if key.column.table.name == target
    ]


def _among(session: Session, column: Column[Any], ids: Iterable[int]) -> Any:  # noqa: ANN401
    return bulk.among(session, column, ids)  # type: ignore[arg-type]  # a plain column will do


def _delete_from(session: Session, table: Table, column: Column[Any], ids: Sequence[int]) -> None:
    if ids:
        session.execute(delete(table).where(_among(session, column, ids)))


def _drop_subjects(session: Session, subject_ids: set[int]) -> None:
    """Forget addresses that belong to nobody any more and were never contacted."""
    needed: set[int] = set()
    for _, column in _pointing_at("contact_subjects", but={"contact_points"}):
        held = select(column).where(_among(session, column, subject_ids)).distinct()
        needed.update(session.scalars(held))
    free = sorted(subject_ids - needed)
    _delete_from(session, bulk.table(ContactPoint), bulk.table(ContactPoint).c.subject_id, free)
    _delete_from(session, bulk.table(ContactSubject), bulk.table(ContactSubject).c.id, free)


def _keep_reasons(session: Session, item: Import, stays: dict[int, str]) -> None:
    for reason in REASONS:
        ids = [one for one, why in stays.items() if why == reason]
        if ids:
            session.execute(
                update(ImportedCustomer)
                .where(
                    ImportedCustomer.import_id == item.id,
                    bulk.among(session, ImportedCustomer.customer_id, ids),
                )
                .values(stays=reason)
                .execution_options(synchronize_session=False)
            )


def _count(item: Import, *, stays: dict[int, str], removed: int = 0, restored: int = 0) -> None:
    undone = dict(item.undone)
    undone["removed"] += removed
    undone["restored"] += restored
    for reason in stays.values():
        undone[reason] += 1
    item.undone = undone
