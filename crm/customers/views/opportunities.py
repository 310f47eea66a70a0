"""Pages of deals: the list, and the small forms that stand on a customer's record."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm.exc import StaleDataError

from crm.core.errors import Conflict, Invalid
from crm.customers import queries
from crm.customers.forms import opportunities as forms
from crm.customers.forms.opportunities import CloseForm, DealEditForm, DealForm, DealsForm
from crm.customers.models import Customer, Opportunity
from crm.customers.queries import choices
from crm.customers.queries import opportunities as deal_queries
from crm.customers.schemas import answers
from crm.customers.services import opportunities as services
from crm.customers.services.opportunities import EditDeal
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.context import now_once, session
from crm.web.htmx import go_to, page, toast

bp = Blueprint(
    "opportunities", __name__, url_prefix="/opportunities", template_folder="../templates"
)

EDIT = "opportunities.edit"


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    form = DealsForm(request.args)
    asked = form.parse()
    if asked is None:
        raise Invalid("core.invalid", fields=form.errors)
    viewer = current_user()
    found = deal_queries.page(session(), asked.wanted, viewer=viewer, cursor=asked.cursor)
    count, amount = deal_queries.total(session(), asked.wanted, viewer=viewer)
    return page(
        "opportunities/index.html",
        "opportunities/_list.html",
        wanted=asked.wanted,
        deals=found.items,
        count=count,
        amount=amount,
        next_url=answers.page_url(found.next_cursor),
        previous_url=answers.page_url(found.previous_cursor),
        tabs=forms.TABS,
        sorts=forms.SORTS,
        stages=forms.STAGES,
        tones=forms.TONES,
        owners=choices.owners(session(), viewer),
    )


@bp.get("/new/<int:customer_id>")
@login_required
def new(customer_id: int) -> ResponseReturnValue:
    customer = _customer(customer_id)
    return _form(DealForm(), customer)


@bp.post("/new/<int:customer_id>")
@login_required
def create(customer_id: int) -> ResponseReturnValue:
    customer = _customer(customer_id)
    form = DealForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return _form(form, customer, status=422)
    try:
        services.create(session(), customer, wanted, by=current_user(), now=now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return _form(form, customer, status=422)
    return toast(_to(customer.id), _("The opportunity is kept"))


@bp.get("/<int:opportunity_id>/edit")
@login_required
def edit(opportunity_id: int) -> ResponseReturnValue:
    deal = _deal(opportunity_id)
    return _form(DealEditForm(start=forms.starting_values(deal)), deal.customer, deal)


@bp.post("/<int:opportunity_id>")
@login_required
def update(opportunity_id: int) -> ResponseReturnValue:
    deal = _deal(opportunity_id)
    form = DealEditForm(request.form)
    wanted = form.parse()
    if not isinstance(wanted, EditDeal):
        return _form(form, deal.customer, deal, status=422)
    try:
        services.edit(session(), deal, wanted, by=current_user(), now=now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return _form(form, deal.customer, deal, status=422)
    except (Conflict, StaleDataError) as refusal:
        context.abandon()
        form.refuse(refusal)
        deal = _deal(opportunity_id)
        return _form(form, deal.customer, deal, status=409)
    return toast(_to(deal.customer_id), _("Changes are kept"))


@bp.post("/<int:opportunity_id>/closure")
@login_required
def close(opportunity_id: int) -> ResponseReturnValue:
    deal = _deal(opportunity_id)
    form = CloseForm(request.form)
    wanted = form.parse()
    if wanted is None:
        raise Invalid("core.invalid", fields=form.errors)
    services.close(session(), deal, wanted, by=current_user(), now=now_once())
    text = _("Won: %(title)s", title=deal.title) if wanted.is_won else _("The opportunity is lost")
    return toast(_to(deal.customer_id), text)


def _customer(customer_id: int) -> Customer:
    customer = queries.get(session(), customer_id, visible_to=current_user())
    policies.require(current_user(), EDIT, customer)
    return customer


def _deal(opportunity_id: int) -> Opportunity:
    which = Opportunity.id == opportunity_id
    deal = deal_queries.get(session(), which, viewer=current_user())
    policies.require(current_user(), EDIT, deal.customer)
    return deal


def _form(
    form: DealForm, customer: Customer, deal: Opportunity | None = None, *, status: int = 200
) -> Response:
    response = page(
        "opportunities/form.html",
        "opportunities/_form.html",
        status=status,
        form=form,
        customer=customer,
        deal=deal,
        stages=forms.stage_choices(),
    )
    if status >= context.FIRST_REFUSAL:
        response.headers["HX-Retarget"] = "closest dialog"
    return response


def _to(customer_id: int) -> Response:
    return go_to(url_for("customers.show", customer_id=customer_id))
