"""Which policy is in force, and how it is changed: by a new version, never in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from crm.core import audit
from crm.core.errors import Conflict
from crm.outreach import queries
from crm.outreach.models import Policy
from crm.outreach.rules import (
    DEFAULT_CAPS,
    DEFAULT_COOL_DOWN_DAYS,
    Limit,
    Terms,
    caps_from,
    written_caps,
)
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """`version` is the policy that was on the screen; 0 while nobody has set any."""

    version: int
    cool_down_days: int
    limits: Sequence[Limit] = ()


def revise(session: Session, wanted: NewPolicy, *, by: User, now: datetime) -> Policy:
    """Put a new version in force from now on; what was decided before keeps its own.

    Raises Conflict when somebody else has changed the rules meanwhile. Nothing changed means no
    new version.
    """
    policies.require(by, "outreach.edit_policy")
    caps = caps_from(wanted.limits)
    # Two administrators take turns at the newest version, and the second is told.
    newest = queries.find_policy(session, lock=True)
    if wanted.version != (newest.id if newest else 0):
        raise Conflict("core.stale")
    if queries.terms(session) == Terms(caps, wanted.cool_down_days) and newest is not None:
        return newest
    policy = Policy(
        caps=written_caps(caps),
        cool_down_days=wanted.cool_down_days,
        created_by_id=by.id,
        created_at=now,
    )
    session.add(policy)
    session.flush()
    audit.record(
        session,
        "outreach.policy_revised",
        by_id=by.id,
        thing=f"policy:{policy.id}",
        now=now,
        before=wanted.version,
        caps=policy.caps,
        cool_down_days=policy.cool_down_days,
    )
    return policy


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
