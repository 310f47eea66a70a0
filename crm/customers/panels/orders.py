"""The latest orders of a customer: a card on the record."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from crm.core.panels import Panel
from crm.customers.forms.orders import STATUSES
from crm.customers.models import Order, OrderLine
from crm.customers.queries import orders as queries
from crm.customers.queries import pool
from crm.customers.services.ordering import BY_HAND
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Card:
    orders: Sequence[Order]
    lines: Mapping[int, Sequence[OrderLine]]
    statuses: Mapping[Any, Any]
    by_hand: str
    may_edit: bool


def cards(session: Session, ids: Sequence[int], viewer: User, now: datetime) -> Mapping[int, Card]:
    del now
    latest = queries.latest(session, ids)
    lines = queries.lines_of(session, [order.id for order in latest])
    orders: defaultdict[int | None, list[Order]] = defaultdict(list)
    for order in latest:
        orders[order.customer_id].append(order)
    return {
        customer.id: Card(
            orders[customer.id],
            lines,
            STATUSES,
            BY_HAND,
            policies.may(viewer, "orders.edit", customer),
        )
        for customer in pool.customers(session, ids)
    }


CARD = Panel("orders", _l("Orders"), "orders/_card.html", cards)
