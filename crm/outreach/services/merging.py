"""A merge joins two subjects; when it is undone, the younger one gets its contacts back.

What a person is still to be spared never shrinks: a do-not-contact mark on either stays with both,
and places under a cap that were taken for the other stay taken until they end.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.customers.events import CustomersMerged, CustomersParted
from crm.customers.services import moving
from crm.outreach.models import Claim, LedgerEntry, Suppression

_OF_SUBJECT = (LedgerEntry, Suppression, Claim)
SOURCE = "split"


def merge_contacts(session: Session, event: CustomersMerged) -> None:
    """Before the join: note whose everything is, and put the contacts under the kept record."""
    session.flush()
    for joined in event.subject_ids[1:]:
        for model in _OF_SUBJECT:
            table = bulk.table(model)
            what = moving.label(model, "subject_id")
            moving.note(session, event.merge_id, what, table, table.c.subject_id == joined)
    moving.carry(session, event.merge_id, LedgerEntry, source=event.merged_id, to=event.kept_id)


def part_contacts(session: Session, event: CustomersParted) -> None:
    """Give back what was the other's; the strictest marks stay with both."""
    session.flush()
    moving.give_back(session, event.merge_id, LedgerEntry, source=event.kept_id, to=event.merged_id)
    split = event.split_subject_id
    if split is None:
        return
    for model in _OF_SUBJECT:
        moving.give_back(
            session,
            event.merge_id,
            model,
            source=event.kept_subject_id,
            to=split,
            column="subject_id",
        )
    _mark_both(session, event.kept_subject_id, split)
    session.expire_all()


def _mark_both(session: Session, first_id: int, second_id: int) -> None:
    marks = bulk.table(Suppression)
    in_force = session.execute(
        select(marks).where(
            marks.c.subject_id.in_((first_id, second_id)), marks.c.cleared_at.is_(None)
        )
    ).all()
    there = {(mark.subject_id, mark.channel) for mark in in_force}
    for mark in in_force:
        other = second_id if mark.subject_id == first_id else first_id
        if (other, mark.channel) not in there:
            there.add((other, mark.channel))
            session.add(
                Suppression(
                    subject_id=other,
                    channel=mark.channel,
                    source=SOURCE,
                    evidence=mark.evidence,
                    set_by_id=mark.set_by_id,
                    set_at=mark.set_at,
                )
            )
    session.flush()
