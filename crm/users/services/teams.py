"""Teams: whose records a lead sees."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from crm.core import audit
from crm.core.errors import Conflict
from crm.users import policies, queries
from crm.users.models import Team, User


@dataclass(frozen=True, slots=True)
class NewTeam:
    name: str
    version: int | None = None


def add_team(session: Session, wanted: NewTeam, *, by: User | None, now: datetime) -> Team:
    """Add a team. `by` None is the command line."""
    if by is not None:
        policies.require(by, "users.manage")
    team = Team(name=_free_name(session, wanted.name, team_id=0))
    session.add(team)
    session.flush()
    _note(session, "teams.added", team, by=by, now=now)
    return team


def rename(session: Session, team: Team, wanted: NewTeam, *, by: User, now: datetime) -> None:
    policies.require(by, "users.manage")
    if wanted.version is not None and wanted.version != team.version:
        raise StaleDataError("edited from an older version")
    team.name = _free_name(session, wanted.name, team_id=team.id)
    session.flush()
    _note(session, "teams.renamed", team, by=by, now=now)


def remove(session: Session, team: Team, *, by: User, now: datetime) -> None:
    """Delete a team that nobody is in."""
    policies.require(by, "users.manage")
    count = queries.sizes_of_teams(session).get(team.id, 0)
    if count:
        raise Conflict("users.team_in_use", count=count)
    _note(session, "teams.removed", team, by=by, now=now)
    session.delete(team)
    session.flush()


def _free_name(session: Session, name: str, *, team_id: int) -> str:
    name = name.strip()
    if session.scalar(select(Team.id).where(Team.name == name, Team.id != team_id)) is not None:
        raise Conflict("users.team_taken", field="name")
    return name


def _note(session: Session, action: str, team: Team, *, by: User | None, now: datetime) -> None:
    audit.record(session, action, by_id=by.id if by else None, thing=f"team:{team.id}", now=now)
