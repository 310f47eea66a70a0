"""The guard's answer for programs."""

from typing import Any

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.customers import queries as customer_queries
from crm.outreach import queries, services
from crm.outreach.models import Policy
from crm.outreach.rules import Answer
from crm.outreach.schemas import (
    AnswerOut,
    Asked,
    AskedIn,
    Listed,
    ListedIn,
    PolicyIn,
    PolicyOut,
    SuppressedPageOut,
)
from crm.outreach.services import NewPolicy
from crm.users.auth import Scope, current_user, token_required
from crm.web import context
from crm.web.api import link_next

blp = Blueprint(
    "outreach_api", __name__, url_prefix="/api/v1/outreach", description="The contact guard"
)


@blp.get("/answer")
@token_required(Scope.OUTREACH_READ)
@blp.arguments(AskedIn, location="query")
@blp.response(200, AnswerOut)
def answer(asked: Asked) -> Answer:
    """May this customer be contacted now; if not, why, and when at the earliest."""
    session, viewer, now = context.session(), current_user(), context.now_once()
    customer = customer_queries.get_by_public_id(session, asked.customer, visible_to=viewer)
    return services.ask(session, customer, channel=asked.channel, at=now, by=viewer, now=now)


@blp.get("/suppressions")
@token_required(Scope.OUTREACH_READ)
@blp.arguments(ListedIn, location="query")
@blp.response(200, SuppressedPageOut)
def index_suppressed(asked: Listed) -> ResponseReturnValue:
    """Customers who must not be contacted, with every mark in force."""
    session, viewer = context.session(), current_user()
    found = queries.suppressed(session, viewer=viewer, q=asked.q, cursor=asked.cursor)
    marks = queries.marks_of(session, [customer.subject_id for customer in found.items])
    items = [
        {"customer": customer.public_id, "marks": marks[customer.subject_id]}
        for customer in found.items
    ]
    body = SuppressedPageOut().dump({"items": items, "next_cursor": found.next_cursor})
    response = jsonify(body)
    if found.next_cursor:
        following = url_for(".index_suppressed", q=asked.q or None, cursor=found.next_cursor)
        link_next(response, following)
    return response


@blp.get("/policy")
@token_required(Scope.OUTREACH_READ)
@blp.response(200, PolicyOut)
def show_policy() -> dict[str, Any]:
    """The rules in force."""
    return _as_json(queries.find_policy(context.session()))


@blp.put("/policy")
@token_required(Scope.OUTREACH_WRITE)
@blp.arguments(PolicyIn)
@blp.response(200, PolicyOut)
def put_policy(wanted: NewPolicy) -> dict[str, Any]:
    """A new version of the rules; `version` is the one that it follows."""
    made = services.revise(context.session(), wanted, by=current_user(), now=context.now_once())
    return _as_json(made)


def _as_json(policy: Policy | None) -> dict[str, Any]:
    terms = queries.terms_of(policy)
    return {
        "version": policy.id if policy else 0,
        "cool_down_days": terms.cool_down_days,
        "limits": terms.caps,
        "since": policy.created_at if policy else None,
    }
