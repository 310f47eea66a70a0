"""The pool on pages and for programs: days left, who let go, its rules, and the way back."""

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from crm.core import clock
from crm.customers.services import customers
from crm.users.models import User
from tests.customers.test_pool import make_rules
from tests.factories.customers import make_customer
from tests.factories.users import bearer, make_admin, make_rep
from tests.stories.browser import Browser

Clients = Callable[[User], FlaskClient]
DAY = timedelta(days=1)


def test_the_list_and_the_record_warn_from_seven_days_on(
    client_for: Clients, session: Session
) -> None:
    now = clock.now()
    wang = make_rep(session)
    make_rules(session, now - 90 * DAY, return_after_days=30)
    warned = make_customer(session, name="快到期", owner=wang, created_at=now - 27 * DAY)
    calm = make_customer(session, name="还早", owner=wang, created_at=now - 3 * DAY)
    browser = Browser(client_for(wang))

    page = browser.visit("/customers/")

    assert page.text.count("days left") == 1
    assert "3 days left" in page.text
    shown = browser.visit(f"/customers/{warned.id}").text
    assert "Goes back to the pool in 3 days without a contact" in shown
    assert "in 27 days without a contact" in browser.visit(f"/customers/{calm.id}").text


def test_the_pool_tells_who_had_a_customer_before(client_for: Clients, session: Session) -> None:
    now = clock.now()
    wang, li = make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=wang)
    customers.release(session, customer, note="没时间", by=wang, now=now - DAY)

    browser = Browser(client_for(li))

    assert "王芳 until" in browser.visit("/customers/?tab=pool").text
    shown = browser.visit(f"/customers/{customer.id}").text
    assert "王芳 → Pool" in shown
    assert "没时间" in shown


def test_an_owner_gives_a_customer_back_and_cannot_take_it_at_once(
    client_for: Clients, session: Session
) -> None:
    wang = make_rep(session)
    customer = make_customer(session, owner=wang)
    client = client_for(wang)
    browser = Browser(client)
    form = browser.visit(f"/customers/{customer.id}").form(r"/pool/releases/\d+")
    form.fill(note="联系不上")

    page = browser.send(form)

    assert "is in the pool now" in page.text
    session.refresh(customer)
    assert customer.owner_id is None
    answer = client.post(f"/customers/{customer.id}/claim")
    assert answer.status_code == 409
    assert "You let this customer go" in answer.get_data(as_text=True)


def test_an_administrator_changes_the_rules_and_everybody_reads_them(
    client_for: Clients, session: Session
) -> None:
    admin, wang = make_admin(session), make_rep(session)
    browser = Browser(client_for(admin))
    form = browser.visit("/pool/").form("/pool/")
    form.fill(most_owned="80", claims_a_day="", return_after_days="45", cool_down_days="5")

    assert "After 45 days without a real contact" in browser.send(form).text

    page = Browser(client_for(wang)).visit("/pool/")
    assert "as long as he has fewer than 80" in page.text
    assert "any number of customers a day" in page.text
    assert all(form.action != "/pool/" for form in page.forms)
    refused = client_for(admin).post("/pool/", data={"most_owned": "0"})
    assert refused.status_code == 422


def test_a_program_takes_gives_back_and_hands_over(
    app: Flask, session: Session, now: datetime
) -> None:
    admin, wang = make_admin(session), make_rep(session)
    customer = make_customer(session)
    mine, theirs = bearer(session, wang), bearer(session, admin)
    session.commit()
    client = app.test_client()
    address = f"/api/v1/customers/{customer.public_id}"

    assert client.post(f"{address}/claim", headers=mine).status_code == 204
    assert client.post(f"{address}/claim", headers=mine).status_code == 409
    assert client.post(f"{address}/release", json={}, headers=mine).status_code == 422
    sent = client.post(f"{address}/release", json={"note": "忙"}, headers=mine)
    assert sent.status_code == 204
    sent = client.put(f"{address}/owner", json={"owner": wang.public_id}, headers=theirs)
    assert sent.status_code == 204
    assert client.get(address, headers=theirs).get_json()["owner"] == wang.public_id
    rules = {"cool_down_days": 2, "return_after_days": 60}
    put = client.put("/api/v1/pool/rules", json=rules, headers=theirs)
    assert put.get_json()["return_after_days"] == 60
    assert client.put("/api/v1/pool/rules", json=rules, headers=mine).status_code == 403
