"""Choosing the columns of the list: kept in the view that is open, else for this person."""

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from crm.customers.rules import columns as rules
from crm.customers.services import saved_views as services
from crm.customers.views import list_state
from crm.customers.views.list_state import ListState
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.htmx import go_to, page, toast
from crm.web.idempotency import not_kept

bp = Blueprint(
    "customer_columns", __name__, url_prefix="/customers/columns", template_folder="../templates"
)

STEPS = {"left": -1, "right": 1}


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    state = _state(request.query_string.decode("ascii", "replace"))
    return _chooser(state, list(state.columns))


@bp.post("/")
@login_required
@not_kept
def update() -> ResponseReturnValue:
    """Move one of them (nothing is kept yet), or show what is chosen."""
    state = _state(request.form.get("list", ""))
    names = rules.chosen(request.form.getlist("columns"), state.known)
    way, _, name = request.form.get("_move", "").partition(":")
    if way in STEPS:
        return _chooser(state, rules.moved(names, name, STEPS[way]))
    if "_usual" in request.form:
        names = list_state.usual()
    if state.view is not None:
        return go_to(list_state.address(state, edited="true", columns=",".join(names)))
    chosen = [] if names == list_state.usual() else names
    services.choose_columns(context.session(), chosen, by=current_user())
    return toast(go_to(list_state.address(state)), gettext("Your columns are kept"))


def _state(question: str) -> ListState:
    asked = list_state.asked_in(question)
    return list_state.state_of(context.session(), asked, current_user())


def _chooser(state: ListState, chosen: list[str]) -> Response:
    known = state.known
    rest = [name for name in known if name not in chosen and name != rules.NAME.name]
    return page(
        "customers/columns.html",
        "customers/_columns.html",
        question=list_state.question(state),
        view=state.view,
        rows=[
            (name, list_state.label_of(known[name]), name in chosen)
            for name in (*chosen, *rest)
            if name in known and known[name].is_listed
        ],
    )
