"""One act on many customers: ticked ones, or everybody that the list means.

Shown first with its exact number, done set by set in one transaction, and taken back for a week
from those who are still as the act left them. What each customer was before stands in
`bulk_changes`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from crm.core import audit, bulk
from crm.core.company import company
from crm.core.errors import Conflict, Invalid
from crm.customers.models import (
    BulkAct,
    BulkChange,
    BulkKind,
    Customer,
    CustomerTag,
    OwnerReason,
    Stage,
    StageChange,
    StageReason,
)
from crm.customers.queries import bulk_acts as queries
from crm.customers.queries import lifecycle, listing, visible_to
from crm.customers.queries.listing import Filters
from crm.customers.services import customers, owners, tags
from crm.customers.services.owners import Cause
from crm.users import policies
from crm.users.models import User

MOST_TICKED = 1_000
UNSEEN = {"synchronize_session": False}
ACTIONS = {
    BulkKind.TAG_ON: "customers.tag",
    BulkKind.TAG_OFF: "customers.tag",
    BulkKind.OWNER: "customers.assign",
    BulkKind.STAGE: "customers.edit",
}


@dataclass(frozen=True, slots=True)
class Whom:
    """Customers by id or, with `filters`, everybody that the list means to the one who acts."""

    customer_ids: Sequence[int] = ()
    filters: Filters | None = None


@dataclass(frozen=True, slots=True)
class ActOnMany:
    """`expected` is the number that the person has agreed to."""

    kind: BulkKind
    whom: Whom
    tag: str = ""
    owner_id: int | None = None  # None: to the pool
    stage: Stage | None = None
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """How many are meant, how many of them are one's own to change, how many would change."""

    meant: int
    allowed: int
    changing: int

    @property
    def barred(self) -> int:
        return self.meant - self.allowed

    @property
    def already(self) -> int:
        return self.allowed - self.changing


def preview(session: Session, wanted: ActOnMany, *, by: User, now: datetime) -> Preview:
    """The numbers as they are now; one statement."""
    _check(session, wanted, by)
    own = allowed(wanted.kind, by)
    changing = and_(own, _differs(session, wanted))
    row = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((own, 1), else_=0)), 0),
            func.coalesce(func.sum(case((changing, 1), else_=0)), 0),
        )
        .select_from(Customer)
        .where(*_meant(session, wanted.whom, by, now))
    ).one()
    return Preview(*map(int, row))


def act(session: Session, wanted: ActOnMany, *, by: User, now: datetime) -> BulkAct:
    """Do it. Raises Conflict when another number would change than was agreed to."""
    _check(session, wanted, by)
    tag = tags.named(session, wanted.tag, now) if wanted.kind is BulkKind.TAG_ON else None
    if wanted.kind is BulkKind.TAG_OFF:
        tag = queries.find_tag(session, wanted.tag)
    done = BulkAct(
        public_id=uuid.uuid4().hex,
        kind=wanted.kind,
        by_id=by.id,
        tag_id=tag.id if tag else None,
        owner_id=wanted.owner_id if wanted.kind is BulkKind.OWNER else None,
        stage=wanted.stage if wanted.kind is BulkKind.STAGE else None,
        created_at=now,
    )
    session.add(done)
    session.flush()
    done.customer_count = _remember(session, done, wanted, by, now)
    if not done.customer_count:
        raise Invalid("bulk.nothing")
    if wanted.expected not in {None, done.customer_count}:
        raise Conflict("bulk.changed", count=done.customer_count)
    _DOINGS[wanted.kind](session, done, by)
    forget_loaded(session)
    record(session, f"customers.bulk_{done.kind.value}", done, done.customer_count, now=now)
    return done


def _check(session: Session, wanted: ActOnMany, by: User) -> None:
    policies.require(by, ACTIONS[wanted.kind])
    if wanted.whom.filters is None and not 1 <= len(wanted.whom.customer_ids) <= MOST_TICKED:
        raise Invalid("customers.too_many_at_once", limit=MOST_TICKED)
    if wanted.kind in {BulkKind.TAG_ON, BulkKind.TAG_OFF} and not wanted.tag.strip():
        raise Invalid("bulk.tag_missing")
    if wanted.kind is BulkKind.STAGE and wanted.stage is None:
        raise Invalid("bulk.stage_missing")
    if wanted.kind is BulkKind.OWNER and wanted.owner_id is not None:
        known = {user.id for user in customers.owners(session, by)}
        if wanted.owner_id not in known:
            raise Invalid("customers.owner_unknown")


def _meant(session: Session, whom: Whom, by: User, now: datetime) -> list[ColumnElement[bool]]:
    if whom.filters is not None:
        return listing.within(session, whom.filters, viewer=by, now=now)
    return [visible_to(by), bulk.among(session, Customer.id, whom.customer_ids)]


def allowed(kind: BulkKind, by: User) -> ColumnElement[bool]:
    """Of those whom one sees: a rep changes his own, a lead his team's and the pool's."""
    if policies.reach(by, ACTIONS[kind]) is policies.OWN:
        return Customer.owner_id == by.id
    return true()


def _differs(session: Session, wanted: ActOnMany) -> ColumnElement[bool]:
    """Whether the act would change the customer."""
    if wanted.kind is BulkKind.OWNER:
        return Customer.owner_id.is_distinct_from(wanted.owner_id)
    if wanted.kind is BulkKind.STAGE:
        return Customer.stage != wanted.stage
    tag = queries.find_tag(session, wanted.tag)
    has = queries.has_tag(tag.id if tag else 0)
    return ~has if wanted.kind is BulkKind.TAG_ON else has


def _remember(session: Session, done: BulkAct, wanted: ActOnMany, by: User, now: datetime) -> int:
    """Write down what each was, locked until the end; nobody changes it in between."""
    was = (
        select(
            literal(done.id),
            Customer.id,
            Customer.owner_id,
            Customer.stage,
            Customer.stage_since,
        )
        .where(
            *_meant(session, wanted.whom, by, now),
            allowed(wanted.kind, by),
            _differs(session, wanted),
        )
        .with_for_update(of=Customer)
    )
    columns = ["act_id", "customer_id", "owner_id", "stage", "stage_since"]
    session.execute(insert(BulkChange).from_select(columns, was))
    bulk.refresh_statistics(session, BulkChange)
    return session.scalar(select(func.count()).where(BulkChange.act_id == done.id)) or 0


def _put_tag(session: Session, done: BulkAct, by: User) -> None:
    del by
    rows = select(
        BulkChange.customer_id,
        literal(done.tag_id),
        literal(done.created_at, CustomerTag.created_at.type),
    ).where(BulkChange.act_id == done.id)
    statement = bulk.insert(session, CustomerTag).from_select(
        ["customer_id", "tag_id", "created_at"], rows
    )
    session.execute(statement.on_conflict_do_nothing())


def _take_tag(session: Session, done: BulkAct, by: User) -> None:
    del by
    session.execute(
        delete(CustomerTag).where(
            CustomerTag.tag_id == done.tag_id, CustomerTag.customer_id.in_(touched(done))
        ),
        execution_options=UNSEEN,
    )


def _hand_over(session: Session, done: BulkAct, by: User) -> None:
    rows = select(BulkChange.customer_id, BulkChange.owner_id).where(BulkChange.act_id == done.id)
    moves = [(row[0], row[1], done.owner_id) for row in session.execute(rows)]
    reason = OwnerReason.RETURNED if done.owner_id is None else OwnerReason.ASSIGNED
    cause = Cause(done.public_id, reason, by, done.created_at)
    owners.hand_over_many(session, moves, cause)


def _change_stage(session: Session, done: BulkAct, by: User) -> None:
    terms, house, at = lifecycle.terms(session), company(session), done.created_at
    held = house.day_start(house.day_of(at) + timedelta(days=terms.held_days + 1))
    write_moves(session, done, by, at)
    session.execute(
        update(Customer)
        .where(Customer.id.in_(touched(done)))
        .values(
            stage=done.stage,
            stage_since=at,
            stage_held_until=held if terms.held_days else None,
            updated_at=at,
            version=Customer.version + 1,
        ),
        execution_options=UNSEEN,
    )


def write_moves(
    session: Session,
    done: BulkAct,
    by: User,
    at: datetime,
    *,
    back: ColumnElement[bool] | None = None,
) -> None:
    """The history of each customer's stage; `back` says who goes back to what he was."""
    change = StageChange
    now_in = literal(done.stage, change.after.type)
    before, after = (BulkChange.stage, now_in) if back is None else (now_in, BulkChange.stage)
    rows = (
        select(
            BulkChange.customer_id,
            before,
            after,
            literal(StageReason.BY_HAND, change.reason.type),
            literal(by.id),
            literal(at, change.at.type),
        )
        .join(Customer, Customer.id == BulkChange.customer_id)
        .where(BulkChange.act_id == done.id)
    )
    if back is not None:
        rows = rows.where(back)
    columns = ["customer_id", "before", "after", "reason", "by_id", "at"]
    session.execute(insert(change).from_select(columns, rows))


def touched(done: BulkAct) -> Select[Any]:
    return select(BulkChange.customer_id).where(BulkChange.act_id == done.id)


def forget_loaded(session: Session) -> None:
    session.flush()
    for known in list(session.identity_map.values()):
        if isinstance(known, Customer):
            session.expire(known)


def record(session: Session, action: str, done: BulkAct, count: int, *, now: datetime) -> None:
    audit.record(
        session, action, by_id=done.by_id, thing=f"bulk_act:{done.id}", now=now, customers=count
    )


_DOINGS = {
    BulkKind.TAG_ON: _put_tag,
    BulkKind.TAG_OFF: _take_tag,
    BulkKind.OWNER: _hand_over,
    BulkKind.STAGE: _change_stage,
}
