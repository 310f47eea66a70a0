"""What is planned follows the customer when many change hands at once."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import Session

from crm.customers.models import OwnerChange
from crm.customers.services import touch
from crm.followups import queries
from crm.followups.models import FollowUp

UNSEEN = {"synchronize_session": False}
PAGE = 2_000


def follow_owners(session: Session, batch: str, *, now: datetime) -> None:
    """What an owner had planned goes to the next one, or ends in the pool; set by set."""
    session.flush()
    after = select(OwnerChange.after_id).where(_of(batch)).correlate(FollowUp)
    session.execute(
        update(FollowUp)
        .where(
            queries.is_open(),
            select(OwnerChange.id)
            .where(_of(batch), OwnerChange.after_id.is_not(None))
            .correlate(FollowUp)
            .exists(),
        )
        .values(owner_id=after.scalar_subquery(), version=FollowUp.version + 1),
        execution_options=UNSEEN,
    )
    ended = session.scalars(
        update(FollowUp)
        .where(
            queries.is_open(),
            select(OwnerChange.id)
            .where(_of(batch), OwnerChange.after_id.is_(None))
            .correlate(FollowUp)
            .exists(),
        )
        .values(cancelled_at=now, version=FollowUp.version + 1)
        .returning(FollowUp.customer_id),
        execution_options=UNSEEN,
    ).all()
    _show_what_is_next(session, sorted(set(ended)))
    for known in list(session.identity_map.values()):
        if isinstance(known, FollowUp):
            session.expire(known)


def _of(batch: str) -> ColumnElement[bool]:
    """The change of this batch that took the contact's customer from the contact's owner."""
    return and_(
        OwnerChange.batch == batch,
        OwnerChange.customer_id == FollowUp.customer_id,
        OwnerChange.before_id == FollowUp.owner_id,
    )


def _show_what_is_next(session: Session, customer_ids: list[int]) -> None:
    for start in range(0, len(customer_ids), PAGE):
        page = customer_ids[start : start + PAGE]
        due = queries.next_due(session, page)
        touch.next_followups(session, {one: due.get(one) for one in page})
