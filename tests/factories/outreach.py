"""Builders of contacts, reservations and marks."""

from datetime import datetime

from sqlalchemy.orm import Session

from crm.customers.models import Channel, Customer
from crm.outreach import services
from crm.outreach.models import LedgerEntry, Suppression
from crm.users.models import User
from tests.conftest import NOW


def make_contact(
    session: Session,
    customer: Customer,
    *,
    by: User | None = None,
    at: datetime = NOW,
    channel: Channel = Channel.PHONE,
    is_inbound: bool = False,
) -> LedgerEntry:
    """A contact that took place, in the ledger with its places under the caps."""
    contact = services.Contact(customer.id, channel, at, is_inbound=is_inbound)
    return services.log(session, contact, by=by, now=max(at, NOW))


def make_suppression(
    session: Session, customer: Customer, *, channel: Channel | None = None, by: User | None = None
) -> Suppression:
    """A do-not-contact mark in force."""
    mark = Suppression(
        subject_id=customer.subject_id,
        channel=channel,
        source="test",
        set_by_id=by.id if by else None,
        set_at=NOW,
    )
    session.add(mark)
    session.flush()
    return mark
