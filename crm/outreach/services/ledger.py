"""What was sent or said, written down once, and the places under the caps that it uses up."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from crm.core import audit
from crm.core.db import dialect_name
from crm.core.errors import Conflict, Invalid, NotFound
from crm.customers.models import Channel, ContactSubject, Customer
from crm.outreach import queries
from crm.outreach.models import CapSlot, LedgerEntry, LedgerState
from crm.outreach.rules import Answer, Cap, Reason, Terms, read_caps
from crm.outreach.services import answers
from crm.outreach.services.policy import current_policy
from crm.users.models import User

GIVES_BACK = frozenset(
    {LedgerState.FAILED, LedgerState.CANCELLED, LedgerState.SUPPRESSED, LedgerState.EXPIRED}
)


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that took place: a call, a visit, a message written by hand."""

    customer_id: int
    channel: Channel
    at: datetime
    activity_id: int | None = None
    is_inbound: bool = False
    override_reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sending:
    """A message that the machine is about to send: one occurrence of one plan."""

    customer_id: int
    channel: Channel
    at: datetime
    plan_key: str
    occurrence: str
    activity_id: int | None = None


def log(session: Session, contact: Contact, *, by: User | None, now: datetime) -> LedgerEntry:
    """Write down a contact that took place. Never refused for a cap: the truth is kept.

    `is_over_cap` tells that no place was free. An inbound one (the customer came) uses no place.
    """
    if contact.at > now:
        raise Invalid("outreach.in_the_future", at=contact.at)
    customer = _locked(session, contact.customer_id)
    policy = current_policy(session, now=now)
    entry = LedgerEntry(
        subject_id=customer.subject_id,
        customer_id=customer.id,
        channel=contact.channel,
        state=LedgerState.SENT,
        at=contact.at,
        by_id=by.id if by else None,
        activity_id=contact.activity_id,
        policy_id=policy.id,
        is_inbound=contact.is_inbound,
        override_reason=contact.override_reason,
        details=dict(contact.details),
    )
    session.add(entry)
    session.flush()
    if not contact.is_inbound:
        terms = Terms(read_caps(policy.caps), policy.cool_down_days)
        clash = _take_slots(session, entry, terms)
        entry.is_over_cap = clash is not None
    if contact.override_reason:
        audit.record(
            session,
            "outreach.override",
            by_id=entry.by_id,
            thing=f"ledger_entry:{entry.id}",
            now=now,
            channel=contact.channel.value,
            reason=contact.override_reason,
        )
    session.flush()
    return entry


def reserve(session: Session, sending: Sending, *, by: User | None, now: datetime) -> LedgerEntry:
    """Take the places for a message before it is sent, or raise Conflict with why and until when.

    One (plan, person, channel, occurrence) is reserved once, whoever tries.
    """
    customer = _locked(session, sending.customer_id)
    _refuse_repeated(session, customer.subject_id, sending)
    answer = answers.ask(session, customer, channel=sending.channel, at=sending.at, by=by, now=now)
    if not answer.is_allowed:
        raise refusal(answer)
    policy = current_policy(session, now=now)
    entry = LedgerEntry(
        subject_id=customer.subject_id,
        customer_id=customer.id,
        channel=sending.channel,
        state=LedgerState.RESERVED,
        at=sending.at,
        by_id=by.id if by else None,
        activity_id=sending.activity_id,
        plan_key=sending.plan_key,
        occurrence=sending.occurrence,
        policy_id=policy.id,
    )
    with session.begin_nested():
        session.add(entry)
        session.flush()
        clash = _take_slots(session, entry, Terms(read_caps(policy.caps), policy.cool_down_days))
        if clash is not None:
            # Raised inside, so that the savepoint takes entry and places back together.
            raise Conflict("outreach.cap_reached", reason=Reason.CAP_REACHED.name, next_at=clash)
    return entry


def release(session: Session, entry: LedgerEntry, state: LedgerState, *, now: datetime) -> None:
    """It was provably not sent: give its places back. The entry itself stays for good."""
    if state not in GIVES_BACK or entry.state is LedgerState.SENT:
        raise Conflict("outreach.not_released", state=entry.state.value)
    entry.state = state
    _free_slots(session, entry, now)


def withdraw(session: Session, entry_id: int, *, by: User, now: datetime) -> None:
    """A person logged a contact that never took place: the row stays, its places are free again."""
    entry = session.get_one(LedgerEntry, entry_id)
    if entry.plan_key is not None:
        raise Conflict("outreach.not_released", state=entry.state.value)
    entry.state = LedgerState.CANCELLED
    _free_slots(session, entry, now)
    audit.record(
        session, "outreach.withdraw", by_id=by.id, thing=f"ledger_entry:{entry.id}", now=now
    )


def refusal(answer: Answer) -> Conflict:
    """An answer that is no, as an exception."""
    reason = answer.reason or Reason.DO_NOT_CONTACT
    earlier = answer.earlier
    return Conflict(
        reason.code,
        reason=reason.name,
        next_at=answer.next_at,
        earlier_at=earlier.at if earlier else None,
        earlier_by=earlier.by_name if earlier else None,
        holder=answer.holder,
    )


def _free_slots(session: Session, entry: LedgerEntry, now: datetime) -> None:
    session.execute(
        update(CapSlot)
        .where(CapSlot.entry_id == entry.id, CapSlot.released_at.is_(None))
        .values(released_at=now)
    )
    session.flush()


def _locked(session: Session, customer_id: int) -> Customer:
    """The record, with the person behind it locked: contacts of one person take turns."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotFound("core.not_found")
    lock_subject(session, customer.subject_id)
    return customer


def lock_subject(session: Session, subject_id: int) -> None:
    session.execute(
        select(ContactSubject.id).where(ContactSubject.id == subject_id).with_for_update()
    )


def _refuse_repeated(session: Session, subject_id: int, sending: Sending) -> None:
    found = session.scalar(
        select(LedgerEntry.id).where(
            LedgerEntry.plan_key == sending.plan_key,
            LedgerEntry.subject_id == subject_id,
            LedgerEntry.channel == sending.channel,
            LedgerEntry.occurrence == sending.occurrence,
        )
    )
    if found is not None:
        raise Conflict("outreach.already_reserved", entry=found)


def _take_slots(session: Session, entry: LedgerEntry, terms: Terms) -> datetime | None:
    """Take one place under every cap. None when done, else when the first full cap is free."""
    chosen: list[tuple[Cap, list[int]]] = []
    for cap in terms.caps_on(entry.channel):
        busy = queries.busy_slots(session, entry.subject_id, cap, entry.at)
        free = [slot for slot in range(1, cap.limit + 1) if slot not in busy]
        if not free:
            return min(busy.values())
        chosen.append((cap, free))
    for cap, free in chosen:
        if not any(_insert_slot(session, entry, cap, slot) for slot in free):
            return entry.at + cap.window
    return None


def _insert_slot(session: Session, entry: LedgerEntry, cap: Cap, slot: int) -> bool:
    """Whether the place could be taken. The database has the last word, whatever was read."""
    values = {
        "entry_id": entry.id,
        "subject_id": entry.subject_id,
        "cap_key": cap.key,
        "slot": slot,
        "starts_at": entry.at,
        "ends_at": entry.at + cap.window,
    }
    if dialect_name(session) == "postgresql":
        insert = postgresql.insert(CapSlot).values(**values).on_conflict_do_nothing()
        return session.execute(insert.returning(CapSlot.id)).scalar() is not None
    # BEGIN IMMEDIATE: nobody else writes between the look and this row; the trigger checks it.
    session.add(CapSlot(**values))
    session.flush()
    return True
