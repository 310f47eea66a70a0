"""Putting tags on a customer and taking them off."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.errors import NotFound
from crm.customers.models import Customer, CustomerTag, Tag
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class PutTag:
    name: str


def put(session: Session, customer: Customer, wanted: PutTag, *, by: User, now: datetime) -> Tag:
    """Put a tag on one customer; a new name makes a new tag. Twice is once."""
    policies.require(by, "customers.tag", customer)
    tag = named(session, wanted.name, now)
    _add(session, tag, customer.id, now)
    session.expire(customer, ["tags"])
    return tag


def take(session: Session, customer: Customer, tag_id: int, *, by: User) -> None:
    """Take a tag off. Raises NotFound for a tag that does not exist."""
    policies.require(by, "customers.tag", customer)
    if session.get(Tag, tag_id) is None:
        raise NotFound("core.not_found")
    session.execute(
        delete(CustomerTag).where(
            CustomerTag.customer_id == customer.id, CustomerTag.tag_id == tag_id
        )
    )
    session.expire(customer, ["tags"])


def named(session: Session, name: str, now: datetime) -> Tag:
    """The tag of that name, made when there is none."""
    clean = " ".join(name.split())
    session.execute(
        bulk.insert(session, Tag)
        .values(name=clean, created_at=now)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    return session.scalars(select(Tag).where(Tag.name == clean)).one()


def _add(session: Session, tag: Tag, customer_id: int, now: datetime) -> None:
    session.execute(
        bulk.insert(session, CustomerTag)
        .values(customer_id=customer_id, tag_id=tag.id, created_at=now)
        .on_conflict_do_nothing(index_elements=["customer_id", "tag_id"])
    )
