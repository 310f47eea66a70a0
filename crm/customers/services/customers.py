"""Making a customer's record, changing it, and saying whose it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core import audit
from crm.core.company import company
from crm.core.errors import Conflict, Invalid, NotAllowed, NotFound
from crm.core.events import publish
from crm.customers import queries
from crm.customers.events import CustomerAssigned
from crm.customers.models import (
    Customer,
    CustomerKind,
    OwnerReason,
    PurchasingPower,
    Sex,
    Stage,
    StageReason,
)
from crm.customers.rules import normalise
from crm.customers.services import contacts, custom_fields, duplicates, pool, stages, timeline
from crm.customers.services.owners import Cause, write_down
from crm.users import policies
from crm.users.models import Role, User


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFacts:
    """What a person may write about a customer; addresses as they were typed.

    `custom` holds values of custom fields by key; a key that is left out keeps its value.
    """

    name: str = ""
    kind: CustomerKind = CustomerKind.PERSON
    company: str = ""
    phone: str | None = None
    email: str | None = None
    region: str = ""
    source: str = ""
    external_id: str | None = None
    note: str = ""
    is_internal: bool = False
    birth_on: date | None = None
    sex: Sex | None = None
    channel: str = ""
    interests: str = ""
    purchasing_power: PurchasingPower | None = None
    member_level: str = ""
    points: int | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditCustomer(CustomerFacts):
    """`version` is the one that the editor saw."""

    version: int


@dataclass(frozen=True, slots=True)
class AssignCustomer:
    """`owner_id` None gives the customer back to the pool; `note` says why."""

    owner_id: int | None
    note: str = ""


SELLERS = (Role.REP, Role.LEAD)
ONE_LINE = ("name", "company", "region", "source", "channel", "interests", "member_level")
#: The built-in facts, each a column of the same name.
FACTS = tuple(name for name in CustomerFacts.__dataclass_fields__ if name != "custom")


def create(session: Session, wanted: CustomerFacts, *, by: User, now: datetime) -> Customer:
    """A new customer, owned by its maker; an administrator's goes to the pool."""
    policies.require(by, "customers.create")
    customer = Customer(stage=Stage.PROSPECT, stage_since=now, created_at=now, updated_at=now)
    customer.owner_id = by.id if by.role in SELLERS else None
    _write(session, customer, wanted, now)
    custom_fields.write(session, customer, wanted.custom, is_new=True)
    session.add(customer)
    session.flush()
    stages.begin(session, customer, by=by, reason=StageReason.BY_HAND)
    timeline.note(session, customer.id, "customers.created", at=now, by=by)
    duplicates.look(session, [customer.id], now=now)
    return customer


def edit(
    session: Session, customer: Customer, wanted: EditCustomer, *, by: User, now: datetime
) -> Customer:
    """Change the facts. Raises Conflict "core.stale" when somebody changed them meanwhile."""
    policies.require(by, "customers.edit", customer)
    if wanted.version != customer.version:
        raise Conflict("core.stale")
    with session.no_autoflush:
        _write(session, customer, wanted, now)
        custom_fields.write(session, customer, wanted.custom)
    session.flush()  # the version check speaks here, not at the edge
    duplicates.look(session, [customer.id], now=now)
    return customer


def claim(session: Session, customer: Customer, *, by: User, now: datetime) -> None:
    """Take a customer out of the pool, as far as its rules let. Conflict: somebody was first."""
    policies.require(by, "customers.claim", customer)
    if by.role is Role.MANAGER:
        raise NotAllowed("core.not_allowed")
    if customer.owner_id is not None:
        raise Conflict("customers.already_owned")
    pool.require_room(session, customer, by=by, now=now)
    _hand_over(session, customer, by, Cause("", OwnerReason.CLAIMED, by, now))
    timeline.note(session, customer.id, "customers.claimed", at=now, by=by)


def release(session: Session, customer: Customer, *, note: str, by: User, now: datetime) -> None:
    """Give a customer back to the pool; an owner may do that with his own."""
    policies.require(by, "customers.release", customer)
    if customer.owner_id is None:
        raise Conflict("pool.there_already")
    _hand_over(session, customer, None, Cause("", OwnerReason.RETURNED, by, now, note))
    timeline.note(session, customer.id, "customers.returned", at=now, by=by, note=note)


def assign(
    session: Session, customer: Customer, wanted: AssignCustomer, *, by: User, now: datetime
) -> None:
    """Give one customer to a colleague, or back to the pool."""
    policies.require(by, "customers.assign", customer)
    owner = _owner(session, wanted.owner_id, by)
    if customer.owner_id == wanted.owner_id:
        return
    reason = OwnerReason.ASSIGNED if owner else OwnerReason.RETURNED
    _hand_over(session, customer, owner, Cause("", reason, by, now, wanted.note))
    timeline.note(
        session,
        customer.id,
        "customers.assigned" if owner else "customers.returned",
        at=now,
        by=by,
        owner=owner.name if owner else "",
        note=wanted.note,
    )
    audit.record(
        session,
        "customers.assign",
        by_id=by.id,
        thing=f"customer:{customer.id}",
        now=now,
        owner=wanted.owner_id,
    )


def owners(session: Session, user: User) -> list[User]:
    """The colleagues to whom this user may give customers."""
    chosen = select(User).where(
        User.disabled_at.is_(None),
        User.role.in_(SELLERS),
        User.id.in_(policies.member_ids(user)),
    )
    return list(session.scalars(chosen.order_by(User.name, User.id)))


def _owner(session: Session, owner_id: int | None, by: User) -> User | None:
    if owner_id is None:
        return None
    owner = next((user for user in owners(session, by) if user.id == owner_id), None)
    if owner is None:
        raise Invalid("customers.owner_unknown")
    return owner


def _hand_over(session: Session, customer: Customer, owner: User | None, cause: Cause) -> None:
    before_id, by = customer.owner_id, cause.by
    if by is None:
        raise ValueError("one customer is handed over by somebody")
    # Two who press at once: the second finds the first one's row under the lock.
    try:
        queries.get_locked(session, customer.id, visible_to=by)
    except NotFound as gone:  # out of sight: a colleague has it now
        raise Conflict("customers.already_owned") from gone
    if customer.owner_id != before_id:
        raise Conflict("customers.already_owned")
    customer.owner = owner
    customer.owner_id = owner.id if owner else None
    customer.owner_since = customer.updated_at = cause.at
    write_down(session, customer, before_id, cause)
    session.flush()
    publish(session, CustomerAssigned(customer.id, before_id, customer.owner_id, cause.at))


def _write(session: Session, customer: Customer, wanted: CustomerFacts, now: datetime) -> None:
    for name in FACTS:
        setattr(customer, name, getattr(wanted, name))
    for name in ONE_LINE:
        setattr(customer, name, " ".join(getattr(wanted, name).split()))
    customer.external_id = (wanted.external_id or "").strip() or None
    customer.phone = normalise.phone(wanted.phone) if wanted.phone else None
    customer.email = normalise.email(wanted.email) if wanted.email else None
    if not (customer.title or customer.external_id):
        raise Invalid("customers.nobody")
    if wanted.birth_on is not None and wanted.birth_on > company(session).day_of(now):
        raise Invalid("customers.birth_in_future", field="birth_on")
    _refuse_taken_number(session, customer)
    spelling = normalise.pinyin(customer.name or customer.company)
    customer.name_pinyin, customer.name_initials = spelling.full[:200], spelling.initials[:40]
    customer.updated_at = now
    contacts.assign_subject(session, customer, now=now)


def _refuse_taken_number(session: Session, customer: Customer) -> None:
    if customer.external_id is None:
        return
    found = session.execute(
        select(Customer.id, Customer.merged_into_id).where(
            Customer.source == customer.source, Customer.external_id == customer.external_id
        )
    ).first()
    if found is None or found.id == customer.id:
        return
    merged = found.merged_into_id is not None
    code = "customers.number_of_merged" if merged else "customers.number_taken"
    raise Invalid(code, value=customer.external_id)
