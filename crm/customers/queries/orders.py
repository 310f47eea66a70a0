"""Reads of orders; who sees a customer sees the orders."""

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload

from crm.core import paging
from crm.customers.models import Customer, Order
from crm.customers.queries.records import visible_to
from crm.users import policies
from crm.users.models import User

PAGE = 50
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
