"""Whose a customer was and how long it stays: a card on the record, a chip in the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from crm.core.company import company
from crm.core.panels import Panel
from crm.customers.models import OwnerChange, OwnerReason
from crm.customers.queries import pool as queries
from crm.customers.rules import pool as rules
from crm.users import policies
from crm.users.models import User

REASONS = {
    OwnerReason.CLAIMED: _l("taken from the pool"),
    OwnerReason.ASSIGNED: _l("handed over"),
    OwnerReason.SHARED: _l("assigned with others"),
    OwnerReason.RETURNED: _l("given back"),
    OwnerReason.EXPIRED: _l("no contact for too long"),
    OwnerReason.UNDONE: _l("an assignment was taken back"),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """Days until the customer goes to the pool; or who had it before and until when."""

    days: int | None = None
    tone: str = ""
    before: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """How long the owner keeps the customer, whose it was, and whether the viewer may let go."""

    days: int | None
    is_warned: bool
    changes: Sequence[tuple[OwnerChange, str, str, str]]  # with the names: from, to, by
    reasons: Mapping[OwnerReason, object]
    may_release: bool


def chips(session: Session, ids: Sequence[int], viewer: User, now: datetime) -> Mapping[int, Chip]:
    """Only for whom something is to be said: the warned, and those in the pool."""
    del viewer
    found = {
        customer_id: Chip(before=name, at=change.at)
        for customer_id, (change, name) in queries.arrivals(session, ids).items()
    }
    terms, house = queries.terms(session), company(session)
    if terms.return_after_days is None:
        return found
    for one in queries.holdings(session, ids):
        left = rules.days_left(
            terms,
            contacted_at=one.last_contact_at,
            held_since=one.held_since,
            now=now,
            house=house,
        )
        if left is not None and left <= rules.WARNED_DAYS:
            tone = "red" if left <= rules.URGENT_DAYS else "amber"
            found[one.id] = Chip(days=max(left, 0), tone=tone)
    return found


def cards(session: Session, ids: Sequence[int], viewer: User, now: datetime) -> Mapping[int, Card]:
    terms, house = queries.terms(session), company(session)
    history = queries.history(session, ids)
    found: dict[int, Card] = {}
    for customer in queries.customers(session, ids):
        left = None
        if customer.owner_id is not None:
            left = rules.days_left(
                terms,
                contacted_at=customer.last_contact_at,
                held_since=customer.owner_since or customer.created_at,
                now=now,
                house=house,
            )
        found[customer.id] = Card(
            None if left is None else max(left, 0),
            left is not None and left <= rules.WARNED_DAYS,
            history.get(customer.id, ()),
            REASONS,
            customer.owner_id is not None and policies.may(viewer, "customers.release", customer),
        )
    return found


COLUMN = Panel("pool", _l("Pool"), "pool/_chip.html", chips)
CARD = Panel("ownership", _l("Owner"), "pool/_card.html", cards)
