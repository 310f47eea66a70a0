"""Mails kept for want of a server: who reads which, and the banner that says so."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from crm.core import jobs, notices
from crm.core.db import Sessions
from crm.core.notices import SECRET, Draft
from crm.core.transports import FolderTransport, outbox_of
from crm.settings import Settings, Smtp
from crm.users.models import User
from crm.users.services import outbox
from crm.worker import Worker
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.users import make_admin, make_lead, make_manager, make_rep, make_team

ClientFor = Callable[[User], FlaskClient]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOT_SET_UP, NOBODY_WORKS = "Mail is not set up", "The worker is not running"


@pytest.fixture
def house(app: Flask, settings: Settings, tmp_path: Path) -> Settings:
    """A house whose outbox is its own."""
    house = replace(settings, var_dir=tmp_path)
    app.extensions["settings"] = house
    return house


@pytest.fixture
def people(session: Session) -> dict[str, User]:
    south = make_team(session, name="华南一组")
    return {
        "rep": make_rep(session),
        "lead": make_lead(session),
        "stranger": make_rep(session, name="刘洋", team=south),
        "other lead": make_lead(session, name="孙涛", team=south),
        "manager": make_manager(session),
        "admin": make_admin(session),
    }


def remind(session: Session, *, of: str, owner: User) -> None:
    customer = make_customer(session, name=of, owner=owner)
    make_followup(session, customer, owner=owner, due_at=LONG_AGO)


def keep_the_mails(session: Session, sessions: Sessions, house: Settings) -> None:
    session.commit()
    Worker(sessions, FolderTransport(outbox_of(house)), house).run_once()


def test_a_lead_reads_his_teams_reminders_and_an_administrator_all_mail(
    session: Session,
    sessions: Sessions,
    house: Settings,
    people: dict[str, User],
    client_for: ClientFor,
) -> None:
    remind(session, of="远山民宿", owner=people["rep"])
    remind(session, of="南湾咖啡", owner=people["stranger"])
    keep_the_mails(session, sessions, house)

    seen = {
        who: [
            name
            for name in ("远山民宿", "南湾咖啡")
            if name in client_for(people[who]).get("/notices/outbox").text
        ]
        for who in people
    }

    assert seen == {
        "rep": [],
        "lead": ["远山民宿"],
        "stranger": [],
        "other lead": ["南湾咖啡"],
        "manager": [],
        "admin": ["远山民宿", "南湾咖啡"],
    }


def test_the_link_for_a_new_password_is_not_for_a_lead(
    session: Session,
    sessions: Sessions,
    house: Settings,
    people: dict[str, User],
    client_for: ClientFor,
) -> None:
    link = "http://localhost/users/reset/a-secret"
    context = {SECRET: link, "minutes": 20}
    draft = Draft(people["rep"].id, "users/mail/reset.txt", context)
    notices.put(session, "reset:1", draft, now=LONG_AGO)
    keep_the_mails(session, sessions, house)

    assert link not in client_for(people["lead"]).get("/notices/outbox").text
    assert link in client_for(people["admin"]).get("/notices/outbox").text


def test_the_outbox_shows_the_newest_first_a_page_at_a_time(
    session: Session,
    sessions: Sessions,
    house: Settings,
    people: dict[str, User],
    client_for: ClientFor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("甲客户", "乙客户", "丙客户"):
        remind(session, of=name, owner=people["rep"])
    keep_the_mails(session, sessions, house)
    monkeypatch.setattr(outbox, "SIZE", 2)

    def shown(before: int | None) -> tuple[list[str], int | None]:
        folder = outbox_of(house)
        found = outbox.page(session, folder, viewer=people["lead"], before=before)
        return [mail.subject[-3:] for mail in found.mails], found.next_before

    first, more = shown(None)
    second, end = shown(more)

    assert (first, second, end) == (["丙客户", "乙客户"], ["甲客户"], None)
    page = client_for(people["lead"]).get("/notices/outbox").text
    assert page.index("丙客户") < page.index("乙客户")
    assert 'rel="next"' in page


def test_an_empty_outbox_says_so(
    house: Settings, people: dict[str, User], client_for: ClientFor
) -> None:
    assert not outbox_of(house).exists()
    assert "No mail has been kept" in client_for(people["lead"]).get("/notices/outbox").text


def test_every_page_says_that_mail_is_not_set_up_and_who_may_can_open_the_outbox(
    app: Flask, house: Settings, people: dict[str, User], client_for: ClientFor
) -> None:
    lead, rep = client_for(people["lead"]), client_for(people["rep"])
    for_lead, for_rep = lead.get("/customers/").text, rep.get("/customers/").text
    assert NOT_SET_UP in for_lead
    assert NOT_SET_UP in for_rep
    assert "Open the outbox" in for_lead
    assert "/notices/outbox" not in for_rep

    fragment = rep.get("/customers/", headers={"HX-Request": "true"}).text
    assert NOT_SET_UP not in fragment
    app.extensions["settings"] = replace(house, smtp=Smtp("127.0.0.1", 25))
    with_a_server = rep.get("/customers/").text
    assert NOT_SET_UP not in with_a_server


def test_a_page_says_when_no_worker_has_beaten_for_minutes(
    session: Session, people: dict[str, User], client_for: ClientFor
) -> None:
    client, now = client_for(people["rep"]), datetime.now(UTC)
    said = [NOBODY_WORKS in client.get("/customers/").text]
    for silence in (timedelta(minutes=4), timedelta(seconds=30)):
        jobs.beat(session, f"silent for {silence}", now=now - silence)
        session.commit()
        said.append(NOBODY_WORKS in client.get("/customers/").text)

    assert said == [True, True, False]
