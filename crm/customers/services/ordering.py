"""Orders by hand: written on the record, changed, refunded and cancelled; totals follow at once."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.core import audit, money
from crm.core.company import company
from crm.core.errors import Conflict, Invalid
from crm.customers import queries
from crm.customers.models import Customer, Order, OrderLine, OrderStatus, Refund
from crm.customers.services import stages, stats
from crm.users import policies
from crm.users.models import User

EDIT = "orders.edit"
#: The source of what our own people write down; orders of other systems are theirs to change.
BY_HAND = "by hand"
CLOSED = (OrderStatus.CANCELLED, OrderStatus.VOID)
_MILLI = Decimal(1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedLine:
    """One product in an order."""

    product_name: str
    quantity: Decimal
    unit_price: Decimal
    product_code: str = ""

    @property
    def amount_milli(self) -> int:
        return int((self.quantity * self.unit_price * _MILLI).to_integral_value(ROUND_HALF_UP))


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOrder:
    """What a person writes: products, or an amount when there are none."""

    ordered_at: datetime
    amount_fen: int | None = None
    status: OrderStatus = OrderStatus.PAID
    channel: str = ""
    number: str = ""
    lines: Sequence[OrderedLine] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EditOrder(HandOrder):
    """`version` is the one that the editor saw."""

    version: int


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Money given back; `number` makes sure that twice is once."""

    amount_fen: int
    number: str = ""
    refunded_at: datetime | None = None


def create(
    session: Session, customer: Customer, wanted: HandOrder, *, by: User, now: datetime
) -> Order:
    """A new order, numbered by us unless a number is given; a known one is refused."""
    policies.require(by, EDIT, customer)
    customer = queries.get_locked(session, customer.id, visible_to=by)
    _refuse_taken(session, wanted.number.strip())
    order = Order(
        customer_id=customer.id,
        source=BY_HAND,
        number=wanted.number.strip() or uuid.uuid4().hex,
        currency=company(session).currency,
        created_at=now,
        updated_at=now,
    )
    _write(order, wanted, now)
    session.add(order)
    session.flush()
    if not wanted.number.strip():
        order.number = f"M{order.id:06d}"
    put_lines(session, order, wanted.lines)
    _recount(session, customer.id, now)
    return order


def edit(session: Session, order: Order, wanted: EditOrder, *, by: User, now: datetime) -> None:
    """Change what was written by hand. Raises Conflict when somebody changed it meanwhile."""
    order = _locked(session, order, by)
    if order.source != BY_HAND:
        raise Conflict("orders.of_its_source", source=order.source)
    if wanted.version != order.version:
        raise Conflict("core.stale")
    number = wanted.number.strip()
    if number and number != order.number:
        _refuse_taken(session, number)
        order.number = number
    _write(order, wanted, now)
    if order.refunded_fen > order.amount_fen:
        raise Invalid("orders.refund_too_large", field="amount")
    session.flush()
    put_lines(session, order, wanted.lines)
    _recount(session, order.customer_id, now)


def refund(
    session: Session, order: Order, wanted: GiveBack, *, by: User, now: datetime
) -> tuple[Refund, bool]:
    """Money given back, and whether that is new. Raises Invalid for more than is left."""
    order = _locked(session, order, by)
    known = select(Refund).where(Refund.order_id == order.id, Refund.number == wanted.number)
    found = session.scalar(known) if wanted.number else None
    if found is not None:
        if found.amount_fen != wanted.amount_fen:
            raise Conflict("orders.refund_differs", number=wanted.number)
        return found, False
    if order.status in CLOSED:
        raise Conflict("orders.closed_already")
    if wanted.amount_fen > order.amount_fen - order.refunded_fen:
        raise Invalid("orders.refund_too_large", field="amount")
    made = Refund(
        order_id=order.id,
        number=wanted.number or uuid.uuid4().hex,
        amount_fen=wanted.amount_fen,
        refunded_at=wanted.refunded_at or now,
    )
    session.add(made)
    order.refunded_fen += wanted.amount_fen
    order.updated_at = now
    session.flush()
    _recount(session, order.customer_id, now)
    _audit(session, "orders.refund", order, by, now, amount_fen=wanted.amount_fen)
    return made, True


def cancel(session: Session, order: Order, *, by: User, now: datetime) -> None:
    """The order counts no more; its rows stay."""
    order = _locked(session, order, by)
    if order.status in CLOSED:
        raise Conflict("orders.closed_already")
    order.status, order.updated_at = OrderStatus.CANCELLED, now
    session.flush()
    _recount(session, order.customer_id, now)
    _audit(session, "orders.cancel", order, by, now)


def put_lines(session: Session, order: Order, lines: Sequence[OrderedLine]) -> None:
    """The order's products are exactly these."""
    session.execute(
        delete(OrderLine).where(OrderLine.order_id == order.id),
        execution_options={"synchronize_session": False},
    )
    session.add_all(
        OrderLine(
            order_id=order.id,
            line_no=number,
            product_code=line.product_code,
            product_name=line.product_name,
            quantity=line.quantity,
            unit_price=line.unit_price,
            amount_milli=line.amount_milli,
        )
        for number, line in enumerate(lines, start=1)
    )
    session.flush()


def _locked(session: Session, order: Order, by: User) -> Order:
    """The order, its customer's person locked first: who counts the same totals takes turns."""
    if order.customer_id is None:
        policies.require(by, "orders.create")
    else:
        customer = queries.get_locked(session, order.customer_id, visible_to=by)
        policies.require(by, EDIT, customer)
    # Not by `refresh`: that repeats the joins by which the order was loaded, and locks them too.
    fresh = select(Order).where(Order.id == order.id).with_for_update()
    return session.scalars(fresh.execution_options(populate_existing=True)).one()


def _write(order: Order, wanted: HandOrder, now: datetime) -> None:
    if wanted.ordered_at > now:
        raise Invalid("orders.in_the_future", field="ordered_at")
    amount = wanted.amount_fen
    if wanted.lines:
        milli = sum(line.amount_milli for line in wanted.lines)
        amount = money.to_fen(Decimal(milli) / _MILLI)
    if amount is None:
        raise Invalid("orders.amount_missing", field="amount")
    order.amount_fen, order.status, order.channel = amount, wanted.status, wanted.channel.strip()
    order.ordered_at, order.updated_at = wanted.ordered_at, now
    is_paid = wanted.status in (OrderStatus.PAID, OrderStatus.COMPLETED)
    order.paid_at = wanted.ordered_at if is_paid else None


def _refuse_taken(session: Session, number: str) -> None:
    taken = select(Order.id).where(Order.source == BY_HAND, Order.number == number)
    if number and session.scalar(taken) is not None:
        raise Invalid("orders.number_taken", field="number")


def _recount(session: Session, customer_id: int | None, now: datetime) -> None:
    if customer_id is not None:
        stats.recompute(session, [customer_id], now=now)
        stages.move_by_orders(session, [customer_id], now=now)


def _audit(
    session: Session, action: str, order: Order, by: User, now: datetime, **details: int
) -> None:
    audit.record(session, action, by_id=by.id, thing=f"order:{order.id}", now=now, **details)
