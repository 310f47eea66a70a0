"""Orders on a customer's record: written by hand, changed, refunded, cancelled."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm.exc import StaleDataError

from crm.core.company import company
from crm.core.errors import Conflict, Invalid
from crm.customers import queries
from crm.customers.forms import orders as forms
from crm.customers.forms.orders import EditOrderForm, OrderForm, RefundForm
from crm.customers.models import Customer, Order
from crm.customers.queries import orders as order_queries
from crm.customers.services import ordering as services
from crm.customers.services.ordering import EditOrder
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.context import now_once, session
from crm.web.htmx import go_to, page, toast

bp = Blueprint("orders", __name__, url_prefix="/orders", template_folder="../templates")


@bp.get("/new/<int:customer_id>")
@login_required
def new(customer_id: int) -> ResponseReturnValue:
    customer = _customer(customer_id)
    today = now_once().astimezone(company(session()).zone)
    start = {"ordered_at": today.strftime("%Y-%m-%dT%H:%M"), "status": "paid"}
    return _form(OrderForm(start=start), customer)


@bp.post("/new/<int:customer_id>")
@login_required
def create(customer_id: int) -> ResponseReturnValue:
    customer = _customer(customer_id)
    form = OrderForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return _form(form, customer, status=422)
    try:
        services.create(session(), customer, wanted, by=current_user(), now=now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return _form(form, customer, status=422)
    return toast(_to(customer_id), _("The order is kept"))


@bp.get("/<int:order_id>/edit")
@login_required
def edit(order_id: int) -> ResponseReturnValue:
    order = _order(order_id)
    if order.source != services.BY_HAND:
        raise Conflict("orders.of_its_source", source=order.source)
    lines = order_queries.lines_of(session(), [order.id]).get(order.id, ())
    start = forms.starting_values(order, lines, company(session()))
    return _form(EditOrderForm(start=start), order.customer, order)


@bp.post("/<int:order_id>")
@login_required
def update(order_id: int) -> ResponseReturnValue:
    order = _order(order_id)
    form = EditOrderForm(request.form)
    wanted = form.parse()
    if not isinstance(wanted, EditOrder):
        return _form(form, order.customer, order, status=422)
    try:
        services.edit(session(), order, wanted, by=current_user(), now=now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return _form(form, order.customer, order, status=422)
    except (Conflict, StaleDataError) as refusal:
        context.abandon()
        form.refuse(refusal)
        order = _order(order_id)
        return _form(form, order.customer, order, status=409)
    return toast(_to(order.customer_id), _("Changes are kept"))


@bp.post("/<int:order_id>/refunds")
@login_required
def refund(order_id: int) -> ResponseReturnValue:
    order = _order(order_id)
    form = RefundForm(request.form)
    wanted = form.parse()
    if wanted is None:
        raise Invalid("core.invalid", fields=form.errors)
    services.refund(session(), order, wanted, by=current_user(), now=now_once())
    return toast(_to(order.customer_id), _("The refund is kept"))


@bp.post("/<int:order_id>/cancellation")
@login_required
def cancel(order_id: int) -> ResponseReturnValue:
    order = _order(order_id)
    services.cancel(session(), order, by=current_user(), now=now_once())
    return toast(_to(order.customer_id), _("The order is cancelled"))


def _customer(customer_id: int) -> Customer:
    customer = queries.get(session(), customer_id, visible_to=current_user())
    policies.require(current_user(), "orders.edit", customer)
    return customer


def _order(order_id: int) -> Order:
    order = order_queries.visible(session(), Order.id == order_id, viewer=current_user())
    if order.customer is not None:
        policies.require(current_user(), "orders.edit", order.customer)
    return order


def _form(
    form: OrderForm, customer: Customer | None, order: Order | None = None, *, status: int = 200
) -> Response:
    response = page(
        "orders/form.html",
        "orders/_form.html",
        status=status,
        form=form,
        customer=customer,
        order=order,
        statuses=forms.status_choices(),
        places=forms.PLACES,
    )
    if status >= context.FIRST_REFUSAL:
        response.headers["HX-Retarget"] = "closest dialog"
    return response


def _to(customer_id: int | None) -> Response:
    if customer_id is None:
        return go_to(url_for("customers.index"))
    return go_to(url_for("customers.show", customer_id=customer_id))
