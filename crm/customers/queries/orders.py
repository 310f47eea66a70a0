"""Reads of orders; who sees a customer sees the orders."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from crm.core import paging
from crm.core.errors import NotFound
from crm.customers.models import Customer, Order, OrderLine
from crm.customers.queries.records import visible_to
from crm.users import policies
from crm.users.models import User

PAGE = 50
SHOWN = 4  # on a customer's record
NEWEST_FIRST = paging.Order("ordered-down", Order.ordered_at, Order.id, descending=True)


def page(session: Session, *, viewer: User, cursor: str | None = None) -> paging.Page[Order]:
    """Orders of visible customers; those of an unknown buyer for whoever may take in orders."""
    # The pool's condition "no owner" also fits the empty row of an order without a customer.
    mine = and_(visible_to(viewer), Order.customer_id.is_not(None))
    if policies.may(viewer, "orders.create"):
        mine = or_(mine, Order.customer_id.is_(None))
    statement = (
        select(Order)
        .outerjoin(Customer, Customer.id == Order.customer_id)
        .where(mine)
        .options(joinedload(Order.customer))
    )
    return paging.page(session, statement, order=NEWEST_FIRST, cursor=cursor, size=PAGE)


def get(session: Session, order_id: int) -> Order:
    """The order with its customer."""
    statement = select(Order).where(Order.id == order_id).options(joinedload(Order.customer))
    return session.scalars(statement.execution_options(populate_existing=True)).one()


def visible(session: Session, which: ColumnElement[bool], *, viewer: User) -> Order:
    """The order with its customer. Raises NotFound outside the viewer's scope."""
    seen = and_(visible_to(viewer), Order.customer_id.is_not(None))
    if policies.may(viewer, "orders.create"):
        seen = or_(seen, Order.customer_id.is_(None))
    found = session.scalar(
        select(Order)
        .outerjoin(Customer, Customer.id == Order.customer_id)
        .where(which, seen)
        .options(joinedload(Order.customer).joinedload(Customer.owner))
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("core.not_found")
    return found


def named(source: str, number: str) -> ColumnElement[bool]:
    return and_(Order.source == source, Order.number == number)


def lines_of(session: Session, order_ids: Sequence[int]) -> Mapping[int, Sequence[OrderLine]]:
    """The products of these orders, in their order; one statement."""
    found: dict[int, list[OrderLine]] = {}
    if order_ids:
        lines = select(OrderLine).where(OrderLine.order_id.in_(order_ids))
        for line in session.scalars(lines.order_by(OrderLine.order_id, OrderLine.line_no)):
            found.setdefault(line.order_id, []).append(line)
    return found


def latest(session: Session, customer_ids: Sequence[int]) -> Sequence[Order]:
    """The newest orders of these customers."""
    newest = select(Order).where(Order.customer_id.in_(customer_ids))
    newest = newest.order_by(Order.ordered_at.desc(), Order.id.desc())
    return session.scalars(newest.limit(SHOWN * max(len(customer_ids), 1))).all()
