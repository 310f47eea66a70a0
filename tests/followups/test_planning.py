"""What a launch leaves behind: one contact per person, and a reason for everybody else."""

from datetime import timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from crm.activities.models import Step, TargetState
from crm.followups import queries, services
from crm.followups.models import FollowUp
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.activities import make_launched_activity, target_of
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup, plan_everything
from tests.factories.outreach import make_contact, make_suppression
from tests.factories.users import make_lead, make_rep


def test_a_launch_plans_one_contact_for_each_owned_customer(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customers = [make_customer(session, name=name, owner=rep) for name in ("王芳", "李明")]
    activity = make_launched_activity(session, owner=lead)

    plan_everything(session)

    planned = session.scalars(select(FollowUp).order_by(FollowUp.customer_id)).all()
    assert [followup.customer_id for followup in planned] == [c.id for c in customers]
    assert {followup.owner_id for followup in planned} == {rep.id}
    assert {followup.step for followup in planned} == {Step.TALK}
    assert {target_of(session, activity, c).state for c in customers} == {TargetState.PLANNED}
    assert all(customer.next_followup_at == planned[0].due_at for customer in customers)


def test_planning_twice_plans_nobody_twice(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    make_customer(session, owner=rep)
    make_launched_activity(session, owner=lead)

    plan_everything(session)
    plan_everything(session)

    assert session.scalar(select(func.count()).select_from(FollowUp)) == 1


def test_two_records_of_one_person_are_contacted_once(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    make_customer(session, name="王芳", owner=rep, phone="13800138000")
    twin = make_customer(session, name="王芳(店)", owner=rep, phone="+86 138 0013 8000")
    activity = make_launched_activity(session, owner=lead)

    plan_everything(session)

    assert session.scalar(select(func.count()).select_from(FollowUp)) == 1
    held = target_of(session, activity, twin)
    assert (held.state, held.held_reason) == (TargetState.HELD, "followups.open_elsewhere")


def test_a_customer_in_the_cool_down_is_held_until_it_ends(session: Session) -> None:
    lead, rep, other = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=rep)
    make_contact(session, customer, by=other, at=NOW - timedelta(hours=2))
    activity = make_launched_activity(session, owner=lead)

    plan_everything(session)

    target = target_of(session, activity, customer)
    assert (target.state, target.held_reason) == (TargetState.HELD, "outreach.cool_down")
    assert target.held_until is not None
    assert target.held_until > NOW


def test_a_held_customer_is_planned_when_the_hold_has_run_out(session: Session) -> None:
    lead, rep, other = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=rep)
    make_contact(session, customer, by=other, at=NOW - timedelta(hours=2))
    activity = make_launched_activity(session, owner=lead)
    activity_id = activity.id
    plan_everything(session)
    until = target_of(session, activity, customer).held_until
    assert until is not None

    assert not services.recheck_held(session, until - timedelta(minutes=1))
    plan_everything(session, now=until - timedelta(minutes=1))
    assert session.scalar(select(func.count()).select_from(FollowUp)) == 0
    services.recheck_held(session, until + timedelta(minutes=1))
    plan_everything(session, now=until + timedelta(minutes=1))

    assert session.scalar(select(FollowUp.activity_id)) == activity_id


def test_do_not_contact_keeps_a_customer_out(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep)
    make_suppression(session, customer)
    activity = make_launched_activity(session, owner=lead)

    plan_everything(session)

    target = target_of(session, activity, customer)
    assert (target.state, target.held_reason) == (TargetState.EXCLUDED, "outreach.do_not_contact")


def test_a_customer_without_an_owner_waits_for_one(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session)
    activity = make_launched_activity(session, owner=lead)
    plan_everything(session)
    assert target_of(session, activity, customer).held_reason == "followups.no_owner"

    customer.owner_id = rep.id
    session.flush()
    services.recheck_held(session, NOW)
    plan_everything(session)

    assert session.scalar(select(FollowUp.owner_id)) == rep.id


def test_planning_says_what_became_of_everybody(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    make_customer(session, owner=rep)
    make_customer(session, name="无主")
    make_suppression(session, make_customer(session, name="勿扰", owner=rep))
    activity_id = make_launched_activity(session, owner=lead).id

    plan_everything(session)

    work = queries.progress(session, activity_id)
    assert work is not None
    assert (work.planned_count, work.held_count, work.excluded_count) == (1, 1, 1)
    assert work.finished_at == NOW


def test_planning_needs_the_same_statements_for_many_as_for_few(
    session: Session, engine: Engine
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    for number in range(5):
        make_customer(session, name=f"客户{number}", owner=rep)
    make_launched_activity(session, owner=lead, title="few")
    session.flush()
    with count_queries(engine) as few:
        services.plan_contacts(session, NOW)
    session.execute(FollowUp.__table__.delete())  # type: ignore[attr-defined]  # a Table it is
    services.plan_contacts(session, NOW)
    for number in range(40):
        make_customer(session, name=f"更多{number}", owner=rep)
    make_launched_activity(session, owner=lead, title="many")
    session.flush()
    with count_queries(engine) as many:
        services.plan_contacts(session, NOW)

    assert session.scalar(select(func.count()).select_from(FollowUp)) == 45
    assert len(many) == len(few)


def test_own_customers_without_a_plan_are_spread_over_the_coming_days(session: Session) -> None:
    rep = make_rep(session)
    free = [make_customer(session, name=f"客户{n}", owner=rep) for n in range(7)]
    blocked = make_customer(session, name="勿扰", owner=rep)
    make_suppression(session, blocked)
    busy = make_customer(session, name="已排", owner=rep, next_followup_at=NOW)
    make_followup(session, busy, owner=rep)

    assert services.spread_unplanned(session, by=rep, now=NOW) == len(free)

    session.expire_all()
    days = {customer.next_followup_at for customer in free}
    assert None not in days
    assert len(days) > 1
    assert blocked.next_followup_at is None
