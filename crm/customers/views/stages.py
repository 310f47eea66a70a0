"""The rules of the lifecycle stages: for everybody to read, for an administrator to change."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from crm.core.errors import Invalid
from crm.customers.forms import stages as forms
from crm.customers.forms.stages import RulesForm
from crm.customers.models import Stage, names
from crm.customers.queries import lifecycle as queries
from crm.customers.services import lifecycle as services
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.context import now_once, session
from crm.web.htmx import go_to, page, toast
from crm.web.idempotency import not_kept

bp = Blueprint("stages", __name__, url_prefix="/stages", template_folder="../templates")

EDIT = "customers.edit_rules"


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    return _page(RulesForm(start=forms.starting_values(queries.terms(session()))))


@bp.post("/preview")
@login_required
@not_kept
def preview() -> ResponseReturnValue:
    """How many would move where; nothing is kept."""
    policies.require(current_user(), EDIT)
    context.only_read()
    form = RulesForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return _page(form, status=422)
    try:
        moves = services.count_moves(session(), wanted, by=current_user(), now=now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return _page(form, status=422)
    return _page(form, moves=moves)


@bp.post("/")
@login_required
def update() -> ResponseReturnValue:
    policies.require(current_user(), EDIT)
    form = RulesForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return _page(form, status=422)
    try:
        services.change(session(), wanted, by=current_user(), now=now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return _page(form, status=422)
    return toast(
        go_to(url_for(".index")), _("The rules are changed; customers are moved in the background")
    )


def _page(
    form: RulesForm, *, moves: Mapping[Stage, int] | None = None, status: int = 200
) -> Response:
    terms, rules = queries.terms(session()), queries.find_rules(session())
    shown: list[tuple[Stage, Any, int]] = [
        (stage, _(names.STAGES[stage]), count) for stage, count in (moves or {}).items()
    ]
    return page(
        "stages/index.html",
        "stages/_moves.html",
        status=status,
        form=form,
        sentences=forms.in_words(terms),
        terms=terms,
        since=rules.created_at if rules else None,
        run=queries.latest_run(session()),
        is_counted=moves is not None,
        moves=shown,
        total=sum(count for _stage, _name, count in shown),
        problems=[text for texts in form.errors.values() for text in texts],
        may_edit=policies.may(current_user(), EDIT),
    )
