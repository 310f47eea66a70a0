"""Finding people, teams, sessions and tokens."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, joinedload

from crm.core.errors import NotFound
from crm.users.models import ApiToken, Role, Team, User, UserSession


def active() -> ColumnElement[bool]:
    return User.disabled_at.is_(None)


def people() -> Select[User]:
    """Everybody, the disabled last, with their teams."""
    return (
        select(User)
        .options(joinedload(User.team))
        .order_by(User.disabled_at.is_not(None), User.name, User.id)
    )


def colleagues() -> Select[User]:
    """Those who can own records, for pickers."""
    return select(User).where(active()).order_by(User.name, User.id)


def get_user(session: Session, user_id: int) -> User:
    found = session.scalar(people().where(User.id == user_id))
    if found is None:
        raise NotFound("core.not_found")
    return found


def get_by_public_id(session: Session, public_id: str) -> User:
    found = session.scalar(people().where(User.public_id == public_id))
    if found is None:
        raise NotFound("core.not_found")
    return found


def get_by_email(session: Session, email: str) -> User:
    found = find_by_email(session, email)
    if found is None:
        raise NotFound("users.unknown_email", email=email)
    return found


def find_by_email(session: Session, email: str) -> User | None:
    return session.scalar(people().where(User.email == email.strip().casefold()))


def teams() -> Select[Team]:
    return select(Team).order_by(Team.name, Team.id)


def get_team(session: Session, team_id: int) -> Team:
    found = session.get(Team, team_id)
    if found is None:
        raise NotFound("core.not_found")
    return found


def sizes_of_teams(session: Session) -> dict[int, int]:
    """How many people, the disabled among them, each team has."""
    rows = session.execute(
        select(User.team_id, func.count()).where(User.team_id.is_not(None)).group_by(User.team_id)
    )
    return {team_id: count for team_id, count in rows if team_id is not None}


def other_admins(session: Session, user: User) -> int:
    return (
        session.scalar(
            select(func.count(User.id)).where(active(), User.role == Role.ADMIN, User.id != user.id)
        )
        or 0
    )


def open_sessions(session: Session, user: User, *, now: datetime) -> Sequence[UserSession]:
    """The user's signed-in browsers, the latest used first."""
    return session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user.id, UserSession.expires_at > now)
        .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
    ).all()


def tokens(session: Session, user: User) -> Sequence[ApiToken]:
    """The user's tokens that were not withdrawn, newest first."""
    return session.scalars(
        select(ApiToken)
        .where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
        .order_by(ApiToken.created_at.desc(), ApiToken.id.desc())
    ).all()
