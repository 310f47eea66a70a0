"""Acts on many customers: exact numbers first, one act, and only its own traces taken back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.customers.models import (
    BulkAct,
    BulkChange,
    BulkKind,
    Customer,
    CustomerTag,
    Stage,
    StageChange,
    Tag,
    TimelineEntry,
)
from crm.customers.queries.listing import Filters
from crm.customers.services import bulk_acts, bulk_undoing
from crm.customers.services.bulk_acts import ActOnMany, Whom
from crm.users.models import User
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.customers import make_customer, make_tag
from tests.factories.users import bearer, make_lead, make_manager, make_rep, make_team

ClientFor = Callable[[object], FlaskClient]
EVERYBODY = Whom(filters=Filters())
LATER = NOW + timedelta(hours=1)


def tag_on(name: str = "双12", whom: Whom = EVERYBODY, **more: Any) -> ActOnMany:
    return ActOnMany(BulkKind.TAG_ON, whom, tag=name, **more)


def do(session: Session, wanted: ActOnMany, by: User, now: datetime = NOW) -> BulkAct:
    done = bulk_acts.act(session, wanted, by=by, now=now)
    session.flush()
    return done


def tagged(session: Session, name: str = "双12") -> set[str]:
    found = select(Customer.name).join(CustomerTag).join(Tag).where(Tag.name == name)
    return set(session.scalars(found))


def test_the_preview_tells_who_is_meant_who_is_ones_own_and_who_would_change(
    session: Session,
) -> None:
    rep = make_rep(session)
    make_customer(session, name="已有", owner=rep, tags=["双12"])
    make_customer(session, name="没有", owner=rep)
    make_customer(session, name="公海")
    make_customer(session, name="别人的", owner=make_rep(session))

    shown = bulk_acts.preview(session, tag_on(), by=rep, now=NOW)
    done = do(session, tag_on(expected=shown.changing), rep)

    assert (shown.meant, shown.allowed, shown.changing) == (3, 2, 1)
    assert (shown.barred, shown.already) == (1, 1)
    assert done.customer_count == 1
    assert tagged(session) == {"已有", "没有"}


def test_select_all_under_a_filter_means_these_and_no_other_and_then_nobody(
    session: Session,
) -> None:
    """T-73."""
    lead = make_lead(session)
    for number in range(20):
        region = "杭州" if number < 7 else "上海"
        make_customer(session, name=f"K{number}", owner=lead, region=region)
    whom = Whom(filters=Filters(region="杭州"))

    assert bulk_acts.preview(session, tag_on(whom=whom), by=lead, now=NOW).changing == 7
    done = do(session, tag_on(whom=whom, expected=7), lead)
    assert tagged(session) == {f"K{number}" for number in range(7)}
    assert bulk_acts.preview(session, tag_on(whom=whom), by=lead, now=NOW).changing == 0
    with pytest.raises(Invalid) as refused:
        do(session, tag_on(whom=whom), lead)
    assert refused.value.code == "bulk.nothing"
    assert bulk_undoing.undo(session, done, by=lead, now=LATER) == 7
    assert tagged(session) == set()


def test_another_number_than_agreed_to_does_nothing(session: Session) -> None:
    lead = make_lead(session)
    make_customer(session, owner=lead)
    with pytest.raises(Conflict) as refused:
        do(session, tag_on(expected=2), lead)
    assert (refused.value.code, refused.value.details) == ("bulk.changed", {"count": 1})


def test_undo_takes_back_only_what_is_still_as_the_act_left_it(session: Session) -> None:
    lead = make_lead(session)
    names = ["甲", "乙", "丙"]
    first, second, _third = (make_customer(session, name=name, owner=lead) for name in names)
    done = do(session, tag_on(), lead)
    tag_id = session.scalars(select(Tag.id)).one()
    for customer in (first, second):
        session.delete(session.get_one(CustomerTag, (customer.id, tag_id)))
    session.flush()
    session.add(CustomerTag(customer_id=second.id, tag_id=tag_id, created_at=LATER))
    session.flush()

    assert bulk_undoing.undo(session, done, by=lead, now=LATER) == 1
    assert tagged(session) == {"乙"}


def test_a_tag_is_taken_off_many_and_put_back(session: Session) -> None:
    lead = make_lead(session)
    make_customer(session, name="甲", owner=lead, tags=["双12"])
    make_customer(session, name="乙", owner=lead)
    done = do(session, ActOnMany(BulkKind.TAG_OFF, EVERYBODY, tag="双12"), lead)
    assert (done.customer_count, tagged(session)) == (1, set())

    assert bulk_undoing.undo(session, done, by=lead, now=LATER) == 1
    assert tagged(session) == {"甲"}


def test_many_change_hands_with_their_history_and_come_back(session: Session) -> None:
    lead, rep, other = make_lead(session), make_rep(session, name="李娜"), make_rep(session)
    mine = make_customer(session, name="组长的", owner=lead)
    pooled = make_customer(session, name="公海")
    make_customer(session, name="已是李娜的", owner=rep)
    whom = Whom(filters=Filters())
    done = do(session, ActOnMany(BulkKind.OWNER, whom, owner_id=rep.id, expected=2), lead)

    assert (mine.owner_id, pooled.owner_id) == (rep.id, rep.id)
    kinds = session.scalars(select(TimelineEntry.kind)).all()
    assert kinds == ["customers.assigned"] * 2
    mine.owner_id = other.id
    session.flush()
    assert bulk_undoing.undo(session, done, by=lead, now=LATER) == 1
    session.expire_all()
    assert (mine.owner_id, pooled.owner_id) == (other.id, None)


def test_many_go_back_to_the_pool(session: Session) -> None:
    lead = make_lead(session)
    customer = make_customer(session, owner=make_rep(session))
    do(session, ActOnMany(BulkKind.OWNER, Whom([customer.id])), lead)
    assert customer.owner_id is None


def test_many_change_stage_and_come_back_to_their_own(session: Session) -> None:
    lead = make_lead(session)
    new = make_customer(session, name="新", owner=lead, stage=Stage.NEW)
    loyal = make_customer(session, name="忠", owner=lead, stage=Stage.LOYAL)
    make_customer(session, name="流", owner=lead, stage=Stage.LOST)
    since, version = new.stage_since, new.version
    wanted = ActOnMany(BulkKind.STAGE, EVERYBODY, stage=Stage.LOST, expected=2)
    done = do(session, wanted, lead, now=LATER)

    assert (new.stage, loyal.stage, new.stage_since) == (Stage.LOST, Stage.LOST, LATER)
    assert new.version > version
    loyal.stage, loyal.stage_since = Stage.REGULAR, LATER + timedelta(minutes=5)
    session.flush()
    assert bulk_undoing.undo(session, done, by=lead, now=LATER + timedelta(hours=1)) == 1
    session.expire_all()
    assert (new.stage, new.stage_since, loyal.stage) == (Stage.NEW, since, Stage.REGULAR)
    assert session.scalar(select(func.count(StageChange.id))) == 3


def test_who_may_act(session: Session) -> None:
    make_customer(session)
    rep, manager = make_rep(session), make_manager(session)
    for by, wanted in (
        (manager, tag_on()),
        (rep, ActOnMany(BulkKind.OWNER, EVERYBODY)),
    ):
        with pytest.raises(NotAllowed):
            bulk_acts.preview(session, wanted, by=by, now=NOW)
        with pytest.raises(NotAllowed):
            do(session, wanted, by)


def test_a_customer_out_of_sight_is_not_touched_when_his_id_is_sent(session: Session) -> None:
    """T-72."""
    rep = make_rep(session)
    mine = make_customer(session, name="我的", owner=rep)
    theirs = make_customer(session, name="别人的", owner=make_rep(session))
    done = do(session, tag_on(whom=Whom([mine.id, theirs.id])), rep)
    assert (done.customer_count, tagged(session)) == (1, {"我的"})


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (tag_on(" "), "bulk.tag_missing"),
        (tag_on(whom=Whom()), "customers.too_many_at_once"),
        (ActOnMany(BulkKind.STAGE, EVERYBODY), "bulk.stage_missing"),
        (ActOnMany(BulkKind.OWNER, EVERYBODY, owner_id=99_999), "customers.owner_unknown"),
    ],
)
def test_what_lacks_something_is_refused_by_name(
    session: Session, wanted: ActOnMany, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        bulk_acts.preview(session, wanted, by=make_lead(session), now=NOW)
    assert refused.value.code == code


def test_undo_is_once_and_within_a_week(session: Session) -> None:
    lead = make_lead(session)
    make_customer(session, owner=lead)
    done = do(session, tag_on(), lead)
    with pytest.raises(Conflict) as late:
        bulk_undoing.undo(session, done, by=lead, now=NOW + timedelta(days=8))
    bulk_undoing.undo(session, done, by=lead, now=LATER)
    with pytest.raises(Conflict) as twice:
        bulk_undoing.undo(session, done, by=lead, now=LATER)
    assert (late.value.code, twice.value.code) == ("bulk.undo_too_late", "bulk.already_undone")
    actions = session.scalars(select(AuditEntry.action)).all()
    assert actions == ["customers.bulk_tag_on", "customers.bulk_undone"]


def test_what_was_before_is_forgotten_after_a_week(session: Session) -> None:
    lead = make_lead(session)
    make_customer(session, owner=lead)
    done = do(session, tag_on(), lead)
    bulk_undoing.forget_old(session, NOW + timedelta(days=6))
    assert session.scalar(select(func.count()).select_from(BulkChange)) == 1
    bulk_undoing.forget_old(session, NOW + timedelta(days=8))
    assert session.scalar(select(func.count()).select_from(BulkChange)) == 0
    assert session.get(BulkAct, done.id) is not None


@pytest.mark.parametrize("kind", list(BulkKind))
def test_an_act_needs_the_same_statements_for_one_and_for_many(
    session: Session, engine: Engine, kind: BulkKind
) -> None:
    lead, rep = make_lead(session), make_rep(session)
    make_tag(session, "双12")
    tags = ["双12"] if kind is BulkKind.TAG_OFF else []
    counts = []
    for number in (1, 30):
        region = f"R{number}"
        for place in range(number):
            make_customer(session, name=f"K{place}", owner=lead, region=region, tags=tags)
        whom = Whom(filters=Filters(region=region))
        wanted = ActOnMany(kind, whom, tag="双12", owner_id=rep.id, stage=Stage.LOST)
        session.commit()
        with count_queries(engine) as seen:
            do(session, wanted, lead)
        counts.append(len(seen))
    assert counts[1] <= counts[0]


def test_the_list_shows_the_number_does_the_act_and_offers_to_take_it_back(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    ids = [make_customer(session, name=f"K{n}", owner=lead, region="杭州").id for n in range(3)]
    make_customer(session, owner=lead, region="上海")
    client = client_for(lead)
    asked = {"kind": "tag_on", "customer_ids": ids[:2], "list": "region=杭州"}

    first = client.post("/customers/acts/preview", data=asked).text
    assert "The 2 ticked" in first
    assert "All 3 of the list" in first
    shown = client.post("/customers/acts/preview", data={**asked, "tag": "双12", "whole": "true"})
    assert "Put the tag on 3 customers" in shown.text
    sent = {**asked, "tag": "双12", "whole": "true", "expected": "2"}
    changed = client.post("/customers/acts/", data=sent)
    assert changed.status_code == 409
    assert "Put the tag on 3 customers" in changed.text
    done = client.post("/customers/acts/", data={**sent, "expected": "3"})
    assert done.status_code == 303
    assert tagged(session) == {"K0", "K1", "K2"}

    act = session.scalars(select(BulkAct)).one()
    page = client.get("/customers/").text
    assert f'action="/customers/acts/{act.public_id}/undo"' in page
    assert client.post(f"/customers/acts/{act.public_id}/undo").status_code == 303
    assert tagged(session) == set()
    assert "Taken back" in client.get("/customers/acts/").text


def test_owner_and_stage_are_chosen_in_the_dialog(session: Session, client_for: ClientFor) -> None:
    lead, rep = make_lead(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=lead)
    client = client_for(lead)
    asked = {"customer_ids": [customer.id], "list": "tab=all"}

    for kind, value, label in (
        ("owner", {"owner": str(rep.id)}, "Hand over 1 customer"),
        ("stage", {"stage": "lost"}, "Change the stage of 1 customer"),
        ("owner", {"owner": "pool"}, "Give 1 customer back to the pool"),
    ):
        sent = {**asked, "kind": kind, **value}
        assert label in client.post("/customers/acts/preview", data=sent).text
        assert client.post("/customers/acts/", data={**sent, "expected": "1"}).status_code == 303
    session.expire_all()
    assert (customer.owner_id, customer.stage) == (None, Stage.LOST)


def test_programs_act_on_many_too(session: Session, client: FlaskClient) -> None:
    lead = make_lead(session)
    customer = make_customer(session, name="甲", owner=lead, region="杭州")
    stranger = make_customer(
        session, owner=make_rep(session, team=make_team(session, name="华南一组"))
    )
    headers = bearer(session, lead)
    session.commit()
    wanted = {"kind": "tag_on", "tag": "双12", "filters": {"region": "杭州"}}

    shown = client.post("/api/v1/bulk-acts/preview", json=wanted, headers=headers)
    assert shown.get_json() == {"meant": 1, "allowed": 1, "changing": 1}
    done = client.post("/api/v1/bulk-acts", json={**wanted, "expected": 1}, headers=headers)
    assert (done.status_code, done.get_json()["customer_count"]) == (201, 1)
    undone = client.post(f"/api/v1/bulk-acts/{done.get_json()['id']}/undo", headers=headers)
    assert undone.get_json()["undone_count"] == 1
    by_id = {
        "kind": "stage",
        "stage": "lost",
        "customers": [customer.public_id, stranger.public_id],
    }
    assert client.post("/api/v1/bulk-acts", json=by_id, headers=headers).status_code == 404
    by_id["customers"] = [customer.public_id]
    assert client.post("/api/v1/bulk-acts", json=by_id, headers=headers).status_code == 201
    neither = {"kind": "tag_on", "tag": "x"}
    assert client.post("/api/v1/bulk-acts", json=neither, headers=headers).status_code == 422
