"""The company's own fields on pages and for programs: settings, form, record, masks, refusals."""

import re
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from crm.customers.models import Customer, CustomField, FieldKind
from tests.factories.custom_fields import make_field
from tests.factories.customers import make_customer
from tests.factories.users import bearer, make_admin, make_rep

ClientFor = Callable[[object], FlaskClient]
API = "/api/v1/customers"
SKIN = ("干性", "油性", "敏感")


def _stored(session: Session) -> Customer:
    session.expire_all()
    return session.scalars(select(Customer).options(undefer(Customer.custom))).one()


def test_a_field_added_in_settings_is_in_the_form_at_once(
    session: Session, client_for: ClientFor
) -> None:
    browser = client_for(make_admin(session))

    answer = browser.post(
        "/settings/fields/",
        data={"label": "肤质", "kind": "multi_choice", "choices": "干性\n\n油性\n"},
    )

    assert answer.status_code == 303
    field = session.scalars(select(CustomField)).one()
    assert [choice["label"] for choice in field.choices] == ["干性", "油性"]
    form = browser.get("/customers/new").get_data(as_text=True)
    assert "肤质" in form
    assert f'name="{field.name}" value="c2"' in form


def test_the_settings_refuse_beside_the_field_and_keep_what_was_typed(
    session: Session, client_for: ClientFor
) -> None:
    make_field(session)
    answer = client_for(make_admin(session)).post(
        "/settings/fields/", data={"label": "肤质", "kind": "text"}
    )
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert 'value="肤质"' in page
    assert "exists already" in page


def test_choices_are_called_otherwise_on_the_field_page(
    session: Session, client_for: ClientFor
) -> None:
    field = make_field(session, FieldKind.CHOICE, choices=SKIN)
    browser = client_for(make_admin(session))
    sent = {"label": "皮肤", "version": 1, "called.c1": "很干", "called.c2": "", "choices": "混合"}

    assert browser.post(f"/settings/fields/{field.id}", data=sent).status_code == 303
    stale = browser.post(f"/settings/fields/{field.id}", data=sent)

    assert stale.status_code == 409
    session.expire_all()
    field = session.get_one(CustomField, field.id)
    assert field.label == "皮肤"
    assert [(one["label"], one["is_archived"]) for one in field.choices] == [
        ("很干", False),
        ("油性", True),
        ("敏感", False),
        ("混合", False),
    ]


def test_every_kind_goes_through_the_form_and_is_read_on_the_record(
    session: Session, client_for: ClientFor
) -> None:
    sent = {
        FieldKind.TEXT: "<b>养猫</b>",
        FieldKind.NUMBER: "1,000.5",
        FieldKind.MONEY: "1234.5",
        FieldKind.DATE: "2026-01-02",
        FieldKind.CHOICE: "c2",
        FieldKind.MULTI_CHOICE: ["c1", "c3"],
        FieldKind.YES_NO: "false",
        FieldKind.PHONE: "13800136217",
        FieldKind.EMAIL: "fang@example.com",
        FieldKind.LINK: "https://example.com/a",
    }
    fields = {kind: make_field(session, kind, kind.value, choices=SKIN) for kind in FieldKind}
    rep = make_rep(session)
    browser = client_for(rep)
    data: dict[str, Any] = {fields[kind].name: value for kind, value in sent.items()}

    made = browser.post("/customers/", data={"name": "王芳", "kind": "person", **data})

    assert made.status_code == 303
    customer = _stored(session)
    held = {kind: customer.custom[field.key] for kind, field in fields.items()}
    assert held == {
        **sent,
        FieldKind.NUMBER: "1000.5",
        FieldKind.MONEY: 123_450,
        FieldKind.YES_NO: False,
        FieldKind.PHONE: "+8613800136217",
    }
    page = browser.get(f"/customers/{customer.id}").get_data(as_text=True)
    for text in ("&lt;b&gt;养猫", "¥1,234.50", "油性", "干性, 敏感", "13800136217", ">No<"):
        assert text in page
    assert 'href="https://example.com/a"' in page
    edit = browser.get(f"/customers/{customer.id}/edit").get_data(as_text=True)
    assert 'value="1234.50"' in edit

    blank = {fields[kind].name: "" for kind in FieldKind}
    assert (
        browser.post(
            f"/customers/{customer.id}", data={"name": "王芳", "version": 1, **blank}
        ).status_code
        == 303
    )
    assert _stored(session).custom == {}


def test_a_value_that_does_not_fit_is_refused_beside_its_control(
    session: Session, client_for: ClientFor
) -> None:
    field = make_field(session, FieldKind.NUMBER, "孩子")
    answer = client_for(make_rep(session)).post(
        "/customers/", data={"name": "王芳", field.name: "很多"}
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert f'id="{field.name}-err"' in page
    assert 'value="很多"' in page
    assert session.scalar(select(Customer.id)) is None


def test_the_second_editor_is_shown_the_values_that_differ(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    field = make_field(session, FieldKind.CHOICE, choices=SKIN)
    customer = make_customer(session, owner=rep, custom={field.key: "c1"})
    answer = client_for(rep).post(
        f"/customers/{customer.id}",
        data={"name": customer.name, "version": 7, field.name: "c2"},
    )
    table = re.search(r"<table.*?</table>", answer.get_data(as_text=True), re.DOTALL)
    assert answer.status_code == 409
    assert table
    assert "干性" in table[0]
    assert "油性" in table[0]


def test_the_profile_goes_through_the_form(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    browser = client_for(rep)
    sent = {
        "name": "王芳",
        "kind": "person",
        "birth_on": "1990-02-28",
        "sex": "female",
        "channel": "抖音直播",
        "interests": "露营",
        "purchasing_power": "high",
        "member_level": "金卡",
        "points": "1200",
    }
    assert browser.post("/customers/", data=sent).status_code == 303
    customer = _stored(session)
    page = browser.get(f"/customers/{customer.id}").get_data(as_text=True)
    for text in ("1990-02-28", "Female", "抖音直播", "露营", "High", "金卡", "1,200"):
        assert text in page
    for wrong in ({"birth_on": "2090-01-01"}, {"birth_on": "1200-01-01"}, {"points": "-1"}):
        assert browser.post("/customers/", data=sent | wrong).status_code == 422


def test_programs_write_and_read_values_by_key(client: FlaskClient, session: Session) -> None:
    skin = make_field(session, FieldKind.CHOICE, choices=SKIN)
    money = make_field(session, FieldKind.MONEY, "预算")
    headers = bearer(session, make_rep(session))
    session.commit()

    body = {"name": "王芳", "custom": {skin.key: "油性", money.key: 500}, "sex": "female"}
    made = client.post(API, json=body, headers=headers)
    assert made.status_code == 201
    assert made.json
    assert made.json["custom"] == {skin.key: "c2", money.key: 500}
    assert made.json["sex"] == "female"

    address = f"{API}/{made.json['id']}"
    changed = client.patch(
        address, json={"version": 1, "custom": {money.key: None}}, headers=headers
    )
    assert changed.json
    assert changed.json["custom"] == {skin.key: "c2"}
    listed = client.get(API, headers=headers).json
    assert listed
    assert listed["items"][0]["custom"] == {skin.key: "c2"}

    wrong = client.patch(address, json={"version": 2, "custom": {skin.key: 7}}, headers=headers)
    assert wrong.status_code == 422
    assert wrong.json
    assert wrong.json["fields"] == {skin.name: ["customers.custom_choice"]}
    custom: Any
    for custom in ({"f999": "x"}, {"name": "x"}, [], "x"):
        answer = client.patch(address, json={"version": 2, "custom": custom}, headers=headers)
        assert answer.status_code == 422


def test_programs_define_fields_for_administrators(client: FlaskClient, session: Session) -> None:
    headers = bearer(session, make_admin(session))
    session.commit()
    body = {"label": "肤质", "kind": "choice", "choices": ["干性"]}
    made = client.post("/api/v1/custom-fields", json=body, headers=headers)
    assert made.status_code == 201
    assert made.json
    address = f"/api/v1/custom-fields/{made.json['id']}"
    revised = {"label": "皮肤", "version": 1, "choices": ["油性"]}
    assert client.put(address, json=revised, headers=headers).status_code == 200
    key = made.json["key"]
    one = client.post(API, json={"name": "王芳", "custom": {key: "油性"}}, headers=headers).json
    assert one
    assert one["custom"] == {key: "c2"}
    assert client.post(f"{address}/archiving", headers=headers).status_code == 200
    archived = client.get(f"{API}/{one['id']}", headers=headers).json
    assert archived
    assert archived["custom"] == {}
    listed = client.get("/api/v1/custom-fields", headers=headers).json
    assert listed
    (item,) = listed["items"]
    assert (item["label"], item["is_archived"], len(item["choices"])) == ("皮肤", True, 2)
    assert client.delete(f"{address}/archiving", headers=headers).status_code == 200


def test_addresses_in_fields_are_masked_like_all_addresses(
    client: FlaskClient, session: Session, client_for: ClientFor
) -> None:
    phone = make_field(session, FieldKind.PHONE, "家里电话")
    email = make_field(session, FieldKind.EMAIL, "私人邮箱")
    values = {phone.key: "+8613800136217", email.key: "fang@example.com"}
    pooled = make_customer(session, custom=values)
    rep = make_rep(session)
    headers = bearer(session, rep)
    session.commit()

    shown = client.get(f"{API}/{pooled.public_id}", headers=headers).get_data(as_text=True)
    page = client_for(rep).get(f"/customers/{pooled.id}").get_data(as_text=True)

    for text in (shown, page):
        assert "13800136217" not in text
        assert "fang@example.com" not in text
        assert "138****6217" in text
