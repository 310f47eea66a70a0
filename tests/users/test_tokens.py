"""API tokens: shown once, kept as a hash, bounded by scope, owner, time and role."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.errors import Invalid, NotFound
from crm.users import rules
from crm.users.models import ApiToken, User
from crm.users.rules import Scope
from crm.users.services import tokens
from crm.users.services.tokens import NewToken
from tests.conftest import NOW
from tests.factories.users import bearer, make_admin, make_rep

ClientFor = Callable[[User], FlaskClient]
READ = (Scope.PROFILE_READ,)


def test_a_token_is_kept_as_a_hash_and_found_by_its_secret(session: Session) -> None:
    user = make_rep(session)

    token, secret = tokens.create(session, NewToken("nightly", READ), by=user, now=NOW)

    assert secret.startswith("crm_")
    assert token.token_hash == rules.digest(secret)
    assert tokens.find(session, secret, now=NOW) is token


def test_a_token_ends_by_time_by_hand_and_with_its_owner(session: Session) -> None:
    user = make_rep(session)
    token, secret = tokens.create(session, NewToken("nightly", READ, 30), by=user, now=NOW)
    gone, gone_secret = tokens.create(session, NewToken("gone", READ, None), by=user, now=NOW)

    tokens.revoke(session, gone.public_id, by=user, now=NOW)

    assert tokens.find(session, gone_secret, now=NOW) is None
    assert tokens.find(session, secret, now=NOW + timedelta(days=30)) is None
    assert tokens.find(session, secret, now=NOW + timedelta(days=29)) is token
    user.disabled_at = NOW
    assert tokens.find(session, secret, now=NOW) is None


def test_a_token_of_another_cannot_be_withdrawn(session: Session) -> None:
    token, _secret = tokens.create(session, NewToken("a", READ), by=make_rep(session), now=NOW)

    with pytest.raises(NotFound):
        tokens.revoke(session, token.public_id, by=make_admin(session), now=NOW)


def test_a_token_needs_scopes_and_a_rep_cannot_take_an_administrators(session: Session) -> None:
    user = make_rep(session)

    with pytest.raises(Invalid) as nothing:
        tokens.create(session, NewToken("a", ()), by=user, now=NOW)
    with pytest.raises(Invalid) as too_much:
        tokens.create(session, NewToken("a", (Scope.USERS_WRITE,)), by=user, now=NOW)

    assert (nothing.value.code, too_much.value.code) == ("users.no_scope", "users.scope_not_yours")


def test_the_page_shows_a_token_once(client_for: ClientFor, session: Session) -> None:
    client = client_for(make_rep(session))

    form = {"name": "nightly", "scopes": ["profile:read", "customers:read"], "days": "30"}
    answer = client.post("/users/me/tokens", data=form)
    token = session.scalars(select(ApiToken)).one()

    assert answer.status_code == 201
    assert token.scopes == "customers:read profile:read"
    secret = answer.text.partition('value="crm_')[2].partition('"')[0]
    assert rules.digest(f"crm_{secret}") == token.token_hash
    assert secret not in client.get("/users/me").text
    assert client.post(f"/users/me/tokens/{token.public_id}/revocation").status_code == 303


def test_a_program_without_a_token_is_told_how_to_send_one(client: FlaskClient) -> None:
    answer = client.get("/api/v1/me")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json["code"] == "core.sign_in_first"  # type: ignore[index]


def test_a_wrong_token_is_refused_before_the_input_is_read(client: FlaskClient) -> None:
    headers = {"Authorization": "Bearer crm_nonsense"}

    answer = client.post("/api/v1/teams", json={"nonsense": 1}, headers=headers)

    assert answer.status_code == 401
    assert answer.json["code"] == "core.token_invalid"  # type: ignore[index]


def test_a_missing_scope_is_refused_before_the_input_is_read(
    client: FlaskClient, session: Session
) -> None:
    headers = bearer(session, make_admin(session), READ)
    session.commit()

    answer = client.post("/api/v1/teams", json={"nonsense": 1}, headers=headers)

    assert answer.status_code == 403
    assert answer.json["code"] == "users.scope_missing"  # type: ignore[index]


def test_a_scope_gives_no_right_that_the_role_lacks(client: FlaskClient, session: Session) -> None:
    headers = bearer(session, make_rep(session))
    session.commit()

    assert client.get("/api/v1/users", headers=headers).status_code == 403


def test_cookies_count_for_nothing_under_the_api(client_for: ClientFor, session: Session) -> None:
    client = client_for(make_admin(session))

    assert client.get("/api/v1/me").status_code == 401
    assert client.get("/api/docs").status_code == 200


def test_a_program_learns_who_it_is_and_its_use_is_noted(
    client: FlaskClient, session: Session
) -> None:
    user = make_rep(session)
    headers = bearer(session, user, READ)
    session.commit()

    answer = client.get("/api/v1/me", headers=headers)

    assert answer.json["email"] == user.email  # type: ignore[index]
    assert answer.json["scopes"] == ["profile:read"]  # type: ignore[index]
    assert session.scalars(select(ApiToken.last_used_at)).one() is not None
