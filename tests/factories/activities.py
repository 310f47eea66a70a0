"""Builders of activities, their goals, segments and targets."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.activities import services
from crm.activities.models import Activity, ActivityPlan, Goal, GoalKind, LoopStage, Target
from crm.customers.models import Customer, Segment, Stage
from crm.users.models import User
from tests.conftest import NOW

#: Everybody whose stage is 潜在.
PROSPECTS: Mapping[str, Any] = {
    "field": "stage",
    "operator": "any_of",
    "value": [Stage.PROSPECT.value],
}


def make_segment(
    session: Session, *, by: User, name: str = "潜在客户", rule: Mapping[str, Any] = PROSPECTS
) -> Segment:
    segment = Segment(
        name=name,
        rule={"all": [dict(rule)]} if "field" in rule else dict(rule),
        created_by_id=by.id,
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(segment)
    session.flush()
    return segment


def make_activity(
    session: Session, *, owner: User, title: str = "双12 会员回馈季", **values: Any
) -> Activity:
    """An activity at its first stage, planned for December; `values` are its columns."""
    activity = Activity(
        **{
            "title": title,
            "owner_id": owner.id,
            "team_id": owner.team_id,
            "starts_on": date(2026, 12, 1),
            "ends_on": date(2026, 12, 12),
            "stage": LoopStage.GOAL,
            "created_at": NOW,
            "updated_at": NOW,
            **values,
        }
    )
    session.add(activity)
    session.flush()
    return activity


def make_goal(
    session: Session, activity: Activity, *, metric: str = "deals", target: int = 10, **values: Any
) -> Goal:
    goal = Goal(
        **{
            "activity_id": activity.id,
            "kind": GoalKind.MAIN,
            "metric": metric,
            "target": Decimal(target),
            "period_starts_on": activity.starts_on,
            "period_ends_on": activity.ends_on,
            **values,
        }
    )
    session.add(goal)
    session.flush()
    return goal


def make_plan(
    session: Session, activity: Activity, segment: Segment, *, priority: int = 1
) -> ActivityPlan:
    plan = ActivityPlan(activity_id=activity.id, segment_id=segment.id, priority=priority)
    session.add(plan)
    session.flush()
    return plan


def make_ready_activity(session: Session, *, owner: User, **values: Any) -> Activity:
    """One that may be launched as soon as there is a prospect: a goal and a segment."""
    activity = make_activity(session, owner=owner, **values)
    make_goal(session, activity)
    make_plan(session, activity, make_segment(session, by=owner, name=f"潜在 {activity.id}"))
    return activity


def make_launched_activity(session: Session, *, owner: User, **values: Any) -> Activity:
    """One whose targets are all prospects there are at this moment."""
    activity = make_ready_activity(session, owner=owner, **values)
    return services.execution.launch(session, activity.id, by=owner, now=NOW)


def target_of(session: Session, activity: Activity, customer: Customer) -> Target:
    found = session.scalar(
        select(Target).filter_by(activity_id=activity.id, customer_id=customer.id)
    )
    assert found is not None
    return found
