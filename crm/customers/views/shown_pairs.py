"""What the pages of duplicates and merges show, made ready here: templates decide nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext
from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.customers.forms.duplicates import CONFIDENCES, CROWDS, REASONS
from crm.customers.models import Customer, CustomerStats, KeyKind, names
from crm.customers.queries import duplicates as queries
from crm.customers.queries import listing
from crm.customers.queries.duplicates import Crowd, Suggestion
from crm.customers.rules import duplicates as rules
from crm.customers.rules import normalise
from crm.customers.rules.duplicates import Confidence, Known, Reason
from crm.customers.schemas import answers
from crm.customers.services import duplicates
from crm.customers.services.customers import CustomerFacts
from crm.users import policies
from crm.users.models import User
from crm.web import context, filters


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two records."""

    customer: Customer
    stage: str
    phone: str
    email: str
    totals: CustomerStats | None


@dataclass(frozen=True, slots=True)
class Row:
    """A suggested pair in words."""

    pair_id: int
    a: Side
    b: Side
    reasons: Sequence[Any]
    confidence: Any
    tone: str
    is_certain: bool
    may_merge: bool
    merge_url: str


def rows(session: Session, found: Sequence[Suggestion], viewer: User) -> list[Row]:
    """The pairs of one page; one query for the totals, whatever their number."""
    totals = listing.totals(session, [side.id for one in found for side in (one.a, one.b)])
    return [_row(one, totals, viewer) for one in found]


def of_customer(session: Session, customer: Customer, viewer: User) -> list[Row]:
    """The open suggestions about one customer, the surest first."""
    return rows(session, queries.of_customer(session, customer.id, viewer=viewer), viewer)


def unseen(
    wanted: CustomerFacts, despite: str, viewer: User
) -> list[tuple[Customer, Sequence[Any]]]:
    """Who may be the customer about to be made, unless all of them were shown and passed over."""
    try:
        found = duplicates.likely(context.session(), *known_of(wanted), viewer=viewer)
    except Invalid:
        return []  # an address that is none; making the record says so
    if {str(one.customer.id) for one in found} <= set(despite.split(",")):
        return []
    return [(one.customer, [REASONS[reason] for reason in one.reasons]) for one in found]


def known_of(wanted: CustomerFacts) -> tuple[Known, rules.Side]:
    """What a typed form says, as the records say it."""
    phones = (normalise.phone(wanted.phone),) if wanted.phone else ()
    emails = (normalise.email(wanted.email),) if wanted.email else ()
    known = Known(wanted.name, wanted.company, wanted.region, phones, emails)
    return known, rules.Side(wanted.kind, wanted.source, wanted.external_id)


def crowds(found: Sequence[Crowd]) -> list[tuple[Any, str, str, str]]:
    """What a crowd shares: its kind, the value, how many, and where to see them."""
    return [
        (
            CROWDS[one.crowd.kind],
            _crowd_value(one),
            filters.number(one.count),
            url_for("customers.index", q=one.crowd.value.split("|")[0]),
        )
        for one in found
    ]


def _row(one: Suggestion, totals: dict[int, CustomerStats], viewer: User) -> Row:
    confidence = Confidence(one.pair.strength)
    label, tone = CONFIDENCES[confidence]
    return Row(
        one.pair.id,
        _side(one.a, totals, viewer),
        _side(one.b, totals, viewer),
        [REASONS[Reason(value)] for value in one.pair.reasons],
        label,
        tone,
        confidence is Confidence.CERTAIN,
        all(policies.may(viewer, "customers.merge", side) for side in (one.a, one.b)),
        url_for("merges.new", customer_id=one.a.id, public_id=one.b.public_id),
    )


def _side(customer: Customer, totals: dict[int, CustomerStats], viewer: User) -> Side:
    reached = answers.reached(customer, viewer)
    stage = gettext(names.STAGES[customer.stage])
    return Side(customer, stage, reached.phone, reached.email, totals.get(customer.id))


def _crowd_value(one: Crowd) -> str:
    """Names as they are, addresses so that nobody reads another team's."""
    value = one.crowd.value
    if one.crowd.kind is KeyKind.PHONE:
        return filters.mask_phone(value)
    return value.replace("|", " · ")
