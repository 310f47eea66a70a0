"""Who came into a segment and who left: seen once a day, net of a time, with the reason."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crm.customers.models import Segment, SegmentEntry
from crm.customers.queries import segment_moves
from crm.customers.services import segment_tracking
from crm.users.models import User
from tests.conftest import NOW
from tests.counting import count_queries
from tests.customers.test_segment_nesting import EAST, make
from tests.factories.customers import make_customer
from tests.factories.users import make_user

DAY = timedelta(days=1)
WEEK_AGO = NOW - timedelta(days=7)


@pytest.fixture
def east(session: Session) -> Segment:
    return make(session, "东", EAST)


@pytest.fixture
def admin(session: Session) -> User:
    return make_user(session, role="admin")


def look(session: Session, days_ago: int) -> None:
    while segment_tracking.advance(session, NOW - days_ago * DAY):
        pass


def names(session: Session, segment: Segment, viewer: User) -> tuple[set[str], set[str]]:
    found = segment_moves.moves(session, segment, WEEK_AGO, now=NOW, viewer=viewer)
    came, left = found.names_came, found.names_left
    assert (found.came, found.left) == (len(came), len(left))
    return {one.name for one, _ in came}, {one.name for one, _ in left}


def test_those_of_the_first_look_have_not_come_since(
    session: Session, east: Segment, admin: User
) -> None:
    make_customer(session, name="一直在", region="华东")
    look(session, 3)
    make_customer(session, name="新来", region="华东")
    look(session, 2)
    assert names(session, east, admin) == ({"新来"}, set())


def test_who_leaves_is_named_with_the_condition_that_fails(
    session: Session, east: Segment, admin: User
) -> None:
    gone = make_customer(session, name="走了", region="华东")
    look(session, 9)
    gone.region = "华南"
    session.flush()
    look(session, 2)
    assert names(session, east, admin) == (set(), {"走了"})
    found = segment_moves.moves(session, east, WEEK_AGO, now=NOW, viewer=admin)
    assert [(one.field, number) for one, number in found.reasons] == [("region", 1)]


def test_who_comes_and_goes_within_the_time_is_neither(
    session: Session, east: Segment, admin: User
) -> None:
    there = make_customer(session, name="去了又回", region="华东")
    here = make_customer(session, name="来了又走", region="华南")
    look(session, 9)
    there.region, here.region = "华南", "华东"
    session.flush()
    look(session, 5)
    there.region, here.region = "华东", "华南"
    session.flush()
    look(session, 2)
    came, left = names(session, east, admin)
    assert "来了又走" not in came | left
    assert "去了又回" not in left
    open_entries = select(SegmentEntry.customer_id).where(SegmentEntry.left_at.is_(None))
    assert list(session.scalars(open_entries)) == [there.id]


def test_a_segment_is_looked_at_once_a_day(session: Session, east: Segment) -> None:
    look(session, 0)
    version = east.version
    make_customer(session, region="华东")
    look(session, 0)
    assert list(session.scalars(select(SegmentEntry))) == []
    assert east.version == version


def test_nobody_leaves_because_a_rule_is_broken(session: Session, east: Segment) -> None:
    make_customer(session, region="华东")
    look(session, 2)
    east.rule = {"field": "gone", "operator": "is"}
    session.flush()
    look(session, 0)
    assert [one.left_at for one in session.scalars(select(SegmentEntry))] == [None]


def test_what_is_not_tracked_is_left_alone(session: Session, east: Segment) -> None:
    make_customer(session, region="华东")
    east.is_tracked = False
    session.flush()
    look(session, 0)
    assert list(session.scalars(select(SegmentEntry))) == []


def test_a_rep_sees_only_his_own_come_and_go(session: Session, east: Segment) -> None:
    rep, other = make_user(session, role="rep"), make_user(session, role="rep")
    look(session, 3)
    make_customer(session, name="我的", region="华东", owner=rep)
    make_customer(session, name="别人的", region="华东", owner=other)
    look(session, 2)
    assert names(session, east, rep) == ({"我的"}, set())


def test_the_overlap_with_other_segments_is_one_statement_for_all(
    session: Session, east: Segment, admin: User, engine: Engine
) -> None:
    make_customer(session, name="两边", region="华东", source="店")
    make_customer(session, name="东", region="华东")
    shop = make(session, "店", {"field": "source", "operator": "any_of", "value": ["店"]})
    south = make(session, "南", {"field": "region", "operator": "any_of", "value": ["华南"]})
    broken = make(session, "坏", EAST)
    broken.rule = {}
    session.flush()
    with count_queries(engine) as seen:
        found = segment_moves.shared(session, east, now=NOW, viewer=admin)
    assert [(one.segment, one.count) for one in found] == [(shop, 1)]
    assert south not in {one.segment for one in found}
    assert len([one for one in seen if "customers" in one]) == 1
