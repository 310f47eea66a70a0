"""Making two records one and splitting them again, for programs."""

from typing import Any

from flask import Response, jsonify, make_response
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.customers import queries
from crm.customers.models import CustomerMerge
from crm.customers.queries import merges
from crm.customers.schemas.merges import MergeIn, MergeOut, Merging
from crm.customers.services import merging, parting
from crm.customers.services.merging import MergeCustomers
from crm.users.auth import Scope, current_user, token_required
from crm.web import context

blp = Blueprint(
    "merges_api", __name__, url_prefix="/api/v1", description="Two records that are one customer"
)


@blp.post("/customers/<public_id>/merges")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(MergeIn)
@blp.response(201, MergeOut)
def create(wanted: Merging, public_id: str) -> ResponseReturnValue:
    """Take the record `other` into this one. What is not chosen is decided by rule."""
    session, by = context.session(), current_user()
    kept = queries.get_by_public_id(session, public_id, visible_to=by)
    other = queries.get_by_public_id(session, wanted.other, visible_to=by)
    command = MergeCustomers(kept.id, other.id, wanted.choices, wanted.versions)
    item = merging.merge(session, command, by=by, now=context.now_once())
    return _one(item, 201)


@blp.get("/merges/<public_id>")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, MergeOut)
def show(public_id: str) -> ResponseReturnValue:
    return _one(_found(public_id))


@blp.post("/merges/<public_id>/split")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(200, MergeOut)
def split(public_id: str) -> ResponseReturnValue:
    """Both records stand again as they were; what came since stays with the survivor."""
    item = _found(public_id)
    parting.part(context.session(), item, by=current_user(), now=context.now_once())
    return _one(item)


def _found(public_id: str) -> CustomerMerge:
    return merges.get_by_public_id(context.session(), public_id, visible_to=current_user())


def _one(item: CustomerMerge, status: int = 200) -> Response:
    kept, merged = merges.sides(context.session(), item)
    shown: dict[str, Any] = MergeOut().dump({"merge": item, "kept": kept, "merged": merged})
    return make_response(jsonify(shown), status)
