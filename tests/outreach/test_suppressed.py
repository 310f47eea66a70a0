"""The list of those who must not be contacted, within everybody's scope."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crm.customers.models import Channel
from crm.outreach import queries
from crm.users.models import User
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.customers import make_customer
from tests.factories.outreach import make_suppression
from tests.factories.users import bearer, make_lead, make_rep

ClientFor = Callable[[User], FlaskClient]


def test_it_names_the_channel_the_source_and_leaves_out_cleared_marks(
    session: Session, client_for: ClientFor
) -> None:
    li = make_rep(session, name="李娜")
    tang = make_customer(session, name="唐若溪", owner=li)
    make_suppression(session, tang, channel=Channel.EMAIL)
    make_customer(session, name="林悦", owner=li)
    cleared = make_suppression(session, make_customer(session, name="周敏", owner=li))
    cleared.cleared_at = NOW
    page = client_for(li).get("/outreach/suppressions").get_data(as_text=True)
    assert "唐若溪" in page
    assert "E-mail" in page
    assert "林悦" not in page
    assert "周敏" not in page


def test_a_colleagues_customer_is_not_on_it(session: Session, client_for: ClientFor) -> None:
    li, wang = make_rep(session, name="李娜"), make_rep(session, name="王磊")
    theirs = make_customer(session, name="唐若溪", owner=wang)
    make_suppression(session, theirs)
    assert "唐若溪" not in client_for(li).get("/outreach/suppressions").get_data(as_text=True)
    answer = client_for(wang).get("/api/v1/outreach/suppressions", headers=bearer(session, li))
    assert answer.get_json() == {"items": [], "next_cursor": None}


def test_one_finds_a_name_and_walks_the_pages(
    session: Session, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = make_lead(session)
    for number in range(5):
        make_suppression(session, make_customer(session, name=f"唐若溪{number}", owner=lead))
    make_suppression(session, make_customer(session, name="韩海涛", owner=lead))
    client = client_for(lead)
    found = client.get("/outreach/suppressions?q=tangruoxi", headers={"HX-Request": "true"})
    assert found.get_data(as_text=True).count("c-name") == 5
    monkeypatch.setattr(queries, "PER_PAGE", 4)
    headers = bearer(session, lead)
    first = client.get("/api/v1/outreach/suppressions", headers=headers)
    assert len(first.get_json()["items"]) == 4
    second = client.get(first.headers["Link"].split(">")[0][1:], headers=headers)
    assert len(second.get_json()["items"]) == 2
    assert second.get_json()["next_cursor"] is None


def test_the_page_needs_as_many_queries_for_twenty_as_for_one(
    session: Session, engine: Engine, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    client = client_for(lead)

    def cost() -> int:
        with count_queries(engine) as seen:
            assert client.get("/outreach/suppressions").status_code == 200
        return len(seen)

    make_suppression(session, make_customer(session, owner=lead))
    cost()
    one = cost()
    for number in range(19):
        make_suppression(session, make_customer(session, name=f"客{number}", owner=lead))
    session.flush()
    assert cost() == one
