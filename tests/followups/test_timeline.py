"""The timeline with what all modules know: in order of time, by kind, and as far as one may see."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crm.activities.models import TargetState
from crm.activities.services import pipeline
from crm.customers.models import Channel, Customer
from crm.customers.queries import timeline
from crm.customers.queries.timeline import Kind, Source
from crm.customers.services import customers, merging, stages
from crm.customers.services.customers import AssignCustomer
from crm.customers.services.merging import MergeCustomers
from crm.customers.services.stages import ChangeStage
from crm.followups import services
from crm.followups.models import Outcome
from crm.followups.services import Log
from crm.users.models import User
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.activities import make_launched_activity, target_of
from tests.factories.customers import make_customer, make_order
from tests.factories.users import bearer, make_lead, make_rep

ClientFor = Callable[[User], FlaskClient]


@pytest.fixture
def lead(session: Session) -> User:
    return make_lead(session)


@pytest.fixture
def rep(session: Session) -> User:
    return make_rep(session)


@pytest.fixture
def busy(session: Session, lead: User, rep: User) -> Customer:
    """A customer to whom everything has happened that a timeline tells."""
    customer = make_customer(session, name="远山民宿", owner=lead, phone="13800138000")
    other = make_customer(session, name="远山（旧）", owner=lead, phone="13900139000")
    make_order(session, customer, ordered_at=NOW - timedelta(days=9))
    activity = make_launched_activity(session, owner=lead)
    held = target_of(session, activity, customer)
    pipeline.mark_many(session, TargetState.HELD, [held.id], reason="outreach.cool_down")
    call = Log(customer.id, Channel.PHONE, Outcome.REACHED, note="问了交期")
    services.log(session, call, by=lead, now=NOW)
    merging.merge(session, MergeCustomers(customer.id, other.id), by=lead, now=NOW)
    stages.change(session, customer, ChangeStage(customer.stage.INTERESTED), by=lead, now=NOW)
    customers.assign(session, customer, AssignCustomer(rep.id), by=lead, now=NOW)
    session.flush()
    session.expire_all()
    return customer


def kinds_told(session: Session, customer: Customer, kind: Kind | None) -> set[str]:
    found = timeline.page(session, customer.id, kind=kind, size=100).items
    return {
        one.teller.name if one.teller else getattr(one.row, "kind", one.source.name)
        for one in found
    }


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Kind.FOLLOWUPS, {"followups.logged"}),
        (Kind.ORDERS, {"ORDER"}),
        (Kind.ACTIVITIES, {"activities.entered"}),
        (Kind.HELD, {"activities.entered"}),
        (Kind.STAGES, {"STAGE"}),
        (Kind.OWNERS, {"customers.assigned"}),
        (Kind.MERGES, {"customers.merged"}),
    ],
)
def test_the_timeline_is_narrowed_to_one_kind(
    session: Session, busy: Customer, kind: Kind, told: set[str]
) -> None:
    assert kinds_told(session, busy, kind) == told


def test_all_of_it_comes_in_order_page_by_page(session: Session, busy: Customer) -> None:
    whole = timeline.page(session, busy.id, size=100).items
    assert {one.source for one in whole} >= {
        Source.ENTRY,
        Source.STAGE,
        Source.ORDER,
        Source.TARGET,
    }
    assert [one.at for one in whole] == sorted((one.at for one in whole), reverse=True)

    seen: list[timeline.Happening] = []
    cursor = None
    while True:
        page = timeline.page(session, busy.id, cursor=cursor, size=2)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [one.place for one in seen] == [one.place for one in whole]


def test_a_long_timeline_costs_as_much_as_a_short_one(
    session: Session, lead: User, engine: Engine
) -> None:
    customer = make_customer(session, owner=lead)

    def cost(events: int) -> int:
        for _ in range(events):
            make_order(session, customer)
        with count_queries(engine) as asked:
            timeline.page(session, customer.id)
        return len(asked)

    assert cost(1) == cost(30)


def test_contacts_under_another_record_of_the_person_are_told_as_the_guard_tells_them(
    session: Session, lead: User, rep: User, client_for: ClientFor
) -> None:
    mine = make_customer(session, name="李明", owner=rep, phone="13800138000")
    theirs = make_customer(session, name="李小明", owner=lead, phone="13800138000")
    call = Log(theirs.id, Channel.WECHAT, Outcome.INTERESTED, note="想看亚麻色卡")
    services.log(session, call, by=lead, now=NOW)

    html = client_for(rep).get(f"/customers/{mine.id}?kind=contacts").get_data(as_text=True)

    assert "Contact with this person" in html
    assert "WeChat" in html
    assert lead.name in html
    assert "想看亚麻色卡" not in html


def test_who_looks_into_the_pool_learns_not_what_was_said(
    session: Session, lead: User, rep: User, client_for: ClientFor, app: Flask
) -> None:
    pooled = make_customer(session, name="李明")
    call = Log(pooled.id, Channel.PHONE, Outcome.REACHED, note="下周到店")
    services.log(session, call, by=lead, now=NOW)

    html = client_for(rep).get(f"/customers/{pooled.id}").get_data(as_text=True)
    assert "Follow-up" in html
    assert "下周到店" not in html
    assert "下周到店" in client_for(lead).get(f"/customers/{pooled.id}").get_data(as_text=True)

    headers = bearer(session, rep)
    session.commit()
    address = f"/api/v1/customers/{pooled.public_id}/timeline?kind=followups"
    [item] = app.test_client().get(address, headers=headers).get_json()["items"]
    assert item["kind"] == "followups.logged"
    assert "note" not in item["details"]


def test_the_address_keeps_the_kind(
    session: Session, busy: Customer, rep: User, client_for: ClientFor
) -> None:
    client = client_for(rep)
    page = client.get(f"/customers/{busy.id}?kind=held").get_data(as_text=True)
    assert "Came into an activity" in page
    assert "Cooling down" in page
    assert "Order " not in page.split('id="timeline"')[1].split("</section>")[0]

    part = client.get(f"/customers/{busy.id}/timeline?kind=orders", headers={"HX-Request": "true"})
    assert 'aria-current="true">Orders' in part.get_data(as_text=True)
    assert client.get(f"/customers/{busy.id}?kind=nonsense").status_code == 422
