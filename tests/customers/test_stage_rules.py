"""The rules of lifecycle stages: silence, contacts, changes of the rules, and what hands decide."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Invalid, NotAllowed
from crm.customers.models import (
    Channel,
    Customer,
    ImportKind,
    Stage,
    StageChange,
    StageReason,
    StageRules,
    StageRun,
)
from crm.customers.services import importing, lifecycle, stages
from crm.customers.services.lifecycle import NewRules
from crm.customers.services.stages import ChangeStage
from crm.followups import services as followups
from crm.followups.models import FollowUp, Outcome
from crm.users.models import User
from tests.factories.customers import make_customer, make_order
from tests.factories.users import bearer, make_admin, make_lead, make_rep
from tests.stories.browser import Browser

Clients = Callable[[User], FlaskClient]
DAY = timedelta(days=1)
RULES = {
    "interested_by_contact": True,
    "regular_orders": 2,
    "loyal_orders": 5,
    "dormant_days": 180,
    "lost_days": 365,
    "held_days": 90,
}


def run_through(session: Session, now: datetime) -> None:
    while lifecycle.advance(session, now):
        pass
    session.expire_all()


def stage_of(session: Session, customer: Customer) -> Stage:
    session.refresh(customer)
    return customer.stage


def log(
    session: Session, customer: Customer, outcome: Outcome, by: User, now: datetime
) -> FollowUp:
    done = followups.Log(customer_id=customer.id, channel=Channel.PHONE, outcome=outcome)
    return followups.log(session, done, by=by, now=now)


@pytest.mark.parametrize(
    ("stage", "ordered", "contacted", "wanted"),
    [
        (Stage.NEW, 180, None, Stage.NEW),
        (Stage.NEW, 181, None, Stage.DORMANT),
        (Stage.LOYAL, 181, 10, Stage.LOYAL),
        (Stage.REGULAR, 365, 300, Stage.DORMANT),
        (Stage.REGULAR, 366, 366, Stage.LOST),
        (Stage.DORMANT, 366, None, Stage.LOST),
        (Stage.INTERESTED, None, 181, Stage.DORMANT),
        (Stage.PROSPECT, None, 500, Stage.PROSPECT),
        (Stage.LOST, 500, None, Stage.LOST),
    ],
)
def test_silence_moves_customers_on(
    session: Session,
    now: datetime,
    *,
    stage: Stage,
    ordered: int | None,
    contacted: int | None,
    wanted: Stage,
) -> None:
    """T-61: on the last day of the span nobody moves, on the day after they do."""
    customer = make_customer(
        session,
        stage=stage,
        created_at=now - 900 * DAY,
        last_contact_at=now - contacted * DAY if contacted is not None else None,
    )
    if ordered is not None:
        make_order(session, customer, ordered_at=now - ordered * DAY)

    run_through(session, now)
    run_through(session, now)

    assert customer.stage is wanted
    changes = session.scalars(select(StageChange)).all()
    assert [one.reason for one in changes] == [StageReason.SILENCE] * (wanted is not stage)


def test_a_day_is_passed_through_once(session: Session, now: datetime) -> None:
    make_customer(session)
    run_through(session, now)
    run_through(session, now + timedelta(hours=2))
    run_through(session, now + DAY)

    days = session.scalars(select(StageRun.day).order_by(StageRun.id)).all()
    assert len(days) == 2
    assert all(session.scalars(select(StageRun.finished_at)))


def test_many_pages_miss_nobody(
    session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "PAGE", 2)
    for _ in range(5):
        make_customer(
            session,
            stage=Stage.INTERESTED,
            created_at=now - 400 * DAY,
            last_contact_at=now - 200 * DAY,
        )

    run_through(session, now)

    found = session.scalars(select(Customer.stage)).all()
    assert set(found) == {Stage.DORMANT}
    assert session.scalars(select(StageRun)).one().moved_count == 5


def test_a_customer_who_answers_is_interested(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    answered = make_customer(session, owner=rep)
    missed = make_customer(session, owner=rep)
    refused = make_customer(session, owner=rep)

    log(session, answered, Outcome.REACHED, rep, now)
    log(session, missed, Outcome.NO_ANSWER, rep, now)
    log(session, refused, Outcome.REFUSED, rep, now)

    assert [one.stage for one in (answered, missed, refused)] == [
        Stage.INTERESTED, Stage.PROSPECT, Stage.PROSPECT,
    ]  # fmt: skip
    assert session.scalars(select(StageChange)).one().reason is StageReason.CONTACT


def test_a_contact_taken_back_takes_its_stage_back(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    followup = log(session, customer, Outcome.REACHED, rep, now)

    followups.undo_log(session, followup.id, by=rep, now=now + timedelta(minutes=5))

    assert customer.stage is Stage.PROSPECT


def test_a_stage_chosen_by_hand_is_held_against_silence(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    values: dict[str, Any] = {"owner": rep, "created_at": now - 900 * DAY}
    held = make_customer(session, last_contact_at=now - 300 * DAY, **values)
    loose = make_customer(session, last_contact_at=now - 300 * DAY, **values)
    stages.change(session, held, ChangeStage(Stage.INTERESTED), by=rep, now=now)
    stages.change(session, loose, ChangeStage(Stage.INTERESTED, held_days=0), by=rep, now=now)

    run_through(session, now)
    assert (held.stage, loose.stage) == (Stage.INTERESTED, Stage.DORMANT)

    run_through(session, now + 91 * DAY)
    assert held.stage is Stage.LOST


def test_orders_wait_for_a_choice_by_hand_unless_they_are_later(
    session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep, stage=Stage.NEW)
    make_order(session, customer, ordered_at=now - 2 * DAY)
    stages.change(session, customer, ChangeStage(Stage.INTERESTED), by=rep, now=now)
    session.flush()

    stages.move_by_orders(session, [customer.id], now=now)
    assert stage_of(session, customer) is Stage.INTERESTED

    make_order(session, customer, ordered_at=now + DAY)
    stages.move_by_orders(session, [customer.id], now=now + DAY)
    assert stage_of(session, customer) is Stage.REGULAR


def test_changed_rules_move_both_ways_what_the_preview_counted(
    session: Session, now: datetime
) -> None:
    admin = make_admin(session)
    six = make_customer(session, stage=Stage.LOYAL)
    three = make_customer(session, stage=Stage.REGULAR)
    rich = make_customer(session, stage=Stage.NEW)
    by_hand = make_customer(session, owner=make_rep(session))
    for customer, count, fen in ((six, 6, 100), (three, 3, 100), (rich, 1, 900_000)):
        for _ in range(count):
            make_order(session, customer, amount_fen=fen)
    stages.change(session, by_hand, ChangeStage(Stage.LOYAL, held_days=0), by=admin, now=now)
    wanted = NewRules(
        **{**RULES, "regular_orders": 4, "loyal_orders": 8, "loyal_amount_fen": 500_000}  # type: ignore[arg-type]  # a bool among the numbers
    )

    counted = lifecycle.count_moves(session, wanted, by=admin, now=now)
    rules = lifecycle.change(session, wanted, by=admin, now=now)
    run_through(session, now)

    assert counted == {Stage.REGULAR: 1, Stage.NEW: 1, Stage.LOYAL: 1}
    assert (six.stage, three.stage, rich.stage) == (Stage.REGULAR, Stage.NEW, Stage.LOYAL)
    assert by_hand.stage is Stage.LOYAL
    moved = session.scalars(select(StageChange).filter_by(reason=StageReason.RULES)).all()
    assert {one.rules_id for one in moved} == {rules.id}
    assert session.scalars(select(StageRun).filter_by(rules_id=rules.id)).one().moved_count == 3
    assert lifecycle.count_moves(session, wanted, by=admin, now=now) == {}
    assert session.scalars(select(AuditEntry).filter_by(action="stages.change_rules")).one()


def test_a_longer_patience_wakes_the_dormant(session: Session, now: datetime) -> None:
    admin = make_admin(session)
    customer = make_customer(session, stage=Stage.NEW, created_at=now - 900 * DAY)
    make_order(session, customer, ordered_at=now - 200 * DAY)
    run_through(session, now)
    assert stage_of(session, customer) is Stage.DORMANT

    wanted = NewRules(**{**RULES, "dormant_days": 300})  # type: ignore[arg-type]  # as above
    lifecycle.change(session, wanted, by=admin, now=now)
    lifecycle.change(session, wanted, by=admin, now=now)
    run_through(session, now)

    assert stage_of(session, customer) is Stage.NEW
    assert len(session.scalars(select(StageRules)).all()) == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"loyal_orders": 2}, "stages.loyal_too_early"),
        ({"lost_days": 180}, "stages.lost_too_early"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(
    session: Session, now: datetime, changed: dict[str, int], code: str
) -> None:
    wanted = NewRules(**{**RULES, **changed})  # type: ignore[arg-type]  # as above
    with pytest.raises(Invalid) as refused:
        lifecycle.change(session, wanted, by=make_admin(session), now=now)
    assert refused.value.code == code
    with pytest.raises(NotAllowed):
        lifecycle.change(session, wanted, by=make_lead(session), now=now)


def test_everybody_reads_the_rules_and_an_administrator_changes_them(
    client_for: Clients, session: Session
) -> None:
    admin, rep = make_admin(session), make_rep(session)
    customer = make_customer(session, owner=rep, stage=Stage.REGULAR)
    for _ in range(3):
        make_order(session, customer)
    assert "5 valid orders or more" in Browser(client_for(rep)).visit("/stages/").text
    browser = Browser(client_for(admin))
    form = browser.visit("/stages/").form("/stages/")
    form.fill(regular_orders="4", loyal_orders="6", loyal_amount="5,000.00")

    shown = browser.send(form, to="/stages/preview")
    assert "1 customer would move" in shown.text
    saved = browser.send(shown.form("/stages/"))

    assert "6 valid orders or more, or" in saved.text
    assert "5,000" in saved.text
    assert "Customers are being moved" in saved.text
    form.fill(loyal_orders="3")
    refused = client_for(admin).post("/stages/", data=form.values)
    assert refused.status_code == 422
    assert "Loyal must ask for more" in refused.get_data(as_text=True)


def test_the_record_says_why_a_customer_stands_where_it_stands(
    client_for: Clients, session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    make_order(session, customer)
    stages.move_by_orders(session, [customer.id], now=now)
    browser = Browser(client_for(rep))

    page = browser.visit(f"/customers/{customer.id}")

    assert "By orders: The first valid order." in page.text
    form = page.form(rf"/customers/{customer.id}/stage")
    form.fill(stage="loyal")
    assert "Held by hand until" in browser.send(form).text


def test_a_program_reads_changes_and_tries_the_rules(
    app: Flask, session: Session, now: datetime
) -> None:
    admin = make_admin(session)
    customer = make_customer(session)
    headers = bearer(session, admin)
    session.commit()
    client = app.test_client()

    assert client.get("/api/v1/stages/rules", headers=headers).get_json()["loyal_orders"] == 5
    tried = client.post("/api/v1/stages/preview", json=RULES, headers=headers)
    assert tried.get_json() == {"total": 0, "moves": []}
    put = client.put("/api/v1/stages/rules", json={**RULES, "loyal_orders": 9}, headers=headers)
    assert put.get_json()["loyal_orders"] == 9
    address = f"/api/v1/customers/{customer.public_id}/stage"
    moved = client.post(address, json={"stage": "lost", "held_days": 0}, headers=headers)
    assert moved.status_code == 204
    session.refresh(customer)
    assert customer.stage is Stage.LOST
    assert session.scalar(select(func.count()).select_from(StageChange)) == 1


def test_every_imported_customer_lands_in_exactly_one_stage(
    session: Session, now: datetime, tmp_path: Path
) -> None:
    admin = make_admin(session)
    path = tmp_path / "客户.csv"
    path.write_text("姓名,手机\n甲,13800138001\n乙,13800138002\n丙,13800138003\n", "utf-8")
    wanted = importing.NewImport(kind=ImportKind.CUSTOMERS, path=path, file_name=path.name)
    item = importing.start(session, wanted, by=admin, now=now)
    while importing.advance_one(session, item, now):
        pass

    rows = session.execute(
        select(Customer.stage, func.count(StageChange.id))
        .join(StageChange, StageChange.customer_id == Customer.id)
        .where(StageChange.after == Customer.stage, StageChange.before.is_(None))
        .group_by(Customer.id, Customer.stage)
    ).all()
    assert [tuple(row) for row in rows] == [(Stage.PROSPECT, 1)] * 3
