"""The customers inside an activity: lists, columns of the pipeline, who waits and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, func, select, true
from sqlalchemy.orm import Session, aliased, contains_eager

from crm.activities.models import Step, Target, TargetState, TargetStep
from crm.customers import queries as customer_queries
from crm.customers.models import Customer
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which targets of an activity: own ones only, at one furthest step, in one state."""

    is_mine: bool = False
    furthest_step: int | None = None
    state: TargetState | None = None

    def conditions(self, user: User) -> Sequence[ColumnElement[bool]]:
        return (
            Target.owner_id == user.id if self.is_mine else true(),
            true() if self.furthest_step is None else Target.furthest_step == self.furthest_step,
            true() if self.state is None else Target.state == self.state,
        )


EVERY = Wanted()


def targets(activity_id: int, *, user: User, wanted: Wanted = EVERY) -> Select[Target]:
    """Targets whose customers the user may see, with the customers; sort and cut by keyset."""
    return (
        select(Target)
        .join(Target.customer)
        .options(contains_eager(Target.customer))
        .where(
            Target.activity_id == activity_id,
            customer_queries.visible_to(user),
            *wanted.conditions(user),
        )
    )


@dataclass(frozen=True, slots=True)
class Card:
    """A customer in a column of the pipeline."""

    target: Target
    customer: Customer
    step_at: datetime | None


def cards(
    session: Session, activity_id: int, *, user: User, is_mine: bool, limit: int
) -> dict[int, list[Card]]:
    """The first customers of each step (0: none yet), those who moved last first; one statement."""
    rank = (
        func.row_number()
        .over(partition_by=Target.furthest_step, order_by=(TargetStep.at.desc(), Target.id))
        .label("place")
    )
    ranked = (
        select(Target.id, TargetStep.at.label("step_at"), rank)
        .join(Customer, Customer.id == Target.customer_id)
        .outerjoin(
            TargetStep,
            (TargetStep.target_id == Target.id) & (_rank_of(TargetStep) == Target.furthest_step),
        )
        .where(
            Target.activity_id == activity_id,
            Target.furthest_step > 0,
            customer_queries.visible_to(user),
            *Wanted(is_mine=is_mine).conditions(user),
        )
        .subquery()
    )
    rows = session.execute(
        select(Target, Customer, ranked.c.step_at)
        .join(ranked, ranked.c.id == Target.id)
        .join(Customer, Customer.id == Target.customer_id)
        .where(ranked.c.place <= limit)
        .order_by(Target.furthest_step, ranked.c.place)
    )
    found: dict[int, list[Card]] = {step.rank: [] for step in Step}
    for target, customer, step_at in rows:
        found[target.furthest_step].append(Card(target, customer, step_at))
    return found


def held_reasons(activity_id: int) -> Select[TargetState, str | None, int]:
    """How many targets wait or are left out, by state and reason."""
    return (
        select(Target.state, Target.held_reason, func.count())
        .where(
            Target.activity_id == activity_id,
            Target.state.in_((TargetState.HELD, TargetState.EXCLUDED)),
        )
        .group_by(Target.state, Target.held_reason)
        .order_by(func.count().desc())
    )


def by_owner(activity_id: int) -> Select[str, int, int, int]:
    """Who has how many targets: (name or None for the pool, targets, talked to, deals)."""
    owner = aliased(User)
    return (
        select(
            owner.name,
            func.count(),
            func.count().filter(Target.furthest_step >= Step.TALK.rank),
            func.count().filter(Target.furthest_step >= Step.DEAL.rank),
        )
        .select_from(Target)
        .outerjoin(owner, owner.id == Target.owner_id)
        .where(Target.activity_id == activity_id)
        .group_by(owner.id, owner.name)
        .order_by(func.count().desc(), owner.name)
    )


def _rank_of(row: type[TargetStep]) -> ColumnElement[int]:
    return case(*((row.step == step, step.rank) for step in Step))
