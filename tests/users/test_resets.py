"""A mailed link: used by POST, once, in time, for the password it was asked for."""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core import clock, notices, templating
from crm.core.company import company
from crm.core.errors import Conflict, Invalid
from crm.core.notices import Notice
from crm.users import rules
from crm.users.models import PasswordReset, UserSession
from crm.users.services import passwords, people, resets, sessions
from crm.users.services.resets import Forgotten, NewPassword
from crm.users.services.sessions import Browser
from tests.conftest import NOW
from tests.factories.users import make_admin, make_rep

GOOD = "four yellow lamps"
BASE = "https://crm.qinghe.example"


def test_reset_ignores_host_and_forwarded_host(client: FlaskClient, session: Session) -> None:
    user = make_rep(session)
    session.commit()

    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    client.post("/users/forgot", data={"login": user.email}, headers=forged)
    refused = client.post(
        "/users/forgot", data={"login": user.email}, headers={"Host": "evil.example"}
    )

    links = [notice.context[notices.SECRET] for notice in session.scalars(select(Notice))]
    assert refused.status_code == 400
    assert len(links) == 1
    assert links[0].startswith("http://localhost/users/reset/")


def test_reset_get_does_not_consume(client: FlaskClient, session: Session) -> None:
    secret = _ask(session, now=clock.now())
    session.commit()

    for _ in range(3):
        assert client.get(f"/users/reset/{secret}").status_code == 200
    answer = client.post(f"/users/reset/{secret}", data=_form())

    assert (answer.status_code, answer.location) == (303, "/users/sign-in")
    assert client.get(f"/users/reset/{secret}").status_code == 410
    assert client.post(f"/users/reset/{secret}", data=_form()).status_code == 410


def test_reset_token_lifecycle(session: Session) -> None:
    admin = make_admin(session)
    user = make_rep(session, email="wang@qinghe.example")

    late = _ask(session, user.email)
    assert resets.find(session, late, now=NOW + timedelta(minutes=19)) is not None
    assert resets.find(session, late, now=NOW + timedelta(minutes=20)) is None

    # Another way to a new password makes the link useless.
    overtaken = _ask(session, user.email)
    people.reset_password(session, user, by=admin, now=NOW)
    assert resets.find(session, overtaken, now=NOW) is None

    # So does a disabled account, and it does not come back with it.
    disabled = _ask(session, user.email)
    people.disable(session, user, by=admin, now=NOW)
    people.enable(session, user, by=admin, now=NOW)
    session.expire_all()
    assert resets.find(session, disabled, now=NOW) is None

    assert resets.find(session, "never made", now=NOW) is None


def test_a_link_sets_the_password_once_and_ends_every_session(session: Session) -> None:
    user = make_rep(session, email="wang@qinghe.example")
    sessions.open_session(session, user, Browser(), now=NOW)
    secret = _ask(session, user.email)
    new_hash = passwords.hash_password(GOOD)

    resets.use(session, secret, password_hash=new_hash, now=NOW)

    assert user.password_hash == new_hash
    assert session.scalars(select(UserSession)).all() == []
    with pytest.raises(Conflict) as refused:
        resets.use(session, secret, password_hash=new_hash, now=NOW)
    assert refused.value.code == "users.reset_expired"


def test_only_the_hash_of_a_link_is_at_rest_once_it_is_sent(session: Session) -> None:
    secret = _ask(session)
    reset = session.scalars(select(PasswordReset)).one()
    (notice,) = notices.claim(session, limit=5, now=NOW)

    assert secret in notice.context[notices.SECRET]
    notices.mark_sent(session, notice, now=NOW)
    session.expire_all()

    assert reset.token_hash == rules.digest(secret)
    assert secret not in str(session.scalars(select(Notice)).one().context)


def test_the_letter_says_what_to_do_in_both_languages(session: Session) -> None:
    secret = _ask(session)
    notice = session.scalars(select(Notice)).one()

    for locale in ("zh_Hans_CN", "en"):
        letter = templating.letter(
            notice.template, notice.context, company=company(session), locale=locale
        )
        assert letter.subject
        assert f"{BASE}/users/reset/{secret}" in letter.text


def test_unknown_addresses_get_the_same_answer_and_no_mail(
    client: FlaskClient, session: Session
) -> None:
    user = make_rep(session)
    make_rep(session, email="gone@qinghe.example", disabled_at=NOW)
    session.commit()

    answers = [
        client.post("/users/forgot", data={"login": login}, headers={"Accept-Language": "en"})
        for login in (user.email, "nobody@qinghe.example", "gone@qinghe.example", "no address")
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text.count("a mail is on its way") for answer in answers}) == 1
    assert session.scalar(select(func.count()).select_from(Notice)) == 1


def test_five_links_a_day_are_enough(session: Session) -> None:
    user = make_rep(session)
    for _ in range(7):
        resets.ask(session, Forgotten(user.email), base_url=BASE, now=NOW)

    assert session.scalar(select(func.count()).select_from(Notice)) == 5


def test_a_weak_new_password_is_refused_and_the_link_stays_good(
    client: FlaskClient, session: Session
) -> None:
    secret = _ask(session, now=clock.now())
    session.commit()

    assert client.post(f"/users/reset/{secret}", data=_form("short")).status_code == 422
    differing = {"password": GOOD, "password_again": "other"}
    assert client.post(f"/users/reset/{secret}", data=differing).status_code == 422
    assert client.post(f"/users/reset/{secret}", data=_form()).status_code == 303


def test_two_new_passwords_that_differ_are_refused_by_code(session: Session) -> None:
    secret = _ask(session)

    with pytest.raises(Invalid) as refused:
        resets.check(session, secret, NewPassword(GOOD, "other"), now=NOW)

    assert refused.value.code == "users.password_differs"


def _ask(session: Session, email: str = "", *, now: datetime = NOW) -> str:
    """A fresh link's secret, read where the worker would read it."""
    email = email or make_rep(session).email
    resets.ask(session, Forgotten(email), base_url=BASE, now=now)
    newest = session.scalars(select(Notice).order_by(Notice.id.desc()).limit(1)).one()
    return str(newest.context[notices.SECRET]).rpartition("/")[2]


def _form(password: str = GOOD) -> dict[str, str]:
    return {"password": password, "password_again": password}
