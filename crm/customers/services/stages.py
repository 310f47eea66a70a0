"""Moving customers between lifecycle stages: by hand one by one, by orders set by set.

The rules' numbers stand in `stage_rules`, each version kept, so that history can say by which one
somebody moved. Orders never move a customer down; out of dormant and lost leads only an order
later than the move there, and what a person decided by hand only a later order undoes before the
date to which it is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, insert, literal, null, or_, select, update
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.company import company
from crm.customers.models import Customer, CustomerStats, Stage, StageChange, StageReason
from crm.customers.queries import lifecycle
from crm.customers.rules.stages import ASLEEP, BY_ORDERS, LADDER
from crm.users import policies
from crm.users.models import User

CustomerIds = Sequence[int] | Select[Any]
UNSEEN = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class ChangeStage:
    """`held_days` is how long silence moves nobody; None: as the rules say."""

    stage: Stage
    held_days: int | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """What stands in the history beside a move."""

    reason: StageReason
    rules_id: int | None
    at: datetime


def change(
    session: Session, customer: Customer, wanted: ChangeStage, *, by: User, now: datetime
) -> bool:
    """Move one customer by hand. False means that it is there already."""
    policies.require(by, "customers.edit", customer)
    before = customer.stage
    if not customer.enter_stage(wanted.stage, at=now):
        return False
    customer.updated_at = now
    terms, house = lifecycle.terms(session), company(session)
    days = terms.held_days if wanted.held_days is None else wanted.held_days
    held_until = house.day_start(house.day_of(now) + timedelta(days=days + 1))
    customer.stage_held_until = held_until if days else None
    session.add(
        StageChange(
            customer_id=customer.id,
            before=before,
            after=wanted.stage,
            reason=StageReason.BY_HAND,
            by_id=by.id,
            rules_id=terms.id,
            at=now,
        )
    )
    return True


def begin(session: Session, customer: Customer, *, by: User | None, reason: StageReason) -> None:
    """Write down the stage a new customer starts in."""
    session.add(
        StageChange(
            customer_id=customer.id,
            before=None,
            after=customer.stage,
            reason=reason,
            by_id=by.id if by else None,
            at=customer.stage_since,
        )
    )


def begin_many(
    session: Session, customer_ids: Sequence[int], *, by: User | None, now: datetime
) -> None:
    """The same for customers that an import has just made, set by set."""
    kept = select(
        Customer.id,
        null(),
        Customer.stage,
        literal(StageReason.IMPORT, StageChange.reason.type),
        literal(by.id if by else None, StageChange.by_id.type),
        literal(now, StageChange.at.type),
    ).where(bulk.among(session, Customer.id, customer_ids))
    columns = ["customer_id", "before", "after", "reason", "by_id", "at"]
    session.execute(insert(StageChange).from_select(columns, kept))


def move_by_orders(session: Session, customer_ids: CustomerIds, *, now: datetime) -> None:
    """Move these customers to where their valid orders lead; two statements a stage.

    Reads `customer_stats`, so recompute that first. Objects that the session has loaded do not
    follow, and `version` stays: what orders do is no edit that somebody could overwrite.
    """
    terms = lifecycle.terms(session)
    why = Why(StageReason.ORDERS, terms.id, now)
    later = CustomerStats.last_order_at > Customer.stage_since
    for stage in BY_ORDERS:
        led = select(CustomerStats.customer_id).where(
            CustomerStats.customer_id == Customer.id,
            lifecycle.reached(stage, terms),
            or_(
                and_(
                    Customer.stage.in_(LADDER[: LADDER.index(stage)]),
                    or_(lifecycle.is_free(now), later),
                ),
                and_(Customer.stage.in_(ASLEEP), later),
            ),
        )
        due = and_(Customer.id.in_(customer_ids), led.correlate(Customer).exists())
        move(session, due, stage, why)


def move_by_contact(session: Session, customer: Customer, *, now: datetime) -> None:
    """The customer answered: a prospect becomes interested, if the rules say so."""
    if customer.stage is not Stage.PROSPECT:
        return
    terms = lifecycle.terms(session)
    if terms.interested_by_contact:
        due = and_(Customer.id == customer.id, Customer.stage == Stage.PROSPECT)
        move(session, due, Stage.INTERESTED, Why(StageReason.CONTACT, terms.id, now))
        session.refresh(customer, ["stage", "stage_since", "stage_held_until"])


def take_back_contact(
    session: Session, customer: Customer, *, moved_at: datetime, now: datetime
) -> None:
    """That contact was logged by mistake: who became interested by it alone is a prospect again."""
    by_it = select(StageChange.id).where(
        StageChange.customer_id == Customer.id,
        StageChange.at == moved_at,
        StageChange.reason == StageReason.CONTACT,
    )
    due = and_(
        Customer.id == customer.id,
        Customer.stage == Stage.INTERESTED,
        Customer.stage_since == moved_at,
        by_it.correlate(Customer).exists(),
    )
    move(session, due, Stage.PROSPECT, Why(StageReason.CONTACT, None, now))
    session.refresh(customer, ["stage", "stage_since", "stage_held_until"])


def move(session: Session, due: ColumnElement[bool], stage: Stage, why: Why) -> int:
    """Move whoever is due, and write it down; two statements. How many they are."""
    rules_id = literal(why.rules_id, StageChange.rules_id.type) if why.rules_id else null()
    kept = select(
        Customer.id,
        Customer.stage,
        literal(stage, StageChange.after.type),
        literal(why.reason, StageChange.reason.type),
        null(),
        rules_id,
        literal(why.at, StageChange.at.type),
    ).where(due)
    columns = ["customer_id", "before", "after", "reason", "by_id", "rules_id", "at"]
    session.execute(insert(StageChange).from_select(columns, kept))
    moved = session.execute(
        update(Customer)
        .where(due)
        .values(stage=stage, stage_since=why.at, stage_held_until=None, updated_at=why.at),
        execution_options=UNSEEN,
    )
    return int(getattr(moved, "rowcount", 0))
