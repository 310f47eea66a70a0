"""Follow-ups for programs: the same acts, the same refusals."""

from typing import Any

from flask import url_for
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.core import paging
from crm.followups import queries, services
from crm.followups.models import FollowUp
from crm.followups.schemas import DueIn, FollowUpOut, ListQuery, LogIn, OwnerIn, PlanIn
from crm.users import auth
from crm.users.auth import Scope, token_required
from crm.web import context

blp = Blueprint(
    "followups_api",
    __name__,
    url_prefix="/api/v1/followups",
    description="Planned and logged contacts",
)


@blp.get("")
@blp.arguments(ListQuery, location="query")
@blp.response(200, FollowUpOut(many=True))
@token_required(Scope.FOLLOWUPS_READ)
def index(wanted: dict[str, Any]) -> ResponseReturnValue:
    """Follow-ups within the token's reach, by due time; the Link header leads on."""
    listed = queries.listed(
        auth.current_user(), customer_id=wanted["customer_id"], are_open=wanted["is_open"]
    )
    found = paging.page(
        context.session(),
        listed,
        order=paging.Order("due", FollowUp.due_at, FollowUp.id),
        cursor=wanted["cursor"],
        size=wanted["limit"],
    )
    headers = {}
    if found.next_cursor:
        address = url_for("followups_api.index", **{**wanted, "cursor": found.next_cursor})
        headers["Link"] = f'<{address}>; rel="next"'
    return list(found.items), 200, headers


@blp.post("")
@blp.arguments(PlanIn)
@blp.response(201, FollowUpOut)
@token_required(Scope.FOLLOWUPS_WRITE)
def create(wanted: services.Plan) -> FollowUp:
    """Plan a contact; refused with the reason and the next possible time."""
    return services.plan(context.session(), wanted, by=auth.current_user(), now=context.now_once())


@blp.post("/log")
@blp.arguments(LogIn)
@blp.response(201, FollowUpOut)
@token_required(Scope.FOLLOWUPS_WRITE)
def log(done: services.Log) -> FollowUp:
    """Log a contact that took place: always recorded."""
    return services.log(context.session(), done, by=auth.current_user(), now=context.now_once())


@blp.get("/<int:followup_id>")
@blp.response(200, FollowUpOut)
@token_required(Scope.FOLLOWUPS_READ)
def show(followup_id: int) -> FollowUp:
    return queries.get(context.session(), followup_id, visible_to_user=auth.current_user())


@blp.put("/<int:followup_id>/due")
@blp.arguments(DueIn)
@blp.response(200, FollowUpOut)
@token_required(Scope.FOLLOWUPS_WRITE)
def reschedule(wanted: dict[str, Any], followup_id: int) -> FollowUp:
    return services.reschedule(
        context.session(),
        followup_id,
        wanted["due_at"],
        by=auth.current_user(),
        now=context.now_once(),
        version=wanted["version"],
    )


@blp.put("/<int:followup_id>/owner")
@blp.arguments(OwnerIn)
@blp.response(200, FollowUpOut)
@token_required(Scope.FOLLOWUPS_WRITE)
def reassign(wanted: dict[str, Any], followup_id: int) -> FollowUp:
    return services.reassign(
        context.session(), followup_id, wanted["owner_id"], by=auth.current_user()
    )


@blp.post("/<int:followup_id>/cancellation")
@blp.response(200, FollowUpOut)
@token_required(Scope.FOLLOWUPS_WRITE)
def cancel(followup_id: int) -> FollowUp:
    return services.cancel(
        context.session(), followup_id, by=auth.current_user(), now=context.now_once()
    )


@blp.delete("/<int:followup_id>/completion")
@blp.response(200, FollowUpOut)
@token_required(Scope.FOLLOWUPS_WRITE)
def undo(followup_id: int) -> FollowUp:
    """Take back a contact that was logged by mistake, within half an hour."""
    return services.undo_log(
        context.session(), followup_id, by=auth.current_user(), now=context.now_once()
    )
