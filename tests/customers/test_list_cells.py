"""Changing one thing in the list: saved at once, and nothing of two editors is lost."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crm.customers.models import Customer, CustomField, FieldKind, Stage
from crm.customers.queries import listing
from crm.customers.views.list_rows import EDITABLE
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.users import make_lead, make_manager, make_rep

ClientFor = Callable[[object], FlaskClient]
HTMX = {"HX-Request": "true"}


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("name", "远山民宿", "远山民宿"),
        ("company", "远山", "远山"),
        ("phone", "13900000482", "139****0482"),
        ("email", "a@b.cn", "a***@b.cn"),
        ("region", "杭州", "杭州"),
        ("source", "小红书", "小红书"),
        ("external_id", "A-7", "A-7"),
        ("channel", "直播", "直播"),
        ("member_level", "金卡", "金卡"),
        ("points", "1200", "1,200"),
        ("interests", "茶", "茶"),
        ("birth_on", "1990-02-28", "28 Feb 1990"),
        ("kind", "company", "Company"),
        ("sex", "female", "Female"),
        ("purchasing_power", "high", "High"),
        ("stage", "loyal", "Loyal customer"),
    ],
)
def test_one_thing_is_changed_where_it_stands(
    session: Session, client_for: ClientFor, name: str, value: str, shown: str
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, name="旧名字", owner=rep, note="留着")
    client = client_for(rep)
    address = f"/customers/{customer.id}/cells/{name}"

    control = client.get(address, headers=HTMX).text
    assert control.lstrip().startswith("<td")
    sent = {"original": hidden(control, "original"), "value": value}
    saved = client.post(address, data=sent, headers=HTMX)

    assert saved.status_code == 200
    assert shown in saved.text
    session.expire_all()
    assert customer.note == "留着"
    assert customer.version > 1


def test_the_owner_is_changed_by_who_may_hand_over(session: Session, client_for: ClientFor) -> None:
    lead, rep = make_lead(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=lead)
    address = f"/customers/{customer.id}/cells/owner"
    sent = {"original": str(lead.id), "value": str(rep.id)}

    assert "李娜" in client_for(lead).post(address, data=sent, headers=HTMX).text
    session.expire_all()
    assert customer.owner_id == rep.id
    assert client_for(rep).get(address, headers=HTMX).status_code == 403


def test_an_own_field_is_changed_by_its_own_rules(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    own = CustomField(label="预算", kind=FieldKind.MONEY, position=1, choices=[])
    own.created_at = own.updated_at = NOW
    session.add(own)
    session.flush()
    customer = make_customer(session, owner=rep, custom={"f0": "bleibt"})
    client = client_for(rep)
    address = f"/customers/{customer.id}/cells/{own.name}"

    wrong = client.post(address, data={"original": "", "value": "viel"}, headers=HTMX)
    assert wrong.status_code == 422
    assert 'value="viel"' in wrong.text
    saved = client.post(address, data={"original": "", "value": "1234.5"}, headers=HTMX)
    assert "¥1,234.50" in saved.text
    kept = client.get(address, headers=HTMX).text
    assert hidden(kept, "original") == "1234.50"


def test_the_second_of_two_editors_sees_all_three_values_and_decides(
    session: Session, client_for: ClientFor
) -> None:
    rep, lead = make_rep(session), make_lead(session)
    customer = make_customer(session, owner=rep, region="杭州")
    address = f"/customers/{customer.id}/cells/region"
    client_for(lead).post(address, data={"original": "杭州", "value": "上海"}, headers=HTMX)

    client = client_for(rep)
    clash = client.post(address, data={"original": "杭州", "value": "苏州"}, headers=HTMX)
    assert clash.status_code == 409
    for value in ("杭州", "上海", "苏州"):
        assert f"<dd>{value}</dd>" in clash.text
    session.expire_all()
    assert customer.region == "上海"
    again = {"original": hidden(clash.text, "original"), "value": "苏州"}
    assert client.post(address, data=again, headers=HTMX).status_code == 200
    session.expire_all()
    assert customer.region == "苏州"


def test_another_thing_changed_meanwhile_is_no_clash(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, name="旧", owner=rep, region="杭州")
    client = client_for(rep)
    for name, before, after in (("name", "旧", "新"), ("region", "杭州", "上海")):
        sent = {"original": before, "value": after}
        path = f"/customers/{customer.id}/cells/{name}"
        assert client.post(path, data=sent, headers=HTMX).status_code == 200
    session.expire_all()
    assert (customer.name, customer.region) == ("新", "上海")


def test_what_is_wrong_is_said_in_the_cell_and_what_was_typed_stays(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    address = f"/customers/{customer.id}/cells/phone"
    answer = client_for(rep).post(address, data={"original": "", "value": "12345"}, headers=HTMX)
    assert answer.status_code == 422
    assert 'value="12345"' in answer.text
    assert "c-err" in answer.text
    session.expire_all()
    assert customer.phone is None


def test_who_may_not_change_gets_no_control(session: Session, client_for: ClientFor) -> None:
    rep, manager = make_rep(session), make_manager(session)
    own = make_customer(session, name="我的", owner=rep)
    pooled = make_customer(session, name="公海")
    foreign = make_customer(session, owner=make_rep(session))

    page = client_for(rep).get("/customers/").text
    assert f"/customers/{own.id}/cells/stage" in page
    assert f"/customers/{pooled.id}/cells/" not in page
    assert f"/customers/{own.id}/cells/owner" not in page
    assert "/cells/" not in client_for(manager).get("/customers/").text
    for customer, status in ((pooled, 403), (foreign, 404)):
        address = f"/customers/{customer.id}/cells/region"
        sent = {"original": "", "value": "x"}
        assert client_for(rep).post(address, data=sent, headers=HTMX).status_code == status


def test_leaving_it_brings_back_what_stands_in_the_list(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep, stage=Stage.NEW)
    client = client_for(rep)
    back = client.get(f"/customers/{customer.id}/cells/stage?shown=true", headers=HTMX).text
    assert "New customer" in back
    assert "<form" not in back
    assert client.get(f"/customers/{customer.id}/cells/note", headers=HTMX).status_code == 404
    plain = client.get(f"/customers/{customer.id}/cells/stage")
    assert plain.location.endswith(f"/customers/{customer.id}/edit")


def test_rights_in_the_list_cost_no_query_a_row(
    session: Session, client_for: ClientFor, engine: Engine
) -> None:
    lead = make_lead(session)
    client = client_for(lead)
    client.post("/customers/columns/", data={"columns": ["region"], "list": "tab=all"})
    make_customer(session, owner=lead)
    session.commit()
    with count_queries(engine) as one:
        client.get("/customers/?tab=all")
    for number in range(listing.PAGE):
        make_customer(session, name=f"K{number}", owner=make_rep(session, name=f"R{number}"))
    session.commit()
    with count_queries(engine) as many:
        client.get("/customers/?tab=all")
    assert len(many) <= len(one)


def test_every_editable_column_is_a_fact_of_the_customer() -> None:
    assert {name for name in EDITABLE if not hasattr(Customer, name)} == set()


def test_the_next_contact_is_moved_from_the_list(session: Session, client_for: ClientFor) -> None:
    rep, manager = make_rep(session), make_manager(session)
    planned = make_customer(session, name="有计划", owner=rep)
    unplanned = make_customer(session, name="没计划", owner=rep)
    followup = make_followup(session, planned, owner=rep)
    client = client_for(rep)

    page = client.get("/customers/").text
    assert f'data-edit-first href="/followups/customers/{planned.id}/next"' in page
    assert "data-edit-first" not in client_for(manager).get("/customers/").text
    drawer = client.get(f"/followups/customers/{planned.id}/next", headers=HTMX).text
    assert f'action="/followups/{followup.id}/due"' in drawer
    other = client.get(f"/followups/customers/{unplanned.id}/next", headers=HTMX).text
    assert 'action="/followups/plans"' in other
    sent = {"due_at": "2030-01-02T10:00", "version": hidden(drawer, "version")}
    assert client.post(f"/followups/{followup.id}/due", data=sent).status_code == 303
