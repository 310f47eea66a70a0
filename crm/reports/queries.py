"""What a report counts, and whose reports somebody may see."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, String, case, cast, func, literal, or_, select, true
from sqlalchemy.orm import Session, aliased

from crm.activities.models import Activity, Step, Target, TargetStep
from crm.core.clock import Window
from crm.core.company import company
from crm.core.errors import NotFound
from crm.customers.models import Customer
from crm.reports.models import ReportRun, RunState
from crm.reports.rules import conversion, scope
from crm.reports.rules.conversion import ActivityFunnel, Conversion, Funnel
from crm.reports.rules.scope import Scope
from crm.users import policies
from crm.users.models import Team, User
from crm.users.policies import Reach


def scope_of(user: User) -> Scope:
    """How far this person's reports reach: everybody, the team, or the own targets."""
    far = policies.reach(user, "reports.read")
    if far is Reach.ALL:
        return scope.EVERYBODY
    if far is Reach.TEAM and user.team_id is not None:
        return Scope(scope.TEAM, user.team_id)
    return Scope(scope.PERSON, user.id)


def month_conversion(session: Session, month: date, *, within: Scope, now: datetime) -> Conversion:
    """CV-ALL and CV-STEP of the targets that entered in the month, by activity and in total."""
    today = company(session).day_of(now)
    as_of = conversion.as_of(month, today=today)
    furthest: dict[tuple[str, str], dict[int, int]] = {}
    internal_count = 0
    if as_of >= month:
        for public_id, title, is_internal, rank, count in session.execute(
            _stops(within, _window(session, month, as_of))
        ):
            if is_internal:
                internal_count += count
            else:
                furthest.setdefault((public_id, title), {})[rank] = count
    activities = [
        ActivityFunnel(public_id, title, conversion.funnel_of(ranks))
        for (public_id, title), ranks in furthest.items()
    ]
    activities.sort(key=lambda one: (-one.funnel.counts[0], one.title, one.public_id))
    return Conversion(
        month=month,
        as_of=as_of,
        scope_name=_name(session, within),
        total=_sum(one.funnel for one in activities),
        activities=tuple(activities),
        internal_count=internal_count,
    )


def visible_to(user: User) -> ColumnElement[bool]:
    """Reports whose figures the user may see today; who leaves a team loses its old ones."""
    mine = scope_of(user)
    if mine == scope.EVERYBODY:
        return true()
    own = ReportRun.scope == str(Scope(scope.PERSON, user.id))
    if mine.kind != scope.TEAM:
        return own
    # Leads see their members' own reports too: the figures are part of the team's.
    members = select(literal(f"{scope.PERSON}:") + cast(User.id, String)).where(
        User.team_id == mine.id
    )
    return or_(own, ReportRun.scope == str(mine), ReportRun.scope.in_(members))


def latest_runs(user: User, *, limit: int = 20) -> Select[ReportRun]:
    """The newest reports that the user may see."""
    return select(ReportRun).where(visible_to(user)).order_by(ReportRun.id.desc()).limit(limit)


def get_run(session: Session, public_id: str, *, visible_for: User) -> ReportRun:
    run = session.scalar(
        select(ReportRun).where(ReportRun.public_id == public_id, visible_to(visible_for))
    )
    if run is None:
        raise NotFound("core.not_found")
    return run


def due(now: datetime) -> Select[ReportRun]:
    """Waiting to be drawn, or left behind by a process that died."""
    is_free = ReportRun.lease_until.is_(None) | (ReportRun.lease_until < now)
    return (
        select(ReportRun)
        .where(ReportRun.state.in_([RunState.WAITING, RunState.RUNNING]), is_free)
        .order_by(ReportRun.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _stops(within: Scope, window: Window) -> Select[str, str, bool, int, int]:
    """Activity, staff or not, furthest step → how many of the month's targets stopped there."""
    rank = case(*((TargetStep.step == step, step.rank) for step in Step))
    earlier = aliased(TargetStep)
    entered_before = (
        select(earlier.id)
        .where(earlier.target_id == TargetStep.target_id, earlier.at < window.start)
        .exists()
    )
    furthest = (
        select(TargetStep.target_id, func.max(rank).label("rank"))
        .where(TargetStep.at >= window.start, TargetStep.at < window.end, ~entered_before)
        .group_by(TargetStep.target_id)
        .subquery()
    )
    return (
        select(
            Activity.public_id,
            Activity.title,
            Customer.is_internal,
            furthest.c.rank,
            func.count(),
        )
        .select_from(furthest)
        .join(Target, Target.id == furthest.c.target_id)
        .join(Activity, Activity.id == Target.activity_id)
        .join(Customer, Customer.id == Target.customer_id)
        .where(_owned(within), Target.is_holdout.is_(False))
        .group_by(Activity.public_id, Activity.title, Customer.is_internal, furthest.c.rank)
    )


def _owned(within: Scope) -> ColumnElement[bool]:
    if within.kind == scope.ALL:
        return true()
    if within.kind == scope.TEAM:
        return Target.owner_id.in_(select(User.id).where(User.team_id == within.id))
    return Target.owner_id == within.id


def _window(session: Session, month: date, as_of: date) -> Window:
    of = company(session)
    return Window(of.day_start(month), of.day_start(as_of + timedelta(days=1)))


def _name(session: Session, within: Scope) -> str:
    """The team's or the person's name; empty for the whole company."""
    if within.kind == scope.TEAM:
        team = session.get(Team, within.id)
        return team.name if team is not None else ""
    if within.kind == scope.PERSON:
        person = session.get(User, within.id)
        return person.name if person is not None else ""
    return ""


def _sum(funnels: Iterable[Funnel]) -> Funnel:
    total = conversion.NOBODY.counts
    for funnel in funnels:
        total = tuple(a + b for a, b in zip(total, funnel.counts, strict=True))
    return Funnel(total)
