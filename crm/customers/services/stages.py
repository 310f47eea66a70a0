"""Moving customers between lifecycle stages: by hand one by one, by orders set by set.

By default the first valid order makes a prospect a new customer, the second a regular one, the
fifth a loyal one. Orders never move a customer down; out of dormant and lost leads only an order
later than the move there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, insert, literal, null, or_, select, update
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.customers.models import Customer, CustomerStats, Stage, StageChange, StageReason
from crm.customers.rules.stages import BY_ORDERS, LADDER
from crm.users import policies
from crm.users.models import User

CustomerIds = Sequence[int] | Select[Any]


@dataclass(frozen=True, slots=True)
class ChangeStage:
    stage: Stage


def change(
    session: Session, customer: Customer, wanted: ChangeStage, *, by: User, now: datetime
) -> bool:
    """Move one customer by hand. False means that it is there already."""
    policies.require(by, "customers.edit", customer)
    before = customer.stage
    if not customer.enter_stage(wanted.stage, at=now):
        return False
    customer.updated_at = now
    session.add(
        StageChange(
            customer_id=customer.id,
            before=before,
            after=wanted.stage,
            reason=StageReason.BY_HAND,
            by_id=by.id,
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
    ceiling: int | None = None
    for least, stage in BY_ORDERS:
        _move(session, _due(customer_ids, least, ceiling, stage), stage, now)
        ceiling = least


def _due(
    customer_ids: CustomerIds, least: int, ceiling: int | None, stage: Stage
) -> ColumnElement[bool]:
    """Customers whose count of orders leads exactly to this stage, from one they may leave."""
    enough = CustomerStats.order_count >= least
    if ceiling is not None:
        enough = and_(enough, CustomerStats.order_count < ceiling)
    counted = select(CustomerStats.customer_id).where(
        CustomerStats.customer_id == Customer.id,
        enough,
        or_(
            Customer.stage.in_(LADDER[: LADDER.index(stage)]),
            and_(
                Customer.stage.in_((Stage.DORMANT, Stage.LOST)),
                CustomerStats.last_order_at > Customer.stage_since,
            ),
        ),
    )
    return and_(Customer.id.in_(customer_ids), counted.correlate(Customer).exists())


def _move(session: Session, due: ColumnElement[bool], stage: Stage, now: datetime) -> None:
    kept = select(
        Customer.id,
        Customer.stage,
        literal(stage, StageChange.after.type),
        literal(StageReason.ORDERS, StageChange.reason.type),
        null(),
        literal(now, StageChange.at.type),
    ).where(due)
    columns = ["customer_id", "before", "after", "reason", "by_id", "at"]
    session.execute(insert(StageChange).from_select(columns, kept))
    session.execute(
        update(Customer).where(due).values(stage=stage, stage_since=now, updated_at=now),
        execution_options={"synchronize_session": False},
    )
