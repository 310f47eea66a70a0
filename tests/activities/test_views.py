"""Activities on pages: planned by a lead, followed by reps, hidden from others."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from crm.activities import services
from crm.activities.models import Activity, Goal, GoalKind, LoopStage, Step, Target, TargetState
from crm.activities.services import pipeline
from crm.followups.services.planning import NO_OWNER, OPEN_ELSEWHERE
from crm.outreach.rules import Reason
from crm.users.models import User
from tests.conftest import NOW
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
from tests.factories.customers import make_customer, make_order
from tests.factories.outreach import make_contact, make_suppression
from tests.factories.users import make_lead, make_manager, make_rep, make_team

ClientFor = Callable[[User], FlaskClient]
FORM = {"title": "双12 会员回馈季", "starts_on": "2026-12-01", "ends_on": "2026-12-12"}
TABS = ("goal", "strategy", "resources", "execution", "review")


def text(client: FlaskClient, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.get_data(as_text=True)


def test_a_lead_plans_and_launches_an_activity_by_forms(
    session: Session, client_for: ClientFor
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    make_customer(session, name="杭州远山民宿", owner=rep)
    segment = make_segment(session, by=lead)
    client = client_for(lead)
    assert client.post("/activities/", data=FORM).status_code == 303
    activity = session.scalars(select(Activity)).one()
    base = f"/activities/{activity.id}"
    goal = {"metric": "deals", "target": "20", "kind": "main"}
    assert client.post(f"{base}/goals", data=goal).status_code == 303
    assert client.post(f"{base}/stage").status_code == 303
    plan = {"segment_id": segment.id, "priority": 1}
    assert client.post(f"{base}/plans", data=plan).status_code == 303
    assert "Launch for 1 customer" in text(client, f"{base}/launch")
    assert client.post(f"{base}/launch").status_code == 303
    session.refresh(activity)
    assert activity.stage is LoopStage.EXECUTION
    assert session.scalar(select(func.count()).select_from(Target)) == 1
    assert "杭州远山民宿" in text(client, f"{base}/execution")
    assert client.post(f"{base}/launch").status_code == 409


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("launched", [False, True], ids=["planned", "launched"])
def test_every_tab_of_every_activity_opens(
    session: Session,
    client_for: ClientFor,
    tab: str,
    launched: bool,  # noqa: FBT001
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, name="宋文博", owner=rep)
    make_order(session, customer, amount_fen=50_000, ordered_at=datetime(2026, 12, 2, tzinfo=UTC))
    activity = make_ready_activity(session, owner=lead)
    make_goal(session, activity, metric="revenue", target=1_000, unit="yuan")
    broken = make_segment(session, by=lead, name="坏的")
    make_plan(session, activity, broken, priority=2)
    if launched:  # the rule breaks afterwards: before, it would stop the launch
        services.execution.launch(session, activity.id, by=lead, now=NOW)
        target = target_of(session, activity, customer)
        services.pipeline.reach(session, target, Step.INVITE, by=rep, at=NOW)
    broken.rule = {}
    session.flush()
    for viewer in [lead, make_manager(session)] + ([rep] if launched else []):
        page = text(client_for(viewer), f"/activities/{activity.id}/{tab}")
        assert activity.title in page
    if launched and tab == "review":
        assert "¥500" in page
        assert "−¥500" in page or "-¥500" in page
    if not launched and tab == "strategy":
        assert "Means nobody" in page


def test_the_board_shows_each_activity_in_its_stage_and_what_is_missing(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    make_customer(session)
    make_activity(session, owner=lead, title="年货节")
    make_launched_activity(session, owner=lead, title="秋冬焕新")
    page = text(client_for(lead), "/activities/")
    assert "Missing: a goal, a segment" in page
    assert page.index("年货节") < page.index("秋冬焕新")


def test_the_board_costs_the_same_for_one_activity_as_for_ten(
    session: Session, engine: Engine, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    make_customer(session)
    client = client_for(lead)
    counts = []
    for more in (1, 9):
        for number in range(more):
            activity = make_launched_activity(session, owner=lead, title=f"{more}-{number}")
            make_goal(session, activity, metric="revenue", target=9)
        session.commit()
        client.get("/activities/")
        with count_queries(engine) as statements:
            text(client, "/activities/")
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_the_preview_tells_who_is_held_and_who_is_not_contacted(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    held, blocked, _free = (make_customer(session, name=n, owner=lead) for n in ("甲", "乙", "丙"))
    just_now = datetime.now(UTC) - timedelta(hours=1)
    make_contact(session, held, at=just_now)
    make_suppression(session, blocked)
    today = just_now.date()
    activity = make_ready_activity(
        session, owner=lead, starts_on=today, ends_on=today + timedelta(days=9)
    )
    client = client_for(lead)
    page = text(client, f"/activities/{activity.id}/launch")
    assert "Cooling down" in page
    assert "Do not contact" in page
    assert "Launch for 3 customers" in page
    fragment = client.get(f"/activities/{activity.id}/launch", headers={"HX-Request": "true"})
    assert "<html" not in fragment.get_data(as_text=True)


def test_a_preview_of_an_unready_activity_lists_what_is_missing(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    activity = make_activity(session, owner=lead)
    client = client_for(lead)
    assert "a main goal with a figure" in text(client, f"/activities/{activity.id}/launch")
    refused = client.post(f"/activities/{activity.id}/launch")
    assert refused.status_code == 409
    assert "a main goal with a figure" in refused.get_data(as_text=True)


def test_a_wrong_form_is_shown_again_with_its_text(session: Session, client_for: ClientFor) -> None:
    lead = make_lead(session)
    client = client_for(lead)
    backwards = client.post("/activities/", data={**FORM, "ends_on": "2026-11-01"})
    assert backwards.status_code == 422
    assert "ends before it starts" in backwards.get_data(as_text=True)
    assert "双12 会员回馈季" in backwards.get_data(as_text=True)
    activity = make_activity(session, owner=lead)
    base = f"/activities/{activity.id}"
    assert client.post(f"{base}/goals", data={"metric": "deals"}).status_code == 422
    assert client.post(f"{base}/goals", data={"metric": "x", "target": "1"}).status_code == 422
    assert client.post(f"{base}/plans", data={"segment_id": "9999"}).status_code == 422
    assert client.post(f"{base}/return", data={"stage": "goal"}).status_code == 422


def test_an_edit_of_an_old_version_is_refused_and_keeps_the_text(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    activity = make_activity(session, owner=lead)
    client = client_for(lead)
    address = f"/activities/{activity.id}"
    assert "双12" in text(client, f"{address}/edit")
    changed = {**FORM, "title": "改名", "version": activity.version}
    assert client.post(address, data=changed).status_code == 303
    stale = client.post(address, data={**changed, "title": "又改"})
    assert stale.status_code == 409
    assert "又改" in stale.get_data(as_text=True)


def test_goals_and_segments_are_taken_away_again(session: Session, client_for: ClientFor) -> None:
    lead = make_lead(session)
    activity = make_activity(session, owner=lead, stage=LoopStage.STRATEGY)
    goal = make_goal(session, activity)
    plan = make_plan(session, activity, make_segment(session, by=lead))
    client, base = client_for(lead), f"/activities/{activity.id}"
    assert client.post(f"{base}/goals/{goal.id}/removal").status_code == 303
    assert client.post(f"{base}/plans/{plan.id}/removal").status_code == 303
    assert session.scalar(select(func.count()).select_from(Goal)) == 0
    back = client.post(f"{base}/return", data={"stage": "goal", "reason": "Too vague"})
    assert back.status_code == 303
    assert "Too vague" in text(client, f"{base}/review")


def test_who_may_not_see_an_activity_is_told_that_there_is_none(
    session: Session, client_for: ClientFor
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    other = make_lead(session, name="黄志强", team=make_team(session, name="华南组"))
    make_customer(session, owner=rep)
    activity = make_launched_activity(session, owner=lead)
    base = f"/activities/{activity.id}"
    assert client_for(other).get(base).status_code == 404
    assert client_for(rep).get(base).status_code == 200
    assert client_for(rep).get(f"{base}/edit").status_code == 403
    assert client_for(rep).get(f"{base}/launch").status_code == 403
    assert client_for(rep).get("/activities/new").status_code == 403
    assert client_for(rep).post(f"{base}/stage").status_code == 403


def test_a_rep_sees_of_the_targets_only_customers_that_he_may_see(
    session: Session, client_for: ClientFor
) -> None:
    lead, rep, colleague = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    make_customer(session, name="自己的客户", owner=rep)
    make_customer(session, name="别人的客户", owner=colleague)
    activity = make_launched_activity(session, owner=lead)
    page = text(client_for(rep), f"/activities/{activity.id}/execution?scope=all")
    assert "自己的客户" in page
    assert "别人的客户" not in page
    assert "别人的客户" in text(client_for(lead), f"/activities/{activity.id}/execution")


def test_the_customers_page_and_the_search_know_the_activity(
    session: Session, client_for: ClientFor
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep)
    activity = make_launched_activity(session, owner=lead)
    target = target_of(session, activity, customer)
    services.pipeline.reach(session, target, Step.TALK, by=rep, at=NOW)
    page = text(client_for(rep), f"/customers/{customer.id}")
    assert activity.title in page
    assert "Step reached" in page
    assert activity.title in text(client_for(rep), "/search?q=双12")
    stranger = make_rep(session, name="李娜")
    assert activity.title not in text(client_for(stranger), "/search?q=双12")


@pytest.mark.parametrize("reason", [*(reason.code for reason in Reason), NO_OWNER, OPEN_ELSEWHERE])
def test_why_a_customer_is_held_stands_on_the_page_in_words(
    session: Session, client_for: ClientFor, reason: str
) -> None:
    customer = make_customer(session)
    activity = make_launched_activity(session, owner=make_lead(session))
    target = target_of(session, activity, customer)
    pipeline.mark_many(session, TargetState.HELD, [target.id], reason=reason)
    page = text(client_for(make_manager(session)), f"/activities/{activity.id}/execution")
    assert "Held" in page
    assert reason not in page


@pytest.mark.parametrize(("floor", "state"), [(100, "kept"), (101, "broken")])
def test_a_guardrail_is_kept_or_broken_and_never_reached(
    session: Session, client_for: ClientFor, floor: int, state: str
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep)
    activity = make_launched_activity(session, owner=lead)
    make_goal(session, activity, metric="conversion", target=floor, kind=GoalKind.GUARDRAIL)
    client = client_for(lead)
    assert "Not measured yet" in text(client, f"/activities/{activity.id}/goal")
    assert "uardrails kept" not in text(client, "/activities/")
    services.pipeline.reach(
        session, target_of(session, activity, customer), Step.DEAL, by=rep, at=NOW
    )
    for tab in ("goal", "review"):
        page = text(client, f"/activities/{activity.id}/{tab}")
        assert f">{state.capitalize()}<" in page
        assert "Not measured yet" not in page
    assert ("Guardrails kept" in text(client, "/activities/")) == (state == "kept")
    assert ("A guardrail is broken" in text(client, "/activities/")) == (state == "broken")
