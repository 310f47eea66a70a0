"""Activities for programs: plan, give goals and segments, launch, follow the targets."""

from typing import Any

from flask import Response, request, url_for
from flask_smorest import Blueprint
from werkzeug.exceptions import PreconditionFailed

from crm.activities import queries, services
from crm.activities.models import Activity, Target
from crm.activities.queries import Wanted
from crm.activities.schemas import (
    ActivitiesIn,
    ActivitiesOut,
    ActivityIn,
    ActivityPlanIn,
    ActivityPlanOut,
    ActivityPlansOut,
    GoalIn,
    GoalOut,
    GoalsOut,
    Listed,
    SalesActivityOut,
    TargetsAsked,
    TargetsIn,
    TargetsOut,
)
from crm.activities.services.planning import Draft, GoalDraft, PlanDraft
from crm.core import paging
from crm.core.paging import Order
from crm.users.auth import Scope, current_user, token_required
from crm.web import context
from crm.web.api import link_next

PAGE = 50
BY_ID = Order("activities", Activity.id, Activity.id, descending=True)
TARGETS_BY_ID = Order("targets", Target.id, Target.id)

blp = Blueprint(
    "activities_api", __name__, url_prefix="/api/v1/activities", description="Sales activities"
)


@blp.get("")
@token_required(Scope.ACTIVITIES_READ)
@blp.arguments(ActivitiesIn, location="query")
@blp.response(200, ActivitiesOut)
def index(asked: Listed) -> tuple[dict[str, Any], int, dict[str, str]]:
    """A page of the activities that the token's owner may see, newest first."""
    visible = queries.visible(current_user())
    found = paging.page(context.session(), visible, order=BY_ID, cursor=asked.cursor, size=PAGE)
    body = {"items": found.items, "next_cursor": found.next_cursor}
    return body, 200, _next("activities_api.index", found.next_cursor)


@blp.post("")
@token_required(Scope.ACTIVITIES_WRITE)
@blp.arguments(ActivityIn)
@blp.response(201, SalesActivityOut)
def create(draft: Draft) -> tuple[Activity, int, dict[str, str]]:
    made = services.planning.create(
        context.session(), draft, by=current_user(), now=context.now_once()
    )
    activity = _found(made.public_id)
    return activity, 201, _etag(activity)


@blp.get("/<public_id>")
@token_required(Scope.ACTIVITIES_READ)
@blp.response(200, SalesActivityOut)
def show(public_id: str) -> tuple[Activity, int, dict[str, str]]:
    activity = _found(public_id)
    return activity, 200, _etag(activity)


@blp.put("/<public_id>")
@token_required(Scope.ACTIVITIES_WRITE)
@blp.arguments(ActivityIn)
@blp.response(200, SalesActivityOut)
def update(draft: Draft, public_id: str) -> tuple[Activity, int, dict[str, str]]:
    """Replace what is written. With If-Match (or `version`) only what was seen is changed."""
    activity = _found(public_id)
    seen = request.headers.get("If-Match", "").strip('W/"')
    if seen and seen != str(activity.version):
        raise PreconditionFailed
    services.planning.edit(
        context.session(), activity.id, draft, by=current_user(), now=context.now_once()
    )
    activity = _found(public_id)
    return activity, 200, _etag(activity)


@blp.get("/<public_id>/goals")
@token_required(Scope.ACTIVITIES_READ)
@blp.response(200, GoalsOut)
def goals(public_id: str) -> dict[str, Any]:
    return {"items": context.session().scalars(queries.goals(_found(public_id).id)).all()}


@blp.post("/<public_id>/goals")
@token_required(Scope.ACTIVITIES_WRITE)
@blp.arguments(GoalIn)
@blp.response(201, GoalOut)
def create_goal(draft: GoalDraft, public_id: str) -> Any:  # noqa: ANN401 - smorest dumps it
    return services.planning.add_goal(
        context.session(),
        _found(public_id).id,
        draft,
        by=current_user(),
        now=context.now_once(),
    )


@blp.delete("/<public_id>/goals/<int:goal_id>")
@token_required(Scope.ACTIVITIES_WRITE)
@blp.response(204)
def destroy_goal(public_id: str, goal_id: int) -> None:
    services.planning.remove_goal(
        context.session(),
        _found(public_id).id,
        goal_id,
        by=current_user(),
        now=context.now_once(),
    )


@blp.get("/<public_id>/plans")
@token_required(Scope.ACTIVITIES_READ)
@blp.response(200, ActivityPlansOut)
def plans(public_id: str) -> dict[str, Any]:
    return {"items": context.session().scalars(queries.plans(_found(public_id).id)).all()}


@blp.post("/<public_id>/plans")
@token_required(Scope.ACTIVITIES_WRITE)
@blp.arguments(ActivityPlanIn)
@blp.response(201, ActivityPlanOut)
def create_plan(draft: PlanDraft, public_id: str) -> Any:  # noqa: ANN401 - smorest dumps it
    return services.planning.add_plan(
        context.session(),
        _found(public_id).id,
        draft,
        by=current_user(),
        now=context.now_once(),
    )


@blp.delete("/<public_id>/plans/<int:plan_id>")
@token_required(Scope.ACTIVITIES_WRITE)
@blp.response(204)
def destroy_plan(public_id: str, plan_id: int) -> None:
    services.planning.remove_plan(
        context.session(),
        _found(public_id).id,
        plan_id,
        by=current_user(),
        now=context.now_once(),
    )


@blp.post("/<public_id>/launch")
@token_required(Scope.ACTIVITIES_WRITE)
@blp.response(200, SalesActivityOut)
def launch(public_id: str) -> Activity:
    """Freeze the segments into targets and begin; once."""
    session = context.session()
    services.execution.launch(
        session, _found(public_id).id, by=current_user(), now=context.now_once()
    )
    return _found(public_id)


@blp.get("/<public_id>/targets")
@token_required(Scope.ACTIVITIES_READ)
@blp.arguments(TargetsIn, location="query")
@blp.response(200, TargetsOut)
def targets(asked: TargetsAsked, public_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The customers inside the activity that the token's owner may see."""
    viewer = current_user()
    wanted = Wanted(asked.scope == "mine", asked.step, asked.state)
    found = paging.page(
        context.session(),
        queries.targets(_found(public_id).id, user=viewer, wanted=wanted),
        order=TARGETS_BY_ID,
        cursor=asked.cursor,
        size=PAGE,
    )
    body = {"items": found.items, "next_cursor": found.next_cursor}
    return body, 200, _next("activities_api.targets", found.next_cursor, public_id=public_id)


def _found(public_id: str) -> Activity:
    return queries.get_by_public_id(context.session(), public_id, visible_to=current_user())


def _etag(activity: Activity) -> dict[str, str]:
    return {"ETag": f'"{activity.version}"'}


def _next(endpoint: str, cursor: str | None, **values: str) -> dict[str, str]:
    if cursor is None:
        return {}
    response = Response()
    asked: dict[str, Any] = {**request.args.to_dict(), **values, "cursor": cursor}
    link_next(response, url_for(endpoint, **asked))
    return {"Link": response.headers["Link"]}
