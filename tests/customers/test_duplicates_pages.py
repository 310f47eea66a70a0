"""The pages of duplicates: the list, the banner, the warning, and what programs are told."""

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from crm.customers.models import Customer, PairState
from crm.customers.services import duplicates
from crm.users.models import User
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.customers import make_customer, make_order
from tests.factories.duplicates import make_pair
from tests.factories.users import bearer, make_lead, make_manager, make_rep

ClientFor = Callable[[User], FlaskClient]


def test_the_list_shows_both_records_and_why(session: Session, client_for: ClientFor) -> None:
    lead = make_lead(session)
    first = make_customer(session, name="李明", phone="13800138000", owner=lead, region="杭州")
    make_order(session, first)
    second = make_customer(session, name="李明", phone="13800138000", owner=lead, region="宁波")
    duplicates.look(session, [first.id, second.id], now=NOW)

    html = client_for(lead).get("/duplicates/").get_data(as_text=True)

    for text in ("杭州", "宁波", "Same phone", "Same name", "Certain", "1 order"):
        assert text in html


def test_the_list_costs_the_same_for_one_pair_and_for_many(
    session: Session, client_for: ClientFor, engine: Engine
) -> None:
    lead = make_lead(session)
    client = client_for(lead)

    def cost(pairs: int) -> int:
        for _ in range(pairs):
            make_pair(session, *(make_customer(session, owner=lead) for _ in "ab"))
        session.commit()
        with count_queries(engine) as seen:
            assert client.get("/duplicates/").status_code == 200
        return len(seen)

    assert cost(1) == cost(5)


def test_many_pairs_are_told_apart_with_their_number_and_back(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    client = client_for(lead)
    pairs = [
        make_pair(session, *(make_customer(session, owner=lead) for _ in "ab")) for _ in range(3)
    ]
    ids = [pair.id for pair in pairs]
    session.commit()

    asked = client.get("/duplicates/dismissals/new", query_string={"pair_ids": ids})
    assert "3 pairs are not suggested any more" in asked.get_data(as_text=True)
    client.post("/duplicates/dismissals", data={"pair_ids": ids})
    session.expire_all()
    assert {pair.state for pair in pairs} == {PairState.DISMISSED}

    client.post("/duplicates/dismissals/removal", query_string={"pair_ids": ids})
    session.expire_all()
    assert {pair.state for pair in pairs} == {PairState.OPEN}


def test_the_record_says_that_it_may_be_here_twice(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    first = make_customer(session, name="李明", owner=rep)
    second = make_customer(session, name="李小明", owner=rep)
    make_pair(session, first, second)

    html = client_for(rep).get(f"/customers/{first.id}").get_data(as_text=True)
    assert "Possible duplicate" in html
    assert f"/customers/{second.id}" in html
    assert "Your lead can merge the two" in html


def test_the_form_warns_once_and_lets_go_on(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    known = make_customer(session, name="李明", phone="13800138000", owner=rep)
    duplicates.look(session, [known.id], now=NOW)
    client = client_for(rep)
    form = {"kind": "person", "name": "李小明", "phone": "138 0013 8000"}

    warned = client.post("/customers/", data=form)
    assert warned.status_code == 422
    assert "This customer may be here already" in warned.get_data(as_text=True)
    assert "李小明" in warned.get_data(as_text=True)

    made = client.post("/customers/", data=form | {"_despite": str(known.id)})
    assert made.status_code == 303
    assert session.scalar(select(func.count()).select_from(Customer)) == 2


def test_the_form_does_not_tell_of_others_customers(
    session: Session, client_for: ClientFor
) -> None:
    rep, colleague = make_rep(session), make_rep(session, name="林悦")
    known = make_customer(session, name="李明", phone="13800138000", owner=colleague)
    duplicates.look(session, [known.id], now=NOW)

    form = {"kind": "person", "name": "李明", "phone": "13800138000"}
    assert client_for(rep).post("/customers/", data=form).status_code == 303


def test_only_who_may_merge_opens_the_page(session: Session, client_for: ClientFor) -> None:
    for person in (make_rep(session), make_manager(session)):
        assert client_for(person).get("/duplicates/").status_code == 403


def test_programs_read_the_pairs_and_decide(session: Session, app: Flask) -> None:
    lead = make_lead(session)
    first, second = (make_customer(session, name="李明", owner=lead) for _ in "ab")
    pair = make_pair(session, first, second)
    headers = bearer(session, lead)
    session.commit()
    client = app.test_client()

    [item] = client.get("/api/v1/duplicates", headers=headers).get_json()["items"]
    assert (item["a"], item["b"]) == (first.public_id, second.public_id)
    assert (item["confidence"], item["reasons"]) == ("certain", ["phone", "name"])

    address = f"/api/v1/duplicates/{pair.id}/dismissal"
    assert client.post(address, headers=headers).get_json()["state"] == "dismissed"
    assert client.get("/api/v1/duplicates", headers=headers).get_json()["items"] == []
    assert client.delete(address, headers=headers).get_json()["state"] == "open"
