"""Activities for programs: the same acts, the same refusals."""

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from crm.users.rules import Scope
from tests.factories.activities import (
    make_activity,
    make_launched_activity,
    make_ready_activity,
    make_segment,
)
from tests.factories.customers import make_customer
from tests.factories.users import bearer, make_lead, make_rep, make_team

URL = "/api/v1/activities"
BODY = {"title": "双12 会员回馈季", "starts_on": "2026-12-01", "ends_on": "2026-12-12"}


def test_a_program_plans_launches_and_reads_the_targets(
    session: Session, client: FlaskClient
) -> None:
    lead = make_lead(session)
    customer = make_customer(session, name="宋文博", owner=lead)
    segment = make_segment(session, by=lead)
    headers = bearer(session, lead)
    made = client.post(URL, json=BODY, headers=headers)
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    address = f"{URL}/{made.get_json()['id']}"
    early = client.post(f"{address}/launch", headers=headers)
    assert (early.status_code, early.get_json()["code"]) == (409, "activities.not_ready")
    goal = client.post(
        f"{address}/goals", json={"metric": "deals", "target": "20"}, headers=headers
    )
    assert (goal.status_code, goal.get_json()["unit"]) == (201, "count")
    plan = client.post(f"{address}/plans", json={"segment_id": segment.id}, headers=headers)
    assert plan.status_code == 201
    assert len(client.get(f"{address}/goals", headers=headers).get_json()["items"]) == 1
    assert len(client.get(f"{address}/plans", headers=headers).get_json()["items"]) == 1
    assert client.post(f"{address}/launch", headers=headers).get_json()["stage"] == "execution"
    (target,) = client.get(f"{address}/targets", headers=headers).get_json()["items"]
    assert (target["customer"], target["name"]) == (customer.public_id, "宋文博")
    assert (target["state"], target["furthest_step"]) == ("waiting", 0)
    none = client.get(f"{address}/targets?state=held", headers=headers).get_json()
    assert none == {"items": [], "next_cursor": None}


def test_goals_and_segments_are_removed(session: Session, client: FlaskClient) -> None:
    lead = make_lead(session)
    activity = make_ready_activity(session, owner=lead)
    headers, address = bearer(session, lead), f"{URL}/{activity.public_id}"
    for part in ("goals", "plans"):
        (one,) = client.get(f"{address}/{part}", headers=headers).get_json()["items"]
        assert client.delete(f"{address}/{part}/{one['id']}", headers=headers).status_code == 204
        assert client.delete(f"{address}/{part}/{one['id']}", headers=headers).status_code == 404


def test_an_old_version_is_not_overwritten(session: Session, client: FlaskClient) -> None:
    lead = make_lead(session)
    activity = make_activity(session, owner=lead)
    headers, address = bearer(session, lead), f"{URL}/{activity.public_id}"
    seen = client.get(address, headers=headers).headers["ETag"]
    changed = {**BODY, "title": "改名"}
    first = client.put(address, json=changed, headers={**headers, "If-Match": seen})
    assert (first.status_code, first.get_json()["title"]) == (200, "改名")
    again = client.put(address, json=changed, headers={**headers, "If-Match": seen})
    assert again.status_code == 412
    stale = client.put(address, json={**changed, "version": 1}, headers=headers)
    assert (stale.status_code, stale.get_json()["code"]) == (409, "core.stale")


def test_a_program_needs_a_token_with_the_scope_and_sees_its_owners_share(
    session: Session, client: FlaskClient
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    other = make_lead(session, name="黄志强", team=make_team(session, name="华南组"))
    make_customer(session, owner=rep)
    activity = make_launched_activity(session, owner=lead)
    address = f"{URL}/{activity.public_id}"
    assert client.get(URL).status_code == 401
    reading = bearer(session, lead, [Scope.ACTIVITIES_READ])
    assert client.get(address, headers=reading).status_code == 200
    assert client.post(URL, json=BODY, headers=reading).status_code == 403
    assert client.get(address, headers=bearer(session, other)).status_code == 404
    assert client.get(URL, headers=bearer(session, other)).get_json()["items"] == []
    by_rep = bearer(session, rep)
    assert len(client.get(URL, headers=by_rep).get_json()["items"]) == 1
    assert client.put(address, json=BODY, headers=by_rep).status_code == 403
    assert client.post(URL, json=BODY, headers=by_rep).status_code == 403


def test_what_is_unknown_or_wrong_is_refused_by_field(
    session: Session, client: FlaskClient
) -> None:
    headers = bearer(session, make_lead(session))
    wrong = client.post(URL, json={**BODY, "stage": "review", "ends_on": "soon"}, headers=headers)
    assert wrong.status_code == 422
    assert set(wrong.get_json()["fields"]) == {"stage", "ends_on"}
    cursor = client.get(f"{URL}?cursor=broken", headers=headers)
    assert (cursor.status_code, cursor.get_json()["code"]) == (422, "core.cursor_invalid")


def test_a_long_list_of_activities_is_read_page_by_page(
    session: Session, client: FlaskClient
) -> None:
    lead = make_lead(session)
    for number in range(51):
        make_activity(session, owner=lead, title=f"活动 {number}")
    headers = bearer(session, lead)
    first = client.get(URL, headers=headers)
    assert len(first.get_json()["items"]) == 50
    link = first.headers["Link"].split(">")[0].removeprefix("<")
    rest = client.get(link, headers=headers).get_json()
    assert [item["title"] for item in rest["items"]] == ["活动 0"]
    assert rest["next_cursor"] is None
