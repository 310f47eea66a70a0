"""The guard on the customers' pages: a chip in lists, a card on the record, timeline entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from crm.core.panels import Panel
from crm.customers.models import Customer
from crm.outreach import forms, queries, services
from crm.outreach.forms import Chip
from crm.outreach.models import Suppression
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Card:
    """The answer now, the marks in force, and what this viewer may do about them."""

    chip: Chip
    marks: Sequence[Suppression]
    choices: Sequence[tuple[str, Any]]
    may_suppress: bool
    may_clear: bool


def chips(session: Session, ids: Sequence[int], viewer: User, now: datetime) -> Mapping[int, Chip]:
    """One answer per customer of a list; the records are in the session already or come at once."""
    customers = _customers(session, ids)
    answers = services.ask_many(session, customers, at=now, by=viewer, now=now)
    return {customer_id: forms.chip(answer) for customer_id, answer in answers.items()}


def cards(session: Session, ids: Sequence[int], viewer: User, now: datetime) -> Mapping[int, Card]:
    customers = _customers(session, ids)
    answers = services.ask_many(session, customers, at=now, by=viewer, now=now)
    subjects = [customer.subject_id for customer in customers]
    marks = session.scalars(queries.suppressions_of(subjects)).all()
    return {
        customer.id: Card(
            chip=forms.chip(answers[customer.id]),
            marks=[mark for mark in marks if mark.subject_id == customer.subject_id],
            choices=forms.channel_choices(),
            may_suppress=policies.may(viewer, "outreach.suppress", customer),
            may_clear=policies.may(viewer, "outreach.clear", customer),
        )
        for customer in customers
    }


def _customers(session: Session, ids: Sequence[int]) -> Sequence[Customer]:
    """A page that lists customers has just loaded them: those are not asked for again."""
    known = (session.identity_map.get(identity_key(Customer, one)) for one in ids)
    found = [customer for customer in known if customer is not None]
    missing = set(ids).difference(customer.id for customer in found)
    if missing:
        found += session.scalars(select(Customer).where(Customer.id.in_(missing)))
    return found


COLUMN = Panel("guard", _l("Contact"), "outreach/_chip.html", chips)
CARD = Panel("guard", _l("Contact guard"), "outreach/_card.html", cards)
TIMELINE = (
    Panel("outreach.suppressed", _l("Do not contact: set"), "outreach/_marked.html"),
    Panel("outreach.contacted", _l("Contact with this person"), "outreach/_marked.html"),
    Panel("outreach.cleared", _l("Do not contact: cleared"), "outreach/_marked.html"),
)
