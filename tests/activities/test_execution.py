"""Launching freezes who is meant, exactly and once; the stages have gates and a history."""

from datetime import datetime

import pytest
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.orm import Session

from crm.activities import queries, services
from crm.activities.events import ActivityLaunched
from crm.activities.models import (
    Activity,
    LoopStage,
    StageEntry,
    Step,
    Target,
    TargetState,
    TargetStep,
)
from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.customers.models import ContactSubject, Customer, CustomerKind, Stage, TimelineEntry
from tests.counting import count_queries
from tests.factories.activities import (
    make_activity,
    make_goal,
    make_launched_activity,
    make_plan,
    make_ready_activity,
    make_segment,
    target_of,
)
from tests.factories.customers import make_customer
from tests.factories.users import make_lead, make_rep

execution, pipeline = services.execution, services.pipeline
REGULARS = {"field": "stage", "operator": "any_of", "value": ["regular"]}


def test_a_launch_freezes_the_segment_into_targets_with_their_owners(
    session: Session, now: datetime
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    mine, pooled = make_customer(session, owner=rep), make_customer(session)
    make_customer(session, stage=Stage.LOST)
    make_customer(session, is_internal=True)
    activity = make_launched_activity(session, owner=lead)
    found = {t.customer_id: t for t in session.scalars(select(Target))}
    assert set(found) == {mine.id, pooled.id}
    assert (found[mine.id].owner_id, found[pooled.id].owner_id) == (rep.id, None)
    assert {t.state for t in found.values()} == {TargetState.WAITING}
    assert {t.created_at for t in found.values()} == {now}
    assert (activity.stage, activity.launched_at, activity.launched_by_id) == (
        LoopStage.EXECUTION,
        now,
        lead.id,
    )


def test_who_enters_the_segment_later_is_no_target(session: Session, now: datetime) -> None:
    make_customer(session)
    activity = make_launched_activity(session, owner=make_lead(session))
    make_customer(session, name="后来的")
    assert queries.reached_of(session, activity.id).total == 1


def test_a_customer_in_two_segments_goes_once_with_the_best_priority(
    session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    both = make_customer(session, stage=Stage.REGULAR)
    only_wide = make_customer(session)
    activity = make_activity(session, owner=lead)
    make_goal(session, activity)
    wide = make_segment(session, by=lead, name="所有人", rule={"not": {"any": [
        {"field": "stage", "operator": "any_of", "value": ["lost"]}]}})  # fmt: skip
    narrow = make_segment(session, by=lead, name="老客", rule=REGULARS)
    second = make_plan(session, activity, wide, priority=2)
    first = make_plan(session, activity, narrow, priority=1)
    execution.launch(session, activity.id, by=lead, now=now)
    assert target_of(session, activity, both).plan_id == first.id
    assert target_of(session, activity, only_wide).plan_id == second.id
    assert session.scalar(select(func.count()).select_from(Target)) == 2


def test_the_launch_is_told_to_the_modules_above_and_audited(
    session: Session, now: datetime
) -> None:
    heard: list[ActivityLaunched] = []
    session.info["bus"].subscribe(ActivityLaunched, lambda _session, event: heard.append(event))
    lead = make_lead(session)
    make_customer(session)
    activity = make_launched_activity(session, owner=lead)
    assert heard == [ActivityLaunched(activity.id, lead.id)]
    entry = session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.details) == ("activities.launched", {"targets": 1})


def test_an_activity_is_launched_once(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    make_customer(session)
    activity = make_launched_activity(session, owner=lead)
    with pytest.raises(Conflict) as refused:
        execution.launch(session, activity.id, by=lead, now=now)
    assert refused.value.code == "activities.already_launched"


def test_a_launch_lists_all_that_is_missing(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    empty = make_activity(session, owner=lead)
    with pytest.raises(Conflict) as refused:
        execution.launch(session, empty.id, by=lead, now=now)
    assert refused.value.code == "activities.not_ready"
    assert refused.value.details["missing"] == (
        "activities.missing_goal",
        "activities.missing_plan",
    )


@pytest.mark.parametrize("rule", [{}, {"any": []}, {"field": "no_such_field"}])
def test_one_broken_segment_stops_the_launch_beside_sound_ones(
    session: Session, now: datetime, rule: dict[str, object]
) -> None:
    lead = make_lead(session)
    make_customer(session)
    activity = make_ready_activity(session, owner=lead)
    make_plan(session, activity, make_segment(session, by=lead, rule=rule), priority=2)
    with pytest.raises(Conflict) as refused:
        execution.launch(session, activity.id, by=lead, now=now)
    assert refused.value.details["missing"] == ("activities.broken_segment",)
    assert session.scalar(select(func.count()).select_from(Target)) == 0


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        ({}, "activities.broken_segment"),
        ({"any": []}, "activities.broken_segment"),
        ({"field": "no_such_field"}, "activities.broken_segment"),
        (REGULARS, "activities.missing_members"),
    ],
)
def test_a_broken_or_empty_segment_means_nobody_and_launches_nothing(
    session: Session, now: datetime, rule: dict[str, object], missing: str
) -> None:
    lead = make_lead(session)
    make_customer(session)
    activity = make_activity(session, owner=lead)
    make_goal(session, activity)
    make_plan(session, activity, make_segment(session, by=lead, rule=rule))
    with pytest.raises(Conflict) as refused:
        execution.launch(session, activity.id, by=lead, now=now)
    assert refused.value.details["missing"] == (missing,)
    assert session.scalar(select(func.count()).select_from(Target)) == 0


def test_a_rep_launches_nothing(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    make_customer(session)
    activity = make_ready_activity(session, owner=make_lead(session))
    with pytest.raises(Exception, match=r"core\.not_found"):
        execution.launch(session, activity.id, by=rep, now=now)
    activity.owner_id = rep.id
    session.flush()
    with pytest.raises(NotAllowed):
        execution.launch(session, activity.id, by=rep, now=now)


def test_twenty_thousand_targets_cost_as_many_statements_as_two(
    session: Session, engine: Engine, now: datetime
) -> None:
    lead = make_lead(session)
    statements = []
    for count in (2, 20_000):
        make_many(session, count, now)
        activity = make_ready_activity(session, owner=lead)
        session.flush()
        with count_queries(engine) as sent:
            execution.launch(session, activity.id, by=lead, now=now)
        statements.append(len(sent))
    assert queries.reached_of(session, activity.id).total == 20_002
    assert statements[0] == statements[1]
    assert statements[1] < 25


def test_stages_go_on_one_by_one_and_keep_their_history(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    make_customer(session)
    activity = make_ready_activity(session, owner=lead)
    for stage in (LoopStage.STRATEGY, LoopStage.RESOURCES):
        assert execution.advance(session, activity.id, by=lead, now=now).stage is stage
    with pytest.raises(Conflict) as refused:
        execution.advance(session, activity.id, by=lead, now=now)
    assert refused.value.code == "activities.launch_instead"
    execution.launch(session, activity.id, by=lead, now=now)
    assert execution.advance(session, activity.id, by=lead, now=now).stage is LoopStage.REVIEW
    with pytest.raises(Conflict) as over:
        execution.advance(session, activity.id, by=lead, now=now)
    assert over.value.code == "activities.stage_skipped"
    assert [stage.stage for stage, _name in session.execute(queries.entries(activity.id))] == list(
        LoopStage
    )[1:]


def test_a_gate_that_is_closed_says_what_is_missing(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    activity = make_activity(session, owner=lead)
    with pytest.raises(Conflict) as refused:
        execution.advance(session, activity.id, by=lead, now=now)
    assert refused.value.code == "activities.gate_closed"
    assert refused.value.details["missing"] == ("activities.missing_goal",)


def test_going_back_needs_a_reason_and_a_stage_behind(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    activity = make_activity(session, owner=lead, stage=LoopStage.STRATEGY)
    back = LoopStage.GOAL
    with pytest.raises(Invalid) as silent:
        execution.go_back(session, activity.id, back, reason=" ", by=lead, now=now)
    assert silent.value.code == "activities.reason_missing"
    with pytest.raises(Conflict) as ahead:
        execution.go_back(
            session, activity.id, LoopStage.REVIEW, reason="Too soon", by=lead, now=now
        )
    assert ahead.value.code == "activities.stage_skipped"
    execution.go_back(session, activity.id, back, reason="The goal is hollow", by=lead, now=now)
    entry = session.scalars(select(StageEntry)).one()
    assert (activity.stage, entry.reason) == (back, "The goal is hollow")


def test_a_launched_activity_never_goes_back_before_its_launch(
    session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    make_customer(session)
    activity = make_launched_activity(session, owner=lead)
    with pytest.raises(Conflict) as refused:
        execution.go_back(session, activity.id, LoopStage.GOAL, reason="Again", by=lead, now=now)
    assert refused.value.code == "activities.frozen"


def test_a_step_is_reached_once_and_the_furthest_never_goes_back(
    session: Session, now: datetime
) -> None:
    lead, customer = make_lead(session), make_customer(session)
    activity = make_launched_activity(session, owner=lead)
    target = target_of(session, activity, customer)
    assert pipeline.reach(session, target, Step.REVISIT, by=lead, at=now)
    assert not pipeline.reach(session, target, Step.REVISIT, by=lead, at=now)
    assert pipeline.reach(session, target, Step.TALK, by=lead, at=now)
    session.expire_all()
    assert session.get_one(Target, target.id).furthest_step == Step.REVISIT.rank
    assert session.scalar(select(func.count()).select_from(TargetStep)) == 2
    kinds = session.scalars(select(TimelineEntry.kind)).all()
    assert kinds == ["activities.step", "activities.step"]
    reached = queries.reached_of(session, activity.id).reached
    assert reached == {1: 1, 2: 1, 3: 1, 4: 0}


def test_many_targets_are_marked_at_once_with_the_reason(session: Session, now: datetime) -> None:
    customers = [make_customer(session, name=f"客户 {n}") for n in range(3)]
    activity = make_launched_activity(session, owner=make_lead(session))
    targets = [target_of(session, activity, customer) for customer in customers]
    pipeline.mark_many(
        session,
        TargetState.HELD,
        [t.id for t in targets[:2]],
        reason="outreach.cool_down",
        until=now,
    )
    pipeline.mark_many(session, TargetState.PLANNED, [targets[2].id])
    session.expire_all()
    assert [t.state for t in targets] == [TargetState.HELD] * 2 + [TargetState.PLANNED]
    assert (targets[0].held_reason, targets[0].held_until) == ("outreach.cool_down", now)
    rows = session.execute(queries.held_reasons(activity.id)).all()
    assert [tuple(row) for row in rows] == [(TargetState.HELD, "outreach.cool_down", 2)]
    assert queries.states_of(session, activity.id) == {
        TargetState.HELD: 2,
        TargetState.PLANNED: 1,
    }


def make_many(session: Session, count: int, now: datetime) -> None:
    """Plain prospects, in bulk: what they are called does not matter here."""
    subject = ContactSubject(created_at=now)
    session.add(subject)
    session.flush()
    session.execute(
        insert(Customer),
        [
            {
                "name": f"客户 {count}-{number}",
                "kind": CustomerKind.PERSON,
                "stage": Stage.PROSPECT,
                "stage_since": now,
                "subject_id": subject.id,
                "created_at": now,
                "updated_at": now,
            }
            for number in range(count)
        ],
    )


def test_the_activity_itself_is_found_by_its_public_id(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    activity: Activity = make_activity(session, owner=lead)
    found = queries.get_by_public_id(session, activity.public_id, visible_to=lead)
    assert found is activity
