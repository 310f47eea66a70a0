"""Which orders count (metrics.md G4, G5), in one place for totals, segments and reports."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func

from crm.customers.models.orders import Order, OrderStatus

VALID_STATUSES = (OrderStatus.PAID, OrderStatus.COMPLETED)


def valid_order() -> ColumnElement[bool]:
    """Paid or completed, and something is left of its amount after refunds."""
    return and_(Order.status.in_(VALID_STATUSES), Order.amount_fen > Order.refunded_fen)


def net_fen() -> ColumnElement[int]:
    return Order.amount_fen - Order.refunded_fen


def counted_at() -> ColumnElement[datetime]:
    """The instant that decides an order's day: its payment, else its creation."""
    return func.coalesce(Order.paid_at, Order.ordered_at)
