"""People for programs: who am I, the users (administrators only) and the teams."""

from collections.abc import Sequence
from typing import Any

from flask import request
from flask_smorest import Blueprint
from werkzeug.exceptions import PreconditionFailed

from crm.users import policies, queries, services
from crm.users.auth import Scope, current_token, current_user, token_required
from crm.users.models import Team, User
from crm.users.schemas import (
    AddedUserOut,
    MeOut,
    NewUserIn,
    TeamIn,
    TeamOut,
    TeamsOut,
    UserEditIn,
    UserOut,
    UsersOut,
)
from crm.users.services import people
from crm.users.services import teams as team_services
from crm.users.services.people import NewUser, UserEdit
from crm.users.services.teams import NewTeam
from crm.web import context
from crm.web.idempotency import not_kept

blp = Blueprint("users_api", __name__, url_prefix="/api/v1", description="People and teams")
Headers = dict[str, str]
USER_FIELDS = (
    "public_id",
    "email",
    "name",
    "phone",
    "role",
    "team",
    "locale",
    "is_active",
    "must_change_password",
    "created_at",
    "version",
)


@blp.get("/me")
@blp.response(200, MeOut)
@token_required(Scope.PROFILE_READ)
def me() -> dict[str, Any]:
    return {**_as_dict(current_user()), "scopes": current_token().scopes.split()}


@blp.get("/users")
@blp.response(200, UsersOut)
@token_required(Scope.USERS_READ)
def index() -> dict[str, Sequence[User]]:
    policies.require(current_user(), "users.manage")
    return {"items": context.session().scalars(queries.people()).all()}


@blp.post("/users")
@blp.arguments(NewUserIn)
@blp.response(201, AddedUserOut)
@token_required(Scope.USERS_WRITE)
@not_kept
def create(wanted: NewUser) -> dict[str, Any]:
    """Adds a person. The one-time password is in this answer and nowhere else."""
    by, now, session = current_user(), context.now_once(), context.session()
    person, password = services.add(session, wanted, by=by, now=now)
    return {**_as_dict(queries.get_user(session, person.id)), "one_time_password": password}


@blp.get("/users/<public_id>")
@blp.response(200, UserOut)
@token_required(Scope.USERS_READ)
def show(public_id: str) -> tuple[User, int, Headers]:
    return _with_tag(_person(public_id))


@blp.put("/users/<public_id>")
@blp.arguments(UserEditIn)
@blp.response(200, UserOut)
@token_required(Scope.USERS_WRITE)
def update(wanted: UserEdit, public_id: str) -> tuple[User, int, Headers]:
    person = _person(public_id)
    _check_match(person)
    services.edit(context.session(), person, wanted, by=current_user(), now=context.now_once())
    return _with_tag(queries.get_user(context.session(), person.id))


@blp.put("/users/<public_id>/disabling")
@blp.response(200, UserOut)
@token_required(Scope.USERS_WRITE)
def disable(public_id: str) -> tuple[User, int, Headers]:
    person = _person(public_id)
    people.disable(context.session(), person, by=current_user(), now=context.now_once())
    context.session().flush()
    return _with_tag(person)


@blp.delete("/users/<public_id>/disabling")
@blp.response(200, UserOut)
@token_required(Scope.USERS_WRITE)
def enable(public_id: str) -> tuple[User, int, Headers]:
    person = _person(public_id)
    people.enable(context.session(), person, by=current_user(), now=context.now_once())
    context.session().flush()
    return _with_tag(person)


@blp.get("/teams")
@blp.response(200, TeamsOut)
@token_required(Scope.PROFILE_READ)
def teams() -> dict[str, Sequence[Team]]:
    return {"items": context.session().scalars(queries.teams()).all()}


@blp.post("/teams")
@blp.arguments(TeamIn)
@blp.response(201, TeamOut)
@token_required(Scope.USERS_WRITE)
def create_team(wanted: NewTeam) -> Team:
    by, now = current_user(), context.now_once()
    return team_services.add_team(context.session(), wanted, by=by, now=now)


@blp.put("/teams/<int:team_id>")
@blp.arguments(TeamIn)
@blp.response(200, TeamOut)
@token_required(Scope.USERS_WRITE)
def update_team(wanted: NewTeam, team_id: int) -> tuple[Team, int, Headers]:
    policies.require(current_user(), "users.manage")
    team = queries.get_team(context.session(), team_id)
    _check_match(team)
    team_services.rename(context.session(), team, wanted, by=current_user(), now=context.now_once())
    return team, 200, {"ETag": _tag(team)}


@blp.delete("/teams/<int:team_id>")
@blp.response(204)
@token_required(Scope.USERS_WRITE)
def remove_team(team_id: int) -> None:
    policies.require(current_user(), "users.manage")
    team = queries.get_team(context.session(), team_id)
    team_services.remove(context.session(), team, by=current_user(), now=context.now_once())


def _person(public_id: str) -> User:
    policies.require(current_user(), "users.manage")
    return queries.get_by_public_id(context.session(), public_id)


def _with_tag(person: User) -> tuple[User, int, Headers]:
    return person, 200, {"ETag": _tag(person)}


def _tag(thing: User | Team) -> str:
    return f'"{thing.version}"'


def _check_match(thing: User | Team) -> None:
    """412 when the caller's copy is not the one that is stored."""
    if request.if_match and not request.if_match.contains(str(thing.version)):
        raise PreconditionFailed


def _as_dict(person: User) -> dict[str, Any]:
    return {name: getattr(person, name) for name in USER_FIELDS}
