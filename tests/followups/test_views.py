"""The workbench and its drawers: what is pressed is done once, what is refused leaves nothing."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from crm.customers.models import Customer
from crm.followups.models import FollowUp, Outcome
from crm.outreach.models import LedgerEntry
from crm.users.models import User
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.activities import make_launched_activity
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup, plan_everything
from tests.factories.outreach import make_contact, make_suppression
from tests.factories.users import make_lead, make_manager, make_rep

ClientFor = Callable[[User], FlaskClient]
ON_WORKBENCH = {"HX-Request": "true", "HX-Current-URL": "http://localhost/followups/"}
TOMORROW = "2026-11-20T09:00"  # by the company's clock


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    """Requests read the clock: it stands at the tests' NOW."""
    with time_machine.travel(NOW, tick=False):
        yield


def text(client: FlaskClient, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.get_data(as_text=True)


def logged(customer: Customer, **more: object) -> dict[str, object]:
    return {"customer_id": customer.id, "channel": "phone", "outcome": "reached", **more}


def count(session: Session, thing: type) -> int:
    session.expire_all()
    return session.scalar(select(func.count()).select_from(thing)) or 0


def test_the_workbench_shows_the_day_in_groups(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    for name, days in (("昨天", -1), ("今天", 0), ("后天", 2), ("下月", 30)):
        customer = make_customer(session, name=name, owner=rep, phone=f"1380013800{days % 9}")
        make_followup(session, customer, owner=rep, due_at=NOW + timedelta(days=days))
        customer.next_followup_at = NOW
    make_customer(session, name="没安排", owner=rep)

    page = text(client_for(rep), "/followups/")

    assert "1 to contact today, 1 overdue" in re.sub(r"<[^>]+>", "", page)
    assert [name in page for name in ("昨天", "今天", "后天", "没安排")] == [True] * 4
    assert "下月" not in page
    assert "138****" in page


def test_htmx_is_given_the_day_alone(session: Session, client_for: ClientFor) -> None:
    client = client_for(make_rep(session))
    assert "<html" in client.get("/followups/").text
    part = client.get("/followups/", headers=ON_WORKBENCH).text
    assert part.lstrip().startswith('<div id="day">')
    assert "<html" not in part


def test_the_workbench_speaks_the_viewers_language(session: Session, client_for: ClientFor) -> None:
    english, chinese = make_rep(session), make_rep(session, locale="zh_Hans_CN")
    assert "My workbench" in text(client_for(english), "/followups/")
    page = text(client_for(chinese), "/followups/")
    assert "我的工作台" in page
    assert "Overdue" not in page


def test_a_lead_reads_the_teams_day(session: Session, client_for: ClientFor) -> None:
    lead, rep = make_lead(session), make_rep(session)
    make_followup(session, make_customer(session, name="王芳的", owner=rep), owner=rep)
    client = client_for(lead)
    assert "王芳的" not in text(client, "/followups/")
    assert "王芳的" in text(client, "/followups/?scope=team")
    assert "王芳的" not in text(
        client_for(make_rep(session, name="李娜")), "/followups/?scope=team"
    )


def test_the_workbench_asks_as_often_for_many_as_for_few(
    session: Session, client_for: ClientFor, engine: Engine
) -> None:
    rep, asked = make_rep(session), []
    client = client_for(rep)
    text(client, "/followups/")
    for number in range(40):
        day = NOW + timedelta(days=number % 5 - 2)
        customer = make_customer(session, name=f"客户{number}", owner=rep, next_followup_at=day)
        make_followup(session, customer, owner=rep, due_at=day)
        make_customer(session, name=f"空{number}", owner=rep)
        if number in {4, 39}:
            session.commit()
            with count_queries(engine) as seen:
                page = text(client, "/followups/")
            asked.append(len(seen))
    assert "客户39" in page
    assert asked[0] == asked[1]
    assert asked[0] <= 20


def test_the_drawer_asks_for_whom_then_how_it_went(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    customer = make_customer(session, name="杭州远山民宿", owner=rep)
    planned = make_followup(session, customer, owner=rep)
    client = client_for(rep)
    assert "With whom?" in text(client, "/followups/new")
    found = text(client, "/search?q=远山&for=log")
    assert f'href="/followups/new?customer={customer.id}"' in found
    assert f'hx-get="/followups/new?customer={customer.id}"' in found
    assert 'href="/customers/' not in found.partition("<main")[2].partition("</main")[0]
    for asked in (f"customer={customer.id}", f"followup={planned.id}"):
        page = text(client, f"/followups/new?{asked}&kind=wechat")
        assert "杭州远山民宿" in page
        assert re.search(r'value="wechat" checked', page)
        assert f'name="followup_id" value="{planned.id}"' in page
        assert f'value="no_answer" required data-proposes="{TOMORROW}"' in page
        assert f"/customers/{customer.id}#do-not-contact" in page
    part = client.get(f"/followups/new?customer={customer.id}", headers=ON_WORKBENCH).text
    assert "<html" not in part
    assert 'name="_next" value="/followups/"' in part


def test_the_drawer_warns_and_records_all_the_same(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    make_suppression(session, customer)
    client = client_for(rep)
    assert "Do not contact" in text(client, f"/followups/new?customer={customer.id}")
    assert client.post("/followups/", data=logged(customer)).status_code == 303
    assert count(session, LedgerEntry) == 1


def test_who_only_reads_is_not_offered_the_drawer(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    make_followup(session, customer, owner=rep)
    client = client_for(make_manager(session))
    assert client.get(f"/followups/new?customer={customer.id}").status_code == 403
    assert client.get(f"/followups/customers/{customer.id}/plans/new").status_code == 403
    assert "kind=phone" not in text(client, "/followups/?scope=team")
    stranger = client_for(make_rep(session, name="李娜"))
    assert stranger.get(f"/followups/new?customer={customer.id}").status_code == 404


def test_a_log_from_the_workbench_replaces_the_list_and_can_be_taken_back(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, name="宋文博", owner=rep)
    planned = make_followup(session, customer, owner=rep, due_at=NOW - timedelta(days=1))
    client = client_for(rep)
    sent = logged(customer, followup_id=planned.id, next_at=TOMORROW, _next="/followups/")

    answer = client.post("/followups/", data=sent, headers=ON_WORKBENCH)

    assert answer.status_code == 200
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#day", "outerHTML")
    assert "Tomorrow" in answer.text
    toast = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert toast["undo"] == f"/followups/{planned.id}/completion/undo"
    assert "next contact on 20 Nov" in toast["text"]
    undone = client.post(toast["undo"], data={"next": f"/customers/{customer.id}"})
    assert (undone.status_code, undone.location) == (303, f"/customers/{customer.id}")
    session.refresh(planned)
    assert planned.is_open
    assert count(session, FollowUp) == 2  # the next one is given up, not deleted
    assert client.post(toast["undo"]).status_code == 409


def test_a_log_leads_back_to_where_the_drawer_was_opened(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    client, here = client_for(rep), f"/customers/{customer.id}"
    drawer = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{here}"}
    page = client.get(f"/followups/new?customer={customer.id}", headers=drawer).text
    assert f'name="_next" value="{here}"' in page
    by_script = client.post("/followups/", data=logged(customer, _next=here), headers=drawer)
    assert by_script.headers["HX-Redirect"] == here
    for wanted, led in ((here, here), ("//evil.example/", "/followups/"), ("", "/followups/")):
        plain = client.post("/followups/", data=logged(customer, _next=wanted))
        assert (plain.status_code, plain.location) == (303, led)
    foreign = {"HX-Request": "true", "HX-Current-URL": "http://evil.example/customers/1"}
    page = client.get(f"/followups/new?customer={customer.id}", headers=foreign).text
    assert 'name="_next" value="/followups/"' in page


def test_a_key_pressed_twice_logs_once(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    client = client_for(rep)
    sent = logged(customer, idempotency_key="one press", _next="/followups/")

    first, second = (client.post("/followups/", data=sent, headers=ON_WORKBENCH) for _ in "12")

    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["HX-Retarget"] == first.headers["HX-Retarget"] == "#day"
    assert (count(session, FollowUp), count(session, LedgerEntry)) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"outcome": ""}, "Fill this in."),
        ({"outcome": "sold"}, "Choose one of the list."),
        ({"contacted_at": "2026-11-19T18:00"}, "cannot lie in the future"),
        ({"next_at": "2026-11-01T09:00"}, "cannot lie in the past"),
        ({"next_at": "soon"}, "Not a time"),
        ({"next_purpose": "寄色卡"}, "Say when"),
    ],
)
@pytest.mark.parametrize("headers", [{}, ON_WORKBENCH], ids=["page", "fragment"])
def test_what_is_wrong_is_said_and_the_text_is_kept(
    session: Session,
    client_for: ClientFor,
    headers: dict[str, str],
    wrong: dict[str, str],
    said: str,
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    sent = logged(customer, note="想看样册，预算 4 万", **wrong)

    answer = client_for(rep).post("/followups/", data=sent, headers=headers)

    assert answer.status_code == 422
    assert said in answer.text
    assert "想看样册，预算 4 万" in answer.text
    assert all(value in answer.text for value in wrong.values() if value != "sold")
    assert (count(session, FollowUp), count(session, LedgerEntry)) == (0, 0)


def test_a_contact_is_planned_moved_and_given_up(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    customer = make_customer(session, name="宋文博", owner=rep)
    client, here = client_for(rep), f"/customers/{customer.id}"
    assert "宋文博" in text(client, f"/followups/customers/{customer.id}/plans/new")
    sent = {"customer_id": customer.id, "due_at": TOMORROW, "purpose": "寄色卡", "_next": here}
    planned = client.post("/followups/plans", data=sent)
    assert (planned.status_code, planned.location) == (303, here)
    followup = session.scalars(select(FollowUp)).one()
    assert "寄色卡" in text(client, here)
    due = f"/followups/{followup.id}/due"
    assert client.post(due, data={"days": "3", "version": 1, "_next": here}).location == here
    session.expire_all()
    assert followup.due_at == NOW.replace(hour=1, minute=0) + timedelta(days=3)
    assert client.post(due, data={"days": "7", "version": 1}).status_code == 409
    assert client.post(due, data={"due_at": "2026-11-25T14:30"}).status_code == 303
    assert client.post(due, data={"due_at": "soon"}).status_code == 422
    assert client.post(due, data={}).status_code == 422
    session.expire_all()
    assert customer.next_followup_at == followup.due_at == NOW.replace(day=25, hour=6)
    assert client.post(f"/followups/{followup.id}/cancellation").status_code == 303
    assert client.post(f"/followups/{followup.id}/cancellation").status_code == 409
    session.expire_all()
    assert customer.next_followup_at is None


def test_a_refused_plan_keeps_the_text_and_leaves_nothing(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    make_contact(session, customer, by=make_rep(session, name="李娜"))
    client = client_for(rep)
    sent = {"customer_id": customer.id, "due_at": TOMORROW, "purpose": "寄色卡"}
    for headers in ({}, ON_WORKBENCH):
        refused = client.post("/followups/plans", data=sent, headers=headers)
        assert refused.status_code == 409
        assert "寄色卡" in refused.text
        assert 'role="alert"' in refused.text
    wrong = client.post("/followups/plans", data={**sent, "due_at": "never"})
    past = client.post("/followups/plans", data={**sent, "due_at": "2026-11-01T09:00"})
    assert (wrong.status_code, past.status_code) == (422, 422)
    assert count(session, FollowUp) == 0


def test_a_lead_contacts_in_spite_of_the_cool_down_with_a_reason(
    session: Session, client_for: ClientFor
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep)
    make_contact(session, customer, by=make_rep(session, name="李娜"))
    sent = {"customer_id": customer.id, "due_at": TOMORROW, "override_reason": "客户要求回电"}
    plans = f"/followups/customers/{customer.id}/plans/new"
    assert "override_reason" in text(client_for(lead), plans)
    assert "override_reason" not in text(client_for(rep), plans)
    assert client_for(rep).post("/followups/plans", data=sent).status_code == 403
    assert client_for(lead).post("/followups/plans", data=sent).status_code == 303
    assert session.scalars(select(FollowUp.owner_id)).one() == rep.id


def test_a_lead_hands_a_planned_contact_to_a_colleague(
    session: Session, client_for: ClientFor
) -> None:
    lead, rep, other = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=rep)
    followup = make_followup(session, customer, owner=rep)
    client, here = client_for(lead), f"/customers/{customer.id}"
    address = f"/followups/{followup.id}/owner"
    assert f'action="{address}"' in text(client, here)
    assert f'action="{address}"' not in text(client_for(rep), here)
    assert client_for(rep).post(address, data={"owner_id": other.id}).status_code == 403
    assert client.post(address, data={"owner_id": 0}).status_code == 422
    answer = client.post(address, data={"owner_id": other.id, "_next": here})
    assert (answer.status_code, answer.location) == (303, here)
    session.refresh(followup)
    assert followup.owner_id == other.id
    assert "Handed over to 李娜" in text(client, here)


def test_customers_without_a_plan_are_spread_by_one_press(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    for number in range(6):
        make_customer(session, name=f"客户{number}", owner=rep)
    client = client_for(rep)
    assert "Spread over the coming days" in text(client, "/followups/")
    assert client.post("/followups/unplanned/spread").status_code == 303
    assert "6 customers planned" in text(client, "/followups/")
    assert count(session, FollowUp) == 6
    assert client_for(make_manager(session)).post("/followups/unplanned/spread").status_code == 403


def test_the_customers_page_tells_what_took_place(session: Session, client_for: ClientFor) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep)
    make_launched_activity(session, owner=lead, title="秋冬焕新")
    plan_everything(session)
    client = client_for(rep)
    assert "秋冬焕新" in text(client, f"/followups/new?customer={customer.id}")
    client.post("/followups/", data=logged(customer, outcome="invited", note="周六来看样"))
    followup = session.scalars(select(FollowUp)).one()
    assert followup.outcome is Outcome.INVITED
    page = text(client, f"/customers/{customer.id}")
    assert "周六来看样" in page
    assert "Invited" in page


def test_an_empty_workbench_says_what_will_stand_there(
    session: Session, client_for: ClientFor
) -> None:
    page = client_for(make_rep(session)).get("/followups/").get_data(as_text=True)
    assert "Nothing is planned" in page
    assert "See the customers" in page
    assert "Nothing is overdue." not in page
