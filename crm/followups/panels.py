"""Follow-ups on the customer's page: what is planned, and what took place in the timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.panels import Panel
from crm.customers.models import Customer
from crm.customers.services import customers as owning
from crm.followups import queries
from crm.followups.models import FollowUp
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Card:
    """The open contacts with this customer and what the viewer may do about them."""

    followups: Sequence[FollowUp]
    may_plan: bool
    colleagues: Sequence[User]  # to whom the viewer may hand a planned contact


def cards(session: Session, ids: Sequence[int], viewer: User, now: datetime) -> Mapping[int, Card]:
    del now
    open_ones = session.scalars(queries.open_of_customers(ids)).all()
    may_reassign = bool(open_ones) and policies.may(viewer, "followups.reassign")
    colleagues = owning.owners(session, viewer) if may_reassign else []
    customers = session.scalars(select(Customer).where(Customer.id.in_(ids)))
    return {
        customer.id: Card(
            [followup for followup in open_ones if followup.customer_id == customer.id],
            policies.may(viewer, "followups.plan", customer),
            colleagues,
        )
        for customer in customers
    }


def changing(
    session: Session, ids: Sequence[int], viewer: User, now: datetime
) -> Mapping[int, str]:
    """Where each customer's next contact is planned or moved; nothing for who plans none."""
    del session, now
    if policies.reach(viewer, "followups.plan") is policies.NONE:
        return {}
    return {one: url_for("followups.change_next", customer_id=one) for one in ids}


NEXT = Panel("next", _l("Next follow-up"), "", changing)
CARD = Panel("followups", _l("Follow-ups"), "followups/_card.html", cards)
TIMELINE = (
    Panel("followups.logged", _l("Follow-up"), "followups/_logged.html"),
    Panel("followups.cancelled", _l("Planned contact given up"), ""),
    Panel("followups.taken_back", _l("Follow-up taken back"), ""),
)
