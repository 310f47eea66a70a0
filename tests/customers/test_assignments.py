"""Assigning a segment or ticked customers: preview, one transaction, history, undo."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.core.notices import Notice
from crm.customers.models import (
    Assignment,
    Customer,
    OwnerChange,
    OwnerReason,
    Segment,
    TimelineEntry,
    Way,
)
from crm.customers.services import assignments, segments
from crm.customers.services.assignments import Share
from crm.users.models import User
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.users import make_admin, make_lead, make_manager, make_rep, make_team


def make_segment(session: Session, by: User, now: datetime, **values: Any) -> Segment:
    rule = {"all": [{"field": "region", "operator": "any_of", "value": ["杭州"]}]}
    wanted = segments.Describe(values.get("name", "杭州客户"), rule)
    return segments.create(session, wanted, by=by, now=now)


def agreed(session: Session, by: User, now: datetime, **values: Any) -> Assignment:
    """Look at the preview, then agree to it."""
    shown = assignments.preview(session, Share(**values), by=by, now=now)
    wanted = Share(**values, fingerprint=shown.fingerprint)
    return assignments.assign(session, wanted, by=by, now=now)


def owner_ids(session: Session, customers: list[Customer]) -> list[int | None]:
    ids = [customer.id for customer in customers]
    found = dict(
        session.execute(select(Customer.id, Customer.owner_id).where(Customer.id.in_(ids))).all()
    )
    return [found[one] for one in ids]


def test_what_the_preview_showed_is_what_happens(session: Session, now: datetime) -> None:
    lead, wang, li = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customers = [make_customer(session, name=f"客户{n}", region="杭州") for n in range(5)]
    make_customer(session, name="别处", region="上海")
    segment = make_segment(session, lead, now)
    values: dict[str, Any] = {
        "segment_id": segment.id, "way": Way.EVEN, "rep_ids": [wang.id, li.id],
    }  # fmt: skip

    shown = assignments.preview(session, Share(**values), by=lead, now=now)
    made = agreed(session, lead, now, **values)

    assert [(one.rep.name, one.got, one.after) for one in shown.portions] == [
        ("王芳", 3, 3),
        ("李娜", 2, 2),
    ]
    assert sorted(owner_ids(session, customers), key=str) == sorted(
        [wang.id] * 3 + [li.id] * 2, key=str
    )
    assert (made.customer_count, made.moved_count, made.kept_count, made.left_count) == (5, 5, 0, 0)
    assert made.segment_name == "杭州客户"
    customer = session.get_one(Customer, customers[0].id)
    assert customer.owner_since == now
    assert customer.version == 2


def test_each_change_of_hands_is_written_down_everywhere(session: Session, now: datetime) -> None:
    lead, wang, li = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, region="杭州", owner=wang)
    make_customer(session, name="无主", region="杭州")
    segment = make_segment(session, lead, now)

    made = agreed(session, lead, now, segment_id=segment.id, way=Way.EVEN, rep_ids=[li.id])

    changes = session.scalars(select(OwnerChange).order_by(OwnerChange.customer_id)).all()
    assert [(one.before_id, one.after_id, one.by_id, one.reason) for one in changes] == [
        (wang.id, li.id, lead.id, OwnerReason.SHARED),
        (None, li.id, lead.id, OwnerReason.SHARED),
    ]
    assert {one.batch for one in changes} == {made.public_id}
    entry = session.scalars(select(TimelineEntry).filter_by(customer_id=customer.id)).one()
    assert (entry.kind, entry.details, entry.by_id) == (
        "customers.assigned", {"owner": "李娜"}, lead.id,
    )  # fmt: skip
    audited = session.scalars(select(AuditEntry).filter_by(action="customers.share")).one()
    assert audited.details["moved"] == 2


def test_each_rep_is_told_once(session: Session, now: datetime) -> None:
    """T-55: many changes, one notice."""
    lead, wang, li = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customers = [make_customer(session, region="杭州") for _ in range(6)]
    segment = make_segment(session, lead, now)

    agreed(
        session, lead, now, segment_id=segment.id, way=Way.EVEN, rep_ids=[wang.id, li.id, lead.id]
    )

    notices = session.scalars(select(Notice).order_by(Notice.user_id)).all()
    assert [(one.user_id, one.context["count"]) for one in notices] == [(wang.id, 2), (li.id, 2)]
    assert len(customers) == 6


def test_planned_contacts_go_along(session: Session, now: datetime) -> None:
    lead, wang, li = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, region="杭州", owner=wang)
    followup = make_followup(session, customer, owner=wang)
    kept = make_followup(session, make_customer(session, owner=wang), owner=wang)
    segment = make_segment(session, lead, now)

    agreed(session, lead, now, segment_id=segment.id, way=Way.EVEN, rep_ids=[li.id])

    session.refresh(followup)
    session.refresh(kept)
    assert followup.owner_id == li.id
    assert kept.owner_id == wang.id


def test_a_change_between_preview_and_assignment_is_told(session: Session, now: datetime) -> None:
    lead, wang = make_lead(session), make_rep(session)
    make_customer(session, region="杭州")
    segment = make_segment(session, lead, now)
    values: dict[str, Any] = {"segment_id": segment.id, "way": Way.EVEN, "rep_ids": [wang.id]}
    shown = assignments.preview(session, Share(**values), by=lead, now=now)
    make_customer(session, name="来晚了", region="杭州")

    with pytest.raises(Conflict) as refused:
        assignments.assign(
            session, Share(**values, fingerprint=shown.fingerprint), by=lead, now=now
        )

    assert refused.value.code == "assignments.changed"
    assert session.scalars(select(OwnerChange)).all() == []


def test_undo_gives_back_those_who_are_still_there(session: Session, now: datetime) -> None:
    lead, wang, li = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    first = make_customer(session, region="杭州", owner=wang)
    second = make_customer(session, name="无主", region="杭州")
    moved_on = make_customer(session, name="又走了", region="杭州")
    segment = make_segment(session, lead, now)
    made = agreed(session, lead, now, segment_id=segment.id, way=Way.EVEN, rep_ids=[li.id])
    session.get_one(Customer, moved_on.id).owner_id = lead.id
    session.flush()
    later = now + timedelta(hours=1)

    count = assignments.undo(session, made, by=lead, now=later)

    assert count == 2
    assert owner_ids(session, [first, second, moved_on]) == [wang.id, None, lead.id]
    assert (made.undone_at, made.undone_by_id, made.undone_count) == (later, lead.id, 2)
    with pytest.raises(Conflict) as refused:
        assignments.undo(session, made, by=lead, now=later)
    assert refused.value.code == "assignments.already_undone"


def test_after_a_week_an_assignment_stands(session: Session, now: datetime) -> None:
    lead, wang = make_lead(session), make_rep(session)
    make_customer(session, region="杭州")
    segment = make_segment(session, lead, now)
    made = agreed(session, lead, now, segment_id=segment.id, way=Way.EVEN, rep_ids=[wang.id])

    with pytest.raises(Conflict) as refused:
        assignments.undo(session, made, by=lead, now=now + timedelta(days=8))

    assert refused.value.code == "assignments.undo_too_late"


def test_a_lead_parts_only_what_is_the_teams(session: Session, now: datetime) -> None:
    lead, wang = make_lead(session), make_rep(session)
    stranger = make_rep(session, name="刘洋", team=make_team(session, name="华南一组"))
    mine = make_customer(session, region="杭州")
    theirs = make_customer(session, name="别组的", region="杭州", owner=stranger)
    segment = make_segment(session, lead, now)

    made = agreed(session, lead, now, segment_id=segment.id, way=Way.EVEN, rep_ids=[wang.id])

    assert made.customer_count == 1
    assert owner_ids(session, [mine, theirs]) == [wang.id, stranger.id]
    with pytest.raises(Invalid) as refused:
        agreed(session, lead, now, segment_id=segment.id, way=Way.EVEN, rep_ids=[stranger.id])
    assert refused.value.code == "customers.owner_unknown"


def test_ticked_customers_are_parted_like_a_segment(session: Session, now: datetime) -> None:
    admin, wang = make_admin(session), make_rep(session)
    ticked = [make_customer(session), make_customer(session)]
    other = make_customer(session)
    ids = [one.id for one in ticked]

    agreed(session, admin, now, customer_ids=ids, way=Way.EVEN, rep_ids=[wang.id])

    assert owner_ids(session, [*ticked, other]) == [wang.id, wang.id, None]


def test_a_broken_segment_assigns_nobody(session: Session, now: datetime) -> None:
    """T-59: a broken rule means nobody."""
    lead, wang = make_lead(session), make_rep(session)
    make_customer(session, region="杭州")
    segment = make_segment(session, lead, now)
    segment.rule = {"all": [{"field": "gone", "operator": "is", "value": True}]}

    with pytest.raises(Invalid) as refused:
        agreed(session, lead, now, segment_id=segment.id, way=Way.EVEN, rep_ids=[wang.id])

    assert refused.value.code == "assignments.nothing_moves"


def test_reps_and_managers_assign_nothing(session: Session, now: datetime) -> None:
    for by in (make_rep(session), make_manager(session)):
        with pytest.raises(NotAllowed):
            assignments.preview(
                session, Share(way=Way.EVEN, rep_ids=[by.id], customer_ids=[1]), by=by, now=now
            )


def test_the_number_of_statements_does_not_grow_with_the_customers(
    session: Session, now: datetime
) -> None:
    from tests.counting import count_queries

    lead, wang, li = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    segment = make_segment(session, lead, now)
    spent = []
    for count in (3, 30):
        for _ in range(count):
            make_customer(session, region="杭州")
        with count_queries(session.get_bind()) as seen:  # type: ignore[arg-type]  # a connection takes listeners too
            agreed(
                session, lead, now, segment_id=segment.id, way=Way.EVEN, rep_ids=[wang.id, li.id]
            )
        spent.append(len(seen))

    assert spent[0] == spent[1]
    assert spent[0] < 45
