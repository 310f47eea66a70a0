"""What happens to planned contacts when something changes below."""

from datetime import timedelta

from sqlalchemy.orm import Session

from crm.customers.services import customers
from crm.customers.services.customers import AssignCustomer, EditCustomer
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.users import make_lead, make_rep


def test_planned_contacts_go_to_the_customers_new_owner(session: Session) -> None:
    lead, rep, mate = make_lead(session), make_rep(session), make_rep(session, name="李娜")
    customer = make_customer(session, owner=rep)
    planned = make_followup(session, customer, owner=rep)
    of_lead = make_followup(session, customer, owner=lead)

    customers.assign(session, customer, AssignCustomer(mate.id), by=lead, now=NOW)

    session.expire_all()
    assert (planned.owner_id, of_lead.owner_id) == (mate.id, lead.id)


def test_what_was_planned_ends_when_the_customer_goes_back_to_the_pool(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep, next_followup_at=NOW)
    planned = make_followup(session, customer, owner=rep)

    customers.assign(session, customer, AssignCustomer(None), by=lead, now=NOW)

    session.expire_all()
    assert not planned.is_open
    assert customer.next_followup_at is None


def test_of_two_contacts_planned_with_one_person_the_first_stays(session: Session) -> None:
    rep = make_rep(session)
    first = make_customer(session, owner=rep, phone="13800138000")
    second = make_customer(session, name="王芳(店)", owner=rep, phone="13900139000")
    sooner = make_followup(session, second, owner=rep, due_at=NOW)
    later = make_followup(session, first, owner=rep, due_at=NOW + timedelta(days=2))

    wanted = EditCustomer(name=second.name, phone=first.phone, version=second.version)
    customers.edit(session, second, wanted, by=rep, now=NOW)

    session.expire_all()
    assert (sooner.is_open, later.is_open) == (True, False)
    assert first.next_followup_at is None
