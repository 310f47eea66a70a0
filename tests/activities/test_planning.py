"""Planning: who may, what is refused, what is frozen."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.activities import queries, services
from crm.activities.models import Activity, ActivityPlan, Goal, GoalKind, LoopStage, StageEntry
from crm.activities.services.planning import Draft, GoalDraft, PlanDraft
from crm.core.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from crm.users.models import User
from tests.factories.activities import (
    make_activity,
    make_goal,
    make_launched_activity,
    make_plan,
    make_segment,
)
from tests.factories.customers import make_customer
from tests.factories.users import make_admin, make_lead, make_manager, make_rep, make_team

planning = services.planning
DRAFT = Draft("双12 会员回馈季", date(2026, 12, 1), date(2026, 12, 12), purpose="促活复购")


def test_a_lead_begins_an_activity_at_its_first_stage(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    activity = planning.create(session, DRAFT, by=lead, now=now)
    assert (activity.stage, activity.owner_id, activity.team_id) == (
        LoopStage.GOAL,
        lead.id,
        lead.team_id,
    )
    entry = session.scalars(select(StageEntry)).one()
    assert (entry.stage, entry.by_id, entry.at) == (LoopStage.GOAL, lead.id, now)


def test_a_rep_plans_no_activity(session: Session, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        planning.create(session, DRAFT, by=make_rep(session), now=now)


def test_an_activity_cannot_end_before_it_starts(session: Session, now: datetime) -> None:
    backwards = Draft("x", date(2026, 12, 2), date(2026, 12, 1))
    with pytest.raises(Invalid) as refused:
        planning.create(session, backwards, by=make_lead(session), now=now)
    assert refused.value.code == "activities.dates_reversed"


def test_an_activity_is_run_by_somebody_of_ones_own_who_may_run_it(
    session: Session, now: datetime
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    other = make_lead(session, name="黄志强", team=make_team(session, name="华南组"))
    for stranger in (rep, other):
        draft = Draft("x", DRAFT.starts_on, DRAFT.ends_on, owner_id=stranger.id)
        with pytest.raises(Invalid) as refused:
            planning.create(session, draft, by=lead, now=now)
        assert refused.value.code == "activities.owner_unknown"
    by_manager = planning.create(
        session,
        Draft("x", DRAFT.starts_on, DRAFT.ends_on, owner_id=other.id),
        by=make_manager(session),
        now=now,
    )
    assert by_manager.team_id == other.team_id


def test_an_edit_of_what_somebody_changed_meanwhile_is_refused(
    session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    activity = make_activity(session, owner=lead)
    edited = Draft("改名", DRAFT.starts_on, DRAFT.ends_on, version=activity.version)
    assert planning.edit(session, activity.id, edited, by=lead, now=now).title == "改名"
    with pytest.raises(Conflict) as refused:
        planning.edit(session, activity.id, edited, by=lead, now=now)
    assert refused.value.code == "core.stale"


def test_a_sub_goal_hangs_below_a_goal_of_the_same_activity(
    session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    activity, other = make_activity(session, owner=lead), make_activity(session, owner=lead)
    main = planning.add_goal(
        session, activity.id, GoalDraft("revenue", Decimal(600_000)), by=lead, now=now
    )
    assert (main.unit, main.period_ends_on) == ("yuan", activity.ends_on)
    part = GoalDraft("deals", Decimal(20), label="华东组", parent_id=main.id)
    assert planning.add_goal(session, activity.id, part, by=lead, now=now).parent_id == main.id
    with pytest.raises(Invalid) as refused:
        planning.add_goal(session, other.id, part, by=lead, now=now)
    assert refused.value.code == "activities.goal_of_another"
    with pytest.raises(Conflict) as kept:
        planning.remove_goal(session, activity.id, main.id, by=lead, now=now)
    assert kept.value.code == "activities.goal_has_parts"


def test_a_goal_names_a_metric_that_is_known_and_may_be_removed(
    session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    activity = make_activity(session, owner=lead)
    with pytest.raises(Invalid) as refused:
        planning.add_goal(session, activity.id, GoalDraft("luck", Decimal(1)), by=lead, now=now)
    assert refused.value.code == "activities.metric_unknown"
    guard = GoalDraft("other", Decimal(36), kind=GoalKind.GUARDRAIL, label="毛利率不低于 36%")
    goal = planning.add_goal(session, activity.id, guard, by=lead, now=now)
    planning.remove_goal(session, activity.id, goal.id, by=lead, now=now)
    assert session.scalars(select(Goal)).all() == []


def test_a_segment_is_in_an_activity_once(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    activity, segment = make_activity(session, owner=lead), make_segment(session, by=lead)
    plan = planning.add_plan(session, activity.id, PlanDraft(segment.id, 2), by=lead, now=now)
    with pytest.raises(Conflict) as refused:
        planning.add_plan(session, activity.id, PlanDraft(segment.id), by=lead, now=now)
    assert refused.value.code == "activities.segment_twice"
    planning.remove_plan(session, activity.id, plan.id, by=lead, now=now)
    assert session.scalars(select(ActivityPlan)).all() == []


def test_a_segment_that_does_not_exist_is_refused(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    activity = make_activity(session, owner=lead)
    with pytest.raises(Invalid) as refused:
        planning.add_plan(session, activity.id, PlanDraft(404), by=lead, now=now)
    assert refused.value.code == "activities.segment_unknown"


def test_what_is_not_in_the_activity_cannot_be_removed(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    activity, other = make_activity(session, owner=lead), make_activity(session, owner=lead)
    goal = make_goal(session, other)
    plan = make_plan(session, other, make_segment(session, by=lead))
    with pytest.raises(NotFound):
        planning.remove_goal(session, activity.id, goal.id, by=lead, now=now)
    with pytest.raises(NotFound):
        planning.remove_plan(session, activity.id, plan.id, by=lead, now=now)


FROZEN: list[Callable[[Session, Activity, User, datetime], object]] = [
    lambda s, a, u, t: planning.add_goal(s, a.id, GoalDraft("deals", Decimal(1)), by=u, now=t),
    lambda s, a, u, t: planning.add_plan(s, a.id, PlanDraft(1), by=u, now=t),
    lambda s, a, u, t: planning.remove_goal(s, a.id, 1, by=u, now=t),
    lambda s, a, u, t: planning.remove_plan(s, a.id, 1, by=u, now=t),
]


@pytest.mark.parametrize("change", FROZEN)
def test_goals_and_segments_are_frozen_by_the_launch(
    session: Session,
    now: datetime,
    change: Callable[[Session, Activity, User, datetime], object],
) -> None:
    lead = make_lead(session)
    make_customer(session)
    activity = make_launched_activity(session, owner=lead)
    with pytest.raises(DomainError) as refused:
        change(session, activity, lead, now)
    assert refused.value.code == "activities.frozen"


def test_who_sees_an_activity(session: Session, now: datetime) -> None:
    lead, taking_part, idle = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    stranger = make_lead(session, name="黄志强", team=make_team(session, name="华南组"))
    make_customer(session, owner=taking_part)
    activity = make_launched_activity(session, owner=lead)
    for viewer in (lead, taking_part, make_manager(session), make_admin(session)):
        assert queries.get(session, activity.id, visible_to=viewer) is activity
    for viewer in (idle, stranger):
        with pytest.raises(NotFound):
            queries.get(session, activity.id, visible_to=viewer)
    with pytest.raises(NotAllowed):
        planning.edit(session, activity.id, DRAFT, by=taking_part, now=now)
