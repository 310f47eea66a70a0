"""Two people press launch in the same second: one launch, every customer in it once."""

from collections import Counter
from datetime import datetime

import pytest
from sqlalchemy import func, select

from crm.activities import services
from crm.activities.models import Step, Target, TargetStep
from crm.core.db import Sessions
from tests.concurrency.test_ledger import at_once, attempt
from tests.factories.activities import make_ready_activity
from tests.factories.customers import make_customer
from tests.factories.users import make_lead

pytestmark = pytest.mark.faults


def test_two_launches_at_once_are_one_launch(race_sessions: Sessions, now: datetime) -> None:
    with race_sessions.begin() as session:
        lead = make_lead(session)
        for number in range(20):
            make_customer(session, name=f"对象 {number}")
        activity_id = make_ready_activity(session, owner=lead).id
    outcomes = at_once(
        lambda _thread: attempt(
            race_sessions,
            lambda s: services.execution.launch(s, activity_id, by=lead, now=now),
        ),
        threads=4,
    )
    assert Counter(outcomes) == {"": 1, "activities.already_launched": 3}
    with race_sessions() as session:
        customers = session.scalars(
            select(Target.customer_id).where(Target.activity_id == activity_id)
        ).all()
        assert len(customers) == len(set(customers)) >= 20


def test_a_step_reached_by_two_at_once_is_one_row(race_sessions: Sessions, now: datetime) -> None:
    with race_sessions.begin() as session:
        lead = make_lead(session)
        customer = make_customer(session, name="同一步")
        activity = make_ready_activity(session, owner=lead)
        services.execution.launch(session, activity.id, by=lead, now=now)
        target_id = session.scalars(
            select(Target.id).filter_by(activity_id=activity.id, customer_id=customer.id)
        ).one()

    def invite(_thread: int) -> bool:
        with race_sessions.begin() as session:
            target = session.get_one(Target, target_id)
            return services.pipeline.reach(session, target, Step.INVITE, by=lead, at=now)

    assert sorted(at_once(invite, threads=4)) == [False, False, False, True]
    with race_sessions() as session:
        rows = select(func.count()).where(TargetStep.target_id == target_id)
        assert session.scalar(rows) == 1
        assert session.get_one(Target, target_id).furthest_step == Step.INVITE.rank
