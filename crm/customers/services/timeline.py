"""What happened to a customer, written down by whoever made it happen."""

from datetime import datetime

from sqlalchemy.orm import Session

from crm.customers.models import TimelineEntry
from crm.users.models import User


def note(
    session: Session,
    customer_id: int,
    kind: str,
    *,
    at: datetime,
    by: User | None,
    **details: object,
) -> TimelineEntry:
    """Add an entry. `kind` is "<module>.<what>", the key of its sentence, which `details` fill."""
    entry = TimelineEntry(
        customer_id=customer_id,
        at=at,
        kind=kind,
        by_id=by.id if by else None,
        details=details,
    )
    session.add(entry)
    return entry
