"""Whose a customer is, for programs: take it, give it back, hand it over; the pool's rules."""

from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.customers import queries
from crm.customers.models import Customer
from crm.customers.queries import assignments
from crm.customers.queries import pool as pool_queries
from crm.customers.rules.pool import PoolTerms
from crm.customers.schemas.pool import (
    HandOver,
    HandOverIn,
    PoolRulesIn,
    PoolRulesOut,
    Release,
    ReleaseIn,
)
from crm.customers.services import customers
from crm.customers.services import pool as services
from crm.customers.services.customers import AssignCustomer
from crm.customers.services.pool import PoolRules
from crm.users import policies
from crm.users.auth import Scope, current_user, token_required
from crm.web.context import now_once, session

blp = Blueprint("pool_api", __name__, url_prefix="/api/v1", description="Owners and the pool")


@blp.get("/pool/rules")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, PoolRulesOut)
def show_rules() -> PoolTerms:
    return pool_queries.terms(session())


@blp.put("/pool/rules")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(PoolRulesIn)
@blp.response(200, PoolRulesOut)
def put_rules(wanted: PoolRules) -> PoolTerms:
    """The whole of the rules; what is left out has no limit."""
    services.change(session(), wanted, by=current_user(), now=now_once())
    return pool_queries.terms(session())


@blp.post("/customers/<public_id>/claim")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(204)
def claim(public_id: str) -> ResponseReturnValue:
    """Take a customer out of the pool for the token's owner."""
    customers.claim(session(), _found(public_id), by=current_user(), now=now_once())
    return "", 204


@blp.post("/customers/<public_id>/release")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(ReleaseIn)
@blp.response(204)
def release(wanted: Release, public_id: str) -> ResponseReturnValue:
    """Give a customer back to the pool, with the reason."""
    customers.release(
        session(), _found(public_id), note=wanted.note, by=current_user(), now=now_once()
    )
    return "", 204


@blp.put("/customers/<public_id>/owner")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(HandOverIn)
@blp.response(204)
def hand_over(wanted: HandOver, public_id: str) -> ResponseReturnValue:
    """Give a customer to a colleague (by public id), or with null to the pool."""
    customer = _found(public_id)
    policies.require(current_user(), "customers.assign", customer)
    owner_id = assignments.people(session(), [wanted.owner])[wanted.owner] if wanted.owner else None
    command = AssignCustomer(owner_id, wanted.note)
    customers.assign(session(), customer, command, by=current_user(), now=now_once())
    return "", 204


def _found(public_id: str) -> Customer:
    return queries.get_by_public_id(session(), public_id, visible_to=current_user())
