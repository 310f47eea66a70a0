"""Route × role × ownership, generated from the URL map: a route without a row fails."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from crm.app import create_app
from crm.core import clock
from crm.settings import Settings
from crm.users import auth
from crm.users.models import Role, User
from tests.architecture.access_reach import Far, Reaches, Row, examples
from tests.architecture.access_table import ROWS
from tests.architecture.access_things import ALWAYS_OWNED, THINGS, UNOWNED
from tests.factories.users import bearer, make_team, make_user

_MAP = create_app(
    Settings(
        database_url="sqlite://", secret_key="only to read the map of addresses", var_dir=Path()
    )
).url_map
RULES = sorted(_MAP.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule))
PEOPLE = ("rep", "other rep", "lead", "other lead", "manager", "admin")


@dataclass(frozen=True, slots=True)
class World:
    """Two teams: a rep, a colleague and their lead; a stranger and his lead; and the two above."""

    people: dict[str, User]

    def owners(self, row: Row, viewer: User) -> Iterator[User | None]:
        """Everybody to whom the row's thing may belong; None is the pool."""
        if not row.thing or row.thing in UNOWNED:
            yield None
            return
        owners = [viewer, self.people["rep"], self.people["other rep"], self.people["stranger"]]
        yield from {owner.id: owner for owner in owners}.values()
        if row.thing not in ALWAYS_OWNED:
            yield None


@pytest.fixture
def world(session: Session) -> World:
    east, south = make_team(session), make_team(session, name="华南一组")
    people = {
        "rep": make_user(session, name="王芳", team=east),
        "other rep": make_user(session, name="李娜", team=east),
        "lead": make_user(session, name="张伟", role=Role.LEAD, team=east),
        "stranger": make_user(session, name="刘洋", team=south),
        "other lead": make_user(session, name="孙涛", role=Role.LEAD, team=south),
        "manager": make_user(session, name="陈静", role=Role.MANAGER),
        "admin": make_user(session, name="赵敏", role=Role.ADMIN),
    }
    return World(people)


@dataclass(frozen=True, slots=True)
class Walk:
    """Asks any route as anybody, each time for a fresh thing."""

    app: Flask
    session: Session

    def ask(self, rule: Rule, method: str, viewer: User | None, owner: User | None) -> TestResponse:
        row, is_api = ROWS[rule.endpoint], rule.rule.startswith("/api/")
        values = THINGS[row.thing](self.session, owner) if row.thing else {}
        headers = bearer(self.session, viewer) if viewer and is_api else {}
        client = self._browser_of(viewer if not is_api else None)
        inside = {name: values.get(name, example) for name, example in examples(rule).items()}
        body = {**(values if row.in_body else {}), **row.body}
        sent: dict[str, Any] = (
            {"json": body} if is_api and method not in {"GET", "DELETE"} else {"data": body}
        )
        address = _MAP.bind("localhost").build(rule.endpoint, inside, method=method)
        return client.open(address, method=method, headers=headers, buffered=True, **sent)

    def _browser_of(self, viewer: User | None) -> FlaskClient:
        client = self.app.test_client()
        if viewer is not None:
            token = auth.open_session(self.session, viewer, now=clock.now())
            with client.session_transaction() as cookie:
                cookie["sid"] = token
        self.session.commit()
        return client


@pytest.fixture
def walk(app: Flask, session: Session) -> Walk:
    return Walk(app, session)


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    routes = {rule.endpoint for rule in RULES}

    assert routes - ROWS.keys() == set(), "add the rows to tests/architecture/access_table.py"
    assert ROWS.keys() - routes == set(), "these rows are about routes that are gone"


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.endpoint in ROWS], ids=lambda rule: rule.endpoint
)
def test_authz_matrix(rule: Rule, walk: Walk, world: World) -> None:
    row, wrong = ROWS[rule.endpoint], []
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        answer = walk.ask(rule, method, None, None)
        if _is_shut(answer) == row.is_public:
            wrong.append(f"{method} as nobody: {answer.status}")
        for who in PEOPLE:
            viewer = world.people[who]
            for owner in world.owners(row, viewer):
                answer = walk.ask(rule, method, viewer, owner)
                expected = _expected(row, viewer, owner)
                if not _fits(answer, expected):
                    belongs = owner.name if owner else "nobody"
                    wrong.append(
                        f"{method} as {who}, the thing belongs to {belongs}: "
                        f"{answer.status} {answer.location or ''}, expected {expected}"
                    )
    assert wrong == []


def _expected(row: Row, viewer: User, owner: User | None) -> str:
    if row.is_public:
        return "open"
    owned = bool(row.thing) and row.thing not in UNOWNED
    if owned and not _reaches(row.see, viewer, owner):
        return "404"
    if owned:
        return "open" if _reaches(row.act, viewer, owner) else "403"
    return "403" if _far(row.act, viewer) == "none" else "open"


def _reaches(reaches: Reaches, viewer: User, owner: User | None) -> bool:
    far = _far(reaches, viewer)
    if owner is None:
        return far == "all" or far.endswith("+pool")
    if far.startswith("team") and viewer.team_id is not None and owner.team_id == viewer.team_id:
        return True
    return far == "all" or (far != "none" and owner.id == viewer.id)


def _far(reaches: Reaches, viewer: User) -> Far:
    far: Far = getattr(reaches, viewer.role.value)
    return far


def _fits(answer: TestResponse, expected: str) -> bool:
    if expected != "open":
        return str(answer.status_code) == expected
    return (
        not _is_shut(answer) and answer.status_code not in {403, 404} and answer.status_code < 500
    )


def _is_shut(answer: TestResponse) -> bool:
    """Whether somebody who is not signed in was sent away."""
    location = answer.location or ""
    return answer.status_code == 401 or location.startswith(("/users/sign-in", "/users/confirm"))


def test_the_walk_would_notice_a_door_left_open() -> None:
    """The matrix itself, on plain values: it tells what it should expect from each role."""
    row = Row(
        Reaches("own+pool", "team+pool", "all", "all"),
        Reaches("own", "team", "none", "all"),
        "customer",
    )
    mine, theirs = User(id=1, team_id=1, role=Role.REP), User(id=2, team_id=1, role=Role.REP)
    lead, stranger = User(id=3, team_id=1, role=Role.LEAD), User(id=4, team_id=2, role=Role.REP)
    manager = User(id=5, role=Role.MANAGER)
    expected: Sequence[tuple[User, User | None, str]] = [
        (mine, mine, "open"),
        (mine, theirs, "404"),
        (mine, None, "403"),
        (lead, theirs, "open"),
        (lead, stranger, "404"),
        (lead, None, "403"),
        (manager, stranger, "403"),
    ]

    found = [(viewer, owner, _expected(row, viewer, owner)) for viewer, owner, _ in expected]

    assert found == list(itertools.chain(expected))
