"""Taking an act on many customers back, from those who are still as it left them."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, literal, select, update
from sqlalchemy.orm import Session

from crm.core.errors import Conflict
from crm.customers.models import (
    BulkAct,
    BulkChange,
    BulkKind,
    Customer,
    CustomerTag,
    OwnerReason,
)
from crm.customers.queries import bulk_acts as queries
from crm.customers.queries import visible_to
from crm.customers.services import bulk_acts as doing
from crm.customers.services import owners
from crm.customers.services.owners import Cause
from crm.users import policies
from crm.users.models import User

UNDO_WITHIN = timedelta(days=7)
UNSEEN = {"synchronize_session": False}


def undo(session: Session, done: BulkAct, *, by: User, now: datetime) -> int:
    """Give back what each customer was, to those still as the act left them; how many."""
    session.refresh(done, with_for_update=True)
    policies.require(by, doing.ACTIONS[done.kind])
    if done.undone_at is not None:
        raise Conflict("bulk.already_undone")
    if now - done.created_at > UNDO_WITHIN:
        raise Conflict("bulk.undo_too_late", days=UNDO_WITHIN.days)
    done.undone_at = now
    done.undone_count = _UNDOINGS[done.kind](session, done, by, now)
    doing.forget_loaded(session)
    doing.record(session, "customers.bulk_undone", done, done.undone_count, now=now)
    return done.undone_count


def forget_old(session: Session, now: datetime) -> bool:
    """Drop what one old act had changed; the act itself stays. True while there are more."""
    found = session.scalars(queries.with_changes_before(now - UNDO_WITHIN).limit(2)).all()
    if found:
        session.execute(delete(BulkChange).where(BulkChange.act_id == found[0]))
    return len(found) > 1


def _untag(session: Session, done: BulkAct, by: User, now: datetime) -> int:
    """Only the very tags that the act put on: one taken off and put on again is another."""
    del now
    found: Any = session.execute(
        delete(CustomerTag).where(
            CustomerTag.tag_id == done.tag_id,
            CustomerTag.created_at == done.created_at,
            CustomerTag.customer_id.in_(_still(done, by)),
        ),
        execution_options=UNSEEN,
    )
    return int(found.rowcount)


def _tag_again(session: Session, done: BulkAct, by: User, now: datetime) -> int:
    if done.tag_id is None:
        return 0  # the tag is deleted
    lacking = and_(Customer.id.in_(_still(done, by)), ~queries.has_tag(done.tag_id))
    count = session.scalar(select(func.count()).select_from(Customer).where(lacking)) or 0
    at = literal(now, CustomerTag.created_at.type)
    rows = select(Customer.id, literal(done.tag_id), at).where(lacking)
    session.execute(insert(CustomerTag).from_select(["customer_id", "tag_id", "created_at"], rows))
    return count


def _hand_back(session: Session, done: BulkAct, by: User, now: datetime) -> int:
    there = (
        select(BulkChange.customer_id, BulkChange.owner_id)
        .join(Customer, Customer.id == BulkChange.customer_id)
        .where(
            BulkChange.act_id == done.id,
            Customer.id.in_(_still(done, by)),
            Customer.owner_id.is_not_distinct_from(done.owner_id),
        )
        .with_for_update(of=Customer)
    )
    moves = [(row[0], done.owner_id, row[1]) for row in session.execute(there)]
    return owners.hand_over_many(
        session, moves, Cause(uuid.uuid4().hex, OwnerReason.UNDONE, by, now)
    )


def _stage_back(session: Session, done: BulkAct, by: User, now: datetime) -> int:
    left = _left_in_stage(done, by)
    doing.write_moves(session, done, by, now, back=left)

    def was(column: Any) -> Any:  # noqa: ANN401 - a column's value before
        found = select(column).where(
            BulkChange.act_id == done.id, BulkChange.customer_id == Customer.id
        )
        return found.scalar_subquery()

    found: Any = session.execute(
        update(Customer)
        .where(left)
        .values(
            stage=was(BulkChange.stage),
            stage_since=was(BulkChange.stage_since),
            stage_held_until=None,
            updated_at=now,
            version=Customer.version + 1,
        ),
        execution_options=UNSEEN,
    )
    return int(found.rowcount)


def _left_in_stage(done: BulkAct, by: User) -> ColumnElement[bool]:
    return and_(
        Customer.id.in_(_still(done, by)),
        Customer.stage == done.stage,
        Customer.stage_since == done.created_at,
    )


def _still(done: BulkAct, by: User) -> Select[Any]:
    """The customers of the act whom this person may still change."""
    return select(Customer.id).where(
        Customer.id.in_(doing.touched(done)), visible_to(by), doing.allowed(done.kind, by)
    )


_UNDOINGS = {
    BulkKind.TAG_ON: _untag,
    BulkKind.TAG_OFF: _tag_again,
    BulkKind.OWNER: _hand_back,
    BulkKind.STAGE: _stage_back,
}
