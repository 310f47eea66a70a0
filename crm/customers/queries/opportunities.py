"""Reads of deals; who sees a customer sees the deals with it."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload

from crm.core import paging
from crm.core.errors import Invalid, NotFound
from crm.customers.models import Customer, Opportunity, OpportunityStage
from crm.customers.queries.records import visible_to
from crm.users.models import User

PAGE = 25
SHOWN = 8  # on a customer's record
CLOSED = (OpportunityStage.WON, OpportunityStage.LOST)


class Which(enum.Enum):
    """The tabs of the list."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a viewer asked the list for; empty means no limit."""

    which: Which = Which.OPEN
    stage: OpportunityStage | None = None
    owner: int | None = None
    q: str = ""
    sort: str = "expected"
    down: bool = False


_SORTS: Mapping[str, tuple[Any, bool]] = {
    "expected": (Opportunity.expected_on, True),
    "entered": (Opportunity.entered_on, True),
    "amount": (Opportunity.amount_fen, False),
    "created": (Opportunity.created_at, False),
}
SORTS = tuple(_SORTS)


def page(
    session: Session, wanted: Wanted, *, viewer: User, cursor: str | None
) -> paging.Page[Opportunity]:
    """One page with customers and owners. Raises Invalid for a sort that is not known."""
    if wanted.sort not in _SORTS:
        raise Invalid("core.sort_unknown", field=wanted.sort)
    column, nullable = _SORTS[wanted.sort]
    name = f"{wanted.sort}-{'down' if wanted.down else 'up'}"
    order = paging.Order(name, column, Opportunity.id, descending=wanted.down, nullable=nullable)
    statement = (
        select(Opportunity)
        .join(Customer, Customer.id == Opportunity.customer_id)
        .where(*_asked(wanted, viewer))
        .options(joinedload(Opportunity.customer), joinedload(Opportunity.owner))
    )
    return paging.page(session, statement, order=order, cursor=cursor, size=PAGE)


def total(session: Session, wanted: Wanted, *, viewer: User) -> tuple[int, int]:
    """How many there are in all, and their amount."""
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(Opportunity.amount_fen), 0))
        .join(Customer, Customer.id == Opportunity.customer_id)
        .where(*_asked(wanted, viewer))
    ).one()
    return int(row[0]), int(row[1])


def get(session: Session, which: ColumnElement[bool], *, viewer: User) -> Opportunity:
    """The deal with its customer. Raises NotFound outside the viewer's scope."""
    found = session.scalar(
        select(Opportunity)
        .join(Customer, Customer.id == Opportunity.customer_id)
        .where(which, visible_to(viewer))
        .options(
            joinedload(Opportunity.customer).joinedload(Customer.owner),
            joinedload(Opportunity.owner),
        )
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("core.not_found")
    return found


def of_customers(session: Session, customer_ids: Sequence[int]) -> Sequence[Opportunity]:
    """Open ones first, then the latest closed."""
    statement = (
        select(Opportunity)
        .where(Opportunity.customer_id.in_(customer_ids))
        .options(joinedload(Opportunity.owner))
        .order_by(
            Opportunity.closed_on.is_not(None), Opportunity.closed_on.desc(), Opportunity.id.desc()
        )
        .limit(SHOWN * max(len(customer_ids), 1))
    )
    return session.scalars(statement).all()


def _asked(wanted: Wanted, viewer: User) -> list[ColumnElement[bool]]:
    given: list[ColumnElement[bool]] = [visible_to(viewer)]
    if wanted.which is Which.OPEN:
        given.append(Opportunity.stage.not_in(CLOSED))
    elif wanted.which is not Which.ALL:
        given.append(Opportunity.stage == OpportunityStage(wanted.which.value))
    if wanted.stage is not None:
        given.append(Opportunity.stage == wanted.stage)
    if wanted.owner is not None:
        given.append(Opportunity.owner_id == wanted.owner)
    if wanted.q.strip():
        text = " ".join(wanted.q.split())
        columns = (Opportunity.title, Customer.name, Customer.company)
        given.append(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    return given
