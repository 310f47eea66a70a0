"""The administrator's pages about people."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from crm.core.errors import Conflict, Invalid
from crm.users import policies, queries, rules, services
from crm.users.auth import current_user, login_required, recent_required
from crm.users.forms import NewUserForm, UserEditForm, choices_for_people, values_of
from crm.users.models import User
from crm.users.services import people
from crm.users.views.blueprint import bp
from crm.web import context
from crm.web.htmx import go_to, page, toast
from crm.web.idempotency import not_kept

PEOPLE = "/users/"


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    policies.require(current_user(), "users.manage")
    session = context.session()
    return page(
        "users/index.html",
        people=session.scalars(queries.people()).all(),
        role_labels=rules.ROLE_LABELS,
    )


@bp.get("/new")
@recent_required
def new() -> ResponseReturnValue:
    policies.require(current_user(), "users.manage")
    form = NewUserForm(start={"role": "rep"}, choices=choices_for_people(context.session()))
    return page("users/form.html", form=form, person=None)


@bp.post("/")
@recent_required
@not_kept
def create() -> ResponseReturnValue:
    """Answers with the one-time password, which is shown this once."""
    policies.require(current_user(), "users.manage")
    form = NewUserForm(request.form, choices=choices_for_people(context.session()))
    wanted = form.parse()
    if wanted is None:
        return page("users/form.html", form=form, person=None, status=422)
    by, now = current_user(), context.now_once()
    try:
        person, password = services.add(context.session(), wanted, by=by, now=now)
    except (Conflict, Invalid) as error:
        form.refuse(error)
        return page("users/form.html", form=form, person=None, status=422)
    return page("users/one_time.html", person=person, password=password, status=201)


@bp.get("/<int:user_id>/edit")
@recent_required
def edit(user_id: int) -> ResponseReturnValue:
    person = _person(user_id)
    form = UserEditForm(start=values_of(person), choices=choices_for_people(context.session()))
    return page("users/form.html", form=form, person=person)


@bp.post("/<int:user_id>")
@recent_required
def update(user_id: int) -> ResponseReturnValue:
    person = _person(user_id)
    form = UserEditForm(request.form, choices=choices_for_people(context.session()))
    wanted = form.parse()
    if wanted is not None:
        by, now = current_user(), context.now_once()
        try:
            services.edit(context.session(), person, wanted, by=by, now=now)
            return toast(go_to(PEOPLE), _("Saved: %(name)s.", name=person.name))
        except (Conflict, Invalid) as error:
            form.refuse(error)
    return page("users/form.html", form=form, person=person, status=422)


@bp.post("/<int:user_id>/disabling")
@recent_required
def disable(user_id: int) -> ResponseReturnValue:
    person = _person(user_id)
    people.disable(context.session(), person, by=current_user(), now=context.now_once())
    return toast(
        go_to(PEOPLE),
        _("%(name)s cannot sign in any more.", name=person.name),
        undo=f"/users/{person.id}/disabling/undo",
    )


@bp.post("/<int:user_id>/disabling/undo")
@recent_required
def enable(user_id: int) -> ResponseReturnValue:
    person = _person(user_id)
    people.enable(context.session(), person, by=current_user(), now=context.now_once())
    return toast(go_to(PEOPLE), _("%(name)s may sign in again.", name=person.name))


@bp.post("/<int:user_id>/password")
@recent_required
@not_kept
def reset_password(user_id: int) -> ResponseReturnValue:
    """Answers with the one-time password, which is shown this once."""
    person = _person(user_id)
    by, now = current_user(), context.now_once()
    password = services.reset_password(context.session(), person, by=by, now=now)
    return page("users/one_time.html", person=person, password=password)


@bp.post("/<int:user_id>/sessions/ending")
@recent_required
def end_sessions(user_id: int) -> ResponseReturnValue:
    person = _person(user_id)
    by, now = current_user(), context.now_once()
    count = people.end_sessions(context.session(), person, by=by, now=now)
    return toast(go_to(PEOPLE), _("Browsers signed out: %(count)s.", count=count))


def _person(user_id: int) -> User:
    policies.require(current_user(), "users.manage")
    return queries.get_user(context.session(), user_id)
