"""Taking in one order from another system: known by source and number, so that twice is once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.company import company
from crm.core.errors import Conflict
from crm.customers import queries
from crm.customers.models import Customer, Order, OrderStatus
from crm.customers.services import stages, stats
from crm.customers.services.ordering import OrderedLine, put_lines
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOrder:
    """An order as its source knows it; `customer` is a public id, None for a buyer unknown."""

    source: str
    number: str
    amount_fen: int
    ordered_at: datetime
    status: OrderStatus = OrderStatus.PAID
    refunded_fen: int = 0
    currency: str | None = None
    channel: str = ""
    paid_at: datetime | None = None
    customer: str | None = None
    lines: Sequence[OrderedLine] | None = None  # None leaves those that are known


KEPT = ("amount_fen", "ordered_at", "status", "refunded_fen", "channel", "paid_at")


def put(session: Session, wanted: PutOrder, *, by: User, now: datetime) -> tuple[Order, bool]:
    """The order, and whether it is new. What is already so stays untouched."""
    policies.require(by, "orders.create")
    customer = (
        queries.get_by_public_id(session, wanted.customer, visible_to=by)
        if wanted.customer
        else None
    )
    if customer is not None:
        policies.require(by, "orders.edit", customer)
        # Totals are computed anew: two orders of one customer at once would each miss the other.
        customer = queries.get_locked(session, customer.id, visible_to=by)
    order = _known(session, wanted)
    is_new = order is None
    if order is None:
        order = Order(source=wanted.source, number=wanted.number, created_at=now, updated_at=now)
        order.customer_id = customer.id if customer else None
        session.add(order)
    else:
        _must_be_of(session, order, customer, by)
    _write(session, order, wanted, now)
    session.flush()
    if wanted.lines is not None:
        put_lines(session, order, wanted.lines)
    if order.customer_id is not None:
        stats.recompute(session, [order.customer_id], now=now)
        stages.move_by_orders(session, [order.customer_id], now=now)
    return order, is_new


def _known(session: Session, wanted: PutOrder) -> Order | None:
    known = select(Order).where(Order.source == wanted.source, Order.number == wanted.number)
    return session.scalar(known.with_for_update())


def _must_be_of(session: Session, order: Order, customer: Customer | None, by: User) -> None:
    """An order without a customer may get one; it never changes from one to another."""
    if order.customer_id is None:
        order.customer_id = customer.id if customer else None
    elif customer is None or customer.id != order.customer_id:
        # Seen first: who may not see the owner's record learns only that it is not his.
        queries.get(session, order.customer_id, visible_to=by)
        if customer is not None:
            raise Conflict("customers.order_of_another")


def _write(session: Session, order: Order, wanted: PutOrder, now: datetime) -> None:
    currency = wanted.currency or company(session).currency
    values = {name: getattr(wanted, name) for name in KEPT} | {"currency": currency}
    changed = {name: value for name, value in values.items() if getattr(order, name) != value}
    for name, value in changed.items():
        setattr(order, name, value)
    if changed:
        order.updated_at = now
