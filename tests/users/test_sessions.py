"""Sessions are rows: they end by time, by hand, and with the password."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core import clock
from crm.core.errors import NotFound
from crm.users import rules
from crm.users.models import User, UserSession
from crm.users.services import people, sessions
from crm.users.services.sessions import Browser
from tests.conftest import NOW
from tests.factories.users import PASSWORD, make_admin, make_rep

ClientFor = Callable[[User], FlaskClient]
SIGN_IN = "/users/sign-in?next=/users/me"


def test_logout_kills_the_session(app: Flask, client_for: ClientFor, session: Session) -> None:
    client = client_for(make_rep(session))
    thief = _copy(app, client)

    answer = client.post("/users/sign-out")

    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert thief.get("/users/me").location == SIGN_IN
    assert client.get("/users/me").location == SIGN_IN


def test_a_password_change_kills_the_other_sessions_and_renews_this_one(
    app: Flask, client_for: ClientFor, session: Session
) -> None:
    user = make_rep(session)
    client, elsewhere = client_for(user), client_for(user)
    thief = _copy(app, client)

    answer = client.post(
        "/users/password",
        data={
            "current_password": PASSWORD,
            "password": "four yellow lamps",
            "password_again": "four yellow lamps",
        },
    )

    assert answer.status_code == 303
    assert client.get("/users/me").status_code == 200
    assert elsewhere.get("/users/me").location == SIGN_IN
    assert thief.get("/users/me").location == SIGN_IN


def test_disabling_kills_every_session(client_for: ClientFor, session: Session) -> None:
    user, admin = make_rep(session), make_admin(session)
    client = client_for(user)

    assert client_for(admin).post(f"/users/{user.id}/disabling").status_code == 303
    assert client.get("/users/me").location == SIGN_IN


def test_logout_password_change_disable_kill_sessions(session: Session) -> None:
    user, admin = make_rep(session), make_admin(session)
    secrets = [sessions.open_session(session, user, Browser(), now=NOW) for _ in range(2)]

    people.disable(session, user, by=admin, now=NOW)
    people.enable(session, user, by=admin, now=NOW)

    assert [sessions.find(session, secret, now=NOW) for secret in secrets] == [None, None]


def test_a_new_role_kills_the_sessions(client_for: ClientFor, session: Session) -> None:
    user, admin = make_rep(session), make_admin(session)
    client = client_for(user)
    form = {"name": user.name, "email": user.email, "role": "manager"}

    assert client_for(admin).post(f"/users/{user.id}", data=form).status_code == 303
    assert client.get("/users/me").location == SIGN_IN


def test_a_session_ends_when_it_is_idle_or_old(session: Session) -> None:
    user = make_rep(session)
    secret = sessions.open_session(session, user, Browser(), now=NOW)
    kept = sessions.open_session(session, user, Browser(is_remembered=True), now=NOW)

    def lives(which: str, after: timedelta) -> bool:
        return sessions.find(session, which, now=NOW + after) is not None

    assert lives(secret, timedelta(hours=12))
    assert not lives(secret, timedelta(hours=12, seconds=1))
    assert lives(kept, timedelta(days=29))
    assert not lives(kept, timedelta(days=30))


def test_a_busy_session_still_ends_after_a_week(session: Session) -> None:
    secret = sessions.open_session(session, make_rep(session), Browser(), now=NOW)
    session.scalars(select(UserSession)).one().last_seen_at = NOW + rules.LENGTH

    assert sessions.find(session, secret, now=NOW + rules.LENGTH) is None


def test_last_seen_is_noted_at_most_once_a_minute(client_for: ClientFor, session: Session) -> None:
    client = client_for(make_rep(session))
    row = session.scalars(select(UserSession)).one()
    fresh = row.last_seen_at

    client.get("/users/me")
    session.refresh(row)
    assert row.last_seen_at == fresh

    row.last_seen_at = fresh - timedelta(minutes=2)
    session.commit()
    client.get("/users/me")
    session.refresh(row)
    assert row.last_seen_at >= fresh


def test_one_ends_ones_own_sessions_and_no_one_elses(session: Session) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    sessions.open_session(session, li, Browser(), now=NOW)
    hers = session.scalars(select(UserSession)).one()

    with pytest.raises(NotFound):
        sessions.end(session, wang, hers.id, by=wang, now=NOW)
    sessions.end(session, li, hers.id, by=li, now=NOW)

    assert session.scalars(select(UserSession)).all() == []


def test_the_profile_lists_browsers_and_ends_all_others(
    client_for: ClientFor, session: Session
) -> None:
    user = make_rep(session)
    client, other = client_for(user), client_for(user)
    assert "Sign out all others" in client.get("/users/me").text

    assert client.post("/users/me/sessions/ending").status_code == 303
    assert other.get("/users/me").location == SIGN_IN
    assert client.get("/users/me").status_code == 200


def test_ended_sessions_are_swept_away(session: Session) -> None:
    sessions.open_session(session, make_rep(session), Browser(), now=NOW - timedelta(days=8))

    assert sessions.forget_ended(session, NOW) is False
    assert session.scalars(select(UserSession)).all() == []


def test_sensitive_needs_recent_auth(client_for: ClientFor, session: Session) -> None:
    admin, user = make_admin(session), make_rep(session)
    client = client_for(admin)
    _age(session, timedelta(minutes=16))
    sensitive = [
        ("POST", "/users/"),
        ("POST", f"/users/{user.id}"),
        ("POST", f"/users/{user.id}/disabling"),
        ("POST", f"/users/{user.id}/password"),
        ("POST", f"/users/{user.id}/sessions/ending"),
        ("POST", "/users/teams"),
        ("POST", "/users/me/tokens"),
        ("GET", f"/users/{user.id}/edit"),
    ]

    led = [client.open(path, method=method).location or "" for method, path in sensitive]

    assert all(address.startswith("/users/confirm") for address in led), led


def test_giving_the_password_once_more_lets_one_go_on(
    app: Flask, client_for: ClientFor, session: Session
) -> None:
    client = client_for(make_admin(session))
    thief = _copy(app, client)
    _age(session, timedelta(hours=1))

    wrong = client.post("/users/confirm", data={"password": "no", "next": "/users/new"})
    right = client.post("/users/confirm", data={"password": PASSWORD, "next": "/users/new"})

    assert (wrong.status_code, right.location) == (422, "/users/new")
    assert client.get("/users/new").status_code == 200
    assert thief.get("/users/me").location == SIGN_IN


def _copy(app: Flask, client: FlaskClient) -> FlaskClient:
    """Another browser with the same cookie, as a thief would have it."""
    with client.session_transaction() as cookie:
        secret = cookie["sid"]
    thief = app.test_client()
    with thief.session_transaction() as cookie:
        cookie["sid"] = secret
    return thief


def _age(session: Session, by: timedelta) -> None:
    for row in session.scalars(select(UserSession)):
        row.confirmed_at = clock.now() - by
    session.commit()
