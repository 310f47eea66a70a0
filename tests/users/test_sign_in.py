"""The front door: limits before the hash, equal work for strangers, rotation, what is left."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from crm.core.audit import AuditEntry
from crm.core.errors import Invalid, TooMany, Unavailable
from crm.users import rules
from crm.users.models import SignInAttempt, User, UserSession
from crm.users.services import passwords, sign_in
from crm.users.services.sessions import Browser
from tests.conftest import NOW
from tests.factories.users import PASSWORD, make_rep

ClientFor = Callable[[User], FlaskClient]


def test_a_right_password_opens_a_session_and_leads_on(
    client: FlaskClient, session: Session
) -> None:
    user = make_rep(session, email="wang@qinghe.example")
    session.commit()

    answer = _sign_in(client, " Wang@Qinghe.example ", next="/users/me")

    assert (answer.status_code, answer.location) == (303, "/users/me")
    assert client.get("/users/me").status_code == 200
    assert _actions(session) == ["users.signed_in"]
    assert session.scalar(select(UserSession.user_id)) == user.id


def test_a_phone_number_opens_the_door_too(client: FlaskClient, session: Session) -> None:
    make_rep(session, phone="+8613800138000")
    session.commit()

    assert _sign_in(client, "138 0013 8000").status_code == 303


def test_a_phone_of_two_people_opens_for_neither(client: FlaskClient, session: Session) -> None:
    make_rep(session, phone="+8613800138000")
    make_rep(session, name="李娜", phone="+8613800138000")
    session.commit()

    assert _sign_in(client, "13800138000").status_code == 422


def test_ten_wrong_passwords_leave_ten_rows_and_ten_audit_rows(
    client: FlaskClient, session: Session
) -> None:
    make_rep(session, email="wang@qinghe.example")
    session.commit()

    statuses = [_sign_in(client, "wang@qinghe.example", "wrong").status_code for _ in range(10)]

    assert statuses == [422] * 10
    assert session.scalar(select(func.count()).select_from(SignInAttempt)) == 10
    assert _actions(session) == ["users.sign_in_failed"] * 10


def test_login_limits(client: FlaskClient, session: Session) -> None:
    make_rep(session, email="wang@qinghe.example")
    session.commit()
    for _ in range(10):
        _sign_in(client, "wang@qinghe.example", "wrong")

    answer = _sign_in(client, "wang@qinghe.example")

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    assert "nothing is locked for good" in answer.text


def test_an_address_that_tries_many_accounts_is_slowed_down(session: Session) -> None:
    for number in range(20):
        sign_in.knock(session, f"a{number}@x.example", ip="192.0.2.7", now=NOW)

    with pytest.raises(TooMany) as refused:
        sign_in.knock(session, "b@x.example", ip="192.0.2.7", now=NOW + timedelta(minutes=1))

    assert refused.value.code == "users.too_many_attempts"
    assert refused.value.details["retry_after"] == 240
    assert sign_in.knock(session, "b@x.example", ip="192.0.2.8", now=NOW).user_id is None


def test_a_thousand_failures_anywhere_slow_everybody_down(session: Session) -> None:
    session.add_all(
        SignInAttempt(account_hash=f"{number}", ip=f"ip{number}", at=NOW, succeeded=False)
        for number in range(1000)
    )

    with pytest.raises(TooMany):
        sign_in.knock(session, "b@x.example", ip="192.0.2.8", now=NOW)


def test_the_limit_is_soft_and_forgets(session: Session) -> None:
    for _ in range(10):
        sign_in.knock(session, "a@x.example", ip="192.0.2.7", now=NOW)

    later = NOW + rules.WINDOW + timedelta(seconds=1)

    assert sign_in.knock(session, "a@x.example", ip="192.0.2.7", now=later).attempt_id > 0


def test_strangers_cannot_shut_the_owner_out(session: Session) -> None:
    user = make_rep(session, email="wang@qinghe.example")
    at_home = sign_in.knock(session, user.email, ip="192.0.2.1", now=NOW)
    sign_in.enter(session, at_home, Browser(), rehashed=None, now=NOW)
    for number in range(10):
        sign_in.knock(session, user.email, ip=f"198.51.100.{number}", now=NOW)

    with pytest.raises(TooMany):
        sign_in.knock(session, user.email, ip="198.51.100.99", now=NOW)
    assert sign_in.knock(session, user.email, ip="192.0.2.1", now=NOW).user_id == user.id


def test_limit_precedes_hash(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _spy_on_hashes(monkeypatch)
    for _ in range(10):
        _sign_in(client, "nobody@qinghe.example", "wrong")

    assert _sign_in(client, "nobody@qinghe.example", "wrong").status_code == 429
    assert len(seen) == 10
    assert session.scalar(select(func.count()).select_from(SignInAttempt)) == 10


def test_login_equal_work(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rep(session, email="wang@qinghe.example")
    make_rep(session, email="gone@qinghe.example", disabled_at=NOW)
    session.commit()
    seen = _spy_on_hashes(monkeypatch)

    answers = [
        _sign_in(client, login, "wrong password")
        for login in ("wang@qinghe.example", "nobody@qinghe.example", "gone@qinghe.example")
    ]

    assert len(seen) == 3
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.text.count("Name or password is wrong") for answer in answers}) == 1


def test_a_disabled_person_cannot_sign_in(client: FlaskClient, session: Session) -> None:
    make_rep(session, email="gone@qinghe.example", disabled_at=NOW)
    session.commit()

    assert _sign_in(client, "gone@qinghe.example").status_code == 422


def test_who_is_disabled_while_the_hash_is_made_does_not_get_in(session: Session) -> None:
    user = make_rep(session)
    knocked = sign_in.knock(session, user.email, ip="", now=NOW)
    user.disabled_at = NOW

    with pytest.raises(Invalid) as refused:
        sign_in.enter(session, knocked, Browser(), rehashed=None, now=NOW)

    assert refused.value.code == "users.sign_in_failed"


def test_spoofed_xff_ignored(client: FlaskClient, session: Session) -> None:
    _sign_in(client, "nobody@qinghe.example", headers={"X-Forwarded-For": "203.0.113.9"})

    assert session.scalars(select(SignInAttempt.ip)).all() == ["127.0.0.1"]


def test_session_rotates_and_old_id_is_dead(
    app: Flask, client_for: ClientFor, session: Session
) -> None:
    make_rep(session, email="li@qinghe.example", name="李娜")
    client = client_for(make_rep(session))
    with client.session_transaction() as cookie:
        old = cookie["sid"]
        cookie["csrf_token"] = "planted"

    _sign_in(client, "li@qinghe.example")

    with client.session_transaction() as cookie:
        assert cookie["sid"] != old
        assert cookie.get("csrf_token") != "planted"
    thief = app.test_client()
    with thief.session_transaction() as cookie:
        cookie["sid"] = old
    assert thief.get("/users/me").location == "/users/sign-in?next=/users/me"


def test_a_planted_session_id_is_never_taken_over(client: FlaskClient, session: Session) -> None:
    make_rep(session, email="wang@qinghe.example")
    session.commit()
    with client.session_transaction() as cookie:
        cookie["sid"] = "chosen by somebody else"

    _sign_in(client, "wang@qinghe.example")

    hashes = session.scalars(select(UserSession.token_hash)).all()
    assert rules.digest("chosen by somebody else") not in hashes


def test_the_secret_is_stored_as_a_hash_only(client: FlaskClient, session: Session) -> None:
    make_rep(session, email="wang@qinghe.example")
    session.commit()
    _sign_in(client, "wang@qinghe.example")

    with client.session_transaction() as cookie:
        secret = cookie["sid"]

    assert session.scalar(select(UserSession.token_hash)) == rules.digest(secret)
    assert len(secret) >= 43  # 256 bits


def test_staying_signed_in_is_off_unless_asked_for(client: FlaskClient, session: Session) -> None:
    make_rep(session, email="wang@qinghe.example")
    session.commit()
    short = _sign_in(client, "wang@qinghe.example")
    long = _sign_in(client, "wang@qinghe.example", is_remembered="true")

    assert "Expires" not in short.headers["Set-Cookie"]
    assert "Expires" in long.headers["Set-Cookie"]
    rows = session.scalars(select(UserSession).order_by(UserSession.id)).all()
    assert [(one.expires_at - one.created_at).days for one in rows] == [30]  # the first is replaced


def test_an_outdated_hash_is_renewed_at_sign_in(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_rep(session, email="wang@qinghe.example")
    session.commit()
    old = user.password_hash
    monkeypatch.setattr(passwords, "is_outdated", lambda _hash: True)

    assert _sign_in(client, "wang@qinghe.example").status_code == 303

    session.refresh(user)
    assert user.password_hash != old
    assert user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_hashing_holds_no_transaction(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask import g

    make_rep(session, email="wang@qinghe.example")
    session.commit()
    open_while_hashing: list[bool] = []
    right = passwords.is_right

    def watch(password: str, password_hash: str | None) -> bool:
        open_while_hashing.append("session" in g and g.session.in_transaction())
        return right(password, password_hash)

    monkeypatch.setattr(passwords, "is_right", watch)
    _sign_in(client, "wang@qinghe.example")

    assert open_while_hashing == [False]


def test_when_all_turns_are_taken_the_door_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    taken = threading.BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(passwords, "_turns", taken)
    monkeypatch.setattr(passwords, "PATIENCE", 0.01)

    with pytest.raises(Unavailable) as refused:
        passwords.hash_password("three green chairs")

    assert refused.value.code == "users.hashing_busy"


def test_old_tries_are_forgotten(session: Session) -> None:
    sign_in.knock(session, "a@x.example", ip="", now=NOW - timedelta(days=31))
    sign_in.knock(session, "a@x.example", ip="", now=NOW)

    assert sign_in.forget_old(session, NOW) is False
    session.flush()

    assert session.scalar(select(func.count()).select_from(SignInAttempt)) == 1


def _sign_in(
    client: FlaskClient,
    login: str,
    password: str = PASSWORD,
    headers: dict[str, str] | None = None,
    **more: str,
) -> TestResponse:
    sent = {"login": login, "password": password, **more}
    english = {"Accept-Language": "en", **(headers or {})}
    return client.post("/users/sign-in", data=sent, headers=english)


def _actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def _spy_on_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    hasher = passwords._hasher

    class Spy:
        def verify(self, password_hash: str, password: str) -> bool:
            seen.append(password)
            return hasher.verify(password_hash, password)

    monkeypatch.setattr(passwords, "_hasher", Spy())
    return seen
