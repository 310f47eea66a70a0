"""The stage rules in force and before, as conditions over customers, and the runs that apply them.

A stage is silent when neither a valid order nor a real contact took place for so many company
days; a customer without either counts from the day of the record.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from crm.core.company import company
from crm.core.deadline import deadline
from crm.core.errors import Invalid
from crm.customers.models import (
    Customer,
    CustomerStats,
    Stage,
    StageChange,
    StageReason,
    StageRules,
    StageRun,
)
from crm.customers.queries.records import is_live
from crm.customers.rules.stages import ASLEEP, AWAKE, BY_ORDERS, DEFAULTS, LADDER, StageTerms
from crm.users.models import User

PATIENCE = 8.0  # seconds for counting who would move

#: Stage moved to, and who moves there.
Move = tuple[Stage, ColumnElement[bool]]


def terms(session: Session) -> StageTerms:
    """The rules in force."""
    found = find_rules(session)
    return as_terms(found) if found else DEFAULTS


def find_rules(session: Session) -> StageRules | None:
    """The newest version; None as long as nobody has changed the rules we start with."""
    return session.scalars(select(StageRules).order_by(StageRules.id.desc()).limit(1)).first()


def versions(session: Session, ids: Sequence[int]) -> Mapping[int, StageTerms]:
    """Earlier versions by which somebody moved."""
    if not ids:
        return {}
    found = session.scalars(select(StageRules).where(StageRules.id.in_(ids)))
    return {one.id: as_terms(one) for one in found}


def as_terms(rules: StageRules) -> StageTerms:
    names = (name for name in StageTerms.__dataclass_fields__ if name != "id")
    return StageTerms(id=rules.id, **{name: getattr(rules, name) for name in names})


def latest_run(session: Session) -> StageRun | None:
    """The last pass over everybody after a change of the rules."""
    runs = select(StageRun).where(StageRun.rules_id.is_not(None))
    return session.scalars(runs.order_by(StageRun.id.desc()).limit(1)).first()


def last_change(session: Session, customer_id: int) -> tuple[StageChange, str | None] | None:
    """The move that led to the present stage, and the name of who made it."""
    found = session.execute(
        select(StageChange, User.name)
        .outerjoin(User, User.id == StageChange.by_id)
        .where(StageChange.customer_id == customer_id)
        .order_by(StageChange.at.desc(), StageChange.id.desc())
        .limit(1)
    ).first()
    return (found[0], found[1]) if found else None


def reached(stage: Stage, wanted: StageTerms) -> ColumnElement[bool]:
    """Totals that lead exactly to this stage."""
    count, amount = CustomerStats.order_count, CustomerStats.amount_fen
    loyal: ColumnElement[bool] = count >= wanted.loyal_orders
    if wanted.loyal_amount_fen is not None:
        loyal = or_(loyal, and_(count >= 1, amount >= wanted.loyal_amount_fen))
    if stage is Stage.LOYAL:
        return loyal
    if stage is Stage.REGULAR:
        return and_(count >= wanted.regular_orders, ~loyal)
    return and_(count >= 1, count < wanted.regular_orders, ~loyal)


def is_free(now: datetime) -> ColumnElement[bool]:
    """Not held by hand any more."""
    return or_(Customer.stage_held_until.is_(None), Customer.stage_held_until <= now)


def by_silence(session: Session, wanted: StageTerms, *, now: datetime) -> list[Move]:
    """Whom a long silence moves."""
    lost = _silent(session, wanted.lost_days, now)
    dormant = _silent(session, wanted.dormant_days, now)
    free = and_(is_live(), is_free(now))
    return [
        (Stage.LOST, and_(Customer.stage.in_((*AWAKE, Stage.DORMANT)), free, lost)),
        (Stage.DORMANT, and_(Customer.stage.in_(AWAKE), free, dormant, ~lost)),
    ]


def by_rules(session: Session, wanted: StageTerms, *, now: datetime) -> list[Move]:
    """Whom these rules would move, both ways; what a person decided by hand stays."""
    lost = _silent(session, wanted.lost_days, now)
    dormant = _silent(session, wanted.dormant_days, now)
    free = and_(is_live(), is_free(now), ~_decided_by_hand())
    found: list[Move] = [
        (Stage.LOST, and_(Customer.stage.in_((*AWAKE, Stage.DORMANT)), free, lost)),
        (Stage.DORMANT, and_(Customer.stage.in_((*AWAKE, Stage.LOST)), free, dormant, ~lost)),
    ]
    for stage in BY_ORDERS:
        others = [one for one in (*LADDER, *ASLEEP) if one is not stage]
        led = _stats().where(reached(stage, wanted)).exists()
        found.append((stage, and_(Customer.stage.in_(others), free, led, ~dormant)))
    awake = and_(Customer.stage.in_(ASLEEP), free, ~_stats().exists(), ~dormant)
    found.append((Stage.INTERESTED, and_(awake, Customer.last_contact_at.is_not(None))))
    return found


def count_moves(session: Session, wanted: StageTerms, *, now: datetime) -> Mapping[Stage, int]:
    """How many these rules would move where; one statement over everybody."""
    moves = by_rules(session, wanted, now=now)
    sums = [func.sum(case((condition, 1), else_=0)) for _stage, condition in moves]
    with deadline(session, PATIENCE, Invalid("stages.too_slow")):
        row = session.execute(select(*sums).select_from(Customer)).one()
    return {stage: int(n or 0) for (stage, _), n in zip(moves, row, strict=True) if n}


def next_page(session: Session, after: int, size: int) -> int | None:
    """The last id of the next page of customers; None when there is none."""
    page = select(Customer.id).where(Customer.id > after).order_by(Customer.id).limit(size)
    last: int | None = session.scalar(select(func.max(page.subquery().c.id)))
    return last


def _silent(session: Session, days: int, now: datetime) -> ColumnElement[bool]:
    house = company(session)
    start = house.day_start(house.day_of(now) - timedelta(days=days))
    return and_(
        or_(Customer.last_contact_at.is_(None), Customer.last_contact_at < start),
        ~_stats().where(CustomerStats.last_order_at >= start).exists(),
        or_(
            Customer.created_at < start,
            Customer.last_contact_at.is_not(None),
            _stats().exists(),
        ),
    )


def _decided_by_hand() -> ColumnElement[bool]:
    return (
        select(StageChange.id)
        .where(
            StageChange.customer_id == Customer.id,
            StageChange.at == Customer.stage_since,
            StageChange.reason == StageReason.BY_HAND,
            StageChange.before.is_not(None),
        )
        .correlate(Customer)
        .exists()
    )


def _stats() -> Select[int]:
    return (
        select(CustomerStats.customer_id)
        .where(CustomerStats.customer_id == Customer.id)
        .correlate(Customer)
    )
