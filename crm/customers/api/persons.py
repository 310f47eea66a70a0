"""Contact persons of a customer, for programs."""

from typing import Any

from flask_smorest import Blueprint

from crm.customers import queries
from crm.customers.models import ContactPerson, Customer
from crm.customers.queries import persons as person_queries
from crm.customers.schemas import answers
from crm.customers.schemas.persons import (
    PatchPerson,
    PersonIn,
    PersonOut,
    PersonPatchIn,
    PersonsOut,
    shown,
)
from crm.customers.services import persons
from crm.customers.services.persons import DescribePerson, RevisePerson
from crm.users.auth import Scope, current_user, token_required
from crm.web import context

blp = Blueprint(
    "persons_api", __name__, url_prefix="/api/v1/customers", description="Contact persons"
)
FACTS = tuple(DescribePerson.__dataclass_fields__)


@blp.get("/<public_id>/persons")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, PersonsOut)
def index(public_id: str) -> dict[str, Any]:
    """The main one first. Addresses are masked for those who may not see them."""
    customer = _customer(public_id)
    found = person_queries.of_customer(context.session(), customer.id)
    return {"items": [_shown(customer, one) for one in found]}


@blp.post("/<public_id>/persons")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(PersonIn)
@blp.response(201, PersonOut)
def create(wanted: DescribePerson, public_id: str) -> ContactPerson:
    by, now = current_user(), context.now_once()
    return persons.add(context.session(), _customer(public_id), wanted, by=by, now=now)


@blp.patch("/<public_id>/persons/<person_public_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(PersonPatchIn(partial=("name", "role", "phone", "email", "is_main", "note")))
@blp.response(200, PersonOut)
def update(wanted: PatchPerson, public_id: str, person_public_id: str) -> ContactPerson:
    """Change what is sent; `version` is the one seen."""
    session, customer = context.session(), _customer(public_id)
    person = person_queries.get_by_public_id(session, customer, person_public_id)
    facts = {name: getattr(person, name) for name in FACTS} | wanted.changes
    command = RevisePerson(version=wanted.version, **facts)
    persons.revise(session, customer, person, command, by=current_user(), now=context.now_once())
    return person


@blp.delete("/<public_id>/persons/<person_public_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(204)
def destroy(public_id: str, person_public_id: str) -> None:
    session, customer = context.session(), _customer(public_id)
    person = person_queries.get_by_public_id(session, customer, person_public_id)
    persons.remove(session, customer, person, by=current_user(), now=context.now_once())


def _customer(public_id: str) -> Customer:
    return queries.get_by_public_id(context.session(), public_id, visible_to=current_user())


def _shown(customer: Customer, person: ContactPerson) -> dict[str, Any]:
    """As the answer's schema reads it."""
    found = shown(person, is_full=answers.reached(customer, current_user()).is_full)
    return found | {"public_id": found["id"]}
