"""Keeping views of the list: save as, save, rename, share, order, delete and have back."""

from http import HTTPStatus

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from crm.core.errors import Invalid
from crm.customers.forms.lists import RenameForm, SaveAsForm, VersionForm
from crm.customers.models import CustomerView
from crm.customers.queries import saved_views as queries
from crm.customers.services import saved_views as services
from crm.customers.services.saved_views import KeepView, ReviseView
from crm.customers.views import list_state
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.htmx import go_to, page, toast

bp = Blueprint(
    "customer_views", __name__, url_prefix="/customers/views", template_folder="../templates"
)


@bp.get("/new")
@login_required
def new() -> ResponseReturnValue:
    """A name for the list as it stands in the address."""
    asked = list_state.asked(request.args)
    state = list_state.state_of(context.session(), asked, current_user())
    copied = state.view.name if state.view else ""
    form = SaveAsForm(start={"list": list_state.question(state, edited="true"), "name": copied})
    return _form_page("customers/view_new.html", form)


@bp.post("/")
@login_required
def create() -> ResponseReturnValue:
    session, by = context.session(), current_user()
    form = SaveAsForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return _form_page("customers/view_new.html", form, status=422)
    state = list_state.state_of(session, list_state.asked_in(wanted.list), by)
    kept = KeepView(wanted.name, state.filters, state.columns, is_shared=wanted.is_shared)
    try:
        view = services.create(session, kept, by=by, now=context.now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return _form_page("customers/view_new.html", form, status=422)
    if wanted.is_default:
        services.open_with(session, view, by=by)
    return toast(_to(view), gettext("The view “%(name)s” is kept", name=view.name))


@bp.get("/<int:view_id>/edit")
@login_required
def edit(view_id: int) -> ResponseReturnValue:
    view = _visible(view_id)
    start = {
        "name": view.name,
        "version": view.version,
        "is_shared": "true" if view.is_shared else "",
    }
    return _form_page("customers/view_edit.html", RenameForm(start=start), view=view)


@bp.post("/<int:view_id>")
@login_required
def update(view_id: int) -> ResponseReturnValue:
    """Its name, and whether others see it."""
    view = _visible(view_id)
    form = RenameForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return _form_page("customers/view_edit.html", form, status=422, view=view)
    revised = ReviseView(wanted.version, name=wanted.name, is_shared=wanted.is_shared)
    try:
        services.revise(context.session(), view, revised, by=current_user(), now=context.now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return _form_page("customers/view_edit.html", form, status=422, view=view)
    return toast(_to(view), gettext("The view “%(name)s” is kept", name=view.name))


@bp.post("/<int:view_id>/contents")
@login_required
def save(view_id: int) -> ResponseReturnValue:
    """Keep what is on the screen in the view that was opened."""
    session, by = context.session(), current_user()
    view = _visible(view_id)
    wanted = list_state.parsed(VersionForm(request.form))
    state = list_state.state_of(session, list_state.asked_in(wanted.list), by)
    revised = ReviseView(wanted.version, filters=state.filters, columns=state.columns)
    services.revise(session, view, revised, by=by, now=context.now_once())
    return toast(_to(view), gettext("The view “%(name)s” is kept", name=view.name))


@bp.post("/<int:view_id>/deletion")
@login_required
def destroy(view_id: int) -> ResponseReturnValue:
    view = _visible(view_id)
    services.delete(context.session(), view, by=current_user(), now=context.now_once())
    undo = url_for(".restore", view_id=view.id)
    text = gettext("The view “%(name)s” is deleted", name=view.name)
    return toast(go_to(url_for("customers.index", tab="all")), text, undo=undo)


@bp.post("/<int:view_id>/restoration")
@login_required
def restore(view_id: int) -> ResponseReturnValue:
    session, by = context.session(), current_user()
    view = queries.get_deleted(session, view_id, viewer=by)
    services.restore(session, view, by=by, now=context.now_once())
    return toast(_to(view), gettext("The view “%(name)s” is back", name=view.name))


@bp.post("/<int:view_id>/position")
@login_required
def move(view_id: int) -> ResponseReturnValue:
    """One place further left or right among one's own."""
    view = _visible(view_id)
    step = -1 if request.form.get("to") == "left" else 1
    services.move(context.session(), view, step, by=current_user())
    return _to(view)


@bp.post("/<int:view_id>/default")
@login_required
def open_with(view_id: int) -> ResponseReturnValue:
    """Open the list with this view from now on, or (pressed again) as the house has it."""
    session, by = context.session(), current_user()
    view = _visible(view_id)
    choice = queries.choice(session, by)
    if choice is not None and choice.default_view_id == view.id:
        services.open_with(session, None, by=by)
        return toast(_to(view), gettext("The list opens as usual again"))
    services.open_with(session, view, by=by)
    return toast(_to(view), gettext("The list opens with “%(name)s”", name=view.name))


def _visible(view_id: int) -> CustomerView:
    return queries.get(context.session(), view_id, viewer=current_user())


def _to(view: CustomerView) -> Response:
    return go_to(url_for("customers.index", view=view.id))


def _form_page(
    template: str,
    form: SaveAsForm | RenameForm,
    *,
    status: int = 200,
    view: CustomerView | None = None,
) -> ResponseReturnValue:
    may_share = policies.may(current_user(), "views.share")
    fragment = template.replace("customers/", "customers/_")
    answer = page(template, fragment, status=status, form=form, view=view, may_share=may_share)
    if status >= HTTPStatus.BAD_REQUEST:
        answer.headers["HX-Retarget"] = "closest dialog"
    return answer
