"""Segments for programs: described, counted, listed, refused with the place that is wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from crm.users.rules import Scope
from tests.customers.segment_oracle import Json
from tests.factories.customers import make_customer, make_order
from tests.factories.users import bearer, make_team, make_user

ClientFor = Callable[..., FlaskClient]
BUYERS: dict[str, Any] = {"all": [{"field": "order_count", "operator": "at_least", "value": 2}]}


def test_a_program_describes_counts_and_lists_a_segment(
    session: Session, client: FlaskClient
) -> None:
    lead = make_user(session, role="lead", team=make_team(session))
    headers = bearer(session, lead)
    mine = make_customer(session, name="买两次", owner=lead)
    make_order(session, mine)
    make_order(session, mine)
    session.commit()
    made = client.post("/api/v1/segments", json={"name": "A", "rule": BUYERS}, headers=headers)
    assert made.status_code == 201, made.get_json()
    address = f"/api/v1/segments/{made.get_json()['id']}"
    assert client.get(f"{address}/count", headers=headers).get_json() == {
        "count": 1,
        "everybody": 1,
        "stages": [{"stage": "prospect", "count": 1}],
    }
    members = client.get(f"{address}/members", headers=headers).get_json()
    assert [one["title"] for one in members["items"]] == ["买两次"]
    tried = client.post("/api/v1/segments/count", json={"rule": {"not": BUYERS}}, headers=headers)
    assert tried.get_json()["count"] == 0
    assert client.get("/api/v1/segments", headers=headers).get_json()["items"][0]["name"] == "A"
    stale = client.patch(address, json={"name": "B"}, headers={**headers, "If-Match": '"7"'})
    assert stale.status_code == 412
    done = client.patch(address, json={"name": "B"}, headers={**headers, "If-Match": '"1"'})
    assert (done.status_code, done.get_json()["name"], done.get_json()["rule"]) == (
        200,
        "B",
        BUYERS,
    )
    assert client.delete(address, headers=headers).status_code == 204
    assert client.get(address, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({}, "segments.rule_empty"),
        ("everybody", "segments.rule_shape"),
        ({"all": []}, "segments.group_empty"),
        ({"field": "x", "operator": "is", "value": 1}, "segments.field_unknown"),
    ],
)
def test_a_program_is_told_what_is_wrong_with_a_rule(
    session: Session, client: FlaskClient, rule: Json, code: str
) -> None:
    lead = make_user(session, role="lead")
    headers = bearer(session, lead, [Scope.SEGMENTS_READ])
    session.commit()
    answer = client.post("/api/v1/segments/count", json={"rule": rule}, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert "rule" in answer.get_json()["message"]


def test_json_without_bottom_is_refused_before_it_is_read(
    session: Session, client: FlaskClient
) -> None:
    headers = bearer(session, make_user(session, role="lead"), [Scope.SEGMENTS_READ])
    session.commit()
    bomb = '{"rule": ' + '{"not": ' * 50_000 + "1" + "}" * 50_001
    headers["Content-Type"] = "application/json"
    answer = client.post("/api/v1/segments/count", data=bomb, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "core.bad_request")
