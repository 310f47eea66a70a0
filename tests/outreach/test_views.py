"""The guard on pages and for programs, within everybody's scope."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crm.customers.models import Channel
from crm.outreach.models import Suppression
from crm.users.models import User
from tests.counting import count_queries
from tests.factories.customers import make_customer
from tests.factories.outreach import make_contact, make_suppression
from tests.factories.users import bearer, make_lead, make_manager, make_rep

ClientFor = Callable[[User], FlaskClient]


def just_now() -> datetime:
    """Pages ask for now by the clock, so a contact that should matter took place shortly before."""
    return datetime.now(UTC) - timedelta(hours=1)


def test_the_list_shows_a_chip_per_customer_that_leads_to_the_reason(
    session: Session, client_for: ClientFor
) -> None:
    wang = make_rep(session)
    customer = make_customer(session, owner=wang)
    make_contact(session, customer, at=just_now())
    page = client_for(wang).get("/customers/").get_data(as_text=True)
    assert "Cooling down" in page
    assert f"/outreach/answers/{customer.id}" in page


def test_the_reason_names_who_when_and_how(session: Session, client_for: ClientFor) -> None:
    wang, li = make_rep(session, name="王芳"), make_rep(session, name="李娜")
    customer = make_customer(session)
    make_contact(session, customer, by=wang, at=just_now(), channel=Channel.WECHAT)
    page = client_for(li).get(f"/outreach/answers/{customer.id}").get_data(as_text=True)
    assert "王芳" in page
    assert "WeChat" in page
    fragment = client_for(li).get(
        f"/outreach/answers/{customer.id}", headers={"HX-Request": "true"}
    )
    assert "<html" not in fragment.get_data(as_text=True)


def test_a_colleagues_customer_is_not_there(session: Session, client_for: ClientFor) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=wang)
    assert client_for(li).get(f"/outreach/answers/{customer.id}").status_code == 404


def test_a_rep_stops_contacts_on_the_customers_page(
    session: Session, client_for: ClientFor
) -> None:
    wang = make_rep(session)
    customer = make_customer(session, owner=wang)
    client = client_for(wang)
    form = {"customer_id": customer.id, "channel": "sms", "evidence": "Said so"}
    assert client.post("/outreach/suppressions", data=form).status_code == 303
    mark = session.scalars(select(Suppression)).one()
    assert (mark.channel, mark.evidence) == (Channel.SMS, "Said so")
    assert "Said so" in client.get(f"/customers/{customer.id}").get_data(as_text=True)


def test_only_a_lead_allows_contacts_again_and_says_why(
    session: Session, client_for: ClientFor
) -> None:
    wang, lead = make_rep(session), make_lead(session)
    customer = make_customer(session, owner=wang)
    mark = make_suppression(session, customer)
    address = f"/outreach/customers/{customer.id}/suppressions/{mark.id}/clearing"
    form = {"reason": "Signed form"}
    assert client_for(wang).post(address, data=form).status_code == 403
    assert client_for(lead).post(address, data={**form, "reason": ""}).status_code == 422
    assert client_for(lead).post(address, data=form).status_code == 303
    assert client_for(lead).post(address, data=form).status_code == 409
    session.refresh(mark)
    assert mark.cleared_by_id == lead.id


def test_the_rules_stand_in_words(session: Session, client_for: ClientFor) -> None:
    page = client_for(make_manager(session)).get("/outreach/policy").get_data(as_text=True)
    assert "At most 3 contacts within any 7 days" in page
    assert "3 whole days" in page


def test_a_program_learns_the_reason_and_the_next_time(
    session: Session, client: FlaskClient
) -> None:
    wang, li = make_rep(session, name="王芳"), make_rep(session, name="李娜")
    customer = make_customer(session)
    make_contact(session, customer, by=wang, at=just_now())
    address = f"/api/v1/outreach/answer?customer={customer.public_id}&channel=phone"
    answer = client.get(address, headers=bearer(session, li)).get_json()
    assert (answer["verdict"], answer["reason"]) == ("hold", "COOL_DOWN")
    assert answer["earlier"]["by"] == "王芳"
    assert answer["next_at"] > answer["earlier"]["at"]
    free = client.get(address, headers=bearer(session, wang)).get_json()
    assert (free["verdict"], free["reason"], free["earlier"]) == ("allow", None, None)


def test_a_program_asks_with_a_token_about_customers_it_may_see(
    session: Session, client: FlaskClient
) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=wang)
    address = f"/api/v1/outreach/answer?customer={customer.public_id}"
    assert client.get(address).status_code == 401
    assert client.get(address, headers=bearer(session, li)).status_code == 404
    unknown = client.get(address + "&channel=pigeon", headers=bearer(session, wang))
    assert unknown.status_code == 422


def test_the_chips_cost_the_same_for_one_customer_as_for_twenty(
    session: Session, engine: Engine, client_for: ClientFor
) -> None:
    wang = make_rep(session)
    client = client_for(wang)
    counts = []
    for more in (1, 19):
        for number in range(more):
            make_contact(
                session, make_customer(session, name=f"客 {more} {number}", owner=wang), by=wang
            )
        session.commit()
        client.get("/customers/")
        with count_queries(engine) as statements:
            assert client.get("/customers/").status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]
