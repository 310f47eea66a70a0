"""Builders of follow-ups."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from crm.customers.models import Customer
from crm.followups import services
from crm.followups.models import FollowUp
from crm.users.models import User
from tests.conftest import NOW


def make_followup(
    session: Session, customer: Customer, *, owner: User, due_at: datetime = NOW, **values: Any
) -> FollowUp:
    """A planned contact, as it stands in the table."""
    followup = FollowUp(
        **{
            "customer_id": customer.id,
            "owner_id": owner.id,
            "due_at": due_at,
            "created_at": NOW,
            **values,
        }
    )
    session.add(followup)
    session.flush()
    return followup


def plan_everything(session: Session, *, now: datetime = NOW) -> None:
    """What the worker does after a launch, to its end."""
    while services.plan_contacts(session, now):
        session.flush()
    session.flush()
    session.expire_all()  # sets of rows are changed past the loaded records
