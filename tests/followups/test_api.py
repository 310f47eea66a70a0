"""Follow-ups for programs: the same acts, the same refusals, each press once."""

from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core import clock
from crm.followups.models import FollowUp
from crm.outreach.models import LedgerEntry
from crm.users.rules import Scope
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.outreach import make_suppression
from tests.factories.users import bearer, make_lead, make_manager, make_rep, make_team

URL = "/api/v1/followups"


def in_days(days: int) -> str:
    return (clock.now() + timedelta(days=days)).isoformat()


def a_call(customer_id: int, **more: Any) -> dict[str, Any]:
    return {"customer_id": customer_id, "channel": "phone", "outcome": "reached", **more}


def test_a_program_plans_moves_logs_and_takes_back(session: Session, client: FlaskClient) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    headers = bearer(session, rep)
    plan = {"customer_id": customer.id, "due_at": in_days(1), "purpose": "寄色卡"}
    made = client.post(URL, json=plan, headers=headers)
    assert (made.status_code, made.get_json()["purpose"]) == (201, "寄色卡")
    address = f"{URL}/{made.get_json()['id']}"
    moved = client.put(f"{address}/due", json={"due_at": in_days(2), "version": 1}, headers=headers)
    assert (moved.status_code, moved.get_json()["version"]) == (200, 2)
    stale = client.put(f"{address}/due", json={"due_at": in_days(3), "version": 1}, headers=headers)
    assert (stale.status_code, stale.get_json()["code"]) == (409, "core.stale")
    done = client.post(f"{URL}/log", json=a_call(customer.id, note="好"), headers=headers)
    assert (done.status_code, done.get_json()["id"]) == (201, made.get_json()["id"])
    assert client.get(address, headers=headers).get_json()["outcome"] == "reached"
    late = client.post(f"{address}/cancellation", headers=headers)
    assert (late.status_code, late.get_json()["code"]) == (409, "followups.already_completed")
    back = client.delete(f"{address}/completion", headers=headers)
    assert (back.status_code, back.get_json()["completed_at"]) == (200, None)
    given_up = client.post(f"{address}/cancellation", headers=headers)
    assert given_up.get_json()["cancelled_at"] is not None


def test_the_same_key_logs_once(session: Session, client: FlaskClient) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    headers = {**bearer(session, rep), "Idempotency-Key": "call 7"}
    body = a_call(customer.id)

    first, second = (client.post(f"{URL}/log", json=body, headers=headers) for _ in "12")

    assert first.get_json() == second.get_json()
    assert session.scalar(select(func.count()).select_from(LedgerEntry)) == 1
    other = client.post(f"{URL}/log", json={**body, "note": "x"}, headers=headers)
    assert other.status_code in {409, 422}
    assert session.scalar(select(func.count()).select_from(FollowUp)) == 1


def test_a_refused_plan_says_why_and_leaves_nothing(session: Session, client: FlaskClient) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    make_suppression(session, customer)
    body = {"customer_id": customer.id, "due_at": in_days(1)}
    headers = bearer(session, rep)
    refused = client.post(URL, json=body, headers=headers)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "outreach.do_not_contact")
    past = client.post(URL, json={**body, "due_at": in_days(-5)}, headers=headers)
    assert past.status_code == 422
    wrong = client.post(URL, json={"due_at": "soon", "owner_id": 1}, headers=headers)
    assert (wrong.status_code, set(wrong.get_json()["fields"])) == (
        422,
        {"customer_id", "due_at", "owner_id"},
    )
    assert session.scalar(select(func.count()).select_from(FollowUp)) == 0


def test_the_list_holds_what_the_token_reaches_page_by_page(
    session: Session, client: FlaskClient
) -> None:
    rep, lead = make_rep(session), make_lead(session)
    stranger = make_rep(session, name="刘洋", team=make_team(session, name="华南一组"))
    customers = [make_customer(session, name=f"客户{n}", owner=rep) for n in range(3)]
    mine = [
        make_followup(session, customer, owner=rep, due_at=clock.now() + timedelta(days=n)).id
        for n, customer in enumerate(customers)
    ]
    make_followup(session, make_customer(session, owner=stranger), owner=stranger)
    for viewer, seen in ((rep, 3), (lead, 3), (stranger, 1), (make_manager(session), 4)):
        listed = client.get(URL, headers=bearer(session, viewer)).get_json()
        assert len(listed) == seen
    headers = bearer(session, rep)
    first = client.get(f"{URL}?limit=2", headers=headers)
    assert [one["id"] for one in first.get_json()] == mine[:2]
    following = first.headers["Link"].partition("<")[2].partition(">")[0]
    rest = client.get(following, headers=headers)
    assert [one["id"] for one in rest.get_json()] == mine[2:]
    assert "Link" not in rest.headers
    one = client.get(f"{URL}?customer_id={customers[1].id}&is_open=true", headers=headers)
    assert [found["id"] for found in one.get_json()] == [mine[1]]
    assert client.get(f"{URL}?is_open=false", headers=headers).get_json() == []
    assert client.get(f"{URL}?limit=0", headers=headers).status_code == 422


def test_a_lead_reassigns_within_the_team_only(session: Session, client: FlaskClient) -> None:
    lead, rep, other = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    stranger = make_rep(session, name="刘洋", team=make_team(session, name="华南一组"))
    followup = make_followup(session, make_customer(session, owner=rep), owner=rep)
    address, headers = f"{URL}/{followup.id}/owner", bearer(session, lead)
    handed = client.put(address, json={"owner_id": other.id}, headers=headers)
    assert handed.get_json()["owner_id"] == other.id
    far = client.put(address, json={"owner_id": stranger.id}, headers=headers)
    assert (far.status_code, far.get_json()["code"]) == (422, "customers.owner_unknown")
    mine = bearer(session, other)
    assert client.put(address, json={"owner_id": rep.id}, headers=mine).status_code == 403


def test_a_token_without_the_scope_writes_nothing(session: Session, client: FlaskClient) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    headers = bearer(session, rep, [Scope.FOLLOWUPS_READ])
    assert client.get(URL, headers=headers).status_code == 200
    assert client.post(f"{URL}/log", json=a_call(customer.id), headers=headers).status_code == 403
    assert session.scalar(select(func.count()).select_from(FollowUp)) == 0
