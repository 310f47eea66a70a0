"""A merged record is nowhere shown and leads everywhere to the one that survived it."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.activities.models import Step
from crm.activities.services import forecast, pipeline
from crm.core.audit import AuditEntry
from crm.core.db import Sessions
from crm.core.errors import Invalid
from crm.customers.models import Customer, CustomerMerge, ImportKind, Order
from crm.customers.queries import listing, segments
from crm.customers.queries.listing import Filters, Tab
from crm.customers.services import customers, exporting, importing, merging, orders
from crm.customers.services.customers import CustomerFacts
from crm.customers.services.exporting import NewExport
from crm.customers.services.importing import NewImport
from crm.customers.services.merging import MergeCustomers
from crm.customers.services.orders import PutOrder
from crm.followups import queries as followup_queries
from crm.reports import queries as report_queries
from crm.reports.rules.scope import EVERYBODY
from crm.users.models import User
from crm.worker import take_step
from tests.conftest import NOW
from tests.factories.activities import make_launched_activity, make_segment, target_of
from tests.factories.customers import make_customer, make_order
from tests.factories.users import bearer, make_admin, make_lead

ClientFor = Callable[[User], FlaskClient]


@pytest.fixture
def lead(session: Session) -> User:
    return make_lead(session)


@pytest.fixture
def kept(session: Session, lead: User) -> Customer:
    return make_customer(
        session, name="远山民宿", owner=lead, phone="13800138000", source="shop", external_id="1"
    )


@pytest.fixture
def merged(session: Session, lead: User, kept: Customer) -> Customer:
    """A record that was merged into the other, known by another number and phone."""
    gone = make_customer(
        session, name="西湖旧店", owner=lead, phone="13900139000", source="shop", external_id="2"
    )
    make_order(session, gone, source="shop", number="A-1")
    merging.merge(session, MergeCustomers(kept.id, gone.id), by=lead, now=NOW)
    session.flush()
    session.expire_all()
    return gone


def read_in(session: Session, kind: ImportKind, text: str, path: Path, by: User) -> None:
    file = path / "file.csv"
    file.write_text(text, encoding="utf-8")
    importing.start(session, NewImport(kind, file, "file.csv", source="shop"), by=by, now=NOW)
    while importing.advance(session, NOW):
        pass
    session.expire_all()


def test_lists_search_and_counts_leave_it_out(
    session: Session, lead: User, kept: Customer, merged: Customer
) -> None:
    for tab in (Tab.ALL, Tab.MINE):
        found = listing.page(session, Filters(tab=tab), viewer=lead, now=NOW)
        assert [one.id for one in found.items] == [kept.id]
    assert listing.tab_counts(session, lead)[Tab.ALL] == 1
    assert [one.id for one in listing.search(session, "西湖旧店", viewer=lead)] == []
    assert followup_queries.unplanned(session, for_user=lead)[0] == 1


def test_segments_launches_and_counts_leave_it_out(
    session: Session, lead: User, kept: Customer, merged: Customer
) -> None:
    rule = {"any": [{"field": "stage", "operator": "any_of", "value": [kept.stage.value, "new"]}]}
    segment = make_segment(session, by=lead, rule=rule)
    assert segments.count(session, segment.rule, now=NOW) == 1
    counted = segments.counted(session, segment.rule, now=NOW, viewer=None)
    assert (counted.total, counted.everybody) == (1, 1)
    assert session.scalars(segments.members(session, segment, now=NOW)).all() == [kept.id]


def test_its_address_leads_to_the_survivor(
    session: Session,
    lead: User,
    kept: Customer,
    merged: Customer,
    client_for: ClientFor,
    app: Flask,
) -> None:
    client = client_for(lead)
    answer = client.get(f"/customers/{merged.id}")
    assert (answer.status_code, answer.location) == (302, f"/customers/{kept.id}")
    assert "西湖旧店" not in client.get("/customers/").get_data(as_text=True)

    headers = bearer(session, lead)
    session.commit()
    program = app.test_client()
    answer = program.get(f"/api/v1/customers/{merged.public_id}", headers=headers)
    assert answer.status_code == 302
    assert answer.location.endswith(kept.public_id)
    listed = program.get("/api/v1/customers", headers=headers).get_json()["items"]
    assert [one["id"] for one in listed] == [kept.public_id]


def test_an_edit_of_the_merged_record_is_refused(
    session: Session, lead: User, kept: Customer, merged: Customer, app: Flask
) -> None:
    headers = bearer(session, lead)
    session.commit()
    address = f"/api/v1/customers/{merged.public_id}"
    answer = app.test_client().patch(address, headers=headers, json={"name": "新", "version": 1})
    assert answer.status_code == 409


def test_a_number_of_a_merged_record_says_so(
    session: Session, lead: User, kept: Customer, merged: Customer
) -> None:
    wanted = CustomerFacts(name="新客", source="shop", external_id="2")
    with pytest.raises(Invalid) as refusal:
        customers.create(session, wanted, by=lead, now=NOW)
    assert refusal.value.code == "customers.number_of_merged"


def test_a_file_with_the_old_number_or_phone_finds_the_survivor(
    session: Session, kept: Customer, merged: Customer, tmp_path: Path
) -> None:
    admin = make_admin(session)
    text = "客户编号,姓名,手机,地区\n2,西湖旧店,,宁波\n"
    read_in(session, ImportKind.CUSTOMERS, text, tmp_path, admin)
    assert session.scalars(select(Customer.id).order_by(Customer.id)).all() == [kept.id, merged.id]
    assert kept.region == "宁波"

    text = "姓名,手机,备注\n西湖旧店,13900139000,老地方\n"
    read_in(session, ImportKind.CUSTOMERS, text, tmp_path, admin)
    assert session.scalars(select(Customer.id).order_by(Customer.id)).all() == [kept.id, merged.id]


def test_an_order_of_the_merged_record_is_the_survivors(
    session: Session, lead: User, kept: Customer, merged: Customer, tmp_path: Path
) -> None:
    wanted = PutOrder(
        source="shop", number="A-9", amount_fen=500, ordered_at=NOW, customer=merged.public_id
    )
    order, _ = orders.put(session, wanted, by=lead, now=NOW)
    assert order.customer_id == kept.id

    text = "订单编号,联系手机,下单时间,订单金额\nB-1,13900139000,2026-10-01 10:00:00,120.00\n"
    read_in(session, ImportKind.ORDERS, text, tmp_path, make_admin(session))
    assert session.scalars(select(Order.customer_id).distinct()).all() == [kept.id]


def test_an_activity_launched_before_counts_the_person_once(session: Session, lead: User) -> None:
    first, second = (make_customer(session, owner=lead) for _ in range(2))
    activity = make_launched_activity(session, owner=lead)
    merging.merge(session, MergeCustomers(first.id, second.id), by=lead, now=NOW)
    session.flush()
    again = forecast.everybody(session, activity, now=NOW)
    assert session.scalars(again).all() == [first.id]
    assert session.scalars(select(CustomerMerge.kept_id)).all() == [first.id]


def test_a_file_of_the_list_leaves_it_out(
    session: Session,
    sessions: Sessions,
    lead: User,
    kept: Customer,
    merged: Customer,
) -> None:
    wanted = NewExport(filters=Filters(), columns=["phone"])
    export = exporting.request(session, wanted, by=lead, locale="en", now=NOW)
    session.commit()
    while take_step(sessions, exporting.advance):
        pass

    session.refresh(export)
    text = exporting.file_for(session, export, viewer=lead).read_text(encoding="utf-8-sig")
    assert "远山民宿" in text
    assert "西湖旧店" not in text


def test_a_months_report_counts_the_person_once(session: Session, lead: User) -> None:
    pair = [make_customer(session, owner=lead) for _ in range(2)]
    activity = make_launched_activity(session, owner=lead)
    talked = NOW - timedelta(days=3)
    for customer in pair:
        target = target_of(session, activity, customer)
        pipeline.reach(session, target, Step.TALK, by=lead, at=talked)
    month = date(2026, 11, 1)

    def counted() -> int:
        found = report_queries.month_conversion(session, month, within=EVERYBODY, now=NOW)
        return found.total.counts[0]

    assert counted() == 2
    first, second = pair
    merging.merge(session, MergeCustomers(first.id, second.id), by=lead, now=NOW)
    session.flush()
    assert counted() == 1


def test_the_audit_record_names_both_and_who_did_it(
    session: Session, lead: User, kept: Customer, merged: Customer
) -> None:
    [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "customers.merged"))
    assert (entry.by_id, entry.thing) == (lead.id, f"customer:{kept.public_id}")
    assert entry.details["merged"] == merged.public_id


def test_the_totals_of_the_survivor_are_those_of_both(
    session: Session, kept: Customer, merged: Customer
) -> None:
    totals = listing.totals(session, [kept.id, merged.id])
    assert set(totals) == {kept.id}
    assert totals[kept.id].order_count == 1
