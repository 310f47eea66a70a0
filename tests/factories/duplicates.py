"""Builders of suggested duplicates."""

from sqlalchemy.orm import Session

from crm.customers.models import Customer, DuplicatePair
from crm.customers.rules.duplicates import Confidence
from tests.conftest import NOW


def make_pair(
    session: Session,
    first: Customer,
    second: Customer,
    *,
    confidence: Confidence = Confidence.CERTAIN,
) -> DuplicatePair:
    """An open suggestion about two records."""
    a_id, b_id = sorted((first.id, second.id))
    pair = DuplicatePair(
        a_id=a_id, b_id=b_id, reasons=["phone", "name"], strength=int(confidence), found_at=NOW
    )
    session.add(pair)
    session.flush()
    return pair
