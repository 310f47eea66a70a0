"""Contact persons of a company: one company's, one by its id, and those whom a search means."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from crm.core.errors import NotFound
from crm.customers.models import ContactPerson, Customer


def of_customer(session: Session, customer_id: int) -> Sequence[ContactPerson]:
    """The main one first, the others as they came."""
    found = select(ContactPerson).where(ContactPerson.customer_id == customer_id)
    return session.scalars(found.order_by(ContactPerson.is_main.desc(), ContactPerson.id)).all()


def get(session: Session, customer: Customer, person_id: int) -> ContactPerson:
    """One of this customer's. Raises NotFound."""
    return _one(session, customer, ContactPerson.id == person_id)


def get_by_public_id(session: Session, customer: Customer, public_id: str) -> ContactPerson:
    """The same for programs."""
    return _one(session, customer, ContactPerson.public_id == public_id)


def matching(text: str, *, spelling: str, digits: str) -> Select[int]:
    """Ids of customers one of whose persons the search means.

    `spelling` is empty unless pinyin was typed, `digits` unless the end of a number was.
    """
    ways: list[ColumnElement[bool]] = [ContactPerson.name.icontains(text, autoescape=True)]
    if spelling:
        ways.append(ContactPerson.name_pinyin.contains(spelling))
        ways.append(ContactPerson.name_initials.contains(spelling))
    if digits:
        ways.append(ContactPerson.phone.endswith(digits))
    if "@" in text:
        ways.append(ContactPerson.email == text)
    return select(ContactPerson.customer_id).where(or_(*ways))


def _one(session: Session, customer: Customer, which: ColumnElement[bool]) -> ContactPerson:
    found = session.scalar(
        select(ContactPerson).where(ContactPerson.customer_id == customer.id, which)
    )
    if found is None:
        raise NotFound("core.not_found")
    return found
