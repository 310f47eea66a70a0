"""Opportunities: by hand on the record, in a list, for programs, and as fields of a rule."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.customers.models import Opportunity, OpportunityStage, TimelineEntry
from crm.customers.queries import opportunities as queries
from crm.customers.queries import segments
from crm.customers.queries.opportunities import Wanted, Which
from crm.customers.services import customers
from crm.customers.services import opportunities as services
from crm.customers.services.customers import AssignCustomer
from crm.customers.services.opportunities import Close, Deal, EditDeal, PutDeal
from crm.users.models import User
from tests.counting import count_queries
from tests.factories.customers import make_customer, make_opportunity
from tests.factories.users import bearer, make_lead, make_manager, make_rep
from tests.stories.browser import Browser

Clients = Callable[[User], FlaskClient]
TODAY = date(2026, 11, 19)
WON, LOST = OpportunityStage.WON, OpportunityStage.LOST


def test_a_deal_belongs_to_the_customers_owner_and_begins_today(
    session: Session, now: datetime
) -> None:
    lead, wang = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=wang)

    deal = services.create(session, customer, Deal(title=" 年度  框架 "), by=lead, now=now)

    assert (deal.title, deal.owner_id, deal.entered_on) == ("年度 框架", wang.id, TODAY)
    assert deal.stage is OpportunityStage.CONTACT
    entry = session.scalars(select(TimelineEntry)).one()
    assert (entry.kind, entry.details["stage"]) == ("customers.opportunity", "contact")


def test_a_deal_is_lost_only_with_the_reason(session: Session, now: datetime) -> None:
    wang = make_rep(session)
    deal = make_opportunity(session, make_customer(session, owner=wang))

    with pytest.raises(Invalid) as refused:
        services.close(session, deal, Close(is_won=False), by=wang, now=now)
    assert refused.value.code == "opportunities.reason_missing"
    services.close(session, deal, Close(is_won=False, lost_reason="价格"), by=wang, now=now)

    assert (deal.stage, deal.closed_on, deal.lost_reason) == (LOST, TODAY, "价格")
    with pytest.raises(Conflict) as again:
        services.close(session, deal, Close(is_won=True), by=wang, now=now)
    assert again.value.code == "opportunities.closed_already"


def test_a_won_deal_that_is_open_again_has_no_day_of_closing(
    session: Session, now: datetime
) -> None:
    wang = make_rep(session)
    deal = make_opportunity(session, make_customer(session, owner=wang), stage=WON, closed_on=TODAY)

    wanted = EditDeal(title="框架", stage=OpportunityStage.QUOTE, version=deal.version)
    services.edit(session, deal, wanted, by=wang, now=now)

    assert (deal.stage, deal.closed_on) == (OpportunityStage.QUOTE, None)
    with pytest.raises(Conflict):
        services.edit(session, deal, wanted, by=wang, now=now)  # the version has moved on


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"closed_on": TODAY + timedelta(days=1)}, "opportunities.closed_in_future"),
        ({"closed_on": date(2026, 1, 1), "entered_on": TODAY}, "opportunities.dates_reversed"),
    ],
)
def test_days_that_cannot_be_are_refused(
    session: Session, now: datetime, values: dict[str, Any], code: str
) -> None:
    wang = make_rep(session)
    customer = make_customer(session, owner=wang)
    with pytest.raises(Invalid) as refused:
        services.create(
            session, customer, Deal(title="框架", stage=WON, **values), by=wang, now=now
        )
    assert refused.value.code == code


def test_only_who_works_with_the_customer_writes_deals(session: Session, now: datetime) -> None:
    customer = make_customer(session, owner=make_rep(session, name="李娜"))
    for by in (make_rep(session), make_manager(session)):
        with pytest.raises(NotAllowed):
            services.create(session, customer, Deal(title="框架"), by=by, now=now)


def test_open_deals_go_along_with_the_customer(session: Session, now: datetime) -> None:
    lead, wang, li = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=wang)
    open_one = make_opportunity(session, customer)
    closed = make_opportunity(session, customer, stage=WON, closed_on=TODAY)

    customers.assign(session, customer, AssignCustomer(li.id), by=lead, now=now)

    session.refresh(open_one)
    session.refresh(closed)
    assert (open_one.owner_id, closed.owner_id) == (li.id, wang.id)


def test_a_deal_put_in_twice_is_one_deal(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    customer, other = make_customer(session), make_customer(session)
    values: dict[str, Any] = {"source": "erp", "number": "7", "customer": customer.public_id}

    first, is_new = services.put(session, PutDeal(title="框架", **values), by=lead, now=now)
    again, is_new_again = services.put(
        session, PutDeal(title="框架", stage=WON, **values), by=lead, now=now
    )

    assert (is_new, is_new_again) == (True, False)
    assert first.id == again.id
    assert again.closed_on == TODAY
    with pytest.raises(Conflict) as refused:
        services.put(
            session,
            PutDeal(title="框架", **(values | {"customer": other.public_id})),
            by=lead,
            now=now,
        )
    assert refused.value.code == "opportunities.of_another"


def test_the_list_shows_what_the_viewer_may_see(session: Session) -> None:
    lead, wang, li = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    mine = make_opportunity(session, make_customer(session, owner=wang), amount_fen=500)
    theirs = make_opportunity(session, make_customer(session, owner=li), amount_fen=900)
    won = make_opportunity(
        session, make_customer(session, owner=wang), stage=WON, closed_on=TODAY, title="大单"
    )

    def ids(viewer: User, **values: Any) -> list[int]:
        found = queries.page(session, Wanted(**values), viewer=viewer, cursor=None)
        return [deal.id for deal in found.items]

    assert ids(wang) == [mine.id]
    assert ids(lead, sort="amount", down=True) == [theirs.id, mine.id]
    assert ids(lead, which=Which.WON) == [won.id]
    assert ids(lead, which=Which.ALL, q="大单") == [won.id]
    assert ids(lead, owner=li.id) == [theirs.id]
    assert queries.total(session, Wanted(), viewer=lead) == (2, 1_400)


@pytest.mark.parametrize("sort", queries.SORTS)
def test_one_can_walk_through_a_long_list_by_any_column(session: Session, sort: str) -> None:
    lead = make_lead(session)
    customer = make_customer(session)
    for number in range(queries.PAGE + 3):
        day = TODAY - timedelta(days=number % 4) if number % 3 else None
        make_opportunity(session, customer, entered_on=day, expected_on=day, amount_fen=number % 5)

    seen: list[int] = []
    cursor = None
    while True:
        found = queries.page(session, Wanted(sort=sort), viewer=lead, cursor=cursor)
        seen += [deal.id for deal in found.items]
        cursor = found.next_cursor
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == queries.PAGE + 3


def test_the_list_needs_the_same_queries_for_one_deal_and_for_a_page(
    client_for: Clients, session: Session, engine: Engine
) -> None:
    lead = make_lead(session)
    client = client_for(lead)
    make_opportunity(session, make_customer(session))
    session.commit()
    with count_queries(engine) as one:
        client.get("/opportunities/")
    for _ in range(10):
        make_opportunity(session, make_customer(session, owner=make_rep(session)))
    session.commit()
    with count_queries(engine) as many:
        client.get("/opportunities/")

    assert len(many) == len(one)


def test_a_rep_adds_changes_and_closes_a_deal_on_the_record(
    client_for: Clients, session: Session
) -> None:
    wang = make_rep(session)
    customer = make_customer(session, owner=wang)
    client = client_for(wang)
    browser = Browser(client)
    page = browser.visit(f"/customers/{customer.id}")
    form = browser.visit(page.link(r"/opportunities/new/\d+")).form(r"/opportunities/new/\d+")
    form.fill(title="年度框架", amount="12,800.50", stage="quote")

    page = browser.send(form)

    assert "年度框架" in page.text
    assert "12,800" in page.text
    form = browser.visit(page.link(r"/opportunities/\d+/edit")).form(r"/opportunities/\d+")
    form.fill(amount="13000")
    browser.send(form)
    stale = client.post(form.action, data=form.values, headers={"Idempotency-Key": "x"})
    assert stale.status_code == 409
    page = browser.send(browser.visit(f"/customers/{customer.id}").form(r".*/closure"))
    assert "Won: 年度框架" in page.text
    deal = session.scalars(select(Opportunity).execution_options(populate_existing=True)).one()
    assert (deal.stage, deal.amount_fen) == (WON, 1_300_000)
    assert "年度框架" in browser.visit("/opportunities/?which=won").text


def test_a_form_with_a_mistake_keeps_what_was_typed(client_for: Clients, session: Session) -> None:
    wang = make_rep(session)
    customer = make_customer(session, owner=wang)

    answer = client_for(wang).post(
        f"/opportunities/new/{customer.id}", data={"title": "框架", "amount": "很多"}
    )

    assert answer.status_code == 422
    assert "Not an amount of money" in answer.get_data(as_text=True)
    assert 'value="很多"' in answer.get_data(as_text=True)


def test_programs_put_in_list_and_close_deals(app: Flask, session: Session) -> None:
    wang = make_rep(session)
    customer = make_customer(session, owner=wang)
    headers = bearer(session, wang)
    session.commit()
    client = app.test_client()
    body = {
        "source": "erp",
        "number": "1",
        "title": "框架",
        "amount_fen": 5_000,
        "customer": customer.public_id,
    }

    made = client.post("/api/v1/opportunities", json=body, headers=headers)
    again = client.post("/api/v1/opportunities", json=body, headers=headers)

    assert (made.status_code, again.status_code) == (201, 200)
    address = f"/api/v1/opportunities/{made.get_json()['id']}"
    listed = client.get("/api/v1/opportunities", headers=headers).get_json()
    assert [one["amount_fen"] for one in listed["items"]] == [5_000]
    lost = client.post(f"{address}/closure", json={"is_won": False}, headers=headers)
    assert lost.status_code == 422
    lost = client.post(
        f"{address}/closure", json={"is_won": False, "lost_reason": "预算"}, headers=headers
    )
    assert lost.get_json()["stage"] == "lost"
    assert client.get(address, headers=headers).get_json()["lost_reason"] == "预算"


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ({"field": "has_open_opportunity", "operator": "is", "value": True}, {"两单"}),
        ({"field": "has_open_opportunity", "operator": "is", "value": False}, {"已赢", "没有"}),
        (
            {"field": "open_opportunity_amount", "operator": "at_least", "value": "25"},
            {"两单"},
        ),
        (
            {"field": "open_opportunity_amount", "operator": "at_most", "value": "0"},
            {"已赢", "没有"},
        ),
    ],
)
def test_a_rule_asks_about_open_deals(
    session: Session, now: datetime, condition: dict[str, Any], names: set[str]
) -> None:
    two = make_customer(session, name="两单")
    make_opportunity(session, two, amount_fen=1_000)
    make_opportunity(session, two, amount_fen=1_500)
    won = make_customer(session, name="已赢")
    make_opportunity(session, won, stage=WON, closed_on=TODAY)
    make_customer(session, name="没有")

    rule = {"all": [condition]}
    found = session.scalars(segments.listed(session, rule, now=now, viewer=None)).all()

    assert {one.name for one in found} == names
