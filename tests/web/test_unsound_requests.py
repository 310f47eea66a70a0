"""Requests that no honest program sends: refused as bad requests, with nothing kept."""

import json
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.jobs import Lease
from crm.customers.models import Segment, Tag
from crm.users.models import User
from crm.web import context
from crm.web.security import LARGEST_BODY
from tests.conftest import NOW
from tests.factories.customers import make_customer
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


def test_a_failed_write_is_told_to_who_is_signed_in(own_app: Flask, session: Session) -> None:
    """The error page reads the viewer from the very session that the failure broke."""

    @own_app.post("/api/v1/test/broken")
    def broken() -> str:
        write = context.session()
        write.add_all([Lease(name="same", owner="me", until=NOW) for _ in range(2)])
        write.flush()
        return "never"

    headers = bearer(session, make_rep(session))
    session.commit()
    answer = own_app.test_client().post("/api/v1/test/broken", headers=headers)
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["code"] == "core.taken"


@pytest.mark.parametrize(
    "wrong", [{"customer_id": 2**63}, {"due_at": "9999-12-31T23:59:59-12:00"}], ids=["id", "time"]
)
def test_a_value_beyond_any_row_is_refused_as_input(
    client: FlaskClient, session: Session, wrong: dict[str, object]
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    headers = bearer(session, rep)
    session.commit()
    body = {"customer_id": customer.id, "due_at": "2030-01-01T09:00:00+08:00", **wrong}
    answer = client.post("/api/v1/followups", json=body, headers=headers)
    assert answer.status_code in {404, 422}


def test_a_page_that_is_no_address_leads_to_the_workbench(
    client_for: Callable[[User], FlaskClient], session: Session
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    contact = {"customer_id": customer.id, "channel": "phone", "outcome": "reached"}
    browser = client_for(rep)
    answer = browser.post("/followups/", data=contact, headers={"Referer": "http://[::1"})
    assert (answer.status_code, answer.location) == (303, "/followups/")


def test_who_loses_a_race_for_the_same_name_is_told_so(own_app: Flask, session: Session) -> None:
    """What a service looked for in vain may be there when the database is told."""

    @own_app.post("/test/taken")
    def taken() -> str:
        session = context.session()
        for _ in range(2):
            session.add(Tag(name="金卡", created_at=NOW))
            session.flush()
        return ""

    answer = own_app.test_client().post("/test/taken", headers={"Accept-Language": "en"})
    assert answer.status_code == 409
    assert "just saved the same" in answer.get_data(as_text=True)
    assert session.scalar(select(func.count()).select_from(Tag)) == 0
