"""Two contact subjects turn out to be one person: everything that counts contacts follows (I7)."""

from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from crm.outreach.models import CapSlot, Claim, LedgerEntry, Suppression
from crm.outreach.services.policy import current_terms


def join_subjects(session: Session, *, kept_id: int, joined_id: int) -> None:
    """Give the kept subject the other's marks, contacts, claims and places under the caps.

    What is left to contact never grows by it: the strictest mark holds, the contacts of both
    count, and where both had used up a place the place stays used.
    """
    session.execute(
        update(Suppression).where(Suppression.subject_id == joined_id).values(subject_id=kept_id)
    )
    _move_entries(session, kept_id, joined_id)
    _move_claims(session, kept_id, joined_id)
    _take_the_same_places(session, kept_id, joined_id)


def _move_entries(session: Session, kept_id: int, joined_id: int) -> None:
    """All but those that both have: one message of one plan stays one per person."""
    theirs = aliased(LedgerEntry)
    is_there = exists().where(
        theirs.subject_id == kept_id,
        theirs.plan_key == LedgerEntry.plan_key,
        theirs.channel == LedgerEntry.channel,
        theirs.occurrence == LedgerEntry.occurrence,
    )
    session.execute(
        update(LedgerEntry)
        .where(LedgerEntry.subject_id == joined_id, ~is_there)
        .values(subject_id=kept_id)
        .execution_options(synchronize_session=False)
    )


def _move_claims(session: Session, kept_id: int, joined_id: int) -> None:
    """A claim that clashes with another's on the kept subject gives way to it."""
    theirs = aliased(Claim)
    clashes = exists().where(
        theirs.subject_id == kept_id,
        theirs.owner_id != Claim.owner_id,
        theirs.released_at.is_(None),
        theirs.starts_at < Claim.ends_at,
        theirs.ends_at > Claim.starts_at,
    )
    session.execute(
        update(Claim)
        .where(Claim.subject_id == joined_id, Claim.released_at.is_(None), ~clashes)
        .values(subject_id=kept_id)
        .execution_options(synchronize_session=False)
    )


def _take_the_same_places(session: Session, kept_id: int, joined_id: int) -> None:
    """Slots never move; the kept subject takes a free one for each that may still be running."""
    active = and_(CapSlot.subject_id == joined_id, CapSlot.released_at.is_(None))
    # No slot begins in the future: what ended before the youngest began is over, whatever now is.
    youngest = select(func.max(CapSlot.starts_at)).where(active).scalar_subquery()
    running = session.scalars(
        select(CapSlot).where(active, CapSlot.ends_at > youngest).order_by(CapSlot.starts_at)
    ).all()
    limits = {cap.key: cap.limit for cap in current_terms(session).caps}
    for slot in running:
        place = _free_place(session, kept_id, slot, limits.get(slot.cap_key, 0))
        if place is not None:
            session.add(
                CapSlot(
                    entry_id=slot.entry_id,
                    subject_id=kept_id,
                    cap_key=slot.cap_key,
                    slot=place,
                    starts_at=slot.starts_at,
                    ends_at=slot.ends_at,
                )
            )
            session.flush()


def _free_place(session: Session, kept_id: int, wanted: CapSlot, limit: int) -> int | None:
    """The lowest place under the same cap that is free for the whole period, if any."""
    busy = set(
        session.scalars(
            select(CapSlot.slot).where(
                CapSlot.subject_id == kept_id,
                CapSlot.cap_key == wanted.cap_key,
                CapSlot.released_at.is_(None),
                CapSlot.starts_at < wanted.ends_at,
                CapSlot.ends_at > wanted.starts_at,
            )
        )
    )
    return next((slot for slot in range(1, limit + 1) if slot not in busy), None)
