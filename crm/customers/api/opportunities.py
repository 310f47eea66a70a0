"""Deals for programs: put in as often as you like, known by source and number."""

from flask import Response, jsonify, make_response
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.customers.models import Opportunity
from crm.customers.queries import opportunities as queries
from crm.customers.schemas import answers
from crm.customers.schemas.opportunities import (
    Asked,
    CloseIn,
    DealOut,
    DealPutIn,
    DealsIn,
    DealsOut,
)
from crm.customers.services import opportunities as services
from crm.customers.services.opportunities import Close, PutDeal
from crm.users.auth import Scope, current_user, token_required
from crm.web.api import link_next
from crm.web.context import now_once, session

blp = Blueprint(
    "opportunities_api", __name__, url_prefix="/api/v1/opportunities", description="Deals"
)


@blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@blp.arguments(DealsIn, location="query")
@blp.response(200, DealsOut)
def index(asked: Asked) -> ResponseReturnValue:
    """Deals with the customers that the token's owner may see; the open ones unless asked."""
    found = queries.page(session(), asked.wanted, viewer=current_user(), cursor=asked.cursor)
    response = jsonify(
        {"items": DealOut(many=True).dump(found.items), "next_cursor": found.next_cursor}
    )
    link_next(response, answers.page_url(found.next_cursor))
    return response


@blp.post("")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(DealPutIn)
@blp.response(201, DealOut)
@blp.alt_response(200, schema=DealOut, description="The deal was known already")
def put(wanted: PutDeal) -> ResponseReturnValue:
    """Take in a deal; sent again it is brought up to date, never doubled."""
    deal, is_new = services.put(session(), wanted, by=current_user(), now=now_once())
    return _one(deal.public_id, 201 if is_new else 200)


@blp.get("/<public_id>")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, DealOut)
def show(public_id: str) -> ResponseReturnValue:
    return _one(public_id)


@blp.post("/<public_id>/closure")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(CloseIn)
@blp.response(200, DealOut)
def close(wanted: Close, public_id: str) -> ResponseReturnValue:
    """Won, or lost with the reason."""
    services.close(session(), _found(public_id), wanted, by=current_user(), now=now_once())
    return _one(public_id)


def _found(public_id: str) -> Opportunity:
    which = Opportunity.public_id == public_id
    return queries.get(session(), which, viewer=current_user())


def _one(public_id: str, status: int = 200) -> Response:
    deal = _found(public_id)
    response = make_response(jsonify(DealOut().dump(deal)), status)
    response.headers["ETag"] = f'"{deal.version}"'
    return response
