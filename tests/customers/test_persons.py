"""Contact persons: kept with their company, found by it, and contacted as one with it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.customers.models import ContactPerson, ContactPoint, Customer, CustomerKind
from crm.customers.queries import listing
from crm.customers.queries.persons import of_customer
from crm.customers.services import persons
from crm.customers.services.persons import DescribePerson, RevisePerson
from tests.counting import count_queries
from tests.factories.customers import make_customer, make_person
from tests.factories.users import bearer, make_lead, make_rep

ClientFor = Callable[[object], FlaskClient]
API = "/api/v1/customers"


def _company(session: Session, **values: Any) -> Customer:
    return make_customer(session, name="青禾商贸", kind=CustomerKind.COMPANY, **values)


def test_the_first_person_is_the_main_one_until_another_is(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    company = _company(session, owner=rep)
    first = persons.add(session, company, DescribePerson(name="张会计"), by=rep, now=now)
    boss = DescribePerson(name="王总", is_main=True, phone="138 0013 8000")
    second = persons.add(session, company, boss, by=rep, now=now)
    session.expire_all()
    assert [(one.name, one.is_main) for one in of_customer(session, company.id)] == [
        ("王总", True),
        ("张会计", False),
    ]
    assert second.phone == "+8613800138000"
    assert first.version == 2


def test_who_is_called_at_the_company_counts_for_the_company(
    session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    company = _company(session, owner=rep, phone="13900139000")
    alone = make_customer(session, name="王总", phone="13800138000")
    wanted = DescribePerson(name="王总", phone="13800138000", email="Wang@Example.com")
    persons.add(session, company, wanted, by=rep, now=now)
    session.expire_all()
    points = select(ContactPoint.address).where(ContactPoint.subject_id == company.subject_id)
    assert company.subject_id == alone.subject_id
    assert set(session.scalars(points)) == {
        "+8613900139000",
        "+8613800138000",
        "wang@example.com",
    }


@pytest.mark.parametrize("q", ["王建国", "wangjianguo", "wjg", "8000", "wang@example.com"])
def test_a_search_finds_the_company_by_its_person(session: Session, q: str) -> None:
    rep = make_rep(session)
    company = _company(session, owner=rep)
    make_person(session, company, "王建国", phone="+8613800138000", email="wang@example.com")
    make_person(session, _company(session, owner=make_rep(session)), "王建国")
    make_customer(session, name="李明", owner=rep)
    assert listing.search(session, q, viewer=rep) == [company]


def test_a_person_without_anything_to_go_by_is_refused(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    company = _company(session, owner=rep)
    for wanted in (DescribePerson(role="采购"), DescribePerson(name="王", phone="12")):
        with pytest.raises(Invalid):
            persons.add(session, company, wanted, by=rep, now=now)
    with pytest.raises(NotAllowed):
        persons.add(session, company, DescribePerson(name="王"), by=make_rep(session), now=now)


def test_two_editors_of_a_person_do_not_overwrite_each_other(
    session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    company = _company(session, owner=rep)
    person = make_person(session, company)
    wanted = RevisePerson(version=1, name="张总监")
    persons.revise(session, company, person, wanted, by=rep, now=now)
    with pytest.raises(Conflict, match=r"core\.stale"):
        persons.revise(session, company, person, wanted, by=rep, now=now)


def test_persons_are_added_changed_and_let_go_on_the_record(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    company = _company(session, owner=rep)
    browser = client_for(rep)
    address = f"/customers/{company.id}/persons"
    assert "Nobody yet" in browser.get(f"/customers/{company.id}").get_data(as_text=True)
    assert "<!doctype" not in browser.get(
        f"{address}/new", headers={"HX-Request": "true"}
    ).get_data(as_text=True)

    sent = {"name": "<王总>", "role": "采购", "phone": "13800136217"}
    assert browser.post(f"{address}/", data=sent).status_code == 303
    page = browser.get(f"/customers/{company.id}").get_data(as_text=True)
    assert "&lt;王总&gt;" in page
    assert "13800136217" in page

    person = session.scalars(select(ContactPerson)).one()
    changed = {"name": "王总", "version": person.version, "email": "no"}
    assert browser.post(f"{address}/{person.id}", data=changed).status_code == 422
    changed["email"] = "wang@example.com"
    assert browser.post(f"{address}/{person.id}", data=changed).status_code == 303
    assert browser.post(f"{address}/{person.id}", data=changed).status_code == 409
    assert browser.post(f"{address}/{person.id}/removal").status_code == 303
    assert of_customer(session, company.id) == []


def test_a_person_of_another_company_is_not_found(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    person = make_person(session, _company(session, owner=rep))
    other = _company(session, owner=rep)
    address = f"/customers/{other.id}/persons/{person.id}"
    assert client_for(rep).get(f"{address}/edit").status_code == 404
    assert client_for(rep).post(f"{address}/removal").status_code == 404


def test_programs_keep_persons_and_see_masks(client: FlaskClient, session: Session) -> None:
    rep = make_rep(session)
    company = _company(session, owner=rep)
    pooled = _company(session)
    make_person(session, pooled, phone="+8613800136217", email="wang@example.com")
    headers = bearer(session, rep)
    session.commit()
    address = f"{API}/{company.public_id}/persons"

    made = client.post(address, json={"name": "王总", "phone": "13800138000"}, headers=headers)
    assert made.status_code == 201
    assert made.json
    one = f"{address}/{made.json['id']}"
    changed = client.patch(one, json={"role": "采购", "version": 1}, headers=headers)
    assert changed.json
    assert (changed.json["name"], changed.json["role"]) == ("王总", "采购")
    assert client.patch(one, json={"role": "x", "version": 1}, headers=headers).status_code == 409
    assert client.patch(one, json={"role": "x"}, headers=headers).status_code == 422
    listed = client.get(address, headers=headers).json
    assert listed
    assert listed["items"][0]["phone"] == "+8613800138000"
    assert client.delete(one, headers=headers).status_code == 204
    masked = client.get(f"{API}/{pooled.public_id}/persons", headers=headers)
    assert "13800136217" not in masked.get_data(as_text=True)
    assert "138****6217" in masked.get_data(as_text=True)


def test_the_record_asks_for_all_persons_at_once(
    session: Session, client_for: ClientFor, engine: Engine
) -> None:
    lead = make_lead(session)
    company = _company(session)
    browser = client_for(lead)

    def asked() -> int:
        with count_queries(engine) as seen:
            assert browser.get(f"/customers/{company.id}").status_code == 200
        return len(seen)

    asked()
    before = asked()
    for number in range(5):
        make_person(session, company, f"联系人 {number}")
    session.commit()
    assert asked() == before
