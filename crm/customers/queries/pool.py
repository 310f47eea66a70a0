"""The pool: its rules in force, who let a customer go and when, how many a rep has taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from crm.customers.models import Customer, OwnerChange, OwnerReason, PoolPolicy
from crm.customers.queries.records import is_live
from crm.customers.rules.pool import DEFAULTS, PoolTerms
from crm.users.models import User

HISTORY = 8  # changes of hands shown on the record


@dataclass(frozen=True, slots=True)
class Holding:
    """What decides how long a customer stays with its owner."""

    id: int
    last_contact_at: datetime | None
    held_since: datetime


def find_policy(session: Session) -> PoolPolicy | None:
    """The newest one; None as long as nobody has changed the rules we start with."""
    return session.scalars(select(PoolPolicy).order_by(PoolPolicy.id.desc()).limit(1)).first()


def terms(session: Session) -> PoolTerms:
    """The rules in force. Two statements at most."""
    policy = find_policy(session)
    if policy is None:
        return DEFAULTS
    other = select(func.coalesce(func.max(PoolPolicy.id), 0)).where(
        PoolPolicy.return_after_days.is_distinct_from(policy.return_after_days)
    )
    since = None
    if policy.return_after_days is not None:
        since = session.scalar(
            select(func.min(PoolPolicy.created_at)).where(PoolPolicy.id > other.scalar_subquery())
        )
    return PoolTerms(
        most_owned=policy.most_owned,
        claims_a_day=policy.claims_a_day,
        return_after_days=policy.return_after_days,
        cool_down_days=policy.cool_down_days,
        since=since,
    )


def owned(session: Session, user_id: int) -> int:
    mine = select(func.count()).select_from(Customer).where(Customer.owner_id == user_id, is_live())
    return session.scalar(mine) or 0


def claimed_since(session: Session, user_id: int, since: datetime) -> int:
    taken = select(func.count()).where(
        OwnerChange.after_id == user_id,
        OwnerChange.at >= since,
        OwnerChange.reason == OwnerReason.CLAIMED,
    )
    return session.scalar(taken) or 0


def let_go_at(
    session: Session, customer_id: int, user_id: int, *, since: datetime
) -> datetime | None:
    """When this person last let this customer go into the pool, if it was since then."""
    return session.scalar(
        select(func.max(OwnerChange.at)).where(
            OwnerChange.customer_id == customer_id,
            OwnerChange.before_id == user_id,
            OwnerChange.after_id.is_(None),
            OwnerChange.at >= since,
        )
    )


def arrivals(
    session: Session, customer_ids: Sequence[int]
) -> Mapping[int, tuple[OwnerChange, str]]:
    """For those who are in the pool: how each came there and whose it was; one statement."""
    if not customer_ids:
        return {}
    latest = (
        select(func.max(OwnerChange.id))
        .join(Customer, Customer.id == OwnerChange.customer_id)
        .where(OwnerChange.customer_id.in_(customer_ids), Customer.owner_id.is_(None))
        .group_by(OwnerChange.customer_id)
    )
    rows = session.execute(
        select(OwnerChange, User.name)
        .join(User, User.id == OwnerChange.before_id)
        .where(OwnerChange.id.in_(latest), OwnerChange.after_id.is_(None))
    )
    return {change.customer_id: (change, name) for change, name in rows}


def holdings(session: Session, customer_ids: Sequence[int]) -> list[Holding]:
    """Of those who have an owner."""
    rows = session.execute(
        select(
            Customer.id,
            Customer.last_contact_at,
            Customer.owner_since,
            Customer.created_at,
        ).where(Customer.id.in_(customer_ids), Customer.owner_id.is_not(None))
    )
    return [Holding(row.id, row.last_contact_at, row.owner_since or row.created_at) for row in rows]


def customers(session: Session, customer_ids: Sequence[int]) -> Sequence[Customer]:
    return session.scalars(select(Customer).where(Customer.id.in_(customer_ids))).all()


def history(
    session: Session, customer_ids: Sequence[int]
) -> Mapping[int, Sequence[tuple[OwnerChange, str, str, str]]]:
    """The latest changes of hands of each, with the names: from whom, to whom, by whom."""
    before, after, by = aliased(User), aliased(User), aliased(User)
    rows = session.execute(
        select(OwnerChange, before.name, after.name, by.name)
        .outerjoin(before, before.id == OwnerChange.before_id)
        .outerjoin(after, after.id == OwnerChange.after_id)
        .outerjoin(by, by.id == OwnerChange.by_id)
        .where(OwnerChange.customer_id.in_(customer_ids))
        .order_by(OwnerChange.at.desc(), OwnerChange.id.desc())
        .limit(HISTORY * max(len(customer_ids), 1))
    )
    found: dict[int, list[tuple[OwnerChange, str, str, str]]] = {}
    for change, was, is_now, who in rows:
        found.setdefault(change.customer_id, []).append(
            (change, was or "", is_now or "", who or "")
        )
    return found
