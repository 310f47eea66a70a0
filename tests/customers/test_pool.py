"""The pool: limits on taking, the way back by itself, the cool-down, and who is told."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.company import company
from crm.core.errors import Conflict, NotAllowed
from crm.core.notices import Notice
from crm.customers.models import Customer, OwnerChange, OwnerReason, PoolPolicy, TimelineEntry
from crm.customers.queries import pool as queries
from crm.customers.rules.pool import WARNED_DAYS, PoolTerms, days_left
from crm.customers.services import customers, pool
from crm.customers.services.customers import AssignCustomer
from crm.customers.services.pool import PoolRules
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.users import make_admin, make_lead, make_manager, make_rep

DAY = timedelta(days=1)


def make_rules(session: Session, at: datetime, **values: int | None) -> PoolPolicy:
    policy = PoolPolicy(**{"cool_down_days": 0, "created_at": at, **values})
    session.add(policy)
    session.flush()
    return policy


def refusal(session: Session, customer: Customer, by: object, now: datetime) -> str:
    with pytest.raises(Conflict) as refused:
        customers.claim(session, customer, by=by, now=now)  # type: ignore[arg-type]  # a User
    return refused.value.code


def test_a_rep_may_have_only_so_many_customers(session: Session, now: datetime) -> None:
    wang = make_rep(session)
    make_rules(session, now, most_owned=1)
    first, second = make_customer(session), make_customer(session)

    customers.claim(session, first, by=wang, now=now)

    assert refusal(session, second, wang, now) == "pool.owned_limit"
    assert second.owner_id is None


def test_a_rep_may_take_only_so_many_on_one_day(session: Session, now: datetime) -> None:
    wang = make_rep(session)
    make_rules(session, now, claims_a_day=2)
    for _ in range(2):
        customers.claim(session, make_customer(session), by=wang, now=now)
    third = make_customer(session)

    assert refusal(session, third, wang, now) == "pool.claims_limit"
    customers.claim(session, third, by=wang, now=now + DAY)
    assert third.owner_id == wang.id


def test_who_let_a_customer_go_may_not_take_it_back_at_once(
    session: Session, now: datetime
) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    make_rules(session, now, cool_down_days=3)
    customer = make_customer(session, owner=wang)
    customers.release(session, customer, note="联系不上", by=wang, now=now)

    assert refusal(session, customer, wang, now + 2 * DAY) == "pool.cool_down"
    customers.claim(session, customer, by=li, now=now)
    customers.release(session, customer, note="", by=li, now=now + DAY)
    customers.claim(session, customer, by=wang, now=now + 3 * DAY)
    assert customer.owner_id == wang.id


def test_every_change_of_hands_is_kept_with_its_reason(session: Session, now: datetime) -> None:
    lead, wang = make_lead(session), make_rep(session)
    customer = make_customer(session)

    customers.claim(session, customer, by=wang, now=now)
    wanted = AssignCustomer(lead.id, "王芳休假")
    customers.assign(session, customer, wanted, by=lead, now=now + DAY)
    customers.release(session, customer, note="不做了", by=lead, now=now + 2 * DAY)

    changes = session.scalars(select(OwnerChange).order_by(OwnerChange.id)).all()
    assert [(one.before_id, one.after_id, one.reason, one.note) for one in changes] == [
        (None, wang.id, OwnerReason.CLAIMED, ""),
        (wang.id, lead.id, OwnerReason.ASSIGNED, "王芳休假"),
        (lead.id, None, OwnerReason.RETURNED, "不做了"),
    ]
    assert session.scalars(select(AuditEntry).filter_by(action="customers.assign")).one()
    arrived, name = queries.arrivals(session, [customer.id])[customer.id]
    assert (name, arrived.at) == (lead.name, now + 2 * DAY)


def test_a_rep_lets_only_his_own_go(session: Session, now: datetime) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=li)

    for by in (wang, make_manager(session)):
        with pytest.raises(NotAllowed):
            customers.release(session, customer, note="", by=by, now=now)


def test_whom_nobody_talked_to_goes_back_to_the_pool(session: Session, now: datetime) -> None:
    """T-53: counted from the last real contact; a contact at once gives all days again."""
    wang = make_rep(session)
    make_rules(session, now - 60 * DAY, return_after_days=30)
    before = now - 100 * DAY
    silent = make_customer(session, owner=wang, created_at=before)
    followup = make_followup(session, silent, owner=wang)
    talked = make_customer(session, owner=wang, created_at=before, last_contact_at=now - 30 * DAY)
    fresh = make_customer(session, owner=wang, created_at=before, owner_since=now - DAY)
    in_pool = make_customer(session, created_at=before)

    assert pool.return_silent(session, now) is False
    assert pool.return_silent(session, now) is False

    for one in (silent, talked, fresh, in_pool, followup):
        session.refresh(one)
    assert silent.owner_id is None
    assert followup.cancelled_at == now
    assert silent.next_followup_at is None
    assert (talked.owner_id, fresh.owner_id) == (wang.id, wang.id)
    entry = session.scalars(select(TimelineEntry).filter_by(customer_id=silent.id)).one()
    assert (entry.kind, entry.by_id) == ("customers.expired", None)
    notice = session.scalars(select(Notice)).one()
    assert (notice.user_id, notice.context) == (wang.id, {"count": 1})


def test_pages_of_silent_customers_end_in_one_mail(
    session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PAGE", 2)
    wang = make_rep(session)
    make_rules(session, now - 60 * DAY, return_after_days=30)
    for _ in range(5):
        make_customer(session, owner=wang, created_at=now - 100 * DAY)

    steps = [pool.return_silent(session, now) for _ in range(3)]

    assert steps == [True, True, False]
    assert session.scalars(select(Notice)).one().context == {"count": 5}


def test_a_new_rule_takes_nobody_for_a_week(session: Session, now: datetime) -> None:
    wang = make_rep(session)
    admin = make_admin(session)
    wanted = PoolRules(cool_down_days=0, return_after_days=30)
    pool.change(session, wanted, by=admin, now=now)
    customer = make_customer(session, owner=wang, created_at=now - 100 * DAY)

    pool.return_silent(session, now + WARNED_DAYS * DAY)
    session.refresh(customer)
    assert customer.owner_id == wang.id

    pool.return_silent(session, now + (WARNED_DAYS + 1) * DAY)
    session.refresh(customer)
    assert customer.owner_id is None


def test_another_limit_does_not_begin_the_week_anew(session: Session, now: datetime) -> None:
    admin = make_admin(session)
    rules = PoolRules(cool_down_days=0, return_after_days=30)
    pool.change(session, rules, by=admin, now=now)
    wanted = PoolRules(cool_down_days=0, return_after_days=30, most_owned=9)
    pool.change(session, wanted, by=admin, now=now + DAY)
    pool.change(session, wanted, by=admin, now=now + 2 * DAY)

    assert queries.terms(session).since == now
    assert len(session.scalars(select(PoolPolicy)).all()) == 2
    audited = session.scalars(select(AuditEntry).filter_by(action="pool.change_rules")).all()
    assert len(audited) == 2
    with pytest.raises(NotAllowed):
        pool.change(session, rules, by=make_lead(session), now=now)


@pytest.mark.parametrize(
    ("contacted", "held", "left"), [(None, 5, 25), (3, 40, 27), (40, 30, 0), (31, 31, -1)]
)
def test_days_left_count_from_the_last_contact_or_the_new_owner(
    session: Session, now: datetime, contacted: int | None, held: int, left: int
) -> None:
    terms = PoolTerms(most_owned=None, claims_a_day=None, return_after_days=30, cool_down_days=0)
    found = days_left(
        terms,
        contacted_at=now - contacted * DAY if contacted is not None else None,
        held_since=now - held * DAY,
        now=now,
        house=company(session),
    )
    assert found == left
