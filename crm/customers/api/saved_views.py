"""Saved views of the list, for programs."""

from typing import Any

from flask import Response, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint
from werkzeug.exceptions import PreconditionFailed

from crm.core.errors import Conflict, Invalid
from crm.customers.models import CustomerView
from crm.customers.queries import saved_views as queries
from crm.customers.queries.listing import Filters
from crm.customers.schemas.lists import ViewIn, ViewOut, ViewPatchIn, ViewsOut, WriteView
from crm.customers.services import saved_views as services
from crm.customers.services.saved_views import KeepView, ReviseView
from crm.users.auth import Scope, current_user, token_required
from crm.web.context import now_once, session

blp = Blueprint(
    "customer_views_api",
    __name__,
    url_prefix="/api/v1/customer-views",
    description="Lists to come back to",
)


@blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, ViewsOut)
def index() -> dict[str, Any]:
    """The views that the token's owner sees: own ones first, then the shared ones."""
    return {"items": queries.shown(session(), current_user())}


@blp.post("")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(ViewIn)
@blp.response(201, ViewOut)
def create(wanted: WriteView) -> ResponseReturnValue:
    kept = KeepView(
        wanted.name or "",
        wanted.filters or Filters(),
        wanted.columns or (),
        is_shared=bool(wanted.is_shared),
    )
    view = services.create(session(), kept, by=current_user(), now=now_once())
    return _one(_found(view.public_id), 201)


@blp.get("/<public_id>")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, ViewOut)
def show(public_id: str) -> ResponseReturnValue:
    return _one(_found(public_id))


@blp.patch("/<public_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(ViewPatchIn)
@blp.response(200, ViewOut)
def update(wanted: WriteView, public_id: str) -> ResponseReturnValue:
    """Change what is sent. The version seen is required, as If-Match or as `version`."""
    view = _found(public_id)
    revised = ReviseView(
        _version(wanted), wanted.name, wanted.is_shared, wanted.filters, wanted.columns
    )
    try:
        services.revise(session(), view, revised, by=current_user(), now=now_once())
    except Conflict:
        if request.headers.get("If-Match"):
            raise PreconditionFailed from None
        raise
    return _one(view)


@blp.delete("/<public_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(204)
def destroy(public_id: str) -> ResponseReturnValue:
    services.delete(session(), _found(public_id), by=current_user(), now=now_once())
    return "", 204


def _found(public_id: str) -> CustomerView:
    return queries.get_by_public_id(session(), public_id, viewer=current_user())


def _version(wanted: WriteView) -> int:
    given = request.headers.get("If-Match", "").removeprefix("W/").strip('"')
    if given:
        return int(given) if given.isdecimal() else -1
    if wanted.version is None:
        raise Invalid("core.invalid", fields={"version": ["If-Match"]})
    return wanted.version


def _one(view: CustomerView, status: int = 200) -> Response:
    response = make_response(jsonify(ViewOut().dump(view)), status)
    response.headers["ETag"] = f'"{view.version}"'
    return response
