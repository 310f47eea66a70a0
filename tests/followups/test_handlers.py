"""What happens to planned contacts when something changes below."""

from sqlalchemy.orm import Session

from crm.customers.services import customers
from crm.customers.services.customers import AssignCustomer
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
