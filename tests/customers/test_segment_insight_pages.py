"""What a segment's page explains: why in and why out, who came and left, overlap, what uses it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict
from crm.customers.models import Segment, SegmentEntry
from crm.customers.services import segment_tracking
from crm.customers.services import segments as services
from crm.customers.services.segments import Revise
from crm.users.models import User
from tests.conftest import NOW
from tests.counting import count_queries
from tests.customers.test_segment_nesting import EAST, make, within
from tests.customers.test_segment_pages import BUYERS, _form, make_segment
from tests.factories.activities import make_activity, make_launched_activity, make_plan
from tests.factories.customers import make_customer, make_order
from tests.factories.users import bearer, make_user

ClientFor = Callable[..., FlaskClient]
SOUTH: dict[str, Any] = {"field": "region", "operator": "any_of", "value": ["华南"]}
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def lead(session: Session) -> User:
    return make_user(session, role="lead")


def read(browser: FlaskClient, address: str, **headers: str) -> str:
    answer = browser.get(address, headers=headers)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_each_condition_shows_what_the_customer_has(
    session: Session, client_for: ClientFor, lead: User
) -> None:
    buyer = make_customer(session, name="买家", owner=lead, tags=["VIP", "老客"])
    for amount in (30_000, 30_050):
        make_order(session, buyer, amount_fen=amount)
    rule = {
        "all": [
            {"field": "order_count", "operator": "at_least", "value": 2},
            {"field": "order_amount", "operator": "at_least", "value": "100"},
            {"field": "tag", "operator": "any_of", "value": ["VIP"]},
            {"field": "region", "operator": "is_empty"},
            {"field": "orders_in_days", "operator": "at_least_in_days", "value": [0, 30]},
        ]
    }
    segment = make_segment(session, rule)
    html = read(client_for(lead), f"/segments/{segment.id}")
    for own in (
        "Number of orders: 2",
        "Total spent: ¥600.50",
        "Tag: VIP, 老客",
        "Region: none",
        "Orders lately: 2",
    ):
        assert own in html


def test_who_does_not_fit_is_explained_too(
    session: Session, client_for: ClientFor, lead: User
) -> None:
    make_customer(session, name="没买过", owner=lead)
    segment = make_segment(session)
    browser = client_for(lead)
    out = read(browser, f"/segments/{segment.id}?side=out", **FRAGMENT)
    assert "<html" not in out
    assert "没买过" in out
    assert "Number of orders: 0" in out
    assert "没买过" not in read(browser, f"/segments/{segment.id}?side=in", **FRAGMENT)
    named = read(browser, f"/segments/{segment.id}?who=没买", **FRAGMENT)
    assert "没买过" in named
    assert "Does not fit" in named


def test_nobody_is_explained_whom_the_viewer_may_not_see(
    session: Session, client_for: ClientFor
) -> None:
    rep, other = make_user(session), make_user(session, name="李娜")
    make_customer(session, name="别人的", owner=other)
    segment = make_segment(session)
    browser = client_for(rep)
    assert "别人的" not in read(browser, f"/segments/{segment.id}?who=别人")
    assert "别人的" not in read(browser, f"/segments/{segment.id}?side=out")


def test_who_came_and_left_is_shown_since_a_day(
    session: Session, client_for: ClientFor, lead: User
) -> None:
    east = make(session, "东", EAST)
    gone = make_customer(session, name="走了", region="华东", owner=lead)
    now = datetime.now(UTC)
    segment_tracking.look(session, east, now=now - timedelta(days=9))
    gone.region = "华南"
    make_customer(session, name="新来", region="华东", owner=lead)
    session.flush()
    segment_tracking.look(session, east, now=now - timedelta(days=3))
    browser = client_for(lead)
    html = read(browser, f"/segments/{east.id}/moves")
    assert "新来" in html
    assert "走了" in html
    assert "no longer: Region is 华东" in html
    today = (now - timedelta(days=1)).date().isoformat()
    assert "新来" not in read(browser, f"/segments/{east.id}/moves?since={today}", **FRAGMENT)
    assert "Who came" in read(browser, f"/segments/{east.id}/moves?since=nonsense")


def test_before_the_first_look_the_page_says_so(
    session: Session, client_for: ClientFor, lead: User
) -> None:
    east = make(session, "东", EAST)
    assert "first look" in read(client_for(lead), f"/segments/{east.id}/moves")


def test_a_program_asks_who_came_and_is_told_what_uses_a_segment(
    session: Session, client: FlaskClient, lead: User
) -> None:
    east = make(session, "东", EAST)
    make(session, "东以外", within(east, operator="none_of"))
    segment_tracking.look(session, east, now=NOW - timedelta(days=2))
    make_customer(session, region="华东", owner=lead)
    segment_tracking.look(session, east, now=NOW - timedelta(days=1))
    address, headers = f"/api/v1/segments/{east.public_id}", bearer(session, lead)
    session.commit()
    moves = client.get(f"{address}/moves?since=2026-11-18", headers=headers)
    assert (moves.get_json()["came"], moves.get_json()["left"]) == (1, 0)
    assert client.get(f"{address}/moves", headers=headers).status_code == 422
    matched = {**headers, "If-Match": f'"{east.version}"'}
    refused = client.patch(address, json={"rule": {"all": [SOUTH]}}, headers=matched)
    assert refused.status_code == 409
    assert "东以外" in refused.get_json()["message"]
    meant = {"rule": {"all": [SOUTH]}, "even_in_use": True}
    assert client.patch(address, json=meant, headers=matched).status_code == 200


def test_tracking_is_stopped_and_begun_by_a_lead(
    session: Session, client_for: ClientFor, lead: User
) -> None:
    make_customer(session, region="华东")
    east = make(session, "东", EAST)
    segment_tracking.look(session, east, now=NOW)
    browser = client_for(lead)
    assert browser.post(f"/segments/{east.id}/tracking", data={"on": "0"}).status_code == 303
    session.expire_all()
    assert not east.is_tracked
    assert list(session.scalars(select(SegmentEntry))) == []
    assert "Nobody notes" in read(browser, f"/segments/{east.id}/moves")
    browser.post(f"/segments/{east.id}/tracking", data={"on": "1"})
    session.expire_all()
    assert (east.is_tracked, east.tracked_at) == (True, None)


def test_overlap_names_segments_and_running_activities(
    session: Session, client_for: ClientFor
) -> None:
    admin = make_user(session, role="admin")
    make_customer(session, name="一个", region="华东")
    east = make(session, "东", EAST)
    make(session, "也在东", EAST)
    make(session, "南", SOUTH)
    make_launched_activity(session, owner=admin, title="双12 会员回馈季")
    html = read(client_for(admin), f"/segments/{east.id}/overlap")
    assert "也在东" in html
    assert "双12 会员回馈季" in html
    assert ">南<" not in html


def test_overlap_and_moves_need_a_fixed_number_of_statements(
    session: Session, client_for: ClientFor, engine: Engine
) -> None:
    admin = make_user(session, role="admin")
    east = make(session, "东", EAST)
    browser = client_for(admin)

    def statements() -> list[int]:
        counts = []
        for part in ("moves", "overlap"):
            with count_queries(engine) as seen:
                read(browser, f"/segments/{east.id}/{part}", **FRAGMENT)
            counts.append(len(seen))
        return counts

    make(session, "另一个", SOUTH)
    before = statements()
    for number in range(5):
        make(session, f"更多{number}", SOUTH)
        make_customer(session, region="华东")
    assert statements() == before


def test_a_segment_that_another_names_is_not_deleted(
    session: Session, client_for: ClientFor, lead: User
) -> None:
    east = make(session, "东", EAST)
    outer = make(session, "东以外", within(east, operator="none_of"))
    browser = client_for(lead)
    answer = browser.post(f"/segments/{east.id}/deletion")
    assert answer.status_code == 409
    assert "东以外" in answer.get_data(as_text=True)
    assert f"/segments/{outer.id}" in read(browser, f"/segments/{east.id}")
    assert session.get(Segment, east.id) is not None


def test_a_new_rule_for_what_others_use_must_be_meant(
    session: Session, client_for: ClientFor, lead: User
) -> None:
    segment = make_segment(session)
    make_plan(session, make_activity(session, owner=lead, title="未启动"), segment)
    sent = _form({"all": [EAST]}, name="回头客", version=segment.version)
    browser = client_for(lead)
    answer = browser.post(f"/segments/{segment.id}", data=sent)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "未启动" in html
    assert 'name="even_in_use"' in html
    sent.add("even_in_use", "1")
    assert browser.post(f"/segments/{segment.id}", data=sent).status_code == 303
    session.expire_all()
    assert segment.rule == {"all": [EAST]}


def test_a_name_or_the_same_rule_needs_no_confirmation(session: Session) -> None:
    segment = make_segment(session)
    admin = make_user(session, role="admin")
    same = Revise(segment.version, name="新名字", rule=BUYERS)
    services.update(session, segment, same, by=admin, now=NOW, used_by=["活动"])
    assert segment.name == "新名字"
    other = Revise(segment.version, rule={"all": [EAST]})
    with pytest.raises(Conflict) as refused:
        services.update(session, segment, other, by=admin, now=NOW, used_by=["活动"])
    assert refused.value.code == "segments.rule_in_use"


def test_what_a_launched_activity_froze_is_not_asked_about(
    session: Session, client_for: ClientFor
) -> None:
    admin = make_user(session, role="admin")
    make_customer(session)
    activity = make_launched_activity(session, owner=admin)
    segment = session.scalars(select(Segment)).one()
    browser = client_for(admin)
    assert "frozen at its launch" in read(browser, f"/segments/{segment.id}")
    sent = _form({"all": [EAST]}, name="换了", version=segment.version)
    assert browser.post(f"/segments/{segment.id}", data=sent).status_code == 303
    assert browser.post(f"/segments/{segment.id}/deletion").status_code == 409
    assert activity.launched_at is not None
