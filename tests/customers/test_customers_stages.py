"""Lifecycle stages: what orders do, what people do, and that both leave a history."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict, NotAllowed
from crm.customers.models import Customer, Order, OrderStatus, Stage, StageChange, StageReason
from crm.customers.services import orders, stages
from crm.customers.services.orders import PutOrder
from crm.customers.services.stages import ChangeStage
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_lead, make_rep

CASES = [
    (Stage.PROSPECT, 0, False, Stage.PROSPECT),
    (Stage.PROSPECT, 1, False, Stage.NEW),
    (Stage.INTERESTED, 1, False, Stage.NEW),
    (Stage.NEW, 1, False, Stage.NEW),
    (Stage.NEW, 2, False, Stage.REGULAR),
    (Stage.PROSPECT, 4, False, Stage.REGULAR),
    (Stage.REGULAR, 5, False, Stage.LOYAL),
    (Stage.LOYAL, 1, False, Stage.LOYAL),
    (Stage.DORMANT, 7, False, Stage.DORMANT),
    (Stage.DORMANT, 7, True, Stage.LOYAL),
    (Stage.LOST, 1, True, Stage.NEW),
    (Stage.LOST, 0, True, Stage.LOST),
]


@pytest.mark.parametrize(("stage", "count", "since", "wanted"), CASES)
def test_orders_lead_up_the_ladder_and_never_down(
    session: Session, now: datetime, *, stage: Stage, count: int, since: bool, wanted: Stage
) -> None:
    moved_at = now - timedelta(days=30)
    customer = make_customer(session, stage=stage, stage_since=moved_at)
    bystander = make_customer(session)
    for number in range(count):
        at = moved_at + timedelta(days=number + 1 if since else -number - 1)
        make_order(session, customer, ordered_at=at)
    make_order(session, bystander)

    stages.move_by_orders(session, [customer.id], now=now)
    stages.move_by_orders(session, select(Customer.id).where(Customer.id == customer.id), now=now)

    session.refresh(customer)
    session.refresh(bystander)
    assert customer.stage is wanted
    assert customer.version == 1
    assert bystander.stage is Stage.PROSPECT
    changes = session.scalars(select(StageChange)).all()
    expected = [(stage, wanted, StageReason.ORDERS)] if wanted is not stage else []
    assert [(one.before, one.after, one.reason) for one in changes] == expected
    assert customer.stage_since == (now if expected else moved_at)


def test_a_stage_changed_by_hand_keeps_who_and_when(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep, stage_since=now - timedelta(days=1))

    assert stages.change(session, customer, ChangeStage(Stage.LOST), by=rep, now=now)
    assert not stages.change(session, customer, ChangeStage(Stage.LOST), by=rep, now=now)

    change = session.scalars(select(StageChange)).one()
    assert (change.before, change.after, change.by_id) == (Stage.PROSPECT, Stage.LOST, rep.id)
    assert customer.stage_since == now


def test_nobody_moves_a_customer_of_the_pool(session: Session, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        stages.change(
            session,
            make_customer(session),
            ChangeStage(Stage.LOST),
            by=make_rep(session),
            now=now,
        )


def _order(now: datetime, **values: object) -> PutOrder:
    return PutOrder(
        **{"source": "shop", "number": "1", "amount_fen": 500, "ordered_at": now, **values}  # type: ignore[arg-type]
    )


def test_an_order_put_in_twice_is_one_order_and_moves_the_customer_once(
    session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    customer = make_customer(session, owner=lead)
    wanted = _order(now, customer=customer.public_id, paid_at=now)

    first, is_new = orders.put(session, wanted, by=lead, now=now)
    again, is_new_again = orders.put(session, wanted, by=lead, now=now + timedelta(hours=1))

    assert (first.id, is_new, is_new_again) == (again.id, True, False)
    assert again.updated_at == now
    session.refresh(customer)
    assert customer.stage is Stage.NEW
    assert len(session.scalars(select(StageChange)).all()) == 1


def test_an_order_never_changes_from_one_customer_to_another(
    session: Session, now: datetime
) -> None:
    lead = make_lead(session)
    one, two = make_customer(session, owner=lead), make_customer(session, owner=lead)
    orders.put(session, _order(now, customer=one.public_id), by=lead, now=now)

    with pytest.raises(Conflict) as refused:
        orders.put(session, _order(now, customer=two.public_id), by=lead, now=now)

    assert refused.value.code == "customers.order_of_another"
    known = session.scalars(select(Order)).one()
    assert (known.customer_id, known.status) == (one.id, OrderStatus.PAID)
