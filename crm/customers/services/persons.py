"""The people through whom a company is reached: added, changed, let go."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.core import audit
from crm.core.errors import Conflict, Invalid
from crm.customers import queries
from crm.customers.models import ContactPerson, Customer
from crm.customers.queries import persons
from crm.customers.rules import normalise
from crm.customers.services import contacts, duplicates
from crm.users import policies
from crm.users.models import User

MOST = 100
ONE_LINE = ("name", "role")


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribePerson:
    """Addresses as they were typed."""

    name: str = ""
    role: str = ""
    phone: str | None = None
    email: str | None = None
    is_main: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisePerson(DescribePerson):
    """`version` is the one that the editor saw."""

    version: int


def add(
    session: Session, customer: Customer, wanted: DescribePerson, *, by: User, now: datetime
) -> ContactPerson:
    """A new person; the first one is the main one. His addresses share the company's caps."""
    policies.require(by, "customers.edit", customer)
    # Two who add at once take turns, so that there is one main person.
    customer = queries.get_locked(session, customer.id, visible_to=by)
    known = persons.of_customer(session, customer.id)
    if len(known) >= MOST:
        raise Conflict("customers.too_many_persons", limit=MOST)
    person = ContactPerson(customer_id=customer.id, created_at=now)
    _write(session, customer, person, wanted, now=now)
    person.is_main = wanted.is_main or not known
    session.add(person)
    session.flush()
    _keep_one_main(session, person)
    duplicates.look(session, [customer.id], now=now)
    return person


def revise(
    session: Session,
    customer: Customer,
    person: ContactPerson,
    wanted: RevisePerson,
    *,
    by: User,
    now: datetime,
) -> None:
    """Raises Conflict "core.stale" when somebody changed the person meanwhile."""
    policies.require(by, "customers.edit", customer)
    customer = queries.get_locked(session, customer.id, visible_to=by)
    if wanted.version != person.version:
        raise Conflict("core.stale")
    with session.no_autoflush:
        _write(session, customer, person, wanted, now=now)
    person.is_main = wanted.is_main
    session.flush()
    _keep_one_main(session, person)
    duplicates.look(session, [customer.id], now=now)


def remove(
    session: Session, customer: Customer, person: ContactPerson, *, by: User, now: datetime
) -> None:
    """Let the person go. The addresses keep leading to the company's subject."""
    policies.require(by, "customers.edit", customer)
    session.delete(person)
    session.flush()
    audit.record(session, "persons.removed", by_id=by.id, thing=f"customer:{customer.id}", now=now)


def _write(
    session: Session,
    customer: Customer,
    person: ContactPerson,
    wanted: DescribePerson,
    *,
    now: datetime,
) -> None:
    for name in ONE_LINE:
        setattr(person, name, " ".join(getattr(wanted, name).split()))
    person.note = wanted.note.strip()
    person.phone = normalise.phone(wanted.phone) if wanted.phone else None
    person.email = normalise.email(wanted.email) if wanted.email else None
    if not person.title:
        raise Invalid("customers.person_nobody")
    spelling = normalise.pinyin(person.name)
    person.name_pinyin, person.name_initials = spelling.full[:200], spelling.initials[:40]
    person.updated_at = now
    contacts.add_addresses(session, customer, phone=person.phone, email=person.email, now=now)


def _keep_one_main(session: Session, person: ContactPerson) -> None:
    if person.is_main:
        others = update(ContactPerson).where(
            ContactPerson.customer_id == person.customer_id,
            ContactPerson.id != person.id,
            ContactPerson.is_main,
        )
        session.execute(others.values(is_main=False, version=ContactPerson.version + 1))
