"""Two records become one: the contacts of both stay, and of those planned the first."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.activities.services import merging as target_merging
from crm.core import bulk
from crm.customers.events import CustomersMerged, CustomersParted
from crm.customers.models import Customer
from crm.customers.services import moving, timeline, touch
from crm.followups import queries
from crm.followups.models import FollowUp

CANCELLED = "followups.cancelled"
SNAPSHOT = "followups"


def merge_contacts(session: Session, event: CustomersMerged) -> None:
    """Move the other record's contacts, planned and logged; cancel all planned but the first.

    Runs before the activities fold their targets, whose places the contacts name.
    """
    session.flush()
    _cancel_but_first(session, event)
    _follow_targets(session, event)
    moving.carry(session, event.merge_id, FollowUp, source=event.merged_id, to=event.kept_id)
    _follow_owner(session, event)
    session.expire_all()
    refresh_next(session, [event.kept_id])


def part_contacts(session: Session, event: CustomersParted) -> None:
    """Undo of it. Runs after the activities have their targets back."""
    table = bulk.table(FollowUp)
    moving.give_back(session, event.merge_id, FollowUp, source=event.kept_id, to=event.merged_id)
    held: dict[str, Any] = moving.recall(session, event.merge_id, SNAPSHOT) or {}
    for followup_id, target_id in held.get("targets", ()):
        session.execute(update(table).where(table.c.id == followup_id).values(target_id=target_id))
    is_open = (table.c.completed_at.is_(None), table.c.cancelled_at.is_(None))
    for followup_id, owner_id, given_id in held.get("owners", ()):
        here = (table.c.id == followup_id, table.c.owner_id == given_id)
        session.execute(update(table).where(*here, *is_open).values(owner_id=owner_id))
    session.expire_all()
    _plan_again(session, event)
    refresh_next(session, [event.kept_id, event.merged_id])


def refresh_next(session: Session, customer_ids: Sequence[int]) -> None:
    due = queries.next_due(session, customer_ids)
    touch.next_followups(session, {one: due.get(one) for one in customer_ids})


def _cancel_but_first(session: Session, event: CustomersMerged) -> None:
    """One person is contacted once; what goes is remembered, so that an undo brings it back."""
    planned = session.scalars(
        queries.open_followups()
        .join(Customer, Customer.id == FollowUp.customer_id)
        .where(Customer.subject_id.in_(event.subject_ids))
        .order_by(FollowUp.due_at, FollowUp.id)
    ).all()
    gone = planned[1:]
    for followup in gone:
        followup.cancelled_at = event.at
        # The merged record's timeline has gone to the other already.
        told = event.kept_id if followup.customer_id == event.merged_id else followup.customer_id
        timeline.note(session, told, CANCELLED, at=event.at, by=None, followup_id=followup.id)
    session.flush()
    moving.note_ids(session, event.merge_id, CANCELLED, [followup.id for followup in gone])
    refresh_next(session, sorted({followup.customer_id for followup in gone}))


def _follow_targets(session: Session, event: CustomersMerged) -> None:
    """Where both are in one activity, the contacts name the place that stays."""
    table = bulk.table(FollowUp)
    moved: list[list[int]] = []
    for mine, theirs in session.execute(
        target_merging.clashes(event.kept_id, event.merged_id)
    ).all():
        ids = session.scalars(select(table.c.id).where(table.c.target_id == theirs)).all()
        moved += [[followup_id, theirs] for followup_id in ids]
        session.execute(update(table).where(table.c.target_id == theirs).values(target_id=mine))
    moving.remember(session, event.merge_id, SNAPSHOT, {"targets": moved, "owners": []})


def _follow_owner(session: Session, event: CustomersMerged) -> None:
    """What is planned goes to the record's owner: another could no longer log it."""
    owner_id = session.scalar(select(Customer.owner_id).where(Customer.id == event.kept_id))
    if owner_id is None:
        return
    table = bulk.table(FollowUp)
    other = (
        table.c.customer_id == event.kept_id,
        table.c.completed_at.is_(None),
        table.c.cancelled_at.is_(None),
        table.c.owner_id != owner_id,
    )
    found = session.execute(select(table.c.id, table.c.owner_id).where(*other)).all()
    session.execute(update(table).where(*other).values(owner_id=owner_id))
    held = moving.recall(session, event.merge_id, SNAPSHOT)
    held = held | {"owners": [[row.id, row.owner_id, owner_id] for row in found]}
    moving.remember(session, event.merge_id, SNAPSHOT, held)


def _plan_again(session: Session, event: CustomersParted) -> None:
    """Bring back what the merge had cancelled, unless that person is to be contacted anyway."""
    gone = session.scalars(
        select(FollowUp)
        .where(
            FollowUp.id.in_(moving.noted(event.merge_id, CANCELLED)),
            FollowUp.cancelled_at == event.merged_at,
            FollowUp.completed_at.is_(None),
        )
        .order_by(FollowUp.due_at, FollowUp.id)
    ).all()
    touched = set()
    for followup in gone:
        if not queries.open_by_subject(session, [_subject(session, followup.customer_id)]):
            followup.cancelled_at = None
            session.flush()
            touched.add(followup.customer_id)
    refresh_next(session, sorted(touched))


def _subject(session: Session, customer_id: int) -> int:
    return session.scalars(select(Customer.subject_id).where(Customer.id == customer_id)).one()
