"""Deals with a customer: a card on the record."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from crm.core.panels import Panel
from crm.customers.forms.opportunities import STAGES, TONES
from crm.customers.models import Opportunity
from crm.customers.queries import opportunities as queries
from crm.customers.queries import pool
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Card:
    deals: Sequence[Opportunity]
    stages: Mapping[Any, Any]
    tones: Mapping[Any, str]
    may_edit: bool


def cards(session: Session, ids: Sequence[int], viewer: User, now: datetime) -> Mapping[int, Card]:
    del now
    deals: defaultdict[int, list[Opportunity]] = defaultdict(list)
    for deal in queries.of_customers(session, ids):
        deals[deal.customer_id].append(deal)
    return {
        customer.id: Card(
            deals[customer.id], STAGES, TONES, policies.may(viewer, "opportunities.edit", customer)
        )
        for customer in pool.customers(session, ids)
    }


CARD = Panel("opportunities", _l("Opportunities"), "opportunities/_card.html", cards)
