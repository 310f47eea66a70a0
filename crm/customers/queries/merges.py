"""Merges as they are looked at: the two records side by side, and what can still be split."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from crm.core.errors import NotFound
from crm.customers.models import Customer, CustomerMerge, Order, TimelineEntry
from crm.customers.queries import custom_fields, records
from crm.customers.rules.merging import FACTS, Face
from crm.users.models import User

SPLIT_WITHIN = timedelta(days=30)


def get(session: Session, merge_id: int, *, visible_to: User) -> CustomerMerge:
    """The merge. Raises NotFound unless the record that survived it is in sight."""
    return _one(session, CustomerMerge.id == merge_id, visible_to)


def get_by_public_id(session: Session, public_id: str, *, visible_to: User) -> CustomerMerge:
    return _one(session, CustomerMerge.public_id == public_id, visible_to)


def face(session: Session, customer: Customer) -> Face:
    """A record as the choice of values sees it."""
    custom_fields.bring(session, [customer])
    return Face(
        {name: getattr(customer, name) for name in FACTS},
        customer.custom,
        customer.updated_at,
        customer.stage_since,
    )


def splittable(
    session: Session, customer_id: int, *, now: datetime
) -> Sequence[tuple[CustomerMerge, Customer]]:
    """Merges into this record that can still be split, the last first, with what was merged."""
    found = session.execute(
        select(CustomerMerge, Customer)
        .join(Customer, Customer.id == CustomerMerge.merged_id)
        .where(
            CustomerMerge.kept_id == customer_id,
            CustomerMerge.undone_at.is_(None),
            CustomerMerge.at >= now - SPLIT_WITHIN,
        )
        .order_by(CustomerMerge.id.desc())
    )
    return [(merge, customer) for merge, customer in found]


def later(item: CustomerMerge) -> Select[CustomerMerge]:
    """Merges that stand on this one: into either record since, or of the survivor."""
    return (
        select(CustomerMerge)
        .where(
            CustomerMerge.id > item.id,
            CustomerMerge.undone_at.is_(None),
            or_(
                CustomerMerge.kept_id.in_((item.kept_id, item.merged_id)),
                CustomerMerge.merged_id == item.kept_id,
            ),
        )
        .order_by(CustomerMerge.id.desc())
        .limit(1)
    )


def sides(session: Session, item: CustomerMerge) -> tuple[Customer, Customer]:
    """Both records of a merge, the surviving one first."""
    return session.get_one(Customer, item.kept_id), session.get_one(Customer, item.merged_id)


def belongings(session: Session, customer_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """How many orders and entries of the timeline each record has."""
    found = {}
    for customer_id in customer_ids:
        orders, entries = session.execute(
            select(
                select(func.count()).where(Order.customer_id == customer_id).scalar_subquery(),
                select(func.count())
                .where(TimelineEntry.customer_id == customer_id)
                .scalar_subquery(),
            )
        ).one()
        found[customer_id] = (orders, entries)
    return found


def _one(session: Session, which: ColumnElement[bool], user: User) -> CustomerMerge:
    found = session.scalar(select(CustomerMerge).where(which))
    if found is None:
        raise NotFound("core.not_found")
    records.get(session, found.kept_id, visible_to=user)
    return found
