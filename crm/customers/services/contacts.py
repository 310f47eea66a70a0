"""Who is contacted, really: records that share an address share one contact subject.

An address once known keeps leading to its subject, even when a record drops it: to hold back one
contact too many is better than to disturb somebody twice.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from crm.core.events import publish
from crm.customers.events import SubjectsJoined
from crm.customers.models import ContactPoint, ContactSubject, Customer, PointKind
from crm.customers.rules import normalise


def assign_subject(session: Session, customer: Customer, *, now: datetime) -> None:
    """Give the customer the subject its addresses lead to; make what is missing.

    Where they lead to several, these are one person: the oldest subject is kept.
    """
    _lead_to(session, customer, _addresses(customer.phone, customer.email), now)


def add_addresses(
    session: Session, customer: Customer, *, phone: str | None, email: str | None, now: datetime
) -> None:
    """Somebody else's addresses through which this customer is reached, too."""
    _lead_to(session, customer, _addresses(phone, email), now)


def _lead_to(
    session: Session, customer: Customer, wanted: list[tuple[PointKind, str]], now: datetime
) -> None:
    known = _points(session, wanted)
    found = {point.subject_id for point in known}
    if customer.subject_id is not None:
        found.add(customer.subject_id)
    if not found:
        found.add(_new_subject(session, now))
    kept = customer.subject_id = join(session, found, now=now)
    there = {(point.kind, point.address) for point in known}
    session.add_all(
        ContactPoint(subject_id=kept, kind=kind, address=address)
        for kind, address in wanted
        if (kind, address) not in there
    )


def join(session: Session, subject_ids: Collection[int], *, now: datetime) -> int:
    """Several subjects turn out to be one person: the oldest is kept, and its id given back."""
    # In the order of their ids, so that two who join at once cannot wait for each other.
    locked = select(ContactSubject.id).where(ContactSubject.id.in_(subject_ids))
    session.execute(locked.order_by(ContactSubject.id).with_for_update()).all()
    kept, *joined = sorted(subject_ids)
    for subject_id in joined:
        _join(session, kept, subject_id, now)
    return kept


def _addresses(phone: str | None, email: str | None) -> list[tuple[PointKind, str]]:
    found = []
    if phone:
        found.append((PointKind.PHONE, phone))
    if email:
        found.append((PointKind.EMAIL, normalise.email_key(email)))
    return found


def _points(session: Session, addresses: list[tuple[PointKind, str]]) -> list[ContactPoint]:
    if not addresses:
        return []
    same = (
        and_(ContactPoint.kind == kind, ContactPoint.address == address)
        for kind, address in addresses
    )
    return list(session.scalars(select(ContactPoint).where(or_(*same))))


def _new_subject(session: Session, now: datetime) -> int:
    subject = ContactSubject(created_at=now)
    session.add(subject)
    session.flush()
    return subject.id


def _join(session: Session, kept: int, joined: int, now: datetime) -> None:
    """Two subjects become one; the empty one stays, because the ledger never forgets."""
    session.flush()
    session.execute(update(Customer).where(Customer.subject_id == joined).values(subject_id=kept))
    session.execute(
        update(ContactPoint).where(ContactPoint.subject_id == joined).values(subject_id=kept)
    )
    publish(session, SubjectsJoined(kept_id=kept, joined_id=joined, at=now))
