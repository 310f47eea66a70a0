"""Reads of the ledger: what is known about persons, policies, places under a cap."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import Session

from crm.core import paging
from crm.core.paging import Order, Page
from crm.customers import queries as customer_queries
from crm.customers.models import Channel, Customer
from crm.customers.queries import listing
from crm.customers.queries.timeline import Kind, Source, Teller, Told
from crm.outreach.models import CapSlot, Claim, LedgerEntry, LedgerState, Policy, Suppression
from crm.outreach.rules import (
    DEFAULT_CAPS,
    DEFAULT_COOL_DOWN_DAYS,
    Cap,
    Earlier,
    Facts,
    Hold,
    Question,
    Terms,
    read_caps,
)
from crm.users.models import User

PER_PAGE = 50
NEWEST_FIRST = Order("id-down", Customer.id, Customer.id, descending=True)

USES_A_CAP = (
    LedgerState.RESERVED,
    LedgerState.SENDING,
    LedgerState.SENT,
    LedgerState.UNCERTAIN,
)


def find_policy(session: Session, *, lock: bool = False) -> Policy | None:
    newest = policies().limit(1)
    return session.scalar(newest.with_for_update() if lock else newest)


def policies() -> Select[Policy]:
    """Every version, the one in force first."""
    return select(Policy).order_by(Policy.id.desc())


def terms(session: Session) -> Terms:
    """The rules in force; those of the house before anybody has set any."""
    return terms_of(find_policy(session))


def terms_of(policy: Policy | None) -> Terms:
    if policy is None:
        return Terms(DEFAULT_CAPS, DEFAULT_COOL_DOWN_DAYS)
    return Terms(read_caps(policy.caps), policy.cool_down_days)


def facts(
    session: Session, subjects: Sequence[int] | Select[int], question: Question, rules: Terms
) -> Mapping[int, Facts]:
    """What matters to the question, by subject, in three statements; unknown ones are missing."""
    contacts: defaultdict[int, list[Earlier]] = defaultdict(list)
    for subject_id, earlier in _contacts(session, subjects, question, rules):
        contacts[subject_id].append(earlier)
    suppressed = set(session.scalars(_suppressed(subjects, question.channel)))
    claims: defaultdict[int, list[Hold]] = defaultdict(list)
    for subject_id, hold in _claims(session, subjects, question.at):
        claims[subject_id].append(hold)
    return {
        subject_id: Facts(
            contacts.get(subject_id, ()), subject_id in suppressed, claims.get(subject_id, ())
        )
        for subject_id in {*contacts, *suppressed, *claims}
    }


def contacts_of(subject_id: int, *, limit: int) -> Select[LedgerEntry]:
    """The latest contacts of one person, newest first."""
    return (
        select(LedgerEntry)
        .where(LedgerEntry.subject_id == subject_id)
        .order_by(LedgerEntry.at.desc(), LedgerEntry.id.desc())
        .limit(limit)
    )


def suppressions_of(subject_ids: Sequence[int]) -> Select[Suppression]:
    """Do-not-contact marks in force."""
    return select(Suppression).where(
        Suppression.subject_id.in_(subject_ids), Suppression.cleared_at.is_(None)
    )


def suppressed(
    session: Session, *, viewer: User, q: str = "", cursor: str | None = None
) -> Page[Customer]:
    """Customers in the viewer's scope who must not be contacted, on one channel or on all."""
    marked = exists().where(
        Suppression.subject_id == Customer.subject_id, Suppression.cleared_at.is_(None)
    )
    found = select(Customer).where(customer_queries.visible_to(viewer), marked)
    if q.strip():
        found = found.where(listing.matches(q))
    return paging.page(session, found, order=NEWEST_FIRST, cursor=cursor, size=PER_PAGE)


def marks_of(session: Session, subject_ids: Sequence[int]) -> Mapping[int, Sequence[Suppression]]:
    """The marks in force, by person."""
    found: defaultdict[int, list[Suppression]] = defaultdict(list)
    for mark in session.scalars(suppressions_of(subject_ids).order_by(Suppression.id)):
        found[mark.subject_id].append(mark)
    return found


def names(session: Session, user_ids: Iterable[int | None]) -> Mapping[int, str]:
    wanted = {user_id for user_id in user_ids if user_id is not None}
    rows = session.execute(select(User.id, User.name).where(User.id.in_(wanted)))
    return {user_id: name for user_id, name in rows}  # noqa: C416 - rows are not pairs to mypy


def subjects(session: Session, customer_ids: Sequence[int]) -> Mapping[int, int]:
    """Which person stands behind each customer record."""
    rows = session.execute(
        select(Customer.id, Customer.subject_id).where(Customer.id.in_(customer_ids))
    )
    return {customer_id: subject_id for customer_id, subject_id in rows}  # noqa: C416 - as above


def busy_slots(session: Session, subject_id: int, cap: Cap, at: datetime) -> Mapping[int, datetime]:
    """Places under the cap that a contact at `at` would clash with, and when each is free again."""
    rows = session.execute(
        select(CapSlot.slot, CapSlot.ends_at).where(
            CapSlot.subject_id == subject_id,
            CapSlot.cap_key == cap.key,
            CapSlot.released_at.is_(None),
            CapSlot.starts_at < at + cap.window,
            CapSlot.ends_at > at,
        )
    )
    busy: dict[int, datetime] = {}
    for slot, ends_at in rows:
        busy[slot] = max(ends_at, busy.get(slot, ends_at))
    return busy


def _contacts(
    session: Session, subjects: Sequence[int] | Select[int], question: Question, rules: Terms
) -> Iterable[tuple[int, Earlier]]:
    rows = session.execute(
        select(
            LedgerEntry.subject_id,
            LedgerEntry.at,
            LedgerEntry.channel,
            LedgerEntry.by_id,
            User.name,
            LedgerEntry.activity_id,
        )
        .outerjoin(User, User.id == LedgerEntry.by_id)
        .where(
            LedgerEntry.subject_id.in_(subjects),
            LedgerEntry.at > question.at - rules.furthest_back,
            LedgerEntry.state.in_(USES_A_CAP),
            ~LedgerEntry.is_inbound,
        )
    )
    for subject_id, at, channel, by_id, name, activity_id in rows:
        yield subject_id, Earlier(at, channel, by_id, name, activity_id)


def _suppressed(subjects: Sequence[int] | Select[int], channel: Channel | None) -> Select[int]:
    on_it: ColumnElement[bool] = Suppression.channel.is_(None)
    if channel is not None:
        on_it = or_(on_it, Suppression.channel == channel)
    return select(Suppression.subject_id).where(
        Suppression.subject_id.in_(subjects), Suppression.cleared_at.is_(None), on_it
    )


def _claims(
    session: Session, subjects: Sequence[int] | Select[int], at: datetime
) -> Iterable[tuple[int, Hold]]:
    claims = session.execute(
        select(Claim.subject_id, Claim.owner_id, User.name, Claim.ends_at)
        .join(User, User.id == Claim.owner_id)
        .where(
            Claim.subject_id.in_(subjects),
            Claim.released_at.is_(None),
            Claim.starts_at <= at,
            Claim.ends_at > at,
        )
    )
    for subject_id, owner_id, name, ends_at in claims:
        yield subject_id, Hold(owner_id, name, ends_at)


def told_contacts(customer_id: int) -> Told:
    """Contacts of the person that the record's own timeline does not know.

    They took place under another record, or by the machine; told is what counts for the guard.
    """
    subject = select(Customer.subject_id).where(Customer.id == customer_id).scalar_subquery()
    return (
        select(LedgerEntry, LedgerEntry.at, User.name)
        .outerjoin(User, User.id == LedgerEntry.by_id)
        .where(
            LedgerEntry.subject_id == subject,
            or_(LedgerEntry.customer_id != customer_id, LedgerEntry.plan_key.is_not(None)),
            LedgerEntry.state.in_(USES_A_CAP),
        )
    )


TELLER = Teller(
    source=Source.CONTACT,
    name="outreach.contacted",
    select=told_contacts,
    at=LedgerEntry.at,
    id=LedgerEntry.id,
    kinds={Kind.CONTACTS: None},
    details=lambda entry: {"channel": entry.channel.value},
)
