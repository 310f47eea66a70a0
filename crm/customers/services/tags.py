"""Putting tags on customers and taking them off, one by one or many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.errors import Invalid, NotFound
from crm.customers.models import Customer, CustomerTag, Tag
from crm.customers.queries import visible_to
from crm.users import policies
from crm.users.models import User

MOST_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class PutTag:
    name: str


@dataclass(frozen=True, slots=True)
class TagMany:
    name: str
    customer_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Tagged:
    """The tag, and who has it only now: what an undo takes away again."""

    tag: Tag
    customer_ids: Sequence[int]


def put(session: Session, customer: Customer, wanted: PutTag, *, by: User, now: datetime) -> Tag:
    """Put a tag on one customer; a new name makes a new tag. Twice is once."""
    policies.require(by, "customers.tag", customer)
    tag = _named(session, wanted.name, now)
    _add(session, tag, [customer.id], now)
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


def put_many(session: Session, wanted: TagMany, *, by: User, now: datetime) -> Tagged:
    """Put one tag on many. Raises NotFound if one is out of sight, NotAllowed if one is not his."""
    for customer in _all_of(session, wanted.customer_ids, by):
        policies.require(by, "customers.tag", customer)
    tag = _named(session, wanted.name, now)
    return Tagged(tag, _add(session, tag, sorted(set(wanted.customer_ids)), now))


def take_many(session: Session, tag_id: int, customer_ids: Sequence[int], *, by: User) -> None:
    """Undo of `put_many`."""
    for customer in _all_of(session, customer_ids, by):
        policies.require(by, "customers.tag", customer)
    session.execute(
        delete(CustomerTag).where(
            CustomerTag.tag_id == tag_id, CustomerTag.customer_id.in_(customer_ids)
        )
    )


def _all_of(session: Session, customer_ids: Sequence[int], by: User) -> Sequence[Customer]:
    wanted = set(customer_ids)
    if not wanted or len(wanted) > MOST_AT_ONCE:
        raise Invalid("customers.too_many_at_once", limit=MOST_AT_ONCE)
    found = session.scalars(select(Customer).where(Customer.id.in_(wanted), visible_to(by))).all()
    if len(found) != len(wanted):
        raise NotFound("core.not_found")
    return found


def _named(session: Session, name: str, now: datetime) -> Tag:
    clean = " ".join(name.split())
    session.execute(
        bulk.insert(session, Tag)
        .values(name=clean, created_at=now)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    return session.scalars(select(Tag).where(Tag.name == clean)).one()


def _add(session: Session, tag: Tag, customer_ids: Sequence[int], now: datetime) -> Sequence[int]:
    rows = [{"customer_id": one, "tag_id": tag.id, "created_at": now} for one in customer_ids]
    return session.scalars(
        bulk.insert(session, CustomerTag)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["customer_id", "tag_id"])
        .returning(bulk.table(CustomerTag).c.customer_id)
    ).all()
