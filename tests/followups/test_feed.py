"""A rep's follow-ups in a calendar: private, without phone numbers, ended when renewed."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from icalendar import Calendar, Event
from sqlalchemy.orm import Session

from crm.core import calendars
from crm.core.calendars import Entry
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.users import bearer, make_rep

ClientFor = Callable[[User], FlaskClient]
MIDNIGHT = NOW.replace(hour=16, minute=0)  # 00:00 of the next day in Shanghai


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def made_address(client: FlaskClient) -> str:
    answer = client.post("/followups/feed")
    assert answer.status_code == 201
    found = re.search(r"/followups/feed/[\w-]+\.ics", answer.get_data(as_text=True))
    assert found is not None
    return found[0]


def events(client: FlaskClient, address: str) -> list[Event]:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.content_type == "text/calendar; charset=utf-8"
    return [e for e in Calendar.from_ical(answer.data).walk() if isinstance(e, Event)]


def test_a_calendar_reads_own_open_followups_without_signing_in(
    session: Session, client: FlaskClient, client_for: ClientFor
) -> None:
    li, wang = make_rep(session, name="李娜"), make_rep(session, name="王磊")
    customer = make_customer(session, name="王芳, 林", owner=li, phone="13800138000")
    mine = make_followup(session, customer, owner=li, due_at=NOW + timedelta(days=1))
    mine.purpose = "寄样;\n确认"
    make_followup(session, make_customer(session, owner=wang), owner=wang, due_at=NOW)
    (event,) = events(client, made_address(client_for(li)))
    assert str(event["summary"]) == "王芳, 林 · 寄样;\n确认"
    assert event.decoded("dtstart") == NOW + timedelta(days=1)
    assert str(event["url"]).endswith(f"/customers/{customer.id}")
    assert "13800138000" not in str(event)


def test_a_day_without_a_time_is_a_whole_day(
    session: Session, client: FlaskClient, client_for: ClientFor
) -> None:
    li = make_rep(session)
    make_followup(session, make_customer(session, owner=li), owner=li, due_at=MIDNIGHT)
    (event,) = events(client, made_address(client_for(li)))
    assert event.decoded("dtstart") == (NOW + timedelta(days=1)).date()


def test_a_moved_followup_keeps_its_id_and_grows_its_sequence(
    session: Session, client: FlaskClient, client_for: ClientFor
) -> None:
    li = make_rep(session)
    followup = make_followup(session, make_customer(session, owner=li), owner=li, due_at=NOW)
    address = made_address(client_for(li))
    (before,) = events(client, address)
    followup.due_at = NOW + timedelta(hours=3)
    session.commit()
    (after,) = events(client, address)
    assert after["uid"] == before["uid"]
    assert after.decoded("sequence") > before.decoded("sequence")


def test_a_customer_known_by_phone_alone_stays_unnamed(
    session: Session, client: FlaskClient, client_for: ClientFor
) -> None:
    li = make_rep(session)
    customer = make_customer(session, name="", owner=li, phone="13800138000")
    make_followup(session, customer, owner=li, due_at=NOW)
    (event,) = events(client, made_address(client_for(li)))
    assert str(customer.id) in str(event["summary"])
    assert "138" not in str(event["summary"]).replace(str(customer.id), "")


def test_a_new_address_ends_the_earlier_one(
    session: Session, client: FlaskClient, client_for: ClientFor
) -> None:
    signed_in = client_for(make_rep(session))
    first, second = made_address(signed_in), made_address(signed_in)
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200


def test_another_token_opens_no_calendar_and_the_address_opens_no_door(
    session: Session, client: FlaskClient, client_for: ClientFor
) -> None:
    li = make_rep(session)
    secret = bearer(session, li)["Authorization"].split()[1]
    assert client.get("/followups/feed/guessed.ics").status_code == 404
    address = made_address(client_for(li))
    feed_secret = address.rpartition("/")[2].removesuffix(".ics")
    headers = {"Authorization": f"Bearer {feed_secret}"}
    assert client.get("/api/v1/customers", headers=headers).status_code == 403
    assert client.get(f"/followups/feed/{secret}x.ics").status_code == 404


def test_a_disabled_persons_calendar_ends(
    session: Session, client: FlaskClient, client_for: ClientFor
) -> None:
    li = make_rep(session)
    address = made_address(client_for(li))
    li.disabled_at = NOW
    session.commit()
    assert client.get(address).status_code == 404


def test_long_lines_are_folded_and_read_again_whole() -> None:
    title = "回访：" + "很长的事由，" * 40
    entry = Entry(uid="1@here", sequence=2, starts=NOW, title=title, text="a\nb; c, d")
    written = calendars.written("跟进", [entry], now=NOW)
    assert max(map(len, written.split(b"\r\n"))) <= 75
    (event,) = Calendar.from_ical(written).walk("VEVENT")
    assert str(event["summary"]) == title
    assert str(event["description"]) == "a\nb; c, d"
