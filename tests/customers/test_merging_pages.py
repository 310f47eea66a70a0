"""The pages of a merge: the choice, many at once, the way back, and what programs do."""

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core import clock
from crm.core.audit import AuditEntry
from crm.customers.models import Customer
from crm.customers.rules.duplicates import Confidence
from crm.customers.services import merging
from crm.customers.services.merging import MergeCustomers
from crm.users.models import User
from tests.factories.customers import make_customer, make_order
from tests.factories.duplicates import make_pair
from tests.factories.users import bearer, make_lead, make_rep

ClientFor = Callable[[User], FlaskClient]


def live(session: Session) -> int:
    session.expire_all()
    return session.scalar(select(func.count()).where(Customer.merged_into_id.is_(None))) or 0


def test_from_the_banner_two_clicks_merge(session: Session, client_for: ClientFor) -> None:
    lead = make_lead(session)
    kept = make_customer(session, name="远山民宿", owner=lead, region="杭州")
    other = make_customer(session, name="远山", owner=lead, tags=("金卡",))
    make_order(session, other)
    make_pair(session, kept, other)
    client = client_for(lead)

    address = f"/customers/{kept.id}/merges/new/{other.public_id}"
    assert address in client.get(f"/customers/{kept.id}").get_data(as_text=True)
    asked = client.get(address).get_data(as_text=True)
    for text in ("远山民宿", "杭州", "金卡", "Can be split again for 30 days"):
        assert text in asked

    form = {"other": other.public_id, "choice.name": "merged", "kept_version": kept.version}
    answer = client.post(f"/customers/{kept.id}/merges", data=form)

    assert answer.location == f"/customers/{kept.id}"
    session.expire_all()
    assert (kept.name, other.merged_into_id) == ("远山", kept.id)
    record = client.get(f"/customers/{kept.id}").get_data(as_text=True)
    assert "Merged records" in record
    assert "Merged with 远山" in record
    assert session.scalars(select(AuditEntry.action)).all() == ["customers.merged"]


def test_the_toast_and_the_record_split_again(session: Session, client_for: ClientFor) -> None:
    lead = make_lead(session)
    kept, other = (make_customer(session, owner=lead) for _ in range(2))
    wanted = MergeCustomers(kept.id, other.id)
    item = merging.merge(session, wanted, by=lead, now=clock.now())
    client = client_for(lead)

    page = client.get(f"/customers/{kept.id}").get_data(as_text=True)
    assert f"/merges/{item.id}/split" in page
    client.post(f"/merges/{item.id}/split")

    assert live(session) == 2
    assert "Split again from" in client.get(f"/customers/{other.id}").get_data(as_text=True)


def test_a_merge_of_what_somebody_changed_meanwhile_is_refused(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    kept, other = (make_customer(session, owner=lead) for _ in range(2))
    form = {"other": other.public_id, "kept_version": "7", "other_version": "1"}
    answer = client_for(lead).post(f"/customers/{kept.id}/merges", data=form)
    assert answer.status_code == 409
    assert "Look again" in answer.get_data(as_text=True)


def test_many_certain_pairs_are_merged_with_exact_numbers(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    first, second, third, fourth, fifth = (make_customer(session, owner=lead) for _ in range(5))
    certain = [make_pair(session, first, second), make_pair(session, second, third)]
    likely = make_pair(session, fourth, fifth, confidence=Confidence.LIKELY)
    ids = [pair.id for pair in (*certain, likely)]
    client = client_for(lead)

    asked = client.get("/duplicates/merges/new", query_string={"pair_ids": ids})
    text = asked.get_data(as_text=True)
    assert "2 records go into others" in text
    assert "1 ticked pair is not certain" in text
    assert client.post("/duplicates/merges", data={"pair_ids": ids}).status_code == 409
    assert live(session) == 5

    client.post("/duplicates/merges", data={"pair_ids": ids[:2]})
    assert live(session) == 3
    ends = select(Customer.merged_into_id).where(Customer.id.in_([second.id, third.id]))
    assert session.scalars(ends).all() == [first.id, first.id]


def test_a_rep_sees_no_way_to_merge(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    kept, other = (make_customer(session, owner=rep) for _ in range(2))
    make_pair(session, kept, other)
    client = client_for(rep)
    assert "merges/new" not in client.get(f"/customers/{kept.id}").get_data(as_text=True)
    answer = client.post(f"/customers/{kept.id}/merges", data={"other": other.public_id})
    assert answer.status_code == 403
    assert live(session) == 2


def test_programs_merge_and_split(session: Session, app: Flask) -> None:
    lead = make_lead(session)
    kept = make_customer(session, name="李明", owner=lead)
    other = make_customer(session, name="李小明", owner=lead)
    headers = bearer(session, lead)
    session.commit()
    client = app.test_client()

    wanted = {"other": other.public_id, "choices": {"name": "merged"}}
    address = f"/api/v1/customers/{kept.public_id}/merges"
    answer = client.post(address, headers=headers, json=wanted)
    assert answer.status_code == 201
    made = answer.get_json()
    assert (made["kept"], made["merged"]) == (kept.public_id, other.public_id)
    assert client.post(address, headers=headers, json=wanted).status_code in {409, 422}

    split = client.post(f"/api/v1/merges/{made['id']}/split", headers=headers)
    assert split.get_json()["undone_at"] is not None
    shown = client.get(f"/api/v1/customers/{kept.public_id}", headers=headers).get_json()
    assert shown["name"] == "李明"
    assert live(session) == 2
