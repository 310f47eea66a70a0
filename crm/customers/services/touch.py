"""What contacts leave on the customer's record; never an edit, so `version` stays."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, or_, update
from sqlalchemy.orm import Session

from crm.customers.models import Customer


def contacted(session: Session, customer_id: int, *, at: datetime) -> None:
    """A real contact took place; an older one than the last known changes nothing."""
    session.execute(
        update(Customer)
        .where(
            Customer.id == customer_id,
            or_(Customer.last_contact_at.is_(None), Customer.last_contact_at < at),
        )
        .values(last_contact_at=at)
        .execution_options(synchronize_session=False)
    )


def last_contact(session: Session, customer_id: int, *, at: datetime | None) -> None:
    """Put right what a contact taken back had left."""
    session.execute(
        update(Customer)
        .where(Customer.id == customer_id)
        .values(last_contact_at=at)
        .execution_options(synchronize_session=False)
    )


def next_followups(session: Session, due: Mapping[int, datetime | None]) -> None:
    """Set when each customer's next contact falls due (None: nothing is planned)."""
    if not due:
        return
    table = cast("Table", Customer.__table__)
    statement = (
        update(table)
        .where(table.c.id == bindparam("customer_id"))
        .values(next_followup_at=bindparam("due_at"))
    )
    session.connection().execute(
        statement, [{"customer_id": key, "due_at": value} for key, value in due.items()]
    )
