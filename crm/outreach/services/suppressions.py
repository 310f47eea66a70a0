"""Do-not-contact: set at once by anybody who learns of it, cleared only with a written reason."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core import audit
from crm.core.errors import Conflict, Invalid, NotFound
from crm.customers.models import Channel, Customer
from crm.customers.services import timeline
from crm.outreach.models import Suppression
from crm.outreach.services.ledger import lock_subject
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Mark:
    """Which customer, on which channel (None: all), and how we know."""

    customer_id: int
    channel: Channel | None = None
    evidence: str = ""
    source: str = "by_hand"


def suppress(
    session: Session, mark: Mark, *, customer: Customer, by: User, now: datetime
) -> Suppression:
    """Stop contacts with the person behind this record. A mark that is there already is kept."""
    policies.require(by, "outreach.suppress", customer)
    lock_subject(session, customer.subject_id)
    found = session.scalar(
        select(Suppression).where(
            Suppression.subject_id == customer.subject_id,
            Suppression.channel.is_(None)
            if mark.channel is None
            else Suppression.channel == mark.channel,
            Suppression.cleared_at.is_(None),
        )
    )
    if found is not None:
        return found
    suppression = Suppression(
        subject_id=customer.subject_id,
        channel=mark.channel,
        source=mark.source,
        evidence=mark.evidence,
        set_by_id=by.id,
        set_at=now,
    )
    session.add(suppression)
    session.flush()
    _record(session, "suppressed", suppression, customer, by=by, now=now)
    return suppression


def clear(
    session: Session,
    suppression_id: int,
    *,
    customer: Customer,
    reason: str,
    by: User,
    now: datetime,
) -> Suppression:
    """Allow contacts again. Needs a written reason and the right to do it; audited."""
    policies.require(by, "outreach.clear", customer)
    if not reason.strip():
        raise Invalid("outreach.reason_missing", field="reason")
    lock_subject(session, customer.subject_id)
    suppression = session.scalar(
        select(Suppression)
        .where(Suppression.id == suppression_id, Suppression.subject_id == customer.subject_id)
        .execution_options(populate_existing=True)
    )
    if suppression is None:
        raise NotFound("core.not_found")
    if suppression.cleared_at is not None:
        raise Conflict("outreach.already_cleared")
    suppression.cleared_at = now
    suppression.cleared_by_id = by.id
    session.flush()
    _record(session, "cleared", suppression, customer, by=by, now=now, reason=reason)
    return suppression


def _record(
    session: Session,
    what: str,
    suppression: Suppression,
    customer: Customer,
    *,
    by: User,
    now: datetime,
    **details: str,
) -> None:
    channel = suppression.channel.value if suppression.channel else None
    audit.record(
        session,
        f"outreach.{what}",
        by_id=by.id,
        thing=f"customer:{customer.public_id}",
        now=now,
        channel=channel,
        **details,
    )
    timeline.note(session, customer.id, f"outreach.{what}", at=now, by=by, channel=channel)
