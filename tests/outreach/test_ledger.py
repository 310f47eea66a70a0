"""Contacts written down, messages reserved, places given back."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotFound
from crm.customers.models import Channel, Customer
from crm.outreach import services
from crm.outreach.models import CapSlot, LedgerEntry, LedgerState, Policy
from tests.factories.customers import make_customer
from tests.factories.outreach import make_contact, make_suppression
from tests.factories.users import make_rep


def slots(session: Session, entry: LedgerEntry) -> list[str]:
    rows = select(CapSlot.cap_key).where(
        CapSlot.entry_id == entry.id, CapSlot.released_at.is_(None)
    )
    return sorted(session.scalars(rows))


def mail(customer: Customer, at: datetime, occurrence: str = "1") -> services.Sending:
    return services.Sending(customer.id, Channel.EMAIL, at, "activity:7", occurrence)


def test_a_logged_call_takes_a_place_under_every_cap_on_its_channel(
    session: Session, now: datetime
) -> None:
    wang, customer = make_rep(session), make_customer(session)
    assert slots(session, make_contact(session, customer, by=wang)) == ["any_7d"]
    by_mail = make_contact(session, customer, by=wang, channel=Channel.EMAIL)
    assert slots(session, by_mail) == ["any_7d", "email_7d"]


def test_the_first_contact_of_a_house_writes_down_the_policy_it_was_judged_by(
    session: Session, now: datetime
) -> None:
    entry = make_contact(session, make_customer(session))
    policy = session.get_one(Policy, entry.policy_id)
    assert policy.cool_down_days == 3
    assert [cap["limit"] for cap in policy.caps] == [2, 3]
    assert services.current_policy(session, now=now) is policy


def test_a_call_that_took_place_is_recorded_even_over_the_cap(
    session: Session, now: datetime
) -> None:
    wang, customer = make_rep(session), make_customer(session)
    entries = [
        make_contact(session, customer, by=wang, at=now - timedelta(hours=hours))
        for hours in (4, 3, 2, 1)
    ]
    assert [entry.is_over_cap for entry in entries] == [False, False, False, True]
    assert slots(session, entries[-1]) == []


def test_a_customer_who_comes_to_us_uses_no_place_and_starts_no_cool_down(
    session: Session, now: datetime
) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session)
    entry = make_contact(session, customer, by=wang, is_inbound=True)
    assert slots(session, entry) == []
    assert services.ask(session, customer, at=now, by=li, now=now).is_allowed


def test_a_contact_in_the_future_is_refused(session: Session, now: datetime) -> None:
    customer = make_customer(session)
    contact = services.Contact(customer.id, Channel.PHONE, now + timedelta(minutes=1))
    with pytest.raises(Invalid) as refused:
        services.log(session, contact, by=None, now=now)
    assert refused.value.code == "outreach.in_the_future"


def test_a_contact_with_nobody_is_refused(session: Session, now: datetime) -> None:
    with pytest.raises(NotFound):
        services.log(session, services.Contact(0, Channel.PHONE, now), by=None, now=now)


def test_an_override_is_audited_with_its_reason(session: Session, now: datetime) -> None:
    wang, customer = make_rep(session), make_customer(session)
    contact = services.Contact(customer.id, Channel.PHONE, now, override_reason="He asked for it")
    services.log(session, contact, by=wang, now=now)
    entry = session.scalars(
        select(AuditEntry).where(AuditEntry.action == "outreach.override")
    ).one()
    assert entry.details["reason"] == "He asked for it"


def test_two_records_of_one_person_share_the_cap(session: Session, now: datetime) -> None:
    wang = make_rep(session)
    mobile, shop = (
        make_customer(session, name=name, phone="13800138000") for name in ("李明", "李明的店")
    )
    for hours in (3, 2, 1):
        make_contact(session, mobile, by=wang, at=now - timedelta(hours=hours))
    answer = services.ask(session, shop, channel=Channel.PHONE, at=now, by=wang, now=now)
    assert answer.reason is not None
    assert answer.reason.name == "CAP_REACHED"


def test_a_message_is_reserved_once_for_its_plan_and_occurrence(
    session: Session, now: datetime
) -> None:
    customer = make_customer(session)
    entry = services.reserve(session, mail(customer, now), by=None, now=now)
    assert (entry.state, slots(session, entry)) == (LedgerState.RESERVED, ["any_7d", "email_7d"])
    with pytest.raises(Conflict) as refused:
        services.reserve(session, mail(customer, now), by=None, now=now)
    assert refused.value.code == "outreach.already_reserved"


def test_a_machine_is_refused_with_the_reason_and_the_next_time(
    session: Session, now: datetime
) -> None:
    customer = make_customer(session)
    make_contact(session, customer, by=make_rep(session))
    with pytest.raises(Conflict) as refused:
        services.reserve(session, mail(customer, now + timedelta(days=1)), by=None, now=now)
    assert refused.value.code == "outreach.cool_down"
    assert refused.value.details["reason"] == "COOL_DOWN"
    assert refused.value.details["next_at"] > now + timedelta(days=3)


def test_two_machine_mails_within_a_week_close_the_mail_cap(
    session: Session, now: datetime
) -> None:
    customer = make_customer(session)
    services.reserve(session, mail(customer, now, "1"), by=None, now=now)
    after = now + timedelta(days=4)
    services.reserve(session, mail(customer, after, "2"), by=None, now=after)
    third = now + timedelta(days=6, hours=23)
    with pytest.raises(Conflict) as refused:
        services.reserve(session, mail(customer, third, "3"), by=None, now=third)
    assert refused.value.details["reason"] in {"CAP_REACHED", "COOL_DOWN"}
    free = services.reserve(
        session, mail(customer, now + timedelta(days=8), "3"), by=None, now=now + timedelta(days=8)
    )
    assert free.state is LedgerState.RESERVED


def test_do_not_contact_blocks_the_machine_at_the_last_moment(
    session: Session, now: datetime
) -> None:
    customer = make_customer(session)
    make_suppression(session, customer, channel=Channel.EMAIL)
    with pytest.raises(Conflict) as refused:
        services.reserve(session, mail(customer, now), by=None, now=now)
    assert refused.value.code == "outreach.do_not_contact"
    assert session.scalar(select(func.count()).select_from(LedgerEntry)) == 0


def test_what_was_not_sent_gives_its_places_back_and_stays_in_the_ledger(
    session: Session, now: datetime
) -> None:
    customer = make_customer(session)
    entry = services.reserve(session, mail(customer, now), by=None, now=now)
    services.release(session, entry, LedgerState.FAILED, now=now)
    assert slots(session, entry) == []
    assert session.get_one(LedgerEntry, entry.id).state is LedgerState.FAILED
    assert services.ask(session, customer, at=now, by=None, now=now).is_allowed


def test_a_contact_that_took_place_is_never_released(session: Session, now: datetime) -> None:
    entry = make_contact(session, make_customer(session))
    with pytest.raises(Conflict) as refused:
        services.release(session, entry, LedgerState.CANCELLED, now=now)
    assert refused.value.code == "outreach.not_released"


def test_the_database_itself_refuses_two_contacts_in_one_place(
    session: Session, now: datetime
) -> None:
    entry = make_contact(session, make_customer(session))
    taken = session.scalars(select(CapSlot).where(CapSlot.entry_id == entry.id)).one()
    again = CapSlot(
        entry_id=entry.id,
        subject_id=taken.subject_id,
        cap_key=taken.cap_key,
        slot=taken.slot,
        starts_at=taken.starts_at + timedelta(days=1),
        ends_at=taken.ends_at + timedelta(days=1),
    )
    session.add(again)
    with pytest.raises(DBAPIError):
        session.flush()


def test_the_database_itself_refuses_to_forget_a_contact(session: Session, now: datetime) -> None:
    entry = make_contact(session, make_customer(session), is_inbound=True)
    session.delete(entry)
    with pytest.raises(DBAPIError):
        session.flush()
