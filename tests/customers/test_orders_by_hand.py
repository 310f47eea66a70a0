"""Orders on the record: written, changed, refunded, cancelled; totals and stages follow."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.customers.models import (
    Customer,
    CustomerStats,
    Order,
    OrderLine,
    OrderStatus,
    Refund,
    Stage,
)
from crm.customers.services import ordering
from crm.customers.services.ordering import EditOrder, GiveBack, HandOrder, OrderedLine
from crm.users.models import User
from tests.factories.customers import make_customer, make_order
from tests.factories.users import bearer, make_lead, make_rep
from tests.stories.browser import Browser

Clients = Callable[[User], FlaskClient]
TEA = OrderedLine(product_name="白茶", quantity=Decimal(2), unit_price=Decimal("99.50"))


def totals(session: Session, customer: Customer) -> tuple[int, int]:
    stats = session.get(CustomerStats, customer.id, populate_existing=True)
    return (stats.order_count, stats.amount_fen) if stats else (0, 0)


def test_an_orders_products_make_its_amount(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    customer = make_customer(session)

    order = ordering.create(
        session, customer, HandOrder(ordered_at=now, lines=[TEA], channel="门店"), by=lead, now=now
    )

    assert (order.amount_fen, order.number) == (19_900, f"M{order.id:06d}")
    assert totals(session, customer) == (1, 19_900)
    session.refresh(customer)
    assert customer.stage is Stage.NEW
    line = session.scalars(select(OrderLine)).one()
    assert (line.product_name, line.amount_milli) == ("白茶", 199_000)


def test_a_changed_order_counts_as_it_is_now(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    customer = make_customer(session)
    order = ordering.create(
        session, customer, HandOrder(ordered_at=now, lines=[TEA]), by=lead, now=now
    )
    version = order.version

    wanted = EditOrder(ordered_at=now, amount_fen=5_000, version=version)
    ordering.edit(session, order, wanted, by=lead, now=now)

    assert totals(session, customer) == (1, 5_000)
    assert session.scalar(select(func.count()).select_from(OrderLine)) == 0
    with pytest.raises(Conflict) as refused:
        ordering.edit(session, order, wanted, by=lead, now=now)
    assert refused.value.code == "core.stale"


def test_refunds_lower_the_order_and_a_full_one_ends_it(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    customer = make_customer(session)
    order = make_order(session, customer, amount_fen=10_000)

    ordering.refund(session, order, GiveBack(4_000, "R1"), by=lead, now=now)
    assert totals(session, customer) == (1, 6_000)
    _same, is_new = ordering.refund(session, order, GiveBack(4_000, "R1"), by=lead, now=now)
    assert not is_new
    with pytest.raises(Conflict):
        ordering.refund(session, order, GiveBack(3_000, "R1"), by=lead, now=now)
    with pytest.raises(Invalid) as refused:
        ordering.refund(session, order, GiveBack(6_001, "R2"), by=lead, now=now)
    assert refused.value.code == "orders.refund_too_large"
    ordering.refund(session, order, GiveBack(6_000, "R2"), by=lead, now=now)

    assert totals(session, customer) == (0, 0)
    assert session.scalar(select(func.sum(Refund.amount_fen))) == order.refunded_fen == 10_000
    audited = session.scalars(select(AuditEntry).filter_by(action="orders.refund")).all()
    assert len(audited) == 2


def test_a_cancelled_order_counts_no_more(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    customer = make_customer(session)
    order = make_order(session, customer)

    ordering.cancel(session, order, by=lead, now=now)

    assert order.status is OrderStatus.CANCELLED
    assert totals(session, customer) == (0, 0)
    for act in (
        lambda: ordering.cancel(session, order, by=lead, now=now),
        lambda: ordering.refund(session, order, GiveBack(1), by=lead, now=now),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "orders.closed_already"


def test_an_order_of_another_system_is_changed_there(session: Session, now: datetime) -> None:
    lead = make_lead(session)
    order = make_order(session, make_customer(session))
    wanted = EditOrder(ordered_at=now, amount_fen=1, version=order.version)
    with pytest.raises(Conflict) as refused:
        ordering.edit(session, order, wanted, by=lead, now=now)
    assert refused.value.code == "orders.of_its_source"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"amount_fen": None}, "orders.amount_missing"),
        ({"amount_fen": 1, "ahead": 1}, "orders.in_the_future"),
        ({"amount_fen": 1, "number": "A-1"}, "orders.number_taken"),
    ],
)
def test_an_order_that_cannot_be_is_refused(
    session: Session, now: datetime, wanted: dict[str, int], code: str
) -> None:
    lead = make_lead(session)
    customer = make_customer(session)
    make_order(session, customer, source=ordering.BY_HAND, number="A-1")
    wanted = dict(wanted)
    at = now + timedelta(days=wanted.pop("ahead", 0))
    with pytest.raises(Invalid) as refused:
        ordering.create(
            session,
            customer,
            HandOrder(ordered_at=at, **wanted),  # type: ignore[arg-type]  # a text among them
            by=lead,
            now=now,
        )
    assert refused.value.code == code


def test_a_rep_writes_no_orders(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    with pytest.raises(NotAllowed):
        ordering.create(session, customer, HandOrder(ordered_at=now, amount_fen=1), by=rep, now=now)


def test_a_lead_writes_changes_refunds_and_cancels_on_the_record(
    client_for: Clients, session: Session
) -> None:
    lead = make_lead(session)
    customer = make_customer(session)
    client = client_for(lead)
    browser = Browser(client)
    page = browser.visit(f"/customers/{customer.id}")
    form = browser.visit(page.link(r"/orders/new/\d+")).form(r"/orders/new/\d+")
    form.fill(product_1="白茶", quantity_1="2", price_1="99.5", channel="门店")

    page = browser.send(form)

    assert "白茶 × 2" in page.text
    assert "门店" in page.text
    form = browser.visit(page.link(r"/orders/\d+/edit")).form(r"/orders/\d+")
    assert form.values["price_1"] == "99.5"
    form.fill(quantity_1="3")
    page = browser.send(form)
    assert "白茶 × 3" in page.text
    stale = client.post(form.action, data=form.values, headers={"Idempotency-Key": "x"})
    assert stale.status_code == 409
    refund = page.form(r"/orders/\d+/refunds")
    refund.fill(amount="98.50")
    page = browser.send(refund)
    assert "98.50 given back" in page.text
    page = browser.send(page.form(r"/orders/\d+/cancellation"))
    assert "Cancelled" in page.text
    assert totals(session, customer) == (0, 0)


def test_a_product_without_a_price_is_refused_beside_the_form(
    client_for: Clients, session: Session
) -> None:
    lead = make_lead(session)
    customer = make_customer(session)
    sent = {"ordered_at": "2026-11-01T09:00", "product_1": "白茶"}

    answer = client_for(lead).post(f"/orders/new/{customer.id}", data=sent)

    assert answer.status_code == 422
    assert "Write the price of each product" in answer.get_data(as_text=True)
    assert session.scalars(select(Order)).all() == []


def test_a_program_sends_products_and_refunds_once(app: Flask, session: Session) -> None:
    lead = make_lead(session)
    customer = make_customer(session)
    headers = bearer(session, lead)
    session.commit()
    client = app.test_client()
    order = {
        "source": "shop",
        "number": "7",
        "customer": customer.public_id,
        "amount_fen": 19_900,
        "ordered_at": "2026-11-01T09:00:00+08:00",
        "lines": [{"product_name": "白茶", "quantity": "2", "unit_price": "99.5"}],
    }
    back = {"source": "shop", "number": "7", "refund": "R1", "amount_fen": 900}

    made = client.post("/api/v1/orders", json=order, headers=headers)
    again = client.post("/api/v1/orders", json=order, headers=headers)
    refunds = [client.post("/api/v1/orders/refunds", json=back, headers=headers) for _ in range(2)]

    assert (made.status_code, again.status_code) == (201, 200)
    assert [line["product_name"] for line in again.get_json()["lines"]] == ["白茶"]
    assert [one.status_code for one in refunds] == [201, 200]
    assert refunds[1].get_json()["refunded_fen"] == 900
    assert totals(session, customer) == (1, 19_000)
    unknown = client.post("/api/v1/orders/refunds", json={**back, "number": "8"}, headers=headers)
    assert unknown.status_code == 404
