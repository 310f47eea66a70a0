"""Suggested duplicates, for programs."""

from flask import Response, jsonify, make_response
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.customers.queries import duplicates as queries
from crm.customers.schemas import answers
from crm.customers.schemas.duplicates import Asked, AskedIn, PairOut, PairsOut
from crm.customers.services import duplicates
from crm.users import policies
from crm.users.auth import Scope, current_user, token_required
from crm.web import context
from crm.web.api import link_next

blp = Blueprint(
    "duplicates_api",
    __name__,
    url_prefix="/api/v1/duplicates",
    description="Records that may mean one customer",
)


@blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@blp.arguments(AskedIn, location="query")
@blp.response(200, PairsOut)
def index(asked: Asked) -> ResponseReturnValue:
    """Open suggestions of which the token's owner sees both records, the surest first."""
    policies.require(current_user(), "customers.merge")
    found = queries.page(
        context.session(), viewer=current_user(), confidence=asked.confidence, cursor=asked.cursor
    )
    response = jsonify(
        {"items": PairOut(many=True).dump(found.items), "next_cursor": found.next_cursor}
    )
    link_next(response, answers.page_url(found.next_cursor))
    return response


@blp.post("/<int:pair_id>/dismissal")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(200, PairOut)
def dismiss(pair_id: int) -> ResponseReturnValue:
    """They are two customers: not suggested again."""
    session, by = context.session(), current_user()
    pair = queries.get(session, pair_id, visible_to=by)
    duplicates.dismiss(session, pair, by=by, now=context.now_once())
    return _one(pair_id)


@blp.delete("/<int:pair_id>/dismissal")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(200, PairOut)
def reopen(pair_id: int) -> ResponseReturnValue:
    """Take a dismissal back."""
    session, by = context.session(), current_user()
    duplicates.reopen(session, queries.get(session, pair_id, visible_to=by), by=by)
    return _one(pair_id)


def _one(pair_id: int) -> Response:
    session = context.session()
    pair = queries.get(session, pair_id, visible_to=current_user())
    [suggestion] = queries.with_records(session, [pair])
    return make_response(jsonify(PairOut().dump(suggestion)))
