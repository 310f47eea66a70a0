"""Claims in the same second: one customer goes to one rep, and no rep gets past the limit."""

from collections import Counter
from datetime import datetime

import pytest
from sqlalchemy import delete, func, select

from crm.core.db import Sessions
from crm.customers.models import Customer, PoolPolicy
from crm.customers.services import customers
from tests.concurrency.test_ledger import at_once, attempt
from tests.factories.customers import make_customer
from tests.factories.users import make_rep

pytestmark = pytest.mark.faults


def test_a_customer_claimed_by_four_at_once_goes_to_one(
    race_sessions: Sessions, now: datetime
) -> None:
    """T-03: the others are told that somebody was first."""
    with race_sessions.begin() as session:
        reps = [make_rep(session, name=f"销售{number}") for number in range(4)]
        customer_id = make_customer(session, name="抢手").id

    def claim(thread: int) -> str:
        return attempt(
            race_sessions,
            lambda s: customers.claim(
                s, s.get_one(Customer, customer_id), by=reps[thread], now=now
            ),
        )

    outcomes = Counter(at_once(claim, threads=4))

    assert outcomes == {"": 1, "customers.already_owned": 3}


def test_one_rep_in_four_windows_gets_no_more_than_the_limit(
    race_sessions: Sessions, now: datetime
) -> None:
    with race_sessions.begin() as session:
        session.add(PoolPolicy(claims_a_day=2, cool_down_days=0, created_at=now))
        rep = make_rep(session)
        ids = [make_customer(session, name=f"公海{number}").id for number in range(4)]

    def claim(thread: int) -> str:
        return attempt(
            race_sessions,
            lambda s: customers.claim(s, s.get_one(Customer, ids[thread]), by=rep, now=now),
        )

    outcomes = Counter(at_once(claim, threads=4))

    with race_sessions.begin() as session:
        mine = select(func.count()).where(Customer.owner_id == rep.id)
        assert session.scalar(mine) == 2
        session.execute(delete(PoolPolicy))
    assert outcomes == {"": 2, "pool.claims_limit": 2}
