"""Who came into a segment and who left, noted once a day for the segments that are tracked."""

from datetime import datetime

from sqlalchemy import ColumnElement, insert, literal, null, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from crm.core.company import company
from crm.core.deadline import deadline
from crm.core.errors import Invalid
from crm.customers.models import Customer, Segment, SegmentEntry
from crm.customers.queries import segments as queries
from crm.customers.queries.records import is_live

PATIENCE = 60.0  # seconds that the worker gives one segment
UNSEEN = {"synchronize_session": False}


def advance(session: Session, now: datetime) -> bool:
    """Look at one segment that nobody has looked at today. True while more may be left."""
    house = company(session)
    today = house.day_start(house.day_of(now))
    due = (
        select(Segment)
        .where(Segment.is_tracked, or_(Segment.tracked_at.is_(None), Segment.tracked_at < today))
        .order_by(Segment.tracked_at.is_not(None), Segment.tracked_at, Segment.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    segment = session.scalar(due)
    if segment is None:
        return False
    look(session, segment, now=now)
    return True


def look(session: Session, segment: Segment, *, now: datetime) -> None:
    """Note who is new and who is gone since the last look; two statements.

    A rule that is broken or too slow changes nothing: nobody has left because of a fault.
    """
    is_first = segment.tracked_at is None
    try:
        meant = queries.condition(session, segment.rule, now=now)
        with deadline(session, PATIENCE, queries.too_slow()):
            _note(session, segment, meant, entered_at=None if is_first else now, now=now)
    except Invalid:
        pass
    # Past the version: a look is no change of the segment, its editors need not know.
    session.execute(
        update(Segment).where(Segment.id == segment.id).values(tracked_at=now),
        execution_options=UNSEEN,
    )
    set_committed_value(segment, "tracked_at", now)


def _note(
    session: Session,
    segment: Segment,
    meant: ColumnElement[bool],
    *,
    entered_at: datetime | None,
    now: datetime,
) -> None:
    inside = (SegmentEntry.segment_id == segment.id, SegmentEntry.left_at.is_(None))
    still = select(Customer.id).where(Customer.id == SegmentEntry.customer_id, is_live(), meant)
    session.execute(
        update(SegmentEntry)
        .where(*inside, ~still.correlate(SegmentEntry).exists())
        .values(left_at=now),
        execution_options=UNSEEN,
    )
    known = select(SegmentEntry.id).where(*inside, SegmentEntry.customer_id == Customer.id)
    at = SegmentEntry.entered_at
    fresh = select(
        literal(segment.id),
        Customer.id,
        null() if entered_at is None else literal(entered_at, at.type),
    ).where(is_live(), meant, ~known.correlate(Customer).exists())
    session.execute(
        insert(SegmentEntry).from_select(["segment_id", "customer_id", "entered_at"], fresh)
    )
