"""Builders of people, teams and API tokens."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.users.models import ApiToken, Role, Team, User
from crm.users.rules import Scope, digest
from crm.users.services import passwords
from tests.conftest import NOW

PASSWORD = "three green chairs"

_numbers = count(1)


def make_team(session: Session, *, name: str = "华东一组") -> Team:
    """The team of this name, made when it is not there."""
    team = session.scalar(select(Team).where(Team.name == name))
    if team is None:
        team = Team(name=name)
        session.add(team)
        session.flush()
    return team


def make_user(
    session: Session,
    *,
    name: str = "王芳",
    role: Role | str = Role.REP,
    team: Team | None = None,
    password: str = PASSWORD,
    **values: Any,
) -> User:
    """A person with a known password; reps and leads join 华东一组 unless told otherwise.

    Pages are in English, so that tests can read them. `values` are columns of `User`.
    """
    role = Role(role)
    if team is None and role in {Role.REP, Role.LEAD} and "team_id" not in values:
        team = make_team(session)
    user = User(
        **{
            "email": f"user{next(_numbers)}@qinghe.example",
            "name": name,
            "role": role,
            "team_id": team.id if team else None,
            "password_hash": _hash(password),
            "password_changed_at": NOW,
            "locale": "en",
            "created_at": NOW,
            **values,
        }
    )
    session.add(user)
    session.flush()
    return user


def make_rep(session: Session, **values: Any) -> User:
    return make_user(session, **values)


def make_lead(session: Session, *, name: str = "张伟", **values: Any) -> User:
    return make_user(session, name=name, role=Role.LEAD, **values)


def make_manager(session: Session, *, name: str = "陈静", **values: Any) -> User:
    return make_user(session, name=name, role=Role.MANAGER, **values)


def make_admin(session: Session, *, name: str = "赵敏", **values: Any) -> User:
    return make_user(session, name=name, role=Role.ADMIN, **values)


def make_token(session: Session, user: User, scopes: Iterable[Scope] = tuple(Scope)) -> str:
    """An API token's secret; with every scope unless told otherwise."""
    secret = f"crm_test-{next(_numbers)}"
    session.add(
        ApiToken(
            user_id=user.id,
            name="a script",
            token_hash=digest(secret),
            scopes=" ".join(scope.value for scope in scopes),
            created_at=NOW,
        )
    )
    session.flush()
    return secret


def bearer(session: Session, user: User, scopes: Iterable[Scope] = tuple(Scope)) -> dict[str, str]:
    """The headers of a program that acts for this user."""
    return {"Authorization": f"Bearer {make_token(session, user, scopes)}"}


@lru_cache
def _hash(password: str) -> str:
    return passwords.hash_password(password)
