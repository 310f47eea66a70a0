"""Planning, logging, moving and taking back one contact."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.activities.models import Step, TargetStep
from crm.core.errors import Conflict, Invalid, NotAllowed, NotFound
from crm.customers.models import Channel, Customer, TimelineEntry
from crm.followups import queries, services
from crm.followups.models import FollowUp, Outcome
from crm.followups.services import Log, Plan
from crm.outreach.models import CapSlot, LedgerEntry, LedgerState
from tests.conftest import NOW
from tests.factories.activities import make_activity, make_launched_activity, target_of
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup, plan_everything
from tests.factories.outreach import make_contact, make_suppression
from tests.factories.users import make_lead, make_manager, make_rep, make_team

TOMORROW = NOW + timedelta(days=1)


def call(customer: Customer, outcome: Outcome = Outcome.REACHED, **more: object) -> Log:
    return Log(customer.id, Channel.PHONE, outcome, **more)  # type: ignore[arg-type]


def test_planning_sets_the_next_follow_up_on_the_record(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)

    followup = services.plan(session, Plan(customer.id, TOMORROW, "样册"), by=rep, now=NOW)

    session.expire_all()
    assert (followup.owner_id, followup.purpose) == (rep.id, "样册")
    assert customer.next_followup_at == TOMORROW
    assert customer.version == 1  # no edit


def test_two_reps_cannot_plan_the_same_person_within_the_cool_down(session: Session) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    of_wang = make_customer(session, owner=wang, phone="13800138000")
    of_li = make_customer(session, name="同一人", owner=li, phone="13800138000")
    make_contact(session, of_wang, by=wang)

    with pytest.raises(Conflict) as refused:
        services.plan(session, Plan(of_li.id, TOMORROW), by=li, now=NOW)

    assert refused.value.code == "outreach.cool_down"


def test_a_rep_plans_with_own_customers_and_not_with_the_pool(session: Session) -> None:
    rep, customer = make_rep(session), make_customer(session)

    with pytest.raises(NotAllowed):
        services.plan(session, Plan(customer.id, TOMORROW), by=rep, now=NOW)

    assert queries.open_of_customer(session, customer.id) is None


def test_a_second_contact_with_one_person_is_not_planned(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep, phone="13800138000")
    twin = make_customer(session, name="同一人", owner=rep, phone="13800138000")
    services.plan(session, Plan(customer.id, TOMORROW), by=rep, now=NOW)

    with pytest.raises(Conflict) as refused:
        services.plan(session, Plan(twin.id, TOMORROW), by=rep, now=NOW)

    assert refused.value.code == "followups.already_planned"


def test_do_not_contact_refuses_a_plan(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    make_suppression(session, customer)

    with pytest.raises(Conflict) as refused:
        services.plan(session, Plan(customer.id, TOMORROW), by=rep, now=NOW)

    assert refused.value.code == "outreach.do_not_contact"


def test_nothing_is_planned_in_the_past(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    with pytest.raises(Invalid) as refused:
        services.plan(session, Plan(customer.id, NOW - timedelta(days=2)), by=rep, now=NOW)
    assert refused.value.code == "followups.due_in_the_past"


def test_other_reps_customers_do_not_exist_for_a_rep(session: Session) -> None:
    rep, other = make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=other)
    with pytest.raises(NotFound):
        services.log(session, call(customer), by=rep, now=NOW)


def test_a_manager_reads_and_logs_nothing(session: Session) -> None:
    rep, manager = make_rep(session), make_manager(session)
    customer = make_customer(session, owner=rep)
    with pytest.raises(NotAllowed):
        services.log(session, call(customer), by=manager, now=NOW)


def test_a_logged_call_counts_touches_and_plans_the_next(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    planned = make_followup(session, customer, owner=rep)

    logged = services.log(
        session, call(customer, next_at=TOMORROW, next_purpose="寄色卡"), by=rep, now=NOW
    )

    session.expire_all()
    assert logged.id == planned.id
    assert (logged.outcome, logged.completed_by_id) == (Outcome.REACHED, rep.id)
    assert (customer.last_contact_at, customer.next_followup_at) == (NOW, TOMORROW)
    entry = session.get_one(LedgerEntry, logged.ledger_entry_id)
    assert (entry.subject_id, entry.channel) == (customer.subject_id, Channel.PHONE)
    following = queries.open_of_customer(session, customer.id)
    assert following is not None
    assert following.purpose == "寄色卡"
    told = session.scalars(select(TimelineEntry.kind)).all()
    assert "followups.logged" in told


def test_nobody_answered_counts_but_does_not_end_the_silence(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)

    logged = services.log(session, call(customer, Outcome.NO_ANSWER), by=rep, now=NOW)

    session.expire_all()
    assert logged.ledger_entry_id is not None
    assert customer.last_contact_at is None


def test_a_contact_that_took_place_is_recorded_even_over_the_cap(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    for hours in (5, 4, 3):
        make_contact(session, customer, by=rep, at=NOW - timedelta(hours=hours))

    logged = services.log(session, call(customer), by=rep, now=NOW)

    assert session.get_one(LedgerEntry, logged.ledger_entry_id).is_over_cap


def test_a_contact_cannot_lie_in_the_future(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    later = NOW + timedelta(hours=1)
    with pytest.raises(Invalid) as refused:
        services.log(session, call(customer, contacted_at=later), by=rep, now=NOW)
    assert refused.value.code == "followups.in_the_future"


def test_a_follow_up_is_logged_once(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    planned = make_followup(session, customer, owner=rep)
    services.log(session, call(customer, followup_id=planned.id), by=rep, now=NOW)

    with pytest.raises(Conflict) as refused:
        services.log(session, call(customer, followup_id=planned.id), by=rep, now=NOW)

    assert refused.value.code == "followups.already_completed"


def test_completing_moves_the_target_along_the_steps(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep)
    activity = make_launched_activity(session, owner=lead)
    plan_everything(session)

    at = NOW
    for outcome in (Outcome.REACHED, Outcome.INVITED, Outcome.REVISITED, Outcome.DEAL):
        at += timedelta(days=1)
        done = call(customer, outcome, next_at=at + timedelta(days=1))
        services.log(session, done, by=rep, now=at)

    session.expire_all()
    target = target_of(session, activity, customer)
    assert target.furthest_step == Step.DEAL.rank
    reached = session.scalars(
        select(TargetStep.step).filter_by(target_id=target.id).order_by(TargetStep.at)
    ).all()
    assert list(reached) == list(Step)
    following = queries.open_of_customer(session, customer.id)
    assert following is not None
    assert following.activity_id is None  # after the deal the activity has no further step


def test_taking_a_log_back_leaves_nothing_of_it(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep)
    activity = make_launched_activity(session, owner=lead)
    plan_everything(session)
    logged = services.log(
        session, call(customer, Outcome.INVITED, next_at=TOMORROW), by=rep, now=NOW
    )
    entry_id = logged.ledger_entry_id

    again = services.undo_log(session, logged.id, by=rep, now=NOW + timedelta(minutes=5))

    session.expire_all()
    assert again.is_open
    assert again.outcome is None
    assert target_of(session, activity, customer).furthest_step == 0
    assert session.get_one(LedgerEntry, entry_id).state is LedgerState.CANCELLED
    free = select(func.count()).select_from(CapSlot).where(CapSlot.released_at.is_(None))
    assert session.scalar(free) == 0
    assert customer.last_contact_at is None
    open_ones = session.scalars(queries.open_followups()).all()
    assert [followup.id for followup in open_ones] == [logged.id]


def test_only_who_logged_takes_back_and_only_for_half_an_hour(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep)
    logged = services.log(session, call(customer), by=rep, now=NOW)

    with pytest.raises(NotAllowed):
        services.undo_log(session, logged.id, by=lead, now=NOW)
    with pytest.raises(Conflict) as late:
        services.undo_log(session, logged.id, by=rep, now=NOW + timedelta(hours=1))

    assert late.value.code == "followups.undo_too_late"


def test_nothing_is_moved_into_a_time_that_the_guard_refuses(session: Session) -> None:
    li, wang = make_rep(session, name="李娜"), make_rep(session, name="王磊")
    customer = make_customer(session, owner=li)
    planned = make_followup(session, customer, owner=li, due_at=NOW + timedelta(days=9))
    make_contact(session, customer, by=li, at=NOW - timedelta(hours=2))
    services.reschedule(session, planned.id, TOMORROW, by=li, now=NOW)  # one's own goes on
    make_contact(session, customer, by=wang, at=NOW - timedelta(hours=1))
    with pytest.raises(Conflict) as refusal:
        services.reschedule(session, planned.id, TOMORROW + timedelta(hours=1), by=li, now=NOW)
    assert refusal.value.code == "outreach.cool_down"
    assert planned.due_at == TOMORROW


def test_moving_a_follow_up_moves_the_record_and_asks_for_a_new_reminder(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    planned = make_followup(session, customer, owner=rep)
    services.remind_due(session, NOW)

    services.reschedule(session, planned.id, TOMORROW, by=rep, now=NOW)

    session.expire_all()
    assert customer.next_followup_at == TOMORROW
    due = session.scalars(queries.unreminded(by=TOMORROW)).all()
    assert [followup.id for followup in due] == [planned.id]


def test_a_stale_move_is_refused(session: Session) -> None:
    rep = make_rep(session)
    planned = make_followup(session, make_customer(session, owner=rep), owner=rep)
    services.reschedule(session, planned.id, TOMORROW, by=rep, now=NOW, version=1)
    with pytest.raises(Conflict) as refused:
        services.reschedule(session, planned.id, TOMORROW, by=rep, now=NOW, version=1)
    assert refused.value.code == "core.stale"


def test_a_cancelled_follow_up_leaves_the_day(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    planned = make_followup(session, customer, owner=rep)

    services.cancel(session, planned.id, by=rep, now=NOW)

    session.expire_all()
    assert customer.next_followup_at is None
    assert queries.count_due(session, rep, NOW) == 0
    with pytest.raises(Conflict):
        services.cancel(session, planned.id, by=rep, now=NOW)


def test_a_lead_hands_open_work_to_a_team_mate_and_to_nobody_else(session: Session) -> None:
    lead, rep, mate = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    stranger = make_rep(session, name="林悦", team=make_team(session, name="华南组"))
    planned = make_followup(session, make_customer(session, owner=rep), owner=rep)

    with pytest.raises(Invalid):
        services.reassign(session, planned.id, stranger.id, by=lead)
    services.reassign(session, planned.id, mate.id, by=lead)

    assert session.get_one(FollowUp, planned.id).owner_id == mate.id


def test_the_day_is_cut_by_the_company_day(session: Session) -> None:
    rep = make_rep(session)
    midnight = NOW.replace(hour=16, minute=0) - timedelta(days=1)  # 00:00 in Shanghai
    for name, due_at in (
        ("昨天", midnight - timedelta(minutes=1)),
        ("今天", midnight),
        ("今晚", midnight + timedelta(hours=23, minutes=59)),
        ("明天", midnight + timedelta(days=1)),
        ("以后", midnight + timedelta(days=9)),
    ):
        make_followup(
            session, make_customer(session, name=name, owner=rep), owner=rep, due_at=due_at
        )

    day = queries.day(session, for_user=rep, mine=True, now=NOW)

    shown = [
        [f.customer.name for f in group.followups]
        for group in (day.overdue, day.today, day.upcoming)
    ]
    assert shown == [["昨天"], ["今天", "今晚"], ["明天"]]
    assert [day.overdue.count, day.today.count, day.upcoming.count] == [1, 2, 1]


def test_a_contact_taken_back_does_not_stand_beside_one_planned_meanwhile(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    first = services.plan(session, Plan(customer.id, TOMORROW), by=rep, now=NOW)
    services.log(session, call(customer, followup_id=first.id), by=rep, now=NOW)
    later = NOW + timedelta(minutes=1)
    second = services.plan(session, Plan(customer.id, TOMORROW), by=rep, now=later)

    services.undo_log(session, first.id, by=rep, now=later)

    assert open_ids(session, customer) == [second.id]


def test_who_logs_beside_a_planned_contact_plans_no_second_one(session: Session) -> None:
    rep, lead = make_rep(session), make_lead(session)
    customer = make_customer(session, owner=rep)
    planned = services.plan(session, Plan(customer.id, TOMORROW), by=rep, now=NOW)

    with pytest.raises(Conflict) as refused:
        services.log(session, call(customer, next_at=TOMORROW), by=lead, now=NOW)

    assert refused.value.code == "followups.already_planned"
    assert planned.is_open


def test_nothing_is_planned_next_with_who_must_not_be_contacted(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    make_suppression(session, customer)

    with pytest.raises(Conflict) as refused:
        services.log(session, call(customer, next_at=TOMORROW), by=rep, now=NOW)

    assert refused.value.code == "outreach.do_not_contact"


def test_a_contact_is_planned_only_within_activities_in_sight(session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    stranger = make_lead(session, team=make_team(session, name="华南一组"))
    others = make_activity(session, owner=stranger)

    for activity_id in (others.id, 10**9):
        with pytest.raises(NotFound):
            services.plan(session, Plan(customer.id, TOMORROW, "", activity_id), by=rep, now=NOW)


def open_ids(session: Session, customer: Customer) -> list[int]:
    wanted = queries.open_followups().where(FollowUp.customer_id == customer.id)
    return [followup.id for followup in session.scalars(wanted)]
