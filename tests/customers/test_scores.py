"""RFM scores: the published figures on real orders, ties, too few customers, the usual rhythm."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.customers.models import CustomerScores, CustomerStats
from crm.customers.rules import rfm
from crm.customers.services import scores
from tests.conftest import NOW
from tests.factories.customers import make_customer, make_order


def test_cut_points_are_nearest_ranks() -> None:
    assert rfm.ranks(4338) == (868, 1736, 2603, 3471)
    assert rfm.ranks(50) == (10, 20, 30, 40)
    assert [rfm.score(value, (1, 2, 3, 6)) for value in (1, 2, 3, 4, 6, 7)] == [1, 2, 3, 4, 4, 5]
    assert [rfm.recency_score(days, (12, 32, 71, 179)) for days in (0, 12, 13, 180)] == [5, 5, 4, 1]


def test_scores_are_places_among_all_and_ties_stay_together(session: Session) -> None:
    people = [make_customer(session, name=f"{place}") for place in range(50)]
    for place, one in enumerate(people):
        at = NOW - timedelta(days=10 * (place // 10))
        make_order(session, one, amount_fen=100 * (place // 5 + 1), ordered_at=at)
    scores.recompute(session, now=NOW)
    found = {one.customer_id: one for one in session.scalars(select(CustomerScores))}
    assert [found[one.id].recency for one in people] == [5 - place // 10 for place in range(50)]
    assert [found[one.id].monetary for one in people] == [place // 10 + 1 for place in range(50)]
    assert {found[one.id].frequency for one in people} == {1}


def test_fewer_than_fifty_customers_get_no_scores_but_a_rhythm(session: Session) -> None:
    buyer = make_customer(session)
    for days in (90, 60, 30):
        make_order(session, buyer, ordered_at=NOW - timedelta(days=days))
    once = make_customer(session, name="一次")
    make_order(session, once)
    scores.recompute(session, now=NOW)
    found = {one.customer_id: one for one in session.scalars(select(CustomerScores))}
    assert found[buyer.id].recency is None
    assert found[buyer.id].gap_days == 30
    assert found[buyer.id].next_order_at == NOW
    assert (found[once.id].gap_days, found[once.id].next_order_at) == (None, None)


def test_staff_and_old_orders_have_no_part_in_the_scores(session: Session) -> None:
    for place in range(50):
        make_order(session, make_customer(session, name=f"{place}"))
    staff = make_customer(session, name="员工", is_internal=True)
    make_order(session, staff)
    old = make_customer(session, name="老")
    make_order(session, old, ordered_at=NOW - timedelta(days=400))
    scores.recompute(session, now=NOW)
    found = {one.customer_id: one for one in session.scalars(select(CustomerScores))}
    assert found[staff.id].recency is None
    assert found[old.id].recency is None
    assert sum(one.recency is not None for one in found.values()) == 50


def test_scores_are_computed_once_a_day_and_follow_what_is_gone(session: Session) -> None:
    buyer = make_customer(session)
    make_order(session, buyer)
    scores.advance(session, NOW)
    other = make_customer(session, name="后来")
    make_order(session, other)
    scores.advance(session, NOW + timedelta(hours=1))
    assert session.get(CustomerScores, other.id) is None
    scores.advance(session, NOW + timedelta(days=1))
    assert session.scalar(select(func.count()).select_from(CustomerScores)) == 2
    session.delete(session.get_one(CustomerStats, buyer.id))
    session.flush()
    scores.recompute(session, now=NOW)
    assert list(session.scalars(select(CustomerScores.customer_id))) == [other.id]
