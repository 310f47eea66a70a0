"""The pages and endpoints of an assignment: look, agree, be told of changes, take it back."""

from collections.abc import Callable
from datetime import datetime

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.customers.models import Assignment, Customer, Way
from crm.users.models import User
from tests.customers.test_assignments import agreed, make_segment
from tests.factories.customers import make_customer
from tests.factories.users import bearer, make_lead, make_rep
from tests.stories.browser import Browser

Clients = Callable[[User], FlaskClient]


def test_a_lead_sees_the_split_and_agrees_to_it(
    client_for: Clients, session: Session, now: datetime
) -> None:
    lead, wang = make_lead(session), make_rep(session)
    make_rep(session, name="李娜")
    for number in range(4):
        make_customer(session, name=f"客户{number}", region="杭州")
    segment = make_segment(session, lead, now)
    browser = Browser(client_for(lead))
    page = browser.visit(f"/segments/{segment.id}")
    page = browser.visit(page.link(r"/assignments/new\?segment=\d+"))
    assert "Assign 4 customers" in page.text
    form = page.form("/assignments/")
    form.values.setlist("rep_ids", [str(wang.id)])
    form.values["most_owned"] = "3"

    again = browser.send(form, to="/assignments/preview")

    assert "Assign 3 customers" in again.text
    assert "For 1 customer nobody has room" in again.text
    done = browser.send(again.form("/assignments/"))
    assert "3 customers have new owners" in done.text
    mine = session.scalars(select(Customer.id).where(Customer.owner_id == wang.id)).all()
    assert len(mine) == 3
    back = browser.send(done.form(r"/assignments/\d+/undo"))
    assert "Taken back" in back.text
    assert session.scalars(select(Customer).where(Customer.owner_id.is_not(None))).all() == []
    assert "Taken back" in browser.visit("/assignments/").text


def test_what_changed_meanwhile_is_shown_before_anything_happens(
    client_for: Clients, session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    make_rep(session)
    make_customer(session, region="杭州")
    segment = make_segment(session, lead, now)
    client = client_for(lead)
    form = Browser(client).visit(f"/assignments/new?segment={segment.id}").form("/assignments/")
    make_customer(session, name="来晚了", region="杭州")
    session.commit()

    answer = client.post("/assignments/", data=form.values)

    assert answer.status_code == 409
    text = answer.get_data(as_text=True)
    assert "Something changed since you looked" in text
    assert "Assign 2 customers" in text
    assert session.scalars(select(Assignment)).all() == []


def test_regions_are_given_to_people_on_the_page(
    client_for: Clients, session: Session, now: datetime
) -> None:
    lead, wang, li = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, region="杭州", owner=wang)
    segment = make_segment(session, lead, now)
    browser = Browser(client_for(lead))
    form = browser.visit(f"/assignments/new?segment={segment.id}").form("/assignments/")
    form.fill(way="region")
    form = browser.send(form, to="/assignments/preview").form("/assignments/")
    assert form.values["territory"] == f"{wang.id}:杭州"
    form.fill(territory=f"{li.id}:杭州")

    form = browser.send(form, to="/assignments/preview").form("/assignments/")
    browser.send(form)

    session.refresh(customer)
    assert customer.owner_id == li.id


def test_ticked_customers_come_in_by_a_form(
    client_for: Clients, session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    make_rep(session)
    customer = make_customer(session)
    client = client_for(lead)

    answer = client.post(
        "/assignments/preview",
        data={"customer_ids": customer.id, "_start": "1", "list": "tab=mine"},
        headers={"HX-Request": "true"},
    )

    assert answer.status_code == 200
    assert "Assign 1 customer" in answer.get_data(as_text=True)
    assert "<html" in answer.get_data(as_text=True)


def test_the_page_without_anybody_to_give_to_says_so(
    client_for: Clients, session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    customer = make_customer(session)

    answer = client_for(lead).post("/assignments/preview", data={"customer_ids": customer.id})

    assert answer.status_code == 422
    assert "Choose at least one colleague" in answer.get_data(as_text=True)


def test_a_program_assigns_what_it_has_looked_at(
    app: Flask, session: Session, now: datetime
) -> None:
    lead, wang = make_lead(session), make_rep(session)
    customer = make_customer(session, region="杭州")
    segment = make_segment(session, lead, now)
    headers = bearer(session, lead)
    session.commit()
    client = app.test_client()
    wanted = {"segment": segment.public_id, "reps": [wang.public_id], "way": "load"}

    shown = client.post("/api/v1/assignments/preview", json=wanted, headers=headers).get_json()
    early = client.post("/api/v1/assignments", json=wanted, headers=headers)
    made = client.post(
        "/api/v1/assignments",
        json=wanted | {"fingerprint": shown["fingerprint"]},
        headers=headers,
    )

    assert shown["moved"] == 1
    assert shown["portions"][0]["got"] == 1
    assert early.status_code == 409
    assert made.status_code == 201
    assert made.get_json()["moved_count"] == 1
    session.refresh(customer)
    assert customer.owner_id == wang.id
    address = f"/api/v1/assignments/{made.get_json()['id']}"
    assert client.get(address, headers=headers).get_json()["way"] == "load"
    undone = client.post(f"{address}/undo", headers=headers)
    assert undone.get_json()["undone_count"] == 1
    listed = client.get("/api/v1/assignments", headers=headers).get_json()
    assert [one["id"] for one in listed["items"]] == [made.get_json()["id"]]


def test_a_lead_reads_no_assignment_of_another_team(session: Session, now: datetime) -> None:
    from crm.customers.queries import assignments as queries

    lead, wang = make_lead(session), make_rep(session)
    other = make_lead(session, name="孙涛", team_id=None)
    customer = make_customer(session)
    agreed(session, lead, now, customer_ids=[customer.id], way=Way.EVEN, rep_ids=[wang.id])

    assert session.execute(queries.listed(lead)).all() != []
    assert session.execute(queries.listed(other)).all() == []
