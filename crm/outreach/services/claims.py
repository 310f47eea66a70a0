"""A rep's hold on a person for a while: others wait until it ends or is given back."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict, Invalid
from crm.customers.models import Customer
from crm.outreach import queries
from crm.outreach.models import Claim
from crm.outreach.rules import Reason
from crm.outreach.services.ledger import lock_subject
from crm.users.models import User


def claim(
    session: Session, customer: Customer, *, until: datetime, by: User, now: datetime
) -> Claim:
    """Hold the person behind this record for oneself. Conflict while a colleague does."""
    if until <= now:
        raise Invalid("outreach.claim_too_short")
    # With the person locked, what is read here cannot change before this claim is written.
    lock_subject(session, customer.subject_id)
    other = session.scalar(
        select(Claim)
        .where(
            Claim.subject_id == customer.subject_id,
            Claim.owner_id != by.id,
            Claim.released_at.is_(None),
            Claim.starts_at < until,
            Claim.ends_at > now,
        )
        .order_by(Claim.ends_at.desc())
        .limit(1)
    )
    if other is not None:
        raise Conflict(
            Reason.CLAIMED_BY_OTHER.code,
            reason=Reason.CLAIMED_BY_OTHER.name,
            next_at=other.ends_at,
            holder=queries.names(session, [other.owner_id]).get(other.owner_id),
        )
    mine = Claim(subject_id=customer.subject_id, owner_id=by.id, starts_at=now, ends_at=until)
    session.add(mine)
    session.flush()
    return mine


def release_claim(session: Session, held: Claim, *, now: datetime) -> None:
    if held.released_at is None:
        held.released_at = now
        session.flush()
