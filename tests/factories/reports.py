"""Targets that reached steps on given days, straight in the tables: what reports count."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.activities.models import Activity, ActivityPlan, Step, Target, TargetStep
from crm.customers.models import Customer, Segment
from crm.users.models import User
from tests.factories.activities import make_plan, make_segment
from tests.factories.customers import NOW, make_customer


def make_target(
    session: Session,
    activity: Activity,
    *,
    owner: User | None = None,
    steps: Mapping[Step, datetime] | None = None,
    customer: Customer | None = None,
    is_holdout: bool = False,
) -> Target:
    """A customer in the activity, with the steps it reached and when."""
    customer = customer or make_customer(session, owner=owner)
    reached = dict(steps or {})
    target = Target(
        activity_id=activity.id,
        customer_id=customer.id,
        plan_id=_plan(session, activity).id,
        owner_id=owner.id if owner else None,
        is_holdout=is_holdout,
        furthest_step=max((step.rank for step in reached), default=0),
        created_at=NOW,
    )
    session.add(target)
    session.flush()
    session.add_all(
        TargetStep(target_id=target.id, step=step, at=at) for step, at in reached.items()
    )
    session.flush()
    return target


def _plan(session: Session, activity: Activity) -> ActivityPlan:
    plan = session.scalar(select(ActivityPlan).filter_by(activity_id=activity.id))
    if plan is not None:
        return plan
    name = f"客群 {activity.id}"
    segment = session.scalar(select(Segment).filter_by(name=name))
    by = session.get_one(User, activity.owner_id)
    return make_plan(session, activity, segment or make_segment(session, by=by, name=name))
