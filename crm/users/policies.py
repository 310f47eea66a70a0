"""Who may do what to whose records: one table of actions by role, and how far each role reaches."""

import enum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import InstrumentedAttribute, object_session

from crm.core.errors import NotAllowed
from crm.users.models import Role, User


class Owned(Protocol):
    """A record of somebody's, or of the pool. Its own `team_id`, if it has one, counts first."""

    @property
    def owner_id(self) -> int | None: ...


class Reach(enum.Enum):
    """How far a right goes. What has no owner is in the pool: leads reach it, reps do not."""

    NONE = "none"
    OWN = "own"
    TEAM = "team"
    ALL = "all"


NONE, OWN, TEAM, ALL = Reach
_COLUMNS = (Role.REP, Role.LEAD, Role.MANAGER, Role.ADMIN)

#: Action → how far rep, lead, manager and admin reach. An action that is missing here is nobody's.
ACTIONS: dict[str, tuple[Reach, Reach, Reach, Reach]] = {
    # customers
    "customers.create": (OWN, TEAM, NONE, ALL),
    "customers.edit": (OWN, TEAM, NONE, ALL),
    "customers.claim": (ALL, ALL, NONE, ALL),  # out of the pool; the service sees to the rest
    "customers.assign": (NONE, TEAM, NONE, ALL),
    "customers.release": (OWN, TEAM, NONE, ALL),  # back to the pool
    "customers.edit_rules": (NONE, NONE, NONE, ALL),  # of the pool and of lifecycle stages
    "opportunities.edit": (OWN, TEAM, NONE, ALL),
    "customers.tag": (OWN, TEAM, NONE, ALL),
    "customers.manage_tags": (NONE, ALL, NONE, ALL),
    "customers.manage_fields": (NONE, NONE, NONE, ALL),
    "customers.import": (NONE, TEAM, NONE, ALL),
    "customers.merge": (NONE, TEAM, NONE, ALL),  # both records; the service asks for each
    "customers.export": (OWN, TEAM, ALL, ALL),
    "views.share": (NONE, TEAM, ALL, ALL),
    "customers.see_contacts": (OWN, TEAM, ALL, ALL),  # full phone numbers and addresses
    "orders.create": (NONE, TEAM, NONE, ALL),
    "orders.edit": (NONE, TEAM, NONE, ALL),
    "segments.read": (ALL, ALL, ALL, ALL),
    "segments.build": (NONE, ALL, NONE, ALL),
    # outreach
    "outreach.ask": (OWN, TEAM, ALL, ALL),
    "outreach.suppress": (OWN, TEAM, NONE, ALL),
    "outreach.clear": (NONE, TEAM, NONE, ALL),
    "outreach.override": (NONE, TEAM, NONE, ALL),
    "outreach.edit_policy": (NONE, NONE, NONE, ALL),
    # activities
    "activities.create": (NONE, TEAM, ALL, ALL),
    "activities.edit": (NONE, TEAM, ALL, ALL),
    "activities.launch": (NONE, TEAM, ALL, ALL),
    "activities.move_stage": (NONE, TEAM, ALL, ALL),
    # followups
    "followups.plan": (OWN, TEAM, NONE, NONE),
    "followups.log": (OWN, TEAM, NONE, NONE),
    "followups.edit": (OWN, TEAM, NONE, NONE),
    "followups.complete": (OWN, TEAM, NONE, NONE),
    "followups.reassign": (NONE, TEAM, NONE, NONE),
    # reports
    "reports.read": (OWN, TEAM, ALL, ALL),
    "reports.make": (OWN, TEAM, ALL, ALL),
    # the house
    "users.manage": (NONE, NONE, NONE, ALL),
    "outbox.read": (NONE, TEAM, NONE, ALL),
    "audit.read": (NONE, NONE, NONE, ALL),
}

RECORDS = dict(zip(_COLUMNS, (OWN, TEAM, ALL, ALL), strict=True))


def reach(user: User, action: str) -> Reach:
    """How far the user's role takes this action."""
    return dict(zip(_COLUMNS, ACTIONS[action], strict=True))[user.role]


def may(user: User, action: str, thing: Owned | None = None) -> bool:
    """Whether the user may do this to a thing, or at all when none is given."""
    far = reach(user, action)
    if thing is None or far in {Reach.NONE, Reach.ALL}:
        return far is not Reach.NONE
    if thing.owner_id == user.id:
        return True
    return far is Reach.TEAM and _is_of_team(user, thing)


def require(user: User, action: str, thing: Owned | None = None) -> None:
    """Raises NotAllowed unless the user may."""
    if not may(user, action, thing):
        raise NotAllowed("core.not_allowed", action=action)


def member_ids(user: User) -> Select[int]:
    """Ids of the people whose records the viewer's role covers: himself, his team, or everybody."""
    far = RECORDS[user.role]
    if far is Reach.ALL:
        return select(User.id)
    if far is Reach.TEAM and user.team_id is not None:
        return select(User.id).where((User.team_id == user.team_id) | (User.id == user.id))
    return select(User.id).where(User.id == user.id)


def covers(user: User, owner: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Records owned by the people whom the viewer's role covers; the pool is not among them."""
    far = RECORDS[user.role]
    if far is Reach.ALL:
        return true()
    if far is Reach.TEAM and user.team_id is not None:
        return owner.in_(member_ids(user))
    return owner == user.id


def _is_of_team(user: User, thing: Owned) -> bool:
    if thing.owner_id is None:
        return True  # the pool
    if user.team_id is None:
        return False
    team_id: int | None = getattr(thing, "team_id", None)
    if team_id is not None:
        return team_id == user.team_id
    session = object_session(thing) or object_session(user)
    if session is None:
        raise LookupError("a thing outside any session has no team")
    owner = session.get(User, thing.owner_id)  # in the identity map when the page has loaded it
    return owner is not None and owner.team_id == user.team_id
