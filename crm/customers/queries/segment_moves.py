"""Who came into a segment and who left since a day, and whom it shares with other segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, false, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.core.deadline import deadline
from crm.core.errors import Invalid
from crm.customers.models import Customer, Segment, SegmentEntry
from crm.customers.queries.records import visible_to
from crm.customers.queries.segment_rules import (
    asked,
    compiled,
    condition,
    narrowed,
    parse,
)
from crm.customers.queries.segments import PATIENCE, too_slow
from crm.customers.rules import segments as rules
from crm.customers.rules.segments import Condition
from crm.customers.segment_fields.registry import registry_of
from crm.users.models import User

SHOWN = 10  # names on each side
MOST_OTHERS = 20  # segments compared with


@dataclass(frozen=True, slots=True)
class Moves:
    """`since` is the first day that counts; nothing is known before `known_from`."""

    came: int
    left: int
    names_came: Sequence[tuple[Customer, datetime]]
    names_left: Sequence[tuple[Customer, datetime]]
    #: Of those who left, how many do not fulfil each condition now, in reading order.
    reasons: Sequence[tuple[Condition, int]]


@dataclass(frozen=True, slots=True)
class Shared:
    """How many customers of one segment are in another."""

    segment: Segment
    count: int


def moves(
    session: Session, segment: Segment, since: datetime, *, now: datetime, viewer: User
) -> Moves:
    """Net of the time: who came and left again is neither. A fixed number of statements."""
    came = _came(segment, since, viewer)
    left = _left(segment, since, viewer)
    return Moves(
        came=_number(session, came),
        left=_number(session, left),
        names_came=_names(session, came, SegmentEntry.entered_at),
        names_left=_names(session, left, SegmentEntry.left_at),
        reasons=_reasons(session, segment, left, now),
    )


def shared(session: Session, segment: Segment, *, now: datetime, viewer: User) -> Sequence[Shared]:
    """Other segments with customers of this one, the largest share first; one statement.

    Raises Invalid for a broken or slow rule.
    """
    others = session.scalars(
        select(Segment)
        .where(Segment.id != segment.id)
        .order_by(Segment.updated_at.desc(), Segment.id.desc())
        .limit(MOST_OTHERS)
    ).all()
    if not others:
        return []
    sums = [
        func.sum(case((_meaning(session, other, now), 1), else_=0)).label(f"s{place}")
        for place, other in enumerate(others)
    ]
    asking = narrowed(
        session,
        select(*sums).select_from(Customer).where(visible_to(viewer)),
        segment.rule,
        now=now,
    )
    with deadline(session, PATIENCE, too_slow()):
        row = session.execute(asking).one()
    found = [Shared(other, int(number or 0)) for other, number in zip(others, row, strict=True)]
    return sorted((one for one in found if one.count), key=lambda one: -one.count)


def _meaning(session: Session, segment: Segment, now: datetime) -> ColumnElement[bool]:
    try:
        return condition(session, segment.rule, now=now)
    except Invalid:
        return false()


def _came(segment: Segment, since: datetime, viewer: User) -> Select[Customer]:
    return (
        select(Customer)
        .join(SegmentEntry, SegmentEntry.customer_id == Customer.id)
        .where(
            SegmentEntry.segment_id == segment.id,
            SegmentEntry.entered_at >= since,
            SegmentEntry.left_at.is_(None),
            visible_to(viewer),
        )
    )


def _left(segment: Segment, since: datetime, viewer: User) -> Select[Customer]:
    """Gone now, but in it when that time began."""
    back = SegmentEntry.__table__.alias()
    returned = select(back.c.id).where(
        back.c.segment_id == segment.id,
        back.c.customer_id == SegmentEntry.customer_id,
        back.c.left_at.is_(None),
    )
    was_in = SegmentEntry.entered_at.is_(None) | (SegmentEntry.entered_at < since)
    return (
        select(Customer)
        .join(SegmentEntry, SegmentEntry.customer_id == Customer.id)
        .where(
            SegmentEntry.segment_id == segment.id,
            SegmentEntry.left_at >= since,
            was_in,
            ~returned.correlate(SegmentEntry).exists(),
            visible_to(viewer),
        )
    )


def _number(session: Session, who: Select[Customer]) -> int:
    return session.scalar(who.with_only_columns(func.count())) or 0


def _names(
    session: Session, who: Select[Customer], at: InstrumentedAttribute[datetime | None]
) -> Sequence[tuple[Customer, datetime]]:
    rows = session.execute(who.add_columns(at).order_by(at.desc(), Customer.id).limit(SHOWN))
    return [(customer, moment) for customer, moment in rows]


def _reasons(
    session: Session, segment: Segment, left: Select[Customer], now: datetime
) -> Sequence[tuple[Condition, int]]:
    try:
        tree = parse(session, segment.rule)
        asking = asked(session, now, tree)
    except Invalid:
        return []
    fields = registry_of(session)
    leaves = list(rules.conditions(tree))
    sums = [
        func.sum(case((compiled(one, fields, asking), 0), else_=1)).label(f"r{place}")
        for place, one in enumerate(leaves)
    ]
    row = session.execute(left.with_only_columns(*sums)).one()
    return [(one, int(number)) for one, number in zip(leaves, row, strict=True) if number]
