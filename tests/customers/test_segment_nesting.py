"""Segments that name segments, days that pass by themselves, and rules that are broken."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.customers.models import Customer, Segment
from crm.customers.queries import segments as queries
from crm.customers.services import segments as services
from crm.customers.services.segments import Describe, Revise
from tests.conftest import NOW
from tests.counting import count_queries
from tests.customers.segment_oracle import ZONE, Json
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_user

EAST: dict[str, Any] = {"field": "region", "operator": "any_of", "value": ["华东"]}


def within(*segments: Segment, operator: str = "any_of") -> dict[str, Any]:
    return {"field": "segment", "operator": operator, "value": [one.id for one in segments]}


def make(session: Session, name: str, rule: Json) -> Segment:
    by = make_user(session, role="admin")
    return services.create(session, Describe(name, {"all": [rule]}), by=by, now=NOW)


def change(session: Session, segment: Segment, rule: Json) -> None:
    by = make_user(session, role="admin")
    wanted = Revise(segment.version, rule={"all": [rule]})
    services.update(session, segment, wanted, by=by, now=NOW)


def inside(session: Session, segment: Segment, now: datetime = NOW) -> set[str]:
    found = session.scalars(select(Customer.name).where(queries.meaning(session, segment, now=now)))
    return set(found)


def test_who_joins_the_segment_that_another_excludes_leaves_that_one(session: Session) -> None:
    ann = make_customer(session, name="安", region="华南")
    east = make(session, "东", EAST)
    others = make(session, "不在东", within(east, operator="none_of"))
    assert inside(session, others) == {"安"}
    ann.region = "华东"
    session.flush()
    assert inside(session, others) == set()
    assert inside(session, east) == {"安"}


def test_in_all_of_several_segments(session: Session) -> None:
    make_customer(session, name="都在", region="华东", source="店")
    make_customer(session, name="只在一个", region="华东")
    east = make(session, "东", EAST)
    shop = make(session, "店", {"field": "source", "operator": "any_of", "value": ["店"]})
    both = make(session, "两个", within(east, shop, operator="all_of"))
    assert inside(session, both) == {"都在"}


def test_a_circle_of_segments_is_refused_with_its_path(session: Session) -> None:
    first = make(session, "A", EAST)
    second = make(session, "B", within(first))
    third = make(session, "C", within(second, operator="none_of"))
    with pytest.raises(Invalid) as refused:
        change(session, first, within(third))
    assert refused.value.code == "segments.cycle"
    assert refused.value.details["cycle"] == "A → C → B → A"
    with pytest.raises(Invalid) as refused:
        change(session, first, within(first))
    assert refused.value.details["cycle"] == "A → A"


def test_a_circle_that_came_about_all_the_same_means_nobody(session: Session) -> None:
    make_customer(session, region="华东")
    first = make(session, "A", EAST)
    second = make(session, "B", within(first))
    first.rule = {"all": [within(second, operator="none_of")]}
    session.flush()
    assert inside(session, first) == inside(session, second) == set()
    assert queries.problem(session, first.rule) is not None


def test_segments_name_each_other_five_deep_and_no_deeper(session: Session) -> None:
    make_customer(session, name="安", region="华东")
    deepest = make(session, "0", EAST)
    for depth in range(1, 6):
        deepest = make(session, str(depth), within(deepest))
    assert inside(session, deepest) == {"安"}
    with pytest.raises(Invalid) as refused:
        make(session, "6", within(deepest))
    assert refused.value.code == "segments.too_nested"


def test_a_rule_does_not_grow_without_end_through_the_segments_it_names(session: Session) -> None:
    inner = make(session, "0", {"any": [EAST] * 60})
    wide = make(session, "1", {"any": [within(inner)] * 8})
    with pytest.raises(Invalid) as refused:
        make(session, "2", {"any": [within(wide)] * 2})
    assert refused.value.code == "segments.too_many_inner"


@pytest.mark.parametrize("broken", [{}, {"all": []}, {"field": "gone", "operator": "is"}])
def test_a_broken_segment_breaks_what_names_it_and_widens_nothing(
    session: Session, broken: Json
) -> None:
    make_customer(session, region="华南")
    inner = make(session, "内", EAST)
    outer = make(session, "外", within(inner, operator="none_of"))
    assert inside(session, outer) != set()
    inner.rule = broken
    session.flush()
    assert inside(session, outer) == set()
    found = queries.problem(session, outer.rule)
    assert found is not None
    assert found.details["segment"] == "内"


def test_a_segment_that_is_gone_breaks_what_names_it(session: Session) -> None:
    make_customer(session, region="华南")
    inner = make(session, "内", EAST)
    outer = make(session, "外", within(inner, operator="none_of"))
    session.delete(inner)
    session.flush()
    assert inside(session, outer) == set()


def test_six_named_segments_cost_one_statement_a_level(session: Session, engine: Engine) -> None:
    named = [make(session, f"内{number}", EAST) for number in range(6)]
    outer = make(session, "外", within(*named))
    with count_queries(engine) as seen:
        queries.meaning(session, outer, now=NOW)
    assert len(seen) == 1


@pytest.mark.parametrize("clock", ["00:05", "23:55"])
def test_who_bought_nothing_in_60_days_is_in_from_the_61st_day_on(
    session: Session, clock: str
) -> None:
    buyer = make_customer(session, name="买家")
    bought = datetime(2026, 9, 1, 20, 0, tzinfo=ZONE)
    make_order(session, buyer, ordered_at=bought.astimezone(UTC))
    rule = {"field": "last_order", "operator": "over_days_ago", "value": 60}
    silent = make(session, "沉默", rule)
    hour, minute = map(int, clock.split(":"))

    def found(days: int) -> set[str]:
        local = (bought + timedelta(days=days)).replace(hour=hour, minute=minute)
        return inside(session, silent, local.astimezone(UTC))

    assert (found(60), found(61)) == (set(), {"买家"})


@pytest.mark.parametrize(
    ("born", "today", "days", "is_near"),
    [
        (date(1990, 1, 3), date(2026, 12, 28), 7, True),
        (date(1990, 1, 5), date(2026, 12, 28), 7, False),
        (date(1990, 12, 27), date(2026, 12, 28), 7, False),
        (date(2000, 2, 29), date(2027, 2, 21), 7, True),
        (date(2000, 2, 29), date(2027, 3, 1), 7, False),
        (date(2000, 2, 29), date(2028, 2, 21), 7, False),
        (date(2000, 2, 29), date(2028, 2, 22), 7, True),
        (date(1990, 11, 19), date(2026, 11, 19), 0, True),
    ],
)
def test_birthdays_come_round_across_new_year_and_on_29_february(
    session: Session, born: date, today: date, days: int, *, is_near: bool
) -> None:
    make_customer(session, name="寿星", birth_on=born)
    soon = make(
        session, "生日", {"field": "birthday", "operator": "anniversary_in_days", "value": days}
    )
    morning = datetime(today.year, today.month, today.day, 0, 5, tzinfo=ZONE).astimezone(UTC)
    assert inside(session, soon, morning) == ({"寿星"} if is_near else set())


def test_a_merged_record_is_in_no_segment(session: Session) -> None:
    kept = make_customer(session, name="留", region="华东")
    make_customer(session, name="并", region="华东", merged_into_id=kept.id)
    assert inside(session, make(session, "东", EAST)) == {"留"}


def test_customers_who_share_a_phone_share_contacts(session: Session) -> None:
    from tests.factories.outreach import make_contact

    one = make_customer(session, name="本人", phone="13800138000")
    make_customer(session, name="同号", phone="13800138000")
    make_customer(session, name="别人", phone="13800138001")
    make_contact(session, one)
    rule = {"field": "contacts_in_days", "operator": "at_least_in_days", "value": [1, 7]}
    assert inside(session, make(session, "联系过", rule)) == {"本人", "同号"}
