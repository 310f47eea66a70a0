"""Plan an activity: who runs it and when, its goals, the segments it is for."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.activities import queries, rules
from crm.activities.models import (
    Activity,
    ActivityPlan,
    Goal,
    GoalKind,
    LoopStage,
    StageEntry,
)
from crm.core.errors import Conflict, Invalid, NotFound
from crm.customers.models import Segment
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Draft:
    """What people write about an activity. `owner_id` None: whoever creates it."""

    title: str
    starts_on: date
    ends_on: date
    purpose: str = ""
    owner_id: int | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class GoalDraft:
    """A goal to add; its period is the activity's unless it says otherwise."""

    metric: str
    target: Decimal
    kind: GoalKind = GoalKind.MAIN
    label: str = ""
    baseline: Decimal | None = None
    unit: str = ""
    parent_id: int | None = None
    period_starts_on: date | None = None
    period_ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A segment for the activity; 1 is the best priority."""

    segment_id: int
    priority: int = 1


def create(session: Session, draft: Draft, *, by: User, now: datetime) -> Activity:
    """Begin an activity at its first stage."""
    policies.require(by, "activities.create")
    owner = _owner(session, draft, by)
    _check_dates(draft.starts_on, draft.ends_on)
    activity = Activity(
        title=draft.title.strip(),
        purpose=draft.purpose,
        owner_id=owner.id,
        team_id=owner.team_id,
        starts_on=draft.starts_on,
        ends_on=draft.ends_on,
        stage=LoopStage.GOAL,
        created_at=now,
        updated_at=now,
    )
    session.add(activity)
    session.flush()
    policies.require(by, "activities.edit", activity)
    session.add(StageEntry(activity_id=activity.id, stage=LoopStage.GOAL, at=now, by_id=by.id))
    session.flush()
    return activity


def edit(session: Session, activity_id: int, draft: Draft, *, by: User, now: datetime) -> Activity:
    """Change what is written. Conflict when somebody changed it since `draft.version` was read."""
    activity = editable(session, activity_id, by=by)
    if draft.version is not None and draft.version != activity.version:
        raise Conflict("core.stale", version=activity.version)
    _check_dates(draft.starts_on, draft.ends_on)
    owner = _owner(session, draft, by)
    activity.title = draft.title.strip()
    activity.purpose = draft.purpose
    activity.starts_on = draft.starts_on
    activity.ends_on = draft.ends_on
    if draft.owner_id is not None:
        activity.owner_id, activity.team_id = owner.id, owner.team_id
        policies.require(by, "activities.edit", activity)
    activity.updated_at = now
    session.flush()
    return activity


def add_goal(
    session: Session, activity_id: int, draft: GoalDraft, *, by: User, now: datetime
) -> Goal:
    """Add a goal while the activity is not launched; a sub-goal hangs below one of the same."""
    activity = unfrozen(session, activity_id, by=by)
    metric = rules.METRICS.get(draft.metric)
    if metric is None:
        raise Invalid("activities.metric_unknown", field="metric")
    starts_on = draft.period_starts_on or activity.starts_on
    ends_on = draft.period_ends_on or activity.ends_on
    _check_dates(starts_on, ends_on)
    if draft.parent_id is not None:
        _check_parent(session, activity, draft.parent_id)
    goal = Goal(
        activity_id=activity.id,
        parent_id=draft.parent_id,
        kind=draft.kind,
        metric=metric.key,
        label=draft.label.strip(),
        baseline=draft.baseline,
        target=draft.target,
        unit=draft.unit or metric.unit,
        period_starts_on=starts_on,
        period_ends_on=ends_on,
    )
    session.add(goal)
    activity.updated_at = now
    session.flush()
    return goal


def remove_goal(
    session: Session, activity_id: int, goal_id: int, *, by: User, now: datetime
) -> None:
    """Remove a goal that has no sub-goals."""
    activity = unfrozen(session, activity_id, by=by)
    goal = session.scalar(select(Goal).filter_by(id=goal_id, activity_id=activity.id))
    if goal is None:
        raise NotFound("core.not_found")
    if session.scalar(select(Goal.id).where(Goal.parent_id == goal.id).limit(1)) is not None:
        raise Conflict("activities.goal_has_parts")
    session.delete(goal)
    activity.updated_at = now
    session.flush()


def add_plan(
    session: Session, activity_id: int, draft: PlanDraft, *, by: User, now: datetime
) -> ActivityPlan:
    """Put a segment into the activity, once."""
    activity = unfrozen(session, activity_id, by=by)
    if session.get(Segment, draft.segment_id) is None:
        raise Invalid("activities.segment_unknown", field="segment_id")
    twice = select(ActivityPlan.id).filter_by(activity_id=activity.id, segment_id=draft.segment_id)
    if session.scalar(twice) is not None:
        raise Conflict("activities.segment_twice")
    plan = ActivityPlan(
        activity_id=activity.id, segment_id=draft.segment_id, priority=draft.priority
    )
    session.add(plan)
    activity.updated_at = now
    session.flush()
    return plan


def remove_plan(
    session: Session, activity_id: int, plan_id: int, *, by: User, now: datetime
) -> None:
    """Take a segment out of the activity before it is launched."""
    activity = unfrozen(session, activity_id, by=by)
    plan = session.scalar(select(ActivityPlan).filter_by(id=plan_id, activity_id=activity.id))
    if plan is None:
        raise NotFound("core.not_found")
    session.delete(plan)
    activity.updated_at = now
    session.flush()


def editable(session: Session, activity_id: int, *, by: User) -> Activity:
    """The activity, locked, if this person may change it."""
    activity = queries.get_locked(session, activity_id, visible_to=by)
    policies.require(by, "activities.edit", activity)
    return activity


def unfrozen(session: Session, activity_id: int, *, by: User) -> Activity:
    """The same, as long as it is not launched: goals and segments are frozen then."""
    activity = editable(session, activity_id, by=by)
    if activity.launched_at is not None:
        raise Conflict("activities.frozen")
    return activity


def _owner(session: Session, draft: Draft, by: User) -> User:
    if draft.owner_id is None or draft.owner_id == by.id:
        return by
    owner = session.scalar(
        select(User).where(User.id == draft.owner_id, User.id.in_(policies.member_ids(by)))
    )
    if owner is None or not owner.is_active or not policies.may(owner, "activities.edit"):
        raise Invalid("activities.owner_unknown", field="owner_id")
    return owner


def _check_dates(starts_on: date, ends_on: date) -> None:
    if ends_on < starts_on:
        raise Invalid("activities.dates_reversed", field="ends_on")


def _check_parent(session: Session, activity: Activity, parent_id: int) -> None:
    found = session.scalar(select(Goal.id).filter_by(id=parent_id, activity_id=activity.id))
    if found is None:
        raise Invalid("activities.goal_of_another", field="parent_id")
