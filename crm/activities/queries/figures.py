"""Figures of activities, each in one statement whatever the number of activities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Select, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from crm.activities import rules
from crm.activities.models import Activity, Goal, LoopStage, Step, Target, TargetState
from crm.core.company import company
from crm.customers.models import Customer, Order, OrderStatus
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one activity: its targets and how many of them reached at least each step."""

    total: int = 0
    reached: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figures:
    """A goal with what is measured of it now."""

    goal: Goal
    now: Decimal | None
    share: Decimal | None


def counts_of(
    session: Session, activity_ids: Sequence[int], *, of: User | None = None
) -> Mapping[int, Counts]:
    """Targets and steps by activity; only one person's targets when `of` is given."""
    rows = session.execute(
        select(Target.activity_id, Target.furthest_step, func.count())
        .where(
            Target.activity_id.in_(activity_ids),
            *(() if of is None else (Target.owner_id == of.id,)),
        )
        .group_by(Target.activity_id, Target.furthest_step)
    )
    at_step: dict[int, dict[int, int]] = {}
    for activity_id, step, count in rows:
        at_step.setdefault(activity_id, {})[step] = count
    return {activity_id: _counts(steps) for activity_id, steps in at_step.items()}


def reached_of(session: Session, activity_id: int, *, of: User | None = None) -> Counts:
    return counts_of(session, [activity_id], of=of).get(activity_id, Counts())


def states_of(session: Session, activity_id: int) -> Mapping[TargetState, int]:
    rows = session.execute(
        select(Target.state, func.count())
        .where(Target.activity_id == activity_id)
        .group_by(Target.state)
    )
    return {state: count for state, count in rows}  # noqa: C416 - rows are not pairs to mypy


def figures(
    session: Session, goals: Sequence[Goal], counts: Mapping[int, Counts]
) -> Mapping[int, Figures]:
    """By goal id: the figure now and the share reached; at most one statement more."""
    revenue = _revenue(session, [goal for goal in goals if goal.metric == "revenue"])
    found = {}
    for goal in goals:
        reached = counts.get(goal.activity_id, Counts()).reached
        now = rules.measured(goal.metric, reached, revenue.get(goal.id))
        found[goal.id] = Figures(goal, now, rules.share_reached(now, goal.target))
    return found


def plan_sizes(activity_id: int) -> Select[int, int]:
    """How many targets came in by each plan, after the launch."""
    return (
        select(Target.plan_id, func.count())
        .where(Target.activity_id == activity_id)
        .group_by(Target.plan_id)
    )


def overlap(activity: Activity, members: Select[Any]) -> Select[int, str, int]:
    """Other activities being executed whose targets are also meant here, by how many."""
    return (
        select(Activity.id, Activity.title, func.count())
        .join(Target, Target.activity_id == Activity.id)
        .where(
            Activity.stage == LoopStage.EXECUTION,
            Activity.id != activity.id,
            Target.customer_id.in_(members),
        )
        .group_by(Activity.id, Activity.title)
        .order_by(func.count().desc(), Activity.id)
        .limit(8)
    )


def _counts(at_step: Mapping[int, int]) -> Counts:
    reached = {
        step.rank: sum(count for rank, count in at_step.items() if rank >= step.rank)
        for step in Step
    }
    return Counts(sum(at_step.values()), reached)


def _revenue(session: Session, goals: Sequence[Goal]) -> Mapping[int, int]:
    """Valid orders of each goal's targets within its period, in fen."""
    if not goals:
        return {}
    cut = company(session)
    periods = [
        and_(
            Goal.id == goal.id,
            Order.ordered_at >= cut.day_start(goal.period_starts_on),
            Order.ordered_at < cut.day_start(goal.period_ends_on + timedelta(days=1)),
        )
        for goal in goals
    ]
    amount = func.sum(Order.amount_fen - Order.refunded_fen)
    rows = session.execute(
        select(Goal.id, cast(amount, BigInteger))
        .join(Target, Target.activity_id == Goal.activity_id)
        .join(Customer, Customer.id == Target.customer_id)
        .join(Order, Order.customer_id == Customer.id)
        .where(
            or_(*periods),
            ~Customer.is_internal,  # G7: flagged as staff or test, maybe since the launch
            Order.currency == cut.currency,
            Order.status.in_((OrderStatus.PAID, OrderStatus.COMPLETED)),
        )
        .group_by(Goal.id)
    )
    found = {goal.id: 0 for goal in goals}
    found.update({goal_id: int(total or 0) for goal_id, total in rows})
    return found
