"""The loop's stages: move on, go back, and launch, which freezes who is meant."""

from datetime import datetime

from sqlalchemy import Insert, Select, func, insert, literal, select
from sqlalchemy.orm import Session

from crm.activities import queries, rules
from crm.activities.events import ActivityLaunched
from crm.activities.models import (
    Activity,
    ActivityPlan,
    Goal,
    GoalKind,
    LoopStage,
    StageEntry,
    Target,
    TargetState,
)
from crm.core import audit
from crm.core.errors import Conflict, Invalid
from crm.core.events import publish
from crm.customers.models import Customer, Segment
from crm.customers.queries import segments as segment_queries
from crm.users import policies
from crm.users.models import User


def launch(session: Session, activity_id: int, *, by: User, now: datetime) -> Activity:
    """Begin the execution: freeze the segments into targets, once each, and tell who plans.

    Conflict when it was launched before, or lists what is missing. A customer in several segments
    goes with the best priority; staff and test records stay out.
    """
    activity = queries.get_locked(session, activity_id, visible_to=by)
    policies.require(by, "activities.launch", activity)
    if activity.launched_at is not None:
        raise Conflict("activities.already_launched", at=activity.launched_at)
    missing = missing_for_launch(readiness(session, activity, now=now))
    if missing:
        raise Conflict("activities.not_ready", missing=missing)
    for plan in session.scalars(queries.plans(activity.id)).all():
        session.execute(_freeze(session, activity, plan, now))
    activity.launched_at = now
    activity.launched_by_id = by.id
    enter(session, activity, LoopStage.EXECUTION, by=by, now=now)
    audit.record(
        session,
        "activities.launched",
        by_id=by.id,
        thing=f"activity:{activity.public_id}",
        now=now,
        targets=queries.reached_of(session, activity.id).total,
    )
    publish(session, ActivityLaunched(activity.id, by.id))
    return activity


def advance(session: Session, activity_id: int, *, by: User, now: datetime) -> Activity:
    """Enter the next stage. Execution is entered by the launch alone."""
    activity = _movable(session, activity_id, by)
    stage = rules.stage_after(activity.stage)
    if stage is None:
        raise Conflict("activities.stage_skipped")
    if stage is LoopStage.EXECUTION and activity.launched_at is None:
        raise Conflict("activities.launch_instead")
    missing = rules.gate(stage, readiness(session, activity, now=now))
    if missing:
        raise Conflict("activities.gate_closed", missing=missing)
    enter(session, activity, stage, by=by, now=now)
    return activity


def go_back(
    session: Session, activity_id: int, stage: LoopStage, *, reason: str, by: User, now: datetime
) -> Activity:
    """Return to an earlier stage, with a written reason. What was launched stays frozen."""
    activity = _movable(session, activity_id, by)
    if not reason.strip():
        raise Invalid("activities.reason_missing", field="reason")
    if rules.LOOP.index(stage) >= rules.LOOP.index(activity.stage):
        raise Conflict("activities.stage_skipped")
    if activity.launched_at is not None and stage in rules.BEFORE_LAUNCH:
        raise Conflict("activities.frozen")
    enter(session, activity, stage, by=by, now=now, reason=reason.strip())
    return activity


def enter(
    session: Session,
    activity: Activity,
    stage: LoopStage,
    *,
    by: User,
    now: datetime,
    reason: str = "",
) -> None:
    """Stand in a stage from now on, and remember it."""
    activity.stage = stage
    activity.updated_at = now
    session.add(
        StageEntry(activity_id=activity.id, stage=stage, at=now, by_id=by.id, reason=reason)
    )
    session.flush()


def readiness(session: Session, activity: Activity, *, now: datetime) -> rules.Readiness:
    """What the gates ask for. Members are counted as far as one: more does not matter here."""
    if activity.launched_at is not None:
        return rules.Readiness(1, 1, 1, is_launched=True)
    plans = session.scalars(queries.plans(activity.id)).all()
    has_members = any(
        session.scalar(meant(session, plan.segment, now=now).limit(1)) is not None for plan in plans
    )
    main_goals = session.scalar(
        select(func.count()).where(Goal.activity_id == activity.id, Goal.kind == GoalKind.MAIN)
    )
    is_broken = any(segment_queries.problem(session, plan.segment.rule) for plan in plans)
    return rules.Readiness(
        main_goals or 0, len(plans), int(has_members), has_broken_segment=is_broken
    )


def missing_for_launch(ready: rules.Readiness) -> tuple[str, ...]:
    """What a launch would refuse for, as codes of texts."""
    return rules.gate(LoopStage.EXECUTION, ready)


def meant(session: Session, segment: Segment, *, now: datetime) -> Select[int]:
    """Ids of the customers that the segment means, without staff and test records."""
    return select(Customer.id).where(
        segment_queries.meaning(session, segment, now=now), ~Customer.is_internal
    )


def _freeze(session: Session, activity: Activity, plan: ActivityPlan, now: datetime) -> Insert:
    """One statement for a segment of any size; who is a target already stays what he is."""
    already = select(Target.id).where(
        Target.activity_id == activity.id, Target.customer_id == Customer.id
    )
    columns = {
        Target.activity_id: literal(activity.id),
        Target.customer_id: Customer.id,
        Target.plan_id: literal(plan.id),
        Target.owner_id: Customer.owner_id,
        Target.variant: literal(""),
        Target.is_holdout: literal(False),  # noqa: FBT003
        Target.state: literal(TargetState.WAITING, Target.state.type),
        Target.furthest_step: literal(0),
        Target.created_at: literal(now, Target.created_at.type),
    }
    frozen = (
        select(*columns.values())
        .where(
            segment_queries.meaning(session, plan.segment, now=now),
            ~Customer.is_internal,
            ~already.exists(),
        )
        .order_by(Customer.id)
    )
    return insert(Target).from_select([column.key for column in columns], frozen)


def _movable(session: Session, activity_id: int, by: User) -> Activity:
    activity = queries.get_locked(session, activity_id, visible_to=by)
    policies.require(by, "activities.move_stage", activity)
    return activity
