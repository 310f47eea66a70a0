"""Two records turn out to be one person: nobody may be contacted more often for it (I7)."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict
from crm.customers.models import Channel, Customer
from crm.customers.services import customers
from crm.customers.services.customers import EditCustomer
from crm.outreach import services
from crm.outreach.models import CapSlot, Claim, LedgerEntry
from crm.outreach.rules import Reason
from crm.outreach.services import Sending
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.outreach import make_contact, make_suppression
from tests.factories.users import make_rep


@pytest.fixture
def rep(session: Session) -> User:
    return make_rep(session)


def make_pair(session: Session, rep: User) -> tuple[Customer, Customer]:
    return (
        make_customer(session, name="王芳", owner=rep, phone="13800138000"),
        make_customer(session, name="王芳(店)", owner=rep, phone="13900139000"),
    )


def give_the_same_phone(session: Session, first: Customer, second: Customer, rep: User) -> None:
    wanted = EditCustomer(name=second.name, phone=first.phone, version=second.version)
    customers.edit(session, second, wanted, by=rep, now=NOW)
    session.expire_all()
    assert first.subject_id == second.subject_id


def test_the_mark_of_either_holds_for_both(session: Session, rep: User) -> None:
    first, second = make_pair(session, rep)
    make_suppression(session, second)

    give_the_same_phone(session, first, second, rep)

    answer = services.ask(session, first, at=NOW, by=rep, now=NOW)
    assert answer.reason is Reason.DO_NOT_CONTACT


def test_the_contacts_of_both_count_towards_the_caps(session: Session, rep: User) -> None:
    first, second = make_pair(session, rep)
    make_contact(session, first, by=rep, at=NOW - timedelta(days=1))
    for hours in (3, 2):
        make_contact(session, second, by=rep, at=NOW - timedelta(hours=hours))

    give_the_same_phone(session, first, second, rep)

    counted = session.scalar(select(func.count()).where(LedgerEntry.subject_id == first.subject_id))
    assert counted == 3
    answer = services.ask(session, first, at=NOW, by=rep, now=NOW)
    assert answer.reason is Reason.CAP_REACHED
    sending = Sending(first.id, Channel.EMAIL, NOW, plan_key="p", occurrence="1")
    with pytest.raises(Conflict) as refused:
        services.reserve(session, sending, by=rep, now=NOW)
    assert refused.value.code in {"outreach.cap_reached", "outreach.cool_down"}


def test_the_database_itself_holds_the_joint_cap(session: Session, rep: User) -> None:
    first, second = make_pair(session, rep)
    for hours, customer in ((5, first), (4, first), (3, second), (2, second)):
        make_contact(session, customer, by=rep, at=NOW - timedelta(hours=hours))

    give_the_same_phone(session, first, second, rep)

    taken = session.scalars(
        select(CapSlot.slot).where(
            CapSlot.subject_id == first.subject_id, CapSlot.cap_key == "any_7d"
        )
    ).all()
    assert sorted(taken) == [1, 2, 3]  # four contacts, three places: all are used


def test_of_two_clashing_claims_the_kept_persons_holds(session: Session, rep: User) -> None:
    other = make_rep(session, name="李娜")
    first, second = make_pair(session, rep)
    for customer, owner in ((first, rep), (second, other)):
        session.add(
            Claim(
                subject_id=customer.subject_id,
                owner_id=owner.id,
                starts_at=NOW,
                ends_at=NOW + timedelta(days=1),
            )
        )
    session.flush()

    give_the_same_phone(session, first, second, rep)

    holders = session.scalars(
        select(Claim.owner_id).where(Claim.subject_id == first.subject_id)
    ).all()
    assert list(holders) == [rep.id]
