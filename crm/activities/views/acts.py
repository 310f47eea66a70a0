"""What people do to an activity: plan it, give it goals and segments, move and launch it."""

from typing import Any

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from crm.activities import forms, queries, services
from crm.activities.forms import ActivityForm, GoalForm, PlanForm, ReturnForm
from crm.activities.models import Activity, LoopStage
from crm.activities.views.blueprint import bp
from crm.activities.views.pages import tab_page
from crm.core.errors import Conflict, Invalid
from crm.customers.queries import segments as segment_queries
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.htmx import go_to, page, toast


@bp.get("/new")
@login_required
def new() -> ResponseReturnValue:
    policies.require(current_user(), "activities.create")
    return _form_page(ActivityForm(None, start=_start(), choices=_people()))


@bp.post("/")
@login_required
def create() -> ResponseReturnValue:
    policies.require(current_user(), "activities.create")
    form = ActivityForm(request.form, choices=_people())
    draft = form.parse()
    if draft is None:
        return _form_page(form, status=422)
    try:
        activity = services.planning.create(
            context.session(), draft, by=current_user(), now=context.now_once()
        )
    except Invalid as error:
        form.refuse(error)
        return _form_page(form, status=422)
    return toast(_to(activity.id, "goal"), _("%(title)s is planned.", title=activity.title))


@bp.get("/<int:activity_id>/edit")
@login_required
def edit(activity_id: int) -> ResponseReturnValue:
    activity = _found(activity_id)
    policies.require(current_user(), "activities.edit", activity)
    form = ActivityForm(None, start=forms.starting_values(activity), choices=_people())
    return _form_page(form, activity)


@bp.post("/<int:activity_id>")
@login_required
def update(activity_id: int) -> ResponseReturnValue:
    activity = _found(activity_id)
    policies.require(current_user(), "activities.edit", activity)
    form = ActivityForm(request.form, choices=_people())
    draft = form.parse()
    if draft is None:
        return _form_page(form, activity, status=422)
    try:
        services.planning.edit(
            context.session(), activity_id, draft, by=current_user(), now=context.now_once()
        )
    except (Invalid, Conflict) as error:
        form.refuse(error)
        return _form_page(form, activity, status=422 if isinstance(error, Invalid) else 409)
    return toast(go_to(url_for("activities.show", activity_id=activity_id)), _("Saved."))


@bp.post("/<int:activity_id>/goals")
@login_required
def create_goal(activity_id: int) -> ResponseReturnValue:
    activity, session = _found(activity_id), context.session()
    policies.require(current_user(), "activities.edit", activity)
    goals = session.scalars(queries.goals(activity.id)).all()
    form = GoalForm(request.form, choices=forms.goal_choices(goals))
    draft = form.parse()
    if draft is None:
        return tab_page(activity, LoopStage.GOAL, form=form)
    try:
        services.planning.add_goal(
            session, activity_id, draft, by=current_user(), now=context.now_once()
        )
    except Invalid as error:
        form.refuse(error)
        return tab_page(activity, LoopStage.GOAL, form=form)
    return toast(_to(activity_id, "goal"), _("The goal stands."))


@bp.post("/<int:activity_id>/goals/<int:goal_id>/removal")
@login_required
def destroy_goal(activity_id: int, goal_id: int) -> ResponseReturnValue:
    services.planning.remove_goal(
        context.session(), activity_id, goal_id, by=current_user(), now=context.now_once()
    )
    return toast(_to(activity_id, "goal"), _("The goal is removed."))


@bp.post("/<int:activity_id>/plans")
@login_required
def create_plan(activity_id: int) -> ResponseReturnValue:
    activity, session = _found(activity_id), context.session()
    policies.require(current_user(), "activities.edit", activity)
    segments = session.scalars(segment_queries.by_name()).all()
    form = PlanForm(request.form, choices=forms.plan_choices(segments))
    draft = form.parse()
    if draft is None:
        return tab_page(activity, LoopStage.STRATEGY, form=form)
    try:
        services.planning.add_plan(
            session, activity_id, draft, by=current_user(), now=context.now_once()
        )
    except Invalid as error:
        form.refuse(error)
        return tab_page(activity, LoopStage.STRATEGY, form=form)
    return toast(_to(activity_id, "strategy"), _("The segment is in."))


@bp.post("/<int:activity_id>/plans/<int:plan_id>/removal")
@login_required
def destroy_plan(activity_id: int, plan_id: int) -> ResponseReturnValue:
    services.planning.remove_plan(
        context.session(), activity_id, plan_id, by=current_user(), now=context.now_once()
    )
    return toast(_to(activity_id, "strategy"), _("The segment is out."))


@bp.post("/<int:activity_id>/launch")
@login_required
def launch(activity_id: int) -> ResponseReturnValue:
    session = context.session()
    services.execution.launch(session, activity_id, by=current_user(), now=context.now_once())
    total = queries.reached_of(session, activity_id).total
    text = ngettext(
        "Launched: %(num)d customer. The program plans the contacts now.",
        "Launched: %(num)d customers. The program plans the contacts now.",
        total,
    )
    return toast(_to(activity_id, "execution"), text)


@bp.post("/<int:activity_id>/stage")
@login_required
def advance(activity_id: int) -> ResponseReturnValue:
    activity = services.execution.advance(
        context.session(), activity_id, by=current_user(), now=context.now_once()
    )
    label = forms.STAGES[activity.stage][0]
    return toast(_to(activity_id, activity.stage.value), _("Stage: %(after)s", after=label))


@bp.post("/<int:activity_id>/return")
@login_required
def go_back(activity_id: int) -> ResponseReturnValue:
    form = ReturnForm(request.form)
    wanted = form.parse()
    if wanted is None:
        raise Invalid("core.invalid", fields=form.errors)
    activity = services.execution.go_back(
        context.session(),
        activity_id,
        wanted.stage,
        reason=wanted.reason,
        by=current_user(),
        now=context.now_once(),
    )
    label = forms.STAGES[activity.stage][0]
    return toast(_to(activity_id, activity.stage.value), _("Stage: %(after)s", after=label))


def _form_page(
    form: ActivityForm, activity: Activity | None = None, status: int = 200
) -> ResponseReturnValue:
    return page("activities/form.html", form=form, activity=activity, status=status)


def _found(activity_id: int) -> Activity:
    return queries.get(context.session(), activity_id, visible_to=current_user())


def _people() -> dict[str, Any]:
    people = context.session().scalars(queries.people(current_user())).all()
    return dict(forms.activity_choices(people))


def _start() -> dict[str, Any]:
    return {"owner_id": current_user().id}


def _to(activity_id: int, tab: str) -> Response:
    return go_to(url_for("activities.show_tab", activity_id=activity_id, tab=tab))
