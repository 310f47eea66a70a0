"""Which activities a person may see, one of them, and what belongs to it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from crm.activities.models import (
    Activity,
    ActivityPlan,
    Goal,
    GoalKind,
    LoopStage,
    StageEntry,
    Target,
)
from crm.core.errors import NotFound
from crm.customers import queries as customer_queries
from crm.customers.models import Customer
from crm.customers.queries import segments
from crm.users import policies
from crm.users.models import Role, User

SEES_ALL = frozenset({Role.MANAGER, Role.ADMIN})


def visible_to(user: User) -> ColumnElement[bool]:
    """A rep: own ones and those with own targets; a lead: the team's; others: all."""
    if user.role in SEES_ALL:
        return true()
    if user.role is Role.LEAD:
        within = policies.covers(user, Activity.owner_id)
        return or_(within, Activity.team_id == user.team_id) if user.team_id else within
    taking_part = select(Target.activity_id).where(Target.owner_id == user.id)
    return or_(Activity.owner_id == user.id, Activity.id.in_(taking_part))


def get(session: Session, activity_id: int, *, visible_to: User) -> Activity:
    """The activity with its owner. Raises NotFound outside the viewer's scope."""
    return _one(session, Activity.id == activity_id, visible_to)


def get_by_public_id(session: Session, public_id: str, *, visible_to: User) -> Activity:
    """The same for programs."""
    return _one(session, Activity.public_id == public_id, visible_to)


def get_locked(session: Session, activity_id: int, *, visible_to: User) -> Activity:
    """The activity, locked until the transaction ends: who changes or launches it takes turns."""
    session.execute(select(Activity.id).where(Activity.id == activity_id).with_for_update())
    return get(session, activity_id, visible_to=visible_to)


def visible(user: User) -> Select[Activity]:
    """Activities that the user may see, with their owners."""
    return select(Activity).where(visible_to(user)).options(joinedload(Activity.owner))


def recent(user: User, *, limit: int) -> Select[Activity]:
    """Activities that the user may see with their owners, the latest starts first."""
    return visible(user).order_by(Activity.starts_on.desc(), Activity.id.desc()).limit(limit)


def under_way(user: User, *, limit: int) -> Select[Activity]:
    """Launched activities that the user may see and that are not over, those ending first."""
    return (
        select(Activity)
        .where(visible_to(user), Activity.stage == LoopStage.EXECUTION)
        .order_by(Activity.ends_on, Activity.id)
        .limit(limit)
    )


def goals(activity_id: int) -> Select[Goal]:
    return select(Goal).where(Goal.activity_id == activity_id).order_by(Goal.id)


def goals_of(activity_ids: Sequence[int]) -> Select[Goal]:
    """All goals and guardrails of these activities, oldest first."""
    return select(Goal).where(Goal.activity_id.in_(activity_ids)).order_by(Goal.id)


def main_goals(activity_ids: Sequence[int]) -> Select[Goal]:
    """The main goals at the top of each activity's tree, oldest first."""
    return (
        select(Goal)
        .where(
            Goal.activity_id.in_(activity_ids),
            Goal.kind == GoalKind.MAIN,
            Goal.parent_id.is_(None),
        )
        .order_by(Goal.id)
    )


def plans(activity_id: int) -> Select[ActivityPlan]:
    """The activity's segments, best priority first."""
    return (
        select(ActivityPlan)
        .where(ActivityPlan.activity_id == activity_id)
        .options(joinedload(ActivityPlan.segment))
        .order_by(ActivityPlan.priority, ActivityPlan.id)
    )


def with_plans(activity_ids: Sequence[int]) -> Select[int]:
    """Which of these activities have a segment."""
    return (
        select(ActivityPlan.activity_id)
        .where(ActivityPlan.activity_id.in_(activity_ids))
        .distinct()
    )


def entries(activity_id: int) -> Select[StageEntry, str]:
    """The stages entered, oldest first, each with who entered it."""
    return (
        select(StageEntry, User.name)
        .join(User, User.id == StageEntry.by_id)
        .where(StageEntry.activity_id == activity_id)
        .order_by(StageEntry.at, StageEntry.id)
    )


def people(user: User) -> Select[User]:
    """Who may run an activity planned by this person."""
    return (
        select(User)
        .where(
            User.id.in_(policies.member_ids(user)),
            User.role != Role.REP,
            User.disabled_at.is_(None),
        )
        .order_by(User.name)
    )


def by_segment(segment_ids: Sequence[int]) -> Select[int, int, str, datetime | None]:
    """Where each segment is used: (segment id, activity id, title, when it was launched)."""
    return (
        select(ActivityPlan.segment_id, Activity.id, Activity.title, Activity.launched_at)
        .join(Activity, Activity.id == ActivityPlan.activity_id)
        .where(ActivityPlan.segment_id.in_(segment_ids))
        .order_by(Activity.starts_on.desc(), Activity.id.desc())
    )


def shared_with(
    session: Session, segment_id: int, *, viewer: User, now: datetime
) -> Select[Activity, int]:
    """Running activities that the viewer may see with the segment's customers in them now."""
    segment = segments.get(session, segment_id)
    return (
        select(Activity, func.count())
        .join(Target, Target.activity_id == Activity.id)
        .join(Customer, Customer.id == Target.customer_id)
        .where(
            visible_to(viewer),
            Activity.stage == LoopStage.EXECUTION,
            segments.meaning(session, segment, now=now),
            customer_queries.visible_to(viewer),
        )
        .group_by(Activity.id)
        .order_by(func.count().desc(), Activity.id)
    )


def taken_part(customer_ids: Sequence[int], *, viewer: User) -> Select[Target, Activity]:
    """The places of customers in activities that the viewer may see, newest first."""
    return (
        select(Target, Activity)
        .join(Activity, Activity.id == Target.activity_id)
        .where(Target.customer_id.in_(customer_ids), visible_to(viewer))
        .order_by(Activity.starts_on.desc(), Activity.id.desc())
    )


def titled_like(text: str, *, user: User, limit: int) -> Select[Activity]:
    """Activities whose title holds the text."""
    return recent(user, limit=limit).where(Activity.title.icontains(text, autoescape=True))


def _one(session: Session, which: ColumnElement[bool], user: User) -> Activity:
    found = session.scalar(
        select(Activity)
        .where(which, visible_to(user))
        .options(joinedload(Activity.owner))
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("core.not_found")
    return found
