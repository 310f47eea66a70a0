"""Which policy is in force."""

from datetime import datetime

from sqlalchemy.orm import Session

from crm.outreach import queries
from crm.outreach.models import Policy
from crm.outreach.rules import DEFAULT_CAPS, DEFAULT_COOL_DOWN_DAYS, Terms, written_caps


def current_policy(session: Session, *, now: datetime) -> Policy:
    """The newest policy. The first contact of a new house writes down the rules it starts with."""
    policy = queries.find_policy(session)
    if policy is None:
        policy = Policy(
            caps=written_caps(DEFAULT_CAPS), cool_down_days=DEFAULT_COOL_DOWN_DAYS, created_at=now
        )
        session.add(policy)
        session.flush()
    return policy


def current_terms(session: Session) -> Terms:
    """The rules in force, without writing anything."""
    return queries.terms(session)
