"""Deals under way: by hand on the record, and taken in from other systems by source and number."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.company import company
from crm.core.errors import Conflict, Invalid
from crm.customers import queries
from crm.customers.models import Customer, Opportunity, OpportunityStage
from crm.customers.services import timeline
from crm.customers.services.customers import SELLERS
from crm.users import policies
from crm.users.models import User

EDIT = "opportunities.edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """What is written about a deal; a closed one without a day was closed today."""

    title: str
    stage: OpportunityStage = OpportunityStage.CONTACT
    amount_fen: int = 0
    product: str = ""
    entered_on: date | None = None
    expected_on: date | None = None
    closed_on: date | None = None
    lost_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditDeal(Deal):
    """`version` is the one that the editor saw."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutDeal(Deal):
    """A deal as its source knows it; `customer` is a public id."""

    source: str
    number: str
    customer: str


@dataclass(frozen=True, slots=True)
class Close:
    """Won, or lost for a reason."""

    is_won: bool
    lost_reason: str = ""


def create(
    session: Session, customer: Customer, wanted: Deal, *, by: User, now: datetime
) -> Opportunity:
    """A new deal; it belongs to the customer's owner, in the pool to whoever writes it down."""
    policies.require(by, EDIT, customer)
    owner_id = customer.owner_id or (by.id if by.role in SELLERS else None)
    deal = Opportunity(customer_id=customer.id, owner_id=owner_id, created_at=now, updated_at=now)
    _write(session, deal, wanted, now)
    if deal.entered_on is None:
        deal.entered_on = company(session).day_of(now)
    session.add(deal)
    session.flush()
    _tell(session, deal, None, by=by, now=now)
    return deal


def edit(session: Session, deal: Opportunity, wanted: EditDeal, *, by: User, now: datetime) -> None:
    """Change it. Raises Conflict "core.stale" when somebody changed it meanwhile."""
    policies.require(by, EDIT, deal.customer)
    if wanted.version != deal.version:
        raise Conflict("core.stale")
    before = deal.stage
    _write(session, deal, wanted, now)
    session.flush()
    _tell(session, deal, before, by=by, now=now)


def close(session: Session, deal: Opportunity, wanted: Close, *, by: User, now: datetime) -> None:
    """The end, today. Raises Conflict when it is closed already."""
    policies.require(by, EDIT, deal.customer)
    if not deal.stage.is_open:
        raise Conflict("opportunities.closed_already")
    before = deal.stage
    stage = OpportunityStage.WON if wanted.is_won else OpportunityStage.LOST
    _write(session, deal, _deal(deal, stage, wanted.lost_reason), now)
    session.flush()
    _tell(session, deal, before, by=by, now=now)


def put(session: Session, wanted: PutDeal, *, by: User, now: datetime) -> tuple[Opportunity, bool]:
    """The deal, and whether it is new. Sent again it is brought up to date, never doubled."""
    customer = queries.get_by_public_id(session, wanted.customer, visible_to=by)
    policies.require(by, EDIT, customer)
    known = select(Opportunity).where(
        Opportunity.source == wanted.source, Opportunity.number == wanted.number
    )
    deal = session.scalar(known.with_for_update())
    if deal is not None and deal.customer_id != customer.id:
        queries.get(session, deal.customer_id, visible_to=by)
        raise Conflict("opportunities.of_another")
    is_new = deal is None
    before = deal.stage if deal else None
    if deal is None:
        deal = Opportunity(
            customer_id=customer.id,
            owner_id=customer.owner_id,
            source=wanted.source,
            number=wanted.number,
            created_at=now,
            updated_at=now,
        )
    _write(session, deal, wanted, now)
    session.add(deal)
    session.flush()
    if before is not deal.stage:
        _tell(session, deal, before, by=by, now=now)
    return deal, is_new


def _deal(deal: Opportunity, stage: OpportunityStage, lost_reason: str) -> Deal:
    kept: dict[str, Any] = {
        name: getattr(deal, name)
        for name in ("title", "amount_fen", "product", "entered_on", "expected_on")
    }
    return Deal(**kept, stage=stage, lost_reason=lost_reason)


def _write(session: Session, deal: Opportunity, wanted: Deal, now: datetime) -> None:
    values = _values(session, wanted, now)
    changed = {name: value for name, value in values.items() if getattr(deal, name) != value}
    for name, value in changed.items():
        setattr(deal, name, value)
    if changed:
        deal.updated_at = now


def _values(session: Session, wanted: Deal, now: datetime) -> Mapping[str, Any]:
    today = company(session).day_of(now)
    stage, closed_on, lost_reason = wanted.stage, wanted.closed_on, wanted.lost_reason.strip()
    if stage.is_open:
        closed_on, lost_reason = None, ""
    else:
        closed_on = closed_on or today
    if closed_on is not None and closed_on > today:
        raise Invalid("opportunities.closed_in_future", field="closed_on")
    if closed_on is not None and wanted.entered_on is not None and closed_on < wanted.entered_on:
        raise Invalid("opportunities.dates_reversed", field="closed_on")
    if stage is OpportunityStage.LOST and not lost_reason:
        raise Invalid("opportunities.reason_missing", field="lost_reason")
    return {
        "title": " ".join(wanted.title.split()),
        "stage": stage,
        "amount_fen": wanted.amount_fen,
        "product": wanted.product.strip(),
        "entered_on": wanted.entered_on,
        "expected_on": wanted.expected_on,
        "closed_on": closed_on,
        "lost_reason": lost_reason if stage is OpportunityStage.LOST else "",
    }


def _tell(
    session: Session,
    deal: Opportunity,
    before: OpportunityStage | None,
    *,
    by: User,
    now: datetime,
) -> None:
    """The customer's timeline: a deal begins, moves on, is won or lost."""
    if before is deal.stage:
        return
    timeline.note(
        session,
        deal.customer_id,
        "customers.opportunity",
        at=now,
        by=by,
        title=deal.title,
        stage=deal.stage.value,
        is_new=before is None,
        reason=deal.lost_reason,
    )
