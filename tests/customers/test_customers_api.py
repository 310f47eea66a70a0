"""Customers, timelines, orders and tags for programs."""

from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from crm.customers.models import Customer, Order, Stage
from crm.customers.queries import listing
from crm.customers.services.timeline import note
from crm.users.rules import Scope
from tests.factories.customers import make_customer, make_order, make_tag
from tests.factories.users import bearer, make_lead, make_manager, make_rep

API = "/api/v1/customers"


def _json(answer: TestResponse) -> Any:  # noqa: ANN401 - whatever JSON it is
    return answer.json


def _order(**values: Any) -> dict[str, Any]:
    return {
        "source": "shop",
        "number": "1",
        "amount_fen": 500,
        "ordered_at": "2026-11-18T10:00:00+08:00",
        **values,
    }


def test_the_list_is_walked_by_its_link_header(client: FlaskClient, session: Session) -> None:
    rep = make_rep(session)
    for number in range(listing.PAGE + 2):
        make_customer(session, name=f"K{number:03}", owner=rep)
    make_customer(session, name="foreign", owner=make_rep(session))
    headers = bearer(session, rep)
    session.commit()

    first = client.get(f"{API}?sort=name", headers=headers)
    names = [item["name"] for item in _json(first)["items"]]
    address = first.headers["Link"].partition(">")[0].lstrip("<")
    second = client.get(address, headers=headers)

    names += [item["name"] for item in _json(second)["items"]]
    assert names == [f"K{number:03}" for number in range(listing.PAGE + 2)]
    assert "Link" not in second.headers
    assert _json(second)["next_cursor"] is None


def test_a_customer_is_made_read_and_changed(client: FlaskClient, session: Session) -> None:
    headers = bearer(session, make_rep(session))
    session.commit()

    made = client.post(API, json={"name": "王芳", "phone": "13800138000"}, headers=headers)
    address = f"{API}/{_json(made)['id']}"
    read = client.get(address, headers=headers)
    changed = client.patch(
        address, json={"region": "杭州"}, headers={**headers, "If-Match": read.headers["ETag"]}
    )

    assert made.status_code == 201
    assert _json(read)["phone"] == "+8613800138000"
    assert changed.status_code == 200
    assert (_json(changed)["name"], _json(changed)["region"]) == ("王芳", "杭州")
    assert changed.headers["ETag"] != read.headers["ETag"]


def test_a_change_of_an_older_version_is_refused(client: FlaskClient, session: Session) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    headers = bearer(session, rep)
    session.commit()
    address = f"{API}/{customer.public_id}"

    stale = {**headers, "If-Match": '"7"'}
    assert client.patch(address, json={"name": "x"}, headers=stale).status_code == 412
    assert (
        client.patch(address, json={"name": "x", "version": 7}, headers=headers).status_code == 409
    )
    assert client.patch(address, json={"name": "x"}, headers=headers).status_code == 422
    assert (
        client.patch(address, json={"name": "x", "version": 1}, headers=headers).status_code == 200
    )


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x" * 121},
        {"name": "a\x00b"},
        {"name": "x", "owner_id": 1},
        {"name": "x", "stage": "loyal"},
        {"name": ["x"]},
        {"phone": "abc"},
        {"email": "abc"},
        {},
        [],
        "x",
    ],
)
def test_bad_input_is_refused_in_one_shape(
    client: FlaskClient, session: Session, body: object
) -> None:
    headers = bearer(session, make_rep(session))
    session.commit()
    answer = client.post(API, json=body, headers=headers)
    assert answer.status_code == 422
    assert set(_json(answer)) == {"code", "message", "fields", "request_id"}
    assert session.scalar(select(Customer.id)) is None


def test_scopes_of_the_token_and_of_its_owner_both_hold(
    client: FlaskClient, session: Session
) -> None:
    rep, manager = make_rep(session), make_manager(session)
    foreign = make_customer(session, owner=make_rep(session))
    reader = bearer(session, rep, [Scope.CUSTOMERS_READ])
    overseer = bearer(session, manager)
    session.commit()

    assert client.get(API).status_code == 401
    assert client.post(API, json={"name": "x"}, headers=reader).status_code == 403
    assert client.post(API, json={"name": "x"}, headers=overseer).status_code == 403
    for tail in ("", "/timeline"):
        address = f"{API}/{foreign.public_id}{tail}"
        assert client.get(address, headers=reader).status_code == 404
        assert client.get(address, headers=overseer).status_code == 200
    assert client.get(f"{API}/{foreign.id}", headers=overseer).status_code == 404


def test_a_pool_customers_addresses_are_masked_for_a_reps_program(
    client: FlaskClient, session: Session
) -> None:
    rep = make_rep(session)
    pooled = make_customer(session, phone="13800136217", email="fang@example.com")
    headers = bearer(session, rep)
    session.commit()
    shown = _json(client.get(f"{API}/{pooled.public_id}", headers=headers))
    assert (shown["phone"], shown["email"]) == ("138****6217", "f***@example.com")
    listed = _json(client.get(API, headers=headers))["items"][0]
    assert (listed["phone"], listed["email"]) == ("138****6217", "f***@example.com")


def test_the_timeline_is_told_in_kinds_and_details(
    client: FlaskClient, session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    make_order(session, customer, number="A1", amount_fen=700)
    note(session, customer.id, "x.y", at=now, by=rep, n=1)
    headers = bearer(session, rep)
    session.commit()
    items = _json(client.get(f"{API}/{customer.public_id}/timeline", headers=headers))["items"]
    assert {item["kind"] for item in items} == {"x.y", "customers.ordered"}
    assert {"n": 1} in [item["details"] for item in items]


def test_an_order_is_put_in_once_and_moves_its_customer(
    client: FlaskClient, session: Session
) -> None:
    lead = make_lead(session)
    customer = make_customer(session, owner=lead)
    headers = bearer(session, lead)
    session.commit()

    body = _order(customer=customer.public_id, paid_at="2026-11-18T10:00:00+08:00")
    answers = [client.post("/api/v1/orders", json=body, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert _json(answers[0]) == _json(answers[1])
    assert _json(answers[0])["customer"] == customer.public_id
    assert session.scalar(select(func.count()).select_from(Order)) == 1
    session.refresh(customer)
    assert customer.stage is Stage.NEW


@pytest.mark.parametrize(
    "values",
    [
        {"amount_fen": "500"},
        {"amount_fen": 5.5},
        {"amount_fen": 10**16},
        {"currency": "yuan"},
        {"ordered_at": "2026-11-18"},
        {"ordered_at": "2026-11-18T10:00:00"},
        {"status": "stolen"},
        {"number": " "},
    ],
)
def test_an_order_that_cannot_be_read_is_refused(
    client: FlaskClient, session: Session, values: dict[str, Any]
) -> None:
    headers = bearer(session, make_lead(session))
    session.commit()
    answer = client.post("/api/v1/orders", json=_order(**values), headers=headers)
    assert answer.status_code == 422


def test_orders_are_listed_within_the_scope(client: FlaskClient, session: Session) -> None:
    rep, lead = make_rep(session), make_lead(session)
    make_order(session, make_customer(session, owner=rep), number="own")
    make_order(session, make_customer(session, owner=make_rep(session)), number="team")
    make_order(session, None, number="nobody")
    mine, theirs = bearer(session, rep), bearer(session, lead)
    session.commit()

    def numbers(headers: dict[str, str]) -> set[str]:
        found = _json(client.get("/api/v1/orders", headers=headers))["items"]
        return {item["number"] for item in found}

    assert numbers(mine) == {"own"}
    assert numbers(theirs) == {"own", "team", "nobody"}
    assert client.post("/api/v1/orders", json=_order(), headers=mine).status_code == 403


def test_tags_are_listed(client: FlaskClient, session: Session) -> None:
    make_tag(session, "金卡")
    headers = bearer(session, make_rep(session))
    session.commit()
    items = _json(client.get("/api/v1/tags", headers=headers))["items"]
    assert [item["name"] for item in items] == ["金卡"]
