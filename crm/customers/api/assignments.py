"""Parting customers among reps, for programs: look, send the fingerprint back, take it back."""

from flask import jsonify, make_response
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.core import paging
from crm.customers.models import Assignment
from crm.customers.queries import assignments as queries
from crm.customers.queries import segments as segment_queries
from crm.customers.schemas import answers
from crm.customers.schemas.assignments import (
    AssignmentOut,
    AssignmentsOut,
    PreviewOut,
    ShareByName,
    ShareByNameIn,
)
from crm.customers.schemas.customers import Listed, PageIn
from crm.customers.services import assignments as services
from crm.customers.services.assignments import Preview, Share
from crm.users import policies
from crm.users.auth import Scope, current_user, token_required
from crm.web import context
from crm.web.api import link_next
from crm.web.context import now_once, session

blp = Blueprint(
    "assignments_api",
    __name__,
    url_prefix="/api/v1/assignments",
    description="Customers parted among reps",
)

ACT = "customers.assign"
PAGE = 50
NEWEST_FIRST = paging.Order("made-down", Assignment.created_at, Assignment.id, descending=True)


@blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@blp.arguments(PageIn, location="query")
@blp.response(200, AssignmentsOut)
def index(asked: Listed) -> ResponseReturnValue:
    """Newest first."""
    policies.require(current_user(), ACT)
    found = paging.page(
        session(),
        queries.listed(current_user()),
        order=NEWEST_FIRST,
        cursor=asked.cursor,
        size=PAGE,
    )
    items = AssignmentOut(many=True).dump([item for item, _by in found.items])
    response = jsonify({"items": items, "next_cursor": found.next_cursor})
    link_next(response, answers.page_url(found.next_cursor))
    return response


@blp.post("/preview")
@token_required(Scope.CUSTOMERS_READ)
@blp.arguments(ShareByNameIn)
@blp.response(200, PreviewOut)
def preview(asked: ShareByName) -> Preview:
    """Who would get how many. Nothing is kept."""
    policies.require(current_user(), ACT)
    context.only_read()
    return services.preview(session(), _share(asked), by=current_user(), now=now_once())


@blp.post("")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(ShareByNameIn)
@blp.response(201, AssignmentOut)
def create(asked: ShareByName) -> ResponseReturnValue:
    """Do what the preview with this fingerprint showed; 409 when it would come out differently."""
    policies.require(current_user(), ACT)
    made = services.assign(session(), _share(asked), by=current_user(), now=now_once())
    return make_response(jsonify(AssignmentOut().dump(made)), 201)


@blp.get("/<public_id>")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, AssignmentOut)
def show(public_id: str) -> Assignment:
    return _readable(public_id)


@blp.post("/<public_id>/undo")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(200, AssignmentOut)
def undo(public_id: str) -> Assignment:
    """Give back those who are still where the assignment put them."""
    assignment = _readable(public_id)
    services.undo(session(), assignment, by=current_user(), now=now_once())
    return assignment


def _readable(public_id: str) -> Assignment:
    policies.require(current_user(), ACT)
    return queries.get(session(), Assignment.public_id == public_id, viewer=current_user())


def _share(asked: ShareByName) -> Share:
    people = queries.people(session(), [*asked.reps, *asked.territories.values()])
    segment = segment_queries.get_by_public_id(session(), asked.segment) if asked.segment else None
    return Share(
        way=asked.way,
        rep_ids=[people[one] for one in asked.reps],
        segment_id=segment.id if segment else None,
        customer_ids=queries.customer_ids(session(), asked.customers),
        most_owned=asked.most_owned,
        territories={region: people[one] for region, one in asked.territories.items()},
        fingerprint=asked.fingerprint,
    )
