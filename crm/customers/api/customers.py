"""Customers, their timelines, orders and tags, for programs."""

from typing import Any

from flask import Response, jsonify, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint
from werkzeug.exceptions import PreconditionFailed

from crm.core.errors import Conflict, Invalid
from crm.customers import queries
from crm.customers.models import Customer
from crm.customers.queries import choices, custom_fields, listing, timeline
from crm.customers.queries.listing import At
from crm.customers.schemas import answers
from crm.customers.schemas.custom_fields import told
from crm.customers.schemas.customers import (
    CustomerIn,
    CustomerOut,
    CustomerPatchIn,
    CustomersIn,
    CustomersOut,
    HappeningOut,
    Listed,
    PatchCustomer,
    TagsOut,
    TimelineAsked,
    TimelineIn,
    TimelineOut,
)
from crm.customers.services import customers
from crm.customers.services.customers import FACTS, CustomerFacts, EditCustomer
from crm.users.auth import Scope, current_user, token_required
from crm.web import context
from crm.web.api import link_next

blp = Blueprint(
    "customers_api", __name__, url_prefix="/api/v1/customers", description="Whom we sell to"
)
tags_blp = Blueprint("tags_api", __name__, url_prefix="/api/v1/tags", description="Labels")


@blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@blp.arguments(CustomersIn, location="query")
@blp.response(200, CustomersOut)
def index(asked: Listed) -> ResponseReturnValue:
    """A page of the customers that the token's owner may see."""
    viewer = current_user()
    found = listing.page(
        context.session(), asked.filters, viewer=viewer, now=context.now_once(), at=At(asked.cursor)
    )
    custom_fields.bring(context.session(), found.items)
    items = [_as_json(customer) for customer in found.items]
    return _listed(items, found.next_cursor)


@blp.post("")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(CustomerIn)
@blp.response(201, CustomerOut)
def create(wanted: CustomerFacts) -> ResponseReturnValue:
    customer = customers.create(
        context.session(), wanted, by=current_user(), now=context.now_once()
    )
    return _one(_found(customer.public_id), 201)


@blp.get("/<public_id>")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, CustomerOut)
def show(public_id: str) -> ResponseReturnValue:
    """The record; of a merged one the address of the record that survived it (302)."""
    customer = _found(public_id)
    if customer.public_id != public_id:
        return redirect(url_for(".show", public_id=customer.public_id), 302)
    return _one(customer)


@blp.patch("/<public_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(CustomerPatchIn(partial=True))
@blp.response(200, CustomerOut)
def update(wanted: PatchCustomer, public_id: str) -> ResponseReturnValue:
    """Change what is sent. The version seen is required, as If-Match or as `version`."""
    customer = _found(public_id)
    version = _expected_version(wanted)
    facts = {name: getattr(customer, name) for name in FACTS} | wanted.changes
    command = EditCustomer(version=version, **facts)
    try:
        customers.edit(
            context.session(), customer, command, by=current_user(), now=context.now_once()
        )
    except Conflict:
        if request.headers.get("If-Match"):
            raise PreconditionFailed from None
        raise
    return _one(customer)


@blp.get("/<public_id>/timeline")
@token_required(Scope.CUSTOMERS_READ)
@blp.arguments(TimelineIn, location="query")
@blp.response(200, TimelineOut)
def show_timeline(asked: TimelineAsked, public_id: str) -> ResponseReturnValue:
    """What happened, newest first, of one kind if asked; as far as the token's owner may know."""
    customer = _found(public_id)
    found = timeline.page(context.session(), customer.id, kind=asked.kind, cursor=asked.cursor)
    items = []
    for one in found.items:
        kind, details = answers.kind_of(one, customer, current_user())
        items.append({"at": one.at, "kind": kind, "by": one.by, "details": details})
    return _listed(HappeningOut(many=True).dump(items), found.next_cursor)


@tags_blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@tags_blp.response(200, TagsOut)
def index_tags() -> dict[str, Any]:
    return {"items": context.session().scalars(choices.every_tag()).all()}


def _found(public_id: str) -> Customer:
    return queries.get_by_public_id(context.session(), public_id, visible_to=current_user())


def _expected_version(wanted: PatchCustomer) -> int:
    given = request.headers.get("If-Match", "").removeprefix("W/").strip('"')
    if given:
        return int(given) if given.isdecimal() else -1
    if wanted.version is None:
        raise Invalid("core.invalid", fields={"version": ["If-Match"]})
    return wanted.version


def _as_json(customer: Customer) -> dict[str, Any]:
    """The record with its addresses as the token's owner may see them."""
    reached = answers.reached(customer, current_user())
    dumped: dict[str, Any] = CustomerOut().dump(customer)
    if not reached.is_full:
        dumped |= {"phone": reached.phone or None, "email": reached.email or None}
    fields = custom_fields.shown(context.session()) if customer.custom else []
    dumped["custom"] = told(fields, customer.custom, is_full=reached.is_full)
    return dumped


def _one(customer: Customer, status: int = 200) -> Response:
    response = make_response(jsonify(_as_json(customer)), status)
    response.headers["ETag"] = f'"{customer.version}"'
    return response


def _listed(items: list[Any], cursor: str | None) -> Response:
    response = jsonify({"items": items, "next_cursor": cursor})
    link_next(response, answers.page_url(cursor))
    return response
