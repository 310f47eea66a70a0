"""One answer for everybody, do-not-contact, claims."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotAllowed, NotFound
from crm.customers.models import Channel, Customer, TimelineEntry
from crm.outreach import services
from crm.outreach.models import Suppression
from crm.outreach.rules import Reason, Verdict
from tests.counting import count_queries
from tests.factories.customers import make_customer
from tests.factories.outreach import make_contact, make_suppression
from tests.factories.users import make_lead, make_rep


def test_a_second_rep_learns_who_when_and_on_which_channel(session: Session, now: datetime) -> None:
    wang, li = make_rep(session, name="王芳"), make_rep(session, name="李娜")
    customer = make_customer(session)
    make_contact(session, customer, by=wang, channel=Channel.WECHAT)
    answer = services.ask(session, customer, at=now + timedelta(days=2), by=li, now=now)
    assert answer.verdict is Verdict.HOLD
    assert answer.earlier is not None
    assert (answer.earlier.by_name, answer.earlier.at) == ("王芳", now)
    assert answer.earlier.channel is Channel.WECHAT


def test_a_time_that_is_past_is_asked_as_now(session: Session, now: datetime) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session)
    make_contact(session, customer, by=wang)
    late = services.ask(session, customer, at=now - timedelta(days=9), by=li, now=now)
    assert late.reason is Reason.COOL_DOWN


def test_a_list_of_any_length_is_answered_in_four_statements(
    session: Session, engine: Engine, now: datetime
) -> None:
    wang = make_rep(session)
    customers = [make_customer(session, name=f"客户 {n}") for n in range(30)]
    for customer in customers[:10]:
        make_contact(session, customer, by=wang)
    session.flush()
    with count_queries(engine) as statements:
        answers = services.ask_many(session, customers, at=now, by=None, now=now)
    assert len(statements) == 4
    assert [answers[c.id].is_held for c in customers] == [True] * 10 + [False] * 20


def test_of_a_described_set_only_those_not_allowed_are_told(
    session: Session, engine: Engine, now: datetime
) -> None:
    held, blocked, free = (make_customer(session, name=name) for name in ("甲", "乙", "丙"))
    make_contact(session, held, by=make_rep(session))
    make_suppression(session, blocked)
    meant = select(Customer.id)
    with count_queries(engine) as statements:
        answers = services.not_allowed(session, meant, at=now, by=None, now=now)
    assert len(statements) <= 5
    assert answers[held.id].is_held
    assert answers[blocked.id].is_blocked
    assert free.id not in answers


def test_a_mark_on_one_channel_leaves_the_others_open(session: Session, now: datetime) -> None:
    customer = make_customer(session)
    make_suppression(session, customer, channel=Channel.SMS)
    ask = services.ask
    assert ask(session, customer, channel=Channel.SMS, at=now, by=None, now=now).is_blocked
    assert ask(session, customer, channel=Channel.PHONE, at=now, by=None, now=now).is_allowed
    assert ask(session, customer, at=now, by=None, now=now).is_allowed


def test_a_rep_marks_his_customer_and_it_is_written_down(session: Session, now: datetime) -> None:
    wang = make_rep(session)
    customer = make_customer(session, owner=wang)
    mark = services.Mark(customer.id, evidence="Said so on the phone")
    first = services.suppress(session, mark, customer=customer, by=wang, now=now)
    again = services.suppress(session, mark, customer=customer, by=wang, now=now)
    assert again is first
    assert session.scalars(select(AuditEntry.action)).all() == ["outreach.suppressed"]
    assert session.scalars(select(TimelineEntry.kind)).all() == ["outreach.suppressed"]
    assert services.ask(session, customer, at=now, by=wang, now=now).is_blocked


def test_a_rep_cannot_mark_a_colleagues_customer(session: Session, now: datetime) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=li)
    with pytest.raises(NotAllowed):
        services.suppress(session, services.Mark(customer.id), customer=customer, by=wang, now=now)


def test_a_lead_clears_a_mark_with_a_reason(session: Session, now: datetime) -> None:
    wang, lead = make_rep(session), make_lead(session)
    customer = make_customer(session, owner=wang)
    mark = make_suppression(session, customer)
    services.clear(session, mark.id, customer=customer, reason="Signed form", by=lead, now=now)
    assert mark.cleared_by_id == lead.id
    assert services.ask(session, customer, at=now, by=wang, now=now).is_allowed


@pytest.mark.parametrize(
    ("reason", "code"), [("  ", "outreach.reason_missing"), ("Form", "outreach.already_cleared")]
)
def test_a_mark_is_not_cleared_without_a_reason_nor_twice(
    session: Session, now: datetime, reason: str, code: str
) -> None:
    lead = make_lead(session)
    customer = make_customer(session, owner=lead)
    mark = make_suppression(session, customer)
    mark.cleared_at = now
    session.flush()
    with pytest.raises((Invalid, Conflict)) as refused:
        services.clear(session, mark.id, customer=customer, reason=reason, by=lead, now=now)
    assert refused.value.code == code


def test_a_rep_cannot_clear_a_mark_and_nobody_another_persons(
    session: Session, now: datetime
) -> None:
    wang, lead = make_rep(session), make_lead(session)
    customer, other = (make_customer(session, owner=wang) for _ in range(2))
    mark: Suppression = make_suppression(session, other)
    with pytest.raises(NotAllowed):
        services.clear(session, mark.id, customer=other, reason="Form", by=wang, now=now)
    with pytest.raises(NotFound):
        services.clear(session, mark.id, customer=customer, reason="Form", by=lead, now=now)


def test_a_claim_keeps_a_colleague_out_until_it_is_given_back(
    session: Session, now: datetime
) -> None:
    wang, li = make_rep(session, name="王芳"), make_rep(session, name="李娜")
    customer = make_customer(session)
    until = now + timedelta(hours=2)
    held = services.claim(session, customer, until=until, by=wang, now=now)
    services.claim(session, customer, until=until + timedelta(hours=1), by=wang, now=now)
    with pytest.raises(Conflict) as refused:
        services.claim(session, customer, until=until, by=li, now=now)
    assert refused.value.code == "outreach.claimed_by_other"
    assert refused.value.details["holder"] == "王芳"
    answer = services.ask(session, customer, at=now, by=li, now=now)
    assert (answer.reason, answer.holder) == (Reason.CLAIMED_BY_OTHER, "王芳")
    services.release_claim(session, held, now=now)
    assert services.ask(session, customer, at=now + timedelta(hours=4), by=li, now=now).is_allowed


def test_a_claim_must_end_in_the_future(session: Session, now: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        services.claim(session, make_customer(session), until=now, by=make_rep(session), now=now)
    assert refused.value.code == "outreach.claim_too_short"
