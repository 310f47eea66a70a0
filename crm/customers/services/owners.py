"""Writing down each change of hands, one by one or set by set."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, insert, literal, null, select, update
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.events import publish
from crm.customers.events import CustomersAssigned
from crm.customers.models import Customer, Opportunity, OwnerChange, OwnerReason, TimelineEntry
from crm.users.models import User

UNSEEN = {"synchronize_session": False}
_COLUMNS = ("customer_id", "before_id", "after_id", "by_id", "reason", "note", "batch", "at")
_ENTRY = ("customer_id", "at", "kind", "by_id", "details")

#: Customer, owner before, owner after; None is the pool.
Move = tuple[int, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why many change hands at once; `batch` names them together."""

    batch: str
    reason: OwnerReason
    by: User | None
    at: datetime
    note: str = ""


def write_down(
    session: Session, customer: Customer, before_id: int | None, cause: Cause
) -> OwnerChange:
    """One change that has just been made; open deals go along."""
    session.execute(
        update(Opportunity)
        .where(
            Opportunity.customer_id == customer.id,
            Opportunity.closed_on.is_(None),
            Opportunity.owner_id.is_not_distinct_from(before_id),
        )
        .values(owner_id=customer.owner_id),
        execution_options=UNSEEN,
    )
    change = OwnerChange(
        customer_id=customer.id,
        before_id=before_id,
        after_id=customer.owner_id,
        by_id=cause.by.id if cause.by else None,
        reason=cause.reason,
        note=cause.note,
        batch=cause.batch or None,
        at=cause.at,
    )
    session.add(change)
    return change


def hand_over_many(session: Session, moves: Iterable[Move], cause: Cause) -> int:
    """Give each customer of `moves` its new owner: a fixed number of statements per new owner.

    The caller has locked the customers. `version` moves on, as with one customer: the owner is
    part of the record that programs compare.
    """
    by_id = cause.by.id if cause.by else None
    rows = [
        (customer_id, before_id, after_id, by_id, cause.reason, cause.note, cause.batch, cause.at)
        for customer_id, before_id, after_id in moves
    ]
    if not rows:
        return 0
    session.flush()
    bulk.insert_rows(session, OwnerChange, _COLUMNS, rows)
    bulk.refresh_statistics(session, OwnerChange)
    changed = OwnerChange.batch == cause.batch
    after = select(OwnerChange.after_id).where(changed, OwnerChange.customer_id == Customer.id)
    session.execute(
        update(Customer)
        .where(Customer.id.in_(select(OwnerChange.customer_id).where(changed)))
        .values(
            owner_id=after.scalar_subquery(),
            owner_since=cause.at,
            updated_at=cause.at,
            version=Customer.version + 1,
        ),
        execution_options=UNSEEN,
    )
    _take_deals_along(session, cause.batch)
    _tell_timelines(session, {row[2] for row in rows}, cause)
    publish(session, CustomersAssigned(cause.batch, cause.at))
    session.flush()
    for known in list(session.identity_map.values()):
        if isinstance(known, Customer):
            session.expire(known)
    return len(rows)


def _take_deals_along(session: Session, batch: str) -> None:
    """Open deals of the owner before go to the one after."""
    of_deal = and_(
        OwnerChange.batch == batch,
        OwnerChange.customer_id == Opportunity.customer_id,
        OwnerChange.before_id.is_not_distinct_from(Opportunity.owner_id),
    )
    after = select(OwnerChange.after_id).where(of_deal).correlate(Opportunity)
    session.execute(
        update(Opportunity)
        .where(
            Opportunity.closed_on.is_(None),
            select(OwnerChange.id).where(of_deal).correlate(Opportunity).exists(),
        )
        .values(owner_id=after.scalar_subquery()),
        execution_options=UNSEEN,
    )


def _tell_timelines(session: Session, owner_ids: set[int | None], cause: Cause) -> None:
    """One entry for each customer, written by one statement for each new owner."""
    wanted = select(User.id, User.name).where(User.id.in_([one for one in owner_ids if one]))
    names = {row.id: row.name for row in session.execute(wanted)}
    table = bulk.table(TimelineEntry)
    for owner_id in sorted(owner_ids, key=lambda one: one or 0):
        kind, details = "customers.assigned", {"owner": names.get(owner_id or 0, "")}
        if owner_id is None:
            expired = cause.reason is OwnerReason.EXPIRED
            kind = "customers.expired" if expired else "customers.returned"
            details = {"days" if expired else "note": cause.note}
        theirs = (
            OwnerChange.after_id.is_(None) if owner_id is None else OwnerChange.after_id == owner_id
        )
        entries = select(
            OwnerChange.customer_id,
            literal(cause.at, table.c.at.type),
            literal(kind),
            literal(cause.by.id, table.c.by_id.type) if cause.by else null(),
            literal(details, table.c.details.type),
        ).where(OwnerChange.batch == cause.batch, theirs)
        session.execute(insert(table).from_select(list(_ENTRY), entries))
