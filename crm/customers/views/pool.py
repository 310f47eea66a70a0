"""The pool's rules for everybody to read and an administrator to change; the way back into it."""

from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from crm.core.errors import Invalid
from crm.customers import queries
from crm.customers.forms import pool as forms
from crm.customers.forms.pool import PoolRulesForm, ReleaseForm
from crm.customers.queries import pool as pool_queries
from crm.customers.services import customers
from crm.customers.services import pool as services
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web.context import now_once, session
from crm.web.htmx import go_to, page, toast

bp = Blueprint("pool", __name__, url_prefix="/pool", template_folder="../templates")

EDIT = "customers.edit_rules"


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    terms = pool_queries.terms(session())
    return page("pool/index.html", **_shown(PoolRulesForm(start=forms.starting_values(terms))))


@bp.post("/")
@login_required
def update() -> ResponseReturnValue:
    policies.require(current_user(), EDIT)
    form = PoolRulesForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return render_template("pool/index.html", **_shown(form)), 422
    services.change(session(), wanted, by=current_user(), now=now_once())
    return toast(go_to(url_for(".index")), _("The pool's rules are changed"))


@bp.post("/releases/<int:customer_id>")
@login_required
def release(customer_id: int) -> ResponseReturnValue:
    """Give one customer back, with the reason."""
    customer = queries.get(session(), customer_id, visible_to=current_user())
    policies.require(current_user(), "customers.release", customer)
    form = ReleaseForm(request.form)
    wanted = form.parse()
    if wanted is None:
        raise Invalid("core.invalid", fields=form.errors)
    customers.release(session(), customer, note=wanted.note, by=current_user(), now=now_once())
    address = url_for("customers.show", customer_id=customer.id)
    return toast(go_to(address), _("%(name)s is in the pool now", name=customer.title))


def _shown(form: PoolRulesForm) -> dict[str, Any]:
    policy = pool_queries.find_policy(session())
    return {
        "form": form,
        "sentences": forms.in_words(pool_queries.terms(session())),
        "since": policy.created_at if policy else None,
        "may_edit": policies.may(current_user(), EDIT),
    }
