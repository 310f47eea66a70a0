"""Builders of customers, orders and tags."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from crm.customers.models import (
    Assignment,
    ContactPerson,
    ContactPoint,
    ContactSubject,
    Customer,
    CustomerStats,
    CustomerTag,
    Opportunity,
    OpportunityStage,
    Order,
    OrderStatus,
    PointKind,
    Stage,
    Tag,
    TagColour,
    TagGroup,
    TagPlace,
    Way,
)
from crm.customers.rules import normalise
from crm.users.models import User
from tests.conftest import NOW

_numbers = count(1)


def make_customer(
    session: Session,
    *,
    name: str = "李明",
    owner: User | None = None,
    tags: Sequence[str] = (),
    **values: Any,
) -> Customer:
    """A customer with its subject and contact points; an address that is known shares its subject.

    `values` are columns of `Customer`: phone="13800138000", email=…, stage=…, created_at=….
    """
    if values.get("phone"):
        values["phone"] = normalise.phone(values["phone"])
    spelling = normalise.pinyin(name or values.get("company", ""))
    at = values.setdefault("created_at", NOW)
    customer = Customer(
        **{
            "name": name,
            "name_pinyin": spelling.full,
            "name_initials": spelling.initials,
            "stage": Stage.PROSPECT,
            "stage_since": at,
            "updated_at": at,
            "owner_id": owner.id if owner else None,
            "subject_id": _subject_id(session, values, at),
            **values,
        }
    )
    session.add(customer)
    session.flush()
    for tag in tags:
        make_tag(session, tag, customer=customer)
    return customer


def make_tag(session: Session, name: str = "老客", *, customer: Customer | None = None) -> Tag:
    """The tag of that name, put on the customer when one is given."""
    tag = session.scalar(select(Tag).where(Tag.name == name))
    if tag is None:
        tag = Tag(name=name, created_at=NOW)
        session.add(tag)
        session.flush()
    if customer is not None:
        session.add(CustomerTag(customer_id=customer.id, tag_id=tag.id, created_at=NOW))
        session.flush()
    return tag


def make_tag_group(
    session: Session, name: str = "价值", *tags: Tag, colour: TagColour = TagColour.PINE
) -> TagGroup:
    """A group with these tags in it."""
    group = TagGroup(name=name, colour=colour, created_at=NOW)
    session.add(group)
    session.flush()
    for tag in tags:
        session.add(TagPlace(tag_id=tag.id, group_id=group.id))
        session.flush()
        set_committed_value(tag, "group", group)
    return group


def make_order(session: Session, customer: Customer | None = None, **values: Any) -> Order:
    """A paid order; the totals beside the customer are kept in step.

    `values` are columns of `Order`: amount_fen=12_345, ordered_at=…, status=….
    """
    at = values.setdefault("ordered_at", NOW)
    values.setdefault("paid_at", at)
    order = Order(
        **{
            "customer_id": customer.id if customer else None,
            "source": "test",
            "number": f"N{next(_numbers)}",
            "status": OrderStatus.PAID,
            "currency": "CNY",
            "amount_fen": 10_000,
            "created_at": at,
            "updated_at": at,
            **values,
        }
    )
    session.add(order)
    session.flush()
    if customer is not None and order.status in {OrderStatus.PAID, OrderStatus.COMPLETED}:
        _count(session, order)
    return order


def make_assignment(session: Session, *, by: User) -> Assignment:
    """An assignment made just now that gave nobody to anybody."""
    made = Assignment(
        public_id=uuid.uuid4().hex,
        way=Way.EVEN,
        customer_count=0,
        moved_count=0,
        kept_count=0,
        left_count=0,
        shares=[],
        by_id=by.id,
        created_at=datetime.now(UTC),
    )
    session.add(made)
    session.flush()
    return made


def make_opportunity(session: Session, customer: Customer, **values: Any) -> Opportunity:
    """An open deal of the customer's owner. `values` are columns of `Opportunity`."""
    at = values.setdefault("created_at", NOW)
    deal = Opportunity(
        **{
            "customer": customer,
            "owner_id": customer.owner_id,
            "title": "年度框架",
            "stage": OpportunityStage.CONTACT,
            "amount_fen": 100_000,
            "updated_at": at,
            **values,
        }
    )
    session.add(deal)
    session.flush()
    return deal


def _subject_id(session: Session, values: dict[str, Any], at: datetime) -> int:
    if "subject_id" in values:
        return int(values["subject_id"])
    addresses = []
    if values.get("phone"):
        addresses.append((PointKind.PHONE, values["phone"]))
    if values.get("email"):
        addresses.append((PointKind.EMAIL, normalise.email_key(values["email"])))
    known = [
        session.scalar(select(ContactPoint).filter_by(kind=kind, address=address))
        for kind, address in addresses
    ]
    subject_id = next((point.subject_id for point in known if point), None)
    if subject_id is None:
        subject = ContactSubject(created_at=at)
        session.add(subject)
        session.flush()
        subject_id = subject.id
    for (kind, address), point in zip(addresses, known, strict=True):
        if point is None:
            session.add(ContactPoint(subject_id=subject_id, kind=kind, address=address))
    return subject_id


def _count(session: Session, order: Order) -> None:
    stats = session.get(CustomerStats, order.customer_id)
    if stats is None:
        stats = CustomerStats(customer_id=order.customer_id, order_count=0, amount_fen=0)
        session.add(stats)
    stats.order_count += 1
    stats.amount_fen += order.amount_fen - (order.refunded_fen or 0)
    stats.first_order_at = min(stats.first_order_at or order.ordered_at, order.ordered_at)
    stats.last_order_at = max(stats.last_order_at or order.ordered_at, order.ordered_at)
    session.flush()


def make_person(
    session: Session, customer: Customer, name: str = "张会计", **values: Any
) -> ContactPerson:
    """A contact person of the customer; `values` are columns."""
    spelling = normalise.pinyin(name)
    person = ContactPerson(
        customer_id=customer.id,
        name=name,
        name_pinyin=spelling.full,
        name_initials=spelling.initials,
        created_at=NOW,
        updated_at=NOW,
        **values,
    )
    session.add(person)
    session.flush()
    return person
