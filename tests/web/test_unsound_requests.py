"""Requests that no honest program sends: refused as bad requests, with nothing kept."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.jobs import Lease
from crm.customers.models import Segment
from crm.web import context
from crm.web.security import LARGEST_BODY
from tests.factories.customers import NOW
from tests.factories.users import bearer, make_lead, make_rep

RULE = '{"name": "甲", "rule": {"field": "region", "op": "is", "value": %s}}'


@pytest.mark.parametrize(
    "body",
    [
        RULE % r'"\ud800"',
        RULE % "NaN",
        '{"name": "甲", "name": "乙", "rule": {"all": []}}',
        '{"name": ',
    ],
    ids=["half a character", "NaN", "a name twice", "cut off"],
)
def test_json_that_readers_disagree_about_is_a_bad_request(
    client: FlaskClient, session: Session, body: str
) -> None:
    headers = bearer(session, make_lead(session))
    session.commit()
    answer = client.post(
        "/api/v1/segments", data=body, content_type="application/json", headers=headers
    )
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["code"] == "core.bad_request"
    assert session.scalar(select(func.count()).select_from(Segment)) == 0


def test_what_is_not_a_file_may_not_be_large(client: FlaskClient, session: Session) -> None:
    headers = bearer(session, make_lead(session))
    session.commit()
    body = json.dumps({"name": "x" * LARGEST_BODY})
    answer = client.post(
        "/api/v1/segments", data=body, content_type="application/json", headers=headers
    )
    assert answer.status_code == 413


def test_a_failed_write_is_told_to_who_is_signed_in(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    """The error page reads the viewer from the very session that the failure broke."""

    @app.post("/api/v1/test/broken")
    def broken() -> str:
        write = context.session()
        write.add_all([Lease(name="same", owner="me", until=NOW) for _ in range(2)])
        write.flush()
        return "never"

    headers = bearer(session, make_rep(session))
    session.commit()
    answer = client.post("/api/v1/test/broken", headers=headers)
    assert answer.status_code == 500
    assert answer.json is not None
    assert answer.json["code"] == "core.unexpected"
