"""T-69: two records with plans, activities, contacts and marks become one, and come apart again."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.activities.models import Activity, Step, Target, TargetState, TargetStep
from crm.activities.services import pipeline
from crm.customers.models import Customer, CustomerMerge
from crm.customers.rules.merging import Choice
from crm.customers.services import merging, parting
from crm.customers.services.merging import MergeCustomers
from crm.followups.models import FollowUp
from crm.outreach import services as outreach
from crm.outreach.models import LedgerEntry
from crm.outreach.rules import Reason
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.activities import make_launched_activity, target_of
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup, plan_everything
from tests.factories.outreach import make_contact, make_suppression
from tests.factories.users import make_lead, make_rep

LATER = NOW + timedelta(days=2)


@pytest.fixture
def lead(session: Session) -> User:
    return make_lead(session)


@pytest.fixture
def pair(session: Session, lead: User) -> tuple[Customer, Customer]:
    """Two records, each with a phone of its own, so that each is a person of its own."""
    rep = make_rep(session)
    return (
        make_customer(session, name="远山民宿", owner=lead, phone="13800138000"),
        make_customer(session, name="远山（西湖）", owner=rep, phone="13900139000"),
    )


def merge(
    session: Session, pair: tuple[Customer, Customer], by: User, **choices: Choice
) -> CustomerMerge:
    kept, merged = pair
    item = merging.merge(session, MergeCustomers(kept.id, merged.id, choices), by=by, now=NOW)
    session.flush()
    session.expire_all()
    return item


def part(session: Session, item: CustomerMerge, by: User) -> None:
    parting.part(session, item, by=by, now=LATER)
    session.flush()
    session.expire_all()


def rows(session: Session, model: type[FollowUp | LedgerEntry | Target]) -> Sequence[object]:
    """Each row of the table in its columns, but for the version that counts edits."""
    table = model.__table__
    columns = [column for column in table.c if column.name != "version"]
    return session.execute(select(*columns).order_by(table.c.id)).all()


def test_of_two_planned_contacts_the_first_stays_with_the_owner(
    session: Session, lead: User, pair: tuple[Customer, Customer]
) -> None:
    kept, merged = pair
    rep = session.get_one(User, merged.owner_id)
    later = make_followup(session, kept, owner=lead, due_at=NOW + timedelta(days=3))
    first = make_followup(session, merged, owner=rep, due_at=NOW + timedelta(days=1))

    item = merge(session, pair, lead)
    assert (first.customer_id, first.owner_id) == (kept.id, lead.id)
    assert [one.is_open for one in (first, later)] == [True, False]
    assert kept.next_followup_at == first.due_at

    part(session, item, lead)
    assert (first.customer_id, first.owner_id) == (merged.id, merged.owner_id)
    assert later.is_open
    assert (kept.next_followup_at, merged.next_followup_at) == (later.due_at, first.due_at)


def test_a_contact_logged_after_the_merge_stays_logged(
    session: Session, lead: User, pair: tuple[Customer, Customer]
) -> None:
    kept, merged = pair
    first = make_followup(session, kept, owner=lead, due_at=NOW)
    other = make_followup(session, merged, owner=lead, due_at=NOW + timedelta(days=1))
    item = merge(session, pair, lead)
    first.completed_at = NOW + timedelta(hours=1)
    session.flush()

    part(session, item, lead)

    assert first.completed_at is not None
    assert other.is_open


def test_in_one_activity_the_person_is_one_target_with_all_steps(
    session: Session, lead: User, pair: tuple[Customer, Customer]
) -> None:
    kept, _ = pair
    activity = make_launched_activity(session, owner=lead)
    mine, theirs = (target_of(session, activity, one) for one in pair)
    pipeline.reach(session, mine, Step.TALK, by=lead, at=NOW)
    pipeline.reach(session, theirs, Step.TALK, by=lead, at=NOW - timedelta(days=1))
    pipeline.reach(session, theirs, Step.INVITE, by=lead, at=NOW)
    before = rows(session, Target)
    reached = steps_of(session, activity)

    item = merge(session, pair, lead)
    [left] = session.scalars(select(Target).where(Target.activity_id == activity.id)).all()
    assert (left.customer_id, left.furthest_step) == (kept.id, Step.INVITE.rank)
    first_talk = select(TargetStep.at).where(TargetStep.step == Step.TALK)
    assert session.scalars(first_talk).all() == [NOW - timedelta(days=1)]

    part(session, item, lead)
    assert rows(session, Target) == before
    assert steps_of(session, activity) == reached


def test_a_launch_that_planned_both_keeps_one_contact(
    session: Session, lead: User, pair: tuple[Customer, Customer]
) -> None:
    activity = make_launched_activity(session, owner=lead)
    plan_everything(session)
    before = rows(session, FollowUp)
    assert len(before) == 2

    item = merge(session, pair, lead)
    open_ones = session.scalars(select(FollowUp).where(FollowUp.cancelled_at.is_(None))).all()
    assert [one.customer_id for one in open_ones] == [pair[0].id]
    [left] = session.scalars(select(Target).where(Target.activity_id == activity.id)).all()
    assert left.state is TargetState.PLANNED

    part(session, item, lead)
    assert rows(session, FollowUp) == before


def test_the_strictest_mark_and_both_ledgers_hold_and_a_mark_stays_with_both(
    session: Session, lead: User, pair: tuple[Customer, Customer]
) -> None:
    kept, merged = pair
    make_contact(session, kept, by=lead, at=NOW - timedelta(days=1))
    make_contact(session, merged, by=lead, at=NOW - timedelta(hours=3))
    make_contact(session, merged, by=lead, at=NOW - timedelta(hours=2))
    before = rows(session, LedgerEntry)

    item = merge(session, pair, lead)
    answer = outreach.ask(session, kept, at=NOW, by=lead, now=NOW)
    assert answer.reason is Reason.CAP_REACHED
    make_suppression(session, kept)

    part(session, item, lead)
    assert rows(session, LedgerEntry) == before
    for one in pair:
        told = outreach.ask(session, one, at=LATER, by=lead, now=LATER)
        assert told.reason is Reason.DO_NOT_CONTACT


def test_a_mark_of_the_merged_record_is_the_survivors(
    session: Session, lead: User, pair: tuple[Customer, Customer]
) -> None:
    make_suppression(session, pair[1])
    merge(session, pair, lead)
    told = outreach.ask(session, pair[0], at=NOW, by=lead, now=NOW)
    assert told.reason is Reason.DO_NOT_CONTACT


def test_records_that_share_a_phone_stay_one_person_when_split(
    session: Session, lead: User
) -> None:
    pair = (
        make_customer(session, name="李明", owner=lead, phone="13800138000"),
        make_customer(session, name="李小明", owner=lead, phone="13800138000"),
    )
    planned = make_followup(session, pair[1], owner=lead)
    item = merge(session, pair, lead)
    part(session, item, lead)

    assert pair[0].subject_id == pair[1].subject_id
    assert planned.customer_id == pair[1].id


def steps_of(session: Session, activity: Activity) -> Sequence[object]:
    found = (
        select(TargetStep.id, TargetStep.target_id, TargetStep.step, TargetStep.at)
        .join(Target, Target.id == TargetStep.target_id)
        .where(Target.activity_id == activity.id)
    )
    return session.execute(found.order_by(TargetStep.id)).all()
