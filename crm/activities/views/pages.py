"""The board, one activity with its five tabs, the launch's preview."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from crm.activities import forms, queries
from crm.activities.forms import GoalForm, PlanForm, ReturnForm, TargetsForm
from crm.activities.models import Activity, LoopStage, Step, Target
from crm.activities.queries import Wanted
from crm.activities.schemas import TargetsAsked
from crm.activities.services import execution, forecast
from crm.activities.views import shown
from crm.activities.views.blueprint import bp
from crm.core import paging
from crm.core.company import company
from crm.core.errors import Invalid
from crm.core.paging import Order
from crm.customers.queries import segments as segment_queries
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context, errors
from crm.web.forms import Form
from crm.web.htmx import page

PER_COLUMN = 6
PER_PAGE = 50
BY_ID = Order("id", Target.id, Target.id)


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    viewer = current_user()
    columns = shown.board(context.session(), viewer, context.now_once())
    cards = [card for stage in columns.values() for card in stage]
    return page(
        "activities/index.html",
        columns=[(*forms.STAGES[stage], stage, inside) for stage, inside in columns.items()],
        needing=[card for card in cards if card.problem],
        count=len(cards),
        may_create=policies.may(viewer, "activities.create"),
    )


@bp.get("/<int:activity_id>")
@login_required
def show(activity_id: int) -> ResponseReturnValue:
    """The tab of the stage where the activity stands."""
    activity = queries.get(context.session(), activity_id, visible_to=current_user())
    return tab_page(activity, activity.stage)


@bp.get("/<int:activity_id>/<any(goal,strategy,resources,execution,review):tab>")
@login_required
def show_tab(activity_id: int, tab: str) -> ResponseReturnValue:
    activity = queries.get(context.session(), activity_id, visible_to=current_user())
    return tab_page(activity, LoopStage(tab))


@bp.get("/<int:activity_id>/launch")
@login_required
def preview(activity_id: int) -> ResponseReturnValue:
    """What a launch would do today; nothing is changed."""
    session, now = context.session(), context.now_once()
    activity = queries.get(session, activity_id, visible_to=current_user())
    policies.require(current_user(), "activities.launch", activity)
    ready = execution.readiness(session, activity, now=now)
    return page(
        "activities/launch.html",
        "activities/_launch.html",
        activity=activity,
        missing=[errors.message(Invalid(code)) for code in execution.missing_for_launch(ready)],
        forecast=forecast.forecast(session, activity, now=now),
        reasons=forms.HELD_REASONS,
    )


def tab_page(
    activity: Activity, tab: LoopStage, *, form: Form[Any] | None = None
) -> ResponseReturnValue:
    """One tab of the activity; a refused form is shown in it with its errors."""
    session, viewer, now = context.session(), current_user(), context.now_once()
    counts = queries.reached_of(session, activity.id)
    lines = shown.goal_lines(session, activity, counts)
    plans = session.scalars(queries.plans(activity.id)).all()
    today = company(session).day_of(now)
    fill: dict[LoopStage, Callable[[Activity], dict[str, Any]]] = {
        LoopStage.GOAL: _goal,
        LoopStage.STRATEGY: _strategy,
        LoopStage.RESOURCES: _resources,
        LoopStage.EXECUTION: _execution,
        LoopStage.REVIEW: _review,
    }
    variables: dict[str, Any] = {
        "activity": activity,
        "tab": tab,
        "tabs": shown.tabs(activity, lines, len(plans), today),
        "lines": lines,
        "counts": counts,
        "when": shown.when(activity, today),
        "may_edit": policies.may(viewer, "activities.edit", activity),
        "may_move": policies.may(viewer, "activities.move_stage", activity),
        "may_launch": policies.may(viewer, "activities.launch", activity),
        "is_frozen": activity.launched_at is not None,
        "stages": forms.STAGES,
        "return_form": ReturnForm(),
        **fill[tab](activity),
    }
    if form is not None:
        variables["form"] = form
    return page("activities/show.html", status=422 if form is not None else 200, **variables)


def _goal(activity: Activity) -> dict[str, Any]:
    goals = context.session().scalars(queries.goals(activity.id)).all()
    start = {"kind": "main", "metric": "deals"}
    return {"form": GoalForm(None, start=start, choices=forms.goal_choices(goals))}


def _strategy(activity: Activity) -> dict[str, Any]:
    session, now = context.session(), context.now_once()
    sizes = forecast.plan_sizes(session, activity, now=now)
    used = {size.plan.segment_id for size in sizes}
    segments = [s for s in session.scalars(segment_queries.by_name()) if s.id not in used]
    members = forecast.everybody(session, activity, now=now)
    return {
        "sizes": sizes,
        "problems": {size.plan.id: errors.message(size.problem) for size in sizes if size.problem},
        "overlaps": session.execute(queries.overlap(activity, members)).all() if sizes else [],
        "form": PlanForm(
            None,
            start={"priority": len(sizes) + 1},
            choices=forms.plan_choices(segments),
        ),
    }


def _resources(activity: Activity) -> dict[str, Any]:
    session = context.session()
    if activity.launched_at is not None:
        return {"load": session.execute(queries.by_owner(activity.id)).all()}
    owners = forecast.owners(session, activity, now=context.now_once())
    return {"load": [(name, count, None, None) for name, count in owners]}


def _execution(activity: Activity) -> dict[str, Any]:
    session, viewer = context.session(), current_user()
    asked = _asked()
    is_mine = shown.is_mine_only(viewer, asked.scope)
    wanted = Wanted(is_mine=is_mine, furthest_step=asked.step, state=asked.state)
    found = paging.page(
        session,
        queries.targets(activity.id, user=viewer, wanted=wanted),
        order=BY_ID,
        cursor=asked.cursor,
        size=PER_PAGE,
    )
    of = viewer if is_mine else None
    return {
        "asked": asked,
        "is_mine": is_mine,
        "steps": forms.STEPS,
        "states": forms.STATES,
        "reasons": forms.HELD_REASONS,
        "cards": queries.cards(
            session, activity.id, user=viewer, is_mine=is_mine, limit=PER_COLUMN
        ),
        "at_step": _at_step(queries.reached_of(session, activity.id, of=of).reached),
        "by_state": queries.states_of(session, activity.id),
        "held": session.execute(queries.held_reasons(activity.id)).all(),
        "targets": found.items,
        "next_url": _page_url(activity, asked, found.next_cursor),
        "first_url": _page_url(activity, asked, "") if asked.cursor else "",
        "step_names": {step.rank: label for step, label in forms.STEPS.items()},
    }


def _review(activity: Activity) -> dict[str, Any]:
    entries = context.session().execute(queries.entries(activity.id)).all()
    return {"entries": entries, "steps": forms.STEPS}


def _at_step(reached: Mapping[int, int]) -> dict[int, int]:
    """How many stand at each step now: those who went on are at a later one."""
    return {step.rank: reached.get(step.rank, 0) - reached.get(step.rank + 1, 0) for step in Step}


def _asked() -> TargetsAsked:
    form = TargetsForm(request.args)
    asked = form.parse()
    if asked is None:
        raise Invalid("core.invalid", fields=form.errors)
    return asked


def _page_url(activity: Activity, asked: TargetsAsked, cursor: str | None) -> str:
    if cursor is None:
        return ""
    return url_for(
        "activities.show_tab",
        activity_id=activity.id,
        tab="execution",
        step=asked.step,
        state=asked.state.value if asked.state else None,
        scope=asked.scope or None,
        cursor=cursor or None,
    )
