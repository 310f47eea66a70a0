"""What a launch would do today: who is meant, who is held until when, who is left out and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from crm.activities import queries
from crm.activities.models import Activity, ActivityPlan
from crm.activities.services.execution import meant
from crm.core.company import company
from crm.core.errors import Invalid
from crm.customers.models import Customer
from crm.customers.queries import segments as segment_queries
from crm.outreach import services as outreach
from crm.outreach.rules import Answer, Reason
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Refused:
    """Customers whom the guard holds or blocks for one reason; `last_at`: when all are free."""

    reason: Reason
    is_blocked: bool
    count: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The parts add up: `total` is `allowed` and all the refused ones."""

    at: datetime
    total: int
    allowed: int
    refused: Sequence[Refused]
    ownerless: int


@dataclass(frozen=True, slots=True)
class PlanSize:
    """A segment of the activity: how many it means, how many come in by it, why it means nobody."""

    plan: ActivityPlan
    meant: int
    net: int
    problem: Invalid | None


def forecast(session: Session, activity: Activity, *, now: datetime) -> Forecast:
    """Ask the guard for everybody who is meant, for the day the activity starts, set by set."""
    members = everybody(session, activity, now=now)
    starts_at = company(session).day_start(activity.starts_on)
    at = max(now, starts_at)
    total, ownerless = session.execute(
        select(func.count(), func.count().filter(Customer.owner_id.is_(None))).where(
            Customer.id.in_(members)
        )
    ).one()
    answers = outreach.not_allowed(session, members, at=at, by=None, now=now)
    return Forecast(at, total, total - len(answers), _grouped(answers), ownerless)


def everybody(session: Session, activity: Activity, *, now: datetime) -> Select[int]:
    """Ids of the customers that the activity's segments mean together."""
    plans = session.scalars(queries.plans(activity.id)).all()
    parts = [Customer.id.in_(meant(session, plan.segment, now=now)) for plan in plans]
    return select(Customer.id).where(or_(*parts) if parts else Customer.id.is_(None))


def plan_sizes(session: Session, activity: Activity, *, now: datetime) -> Sequence[PlanSize]:
    """Per segment, best priority first; after the launch the frozen numbers."""
    plans = session.scalars(queries.plans(activity.id)).all()
    if activity.launched_at is not None:
        frozen = {plan_id: n for plan_id, n in session.execute(queries.plan_sizes(activity.id))}  # noqa: C416
        return [PlanSize(p, frozen.get(p.id, 0), frozen.get(p.id, 0), None) for p in plans]
    sizes: list[PlanSize] = []
    earlier: list[Select[int]] = []
    for plan in plans:
        members = meant(session, plan.segment, now=now)
        taken = [Customer.id.in_(one) for one in earlier]
        count, net = session.execute(
            select(func.count(), func.count().filter(~or_(*taken) if taken else Customer.id > 0))
            .select_from(Customer)
            .where(Customer.id.in_(members))
        ).one()
        problem = segment_queries.problem(session, plan.segment.rule)
        sizes.append(PlanSize(plan, count, net, problem))
        earlier.append(members)
    return sizes


def owners(
    session: Session, activity: Activity, *, now: datetime
) -> Sequence[tuple[str | None, int]]:
    """Before the launch: who owns how many of those meant; None is the pool."""
    rows = session.execute(
        select(User.name, func.count())
        .select_from(Customer)
        .outerjoin(User, User.id == Customer.owner_id)
        .where(Customer.id.in_(everybody(session, activity, now=now)))
        .group_by(User.id, User.name)
        .order_by(func.count().desc(), User.name)
    )
    return [(name, count) for name, count in rows]


def _grouped(answers: Mapping[int, Answer]) -> Sequence[Refused]:
    by_reason: dict[Reason, list[Answer]] = {}
    for answer in answers.values():
        if answer.reason is not None:
            by_reason.setdefault(answer.reason, []).append(answer)
    found = []
    for reason, of_reason in by_reason.items():
        times = [answer.next_at for answer in of_reason if answer.next_at is not None]
        found.append(
            Refused(
                reason,
                of_reason[0].is_blocked,
                len(of_reason),
                min(times, default=None),
                max(times, default=None),
            )
        )
    return sorted(found, key=lambda refused: -refused.count)
