"""The pool: how many a rep may take, and who goes back when nobody talks to them."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from crm.core import audit, notices
from crm.core.company import company
from crm.core.errors import Conflict
from crm.customers.models import Customer, OwnerChange, OwnerReason, PoolPolicy
from crm.customers.queries import assignments
from crm.customers.queries import pool as queries
from crm.customers.queries.records import is_live
from crm.customers.rules import pool as rules
from crm.customers.services import owners
from crm.customers.services.owners import Cause
from crm.users import policies
from crm.users.models import User

PAGE = 2_000
MAIL = "customers/mail/expired.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRules:
    """What an administrator decides; None means no limit."""

    cool_down_days: int
    most_owned: int | None = None
    claims_a_day: int | None = None
    return_after_days: int | None = None


def change(session: Session, wanted: PoolRules, *, by: User, now: datetime) -> PoolPolicy:
    """A new version of the rules; the same again changes nothing."""
    policies.require(by, "customers.edit_rules")
    known = queries.find_policy(session)
    values = {name: getattr(wanted, name) for name in PoolRules.__dataclass_fields__}
    if known is not None and all(getattr(known, name) == values[name] for name in values):
        return known
    policy = PoolPolicy(**values, created_by_id=by.id, created_at=now)
    session.add(policy)
    session.flush()
    audit.record(
        session,
        "pool.change_rules",
        by_id=by.id,
        thing=f"pool_policy:{policy.id}",
        now=now,
        **values,
    )
    return policy


def require_room(session: Session, customer: Customer, *, by: User, now: datetime) -> None:
    """Raises Conflict when this person may not take this customer now.

    The person's row is locked first: two claims of one person count one after the other.
    """
    assignments.lock_people(session, [by.id])
    terms, house = queries.terms(session), company(session)
    if terms.most_owned is not None and queries.owned(session, by.id) >= terms.most_owned:
        raise Conflict("pool.owned_limit", limit=terms.most_owned)
    today = house.day_start(house.day_of(now))
    if (
        terms.claims_a_day is not None
        and queries.claimed_since(session, by.id, today) >= terms.claims_a_day
    ):
        raise Conflict("pool.claims_limit", limit=terms.claims_a_day)
    start = rules.cool_down_start(terms, now=now, house=house)
    let_go_at = queries.let_go_at(session, customer.id, by.id, since=start)
    if let_go_at is not None and terms.cool_down_days:
        until = house.day_of(let_go_at) + timedelta(days=terms.cool_down_days)
        raise Conflict("pool.cool_down", until=until)


def return_silent(session: Session, now: datetime) -> bool:
    """A page of customers whom nobody has talked to for too long. True while there are more."""
    terms, house = queries.terms(session), company(session)
    before = rules.silent_before(terms, now=now, house=house)
    if before is None:
        return False
    silent = (
        select(Customer.id, Customer.owner_id)
        .where(
            Customer.owner_id.is_not(None),
            is_live(),
            or_(Customer.last_contact_at.is_(None), Customer.last_contact_at < before),
            func.coalesce(Customer.owner_since, Customer.created_at) < before,
        )
        .order_by(Customer.id)
        .limit(PAGE)
        .with_for_update(of=Customer, skip_locked=True)
    )
    moves = [(row.id, row.owner_id, None) for row in session.execute(silent)]
    note = str(terms.return_after_days)
    cause = Cause(uuid.uuid4().hex, OwnerReason.EXPIRED, None, now, note)
    owners.hand_over_many(session, moves, cause)
    if len(moves) == PAGE:
        return True
    _tell(session, now=now)
    return False


def _tell(session: Session, *, now: datetime) -> None:
    """Each who lost customers today is told once, how many."""
    house = company(session)
    today = house.day_of(now)
    lost = (
        select(OwnerChange.before_id, func.count())
        .where(
            OwnerChange.reason == OwnerReason.EXPIRED,
            OwnerChange.at >= house.day_start(today),
            OwnerChange.before_id.is_not(None),
        )
        .group_by(OwnerChange.before_id)
    )
    for user_id, count in session.execute(lost.order_by(OwnerChange.before_id)):
        draft = notices.Draft(user_id or 0, MAIL, {"count": count})
        notices.put(session, f"pool-return:{today}:{user_id}", draft, now=now)
