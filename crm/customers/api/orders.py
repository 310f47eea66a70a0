"""Orders from other systems: put in as often as you like, known by source and number."""

from typing import Any

from flask import Response, jsonify, make_response
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.customers.models import Order
from crm.customers.queries import orders
from crm.customers.schemas import answers
from crm.customers.schemas.customers import Listed, OrderOut, OrdersOut, PageIn
from crm.customers.schemas.orders import LineOut, OrderWithLinesIn, OrderWithLinesOut, RefundIn
from crm.customers.services import ordering
from crm.customers.services import orders as services
from crm.customers.services.ordering import GiveBack
from crm.customers.services.orders import PutOrder
from crm.users.auth import Scope, current_user, token_required
from crm.web import context
from crm.web.api import link_next

blp = Blueprint(
    "orders_api", __name__, url_prefix="/api/v1/orders", description="What customers bought"
)


@blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@blp.arguments(PageIn, location="query")
@blp.response(200, OrdersOut)
def index(asked: Listed) -> ResponseReturnValue:
    """Orders of the customers that the token's owner may see, newest first."""
    found = orders.page(context.session(), viewer=current_user(), cursor=asked.cursor)
    response = jsonify(
        {"items": OrderOut(many=True).dump(found.items), "next_cursor": found.next_cursor}
    )
    link_next(response, answers.page_url(found.next_cursor))
    return response


@blp.post("")
@token_required(Scope.ORDERS_WRITE)
@blp.arguments(OrderWithLinesIn)
@blp.response(201, OrderWithLinesOut)
@blp.alt_response(200, schema=OrderWithLinesOut, description="The order was known already")
def put(wanted: PutOrder) -> ResponseReturnValue:
    """Take in an order; sent again it is brought up to date, never doubled."""
    order, is_new = services.put(
        context.session(), wanted, by=current_user(), now=context.now_once()
    )
    return _one(order, 201 if is_new else 200)


@blp.post("/refunds")
@token_required(Scope.ORDERS_WRITE)
@blp.arguments(RefundIn)
@blp.response(201, OrderWithLinesOut)
@blp.alt_response(200, schema=OrderWithLinesOut, description="The refund was known already")
def refund(wanted: dict[str, Any]) -> ResponseReturnValue:
    """Money given back for an order; sent again it is the same refund."""
    which = orders.named(wanted["source"], wanted["number"])
    order = orders.visible(context.session(), which, viewer=current_user())
    command = GiveBack(wanted["amount_fen"], wanted["refund"], wanted["refunded_at"])
    _refund, is_new = ordering.refund(
        context.session(), order, command, by=current_user(), now=context.now_once()
    )
    return _one(order, 201 if is_new else 200)


def _one(order: Order, status: int) -> Response:
    session = context.session()
    full = OrderWithLinesOut().dump(orders.get(session, order.id))
    lines = orders.lines_of(session, [order.id]).get(order.id, ())
    full["lines"] = LineOut(many=True).dump(lines)
    return make_response(jsonify(full), status)
