"""The totals beside each customer, recomputed set by set for the customers touched."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, cast, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.customers.models import Customer, CustomerStats, Order
from crm.customers.models.valid import counted_at, net_fen, valid_order

CustomerIds = Sequence[int] | Select[Any]

_FIGURES = ("order_count", "amount_fen", "first_order_at", "last_order_at")


def recompute(session: Session, customer_ids: CustomerIds, *, now: datetime) -> None:
    """Bring the totals of these customers up to date, from the orders themselves.

    Never by adding, so they are right after an undo, a refund and a merge too. A row whose
    figures stay the same is not written, and a customer without a valid order has none. Two who
    recompute the same customer take turns when both have locked the contact subject first. The
    stage that orders lead to is moved by `stages.move_by_orders`, which reads these totals.
    """
    del now
    chosen = Customer.id.in_(customer_ids)
    figures = (
        select(
            Customer.id,
            func.count(Order.id),
            cast(func.sum(net_fen()), BigInteger),
            func.min(counted_at()),
            func.max(counted_at()),
        )
        .join(Order, (Order.customer_id == Customer.id) & valid_order())
        .where(chosen)
        .group_by(Customer.id)
    )
    statement = bulk.insert(session, CustomerStats).from_select(["customer_id", *_FIGURES], figures)
    stored = bulk.table(CustomerStats).c
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[stored.customer_id],
            set_={name: statement.excluded[name] for name in _FIGURES},
            where=or_(
                *(stored[name].is_distinct_from(statement.excluded[name]) for name in _FIGURES)
            ),
        )
    )
    ordered = exists().where(Order.customer_id == CustomerStats.customer_id, valid_order())
    session.execute(
        delete(CustomerStats).where(CustomerStats.customer_id.in_(customer_ids), ~ordered),
        execution_options={"synchronize_session": False},
    )
