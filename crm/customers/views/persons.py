"""Contact persons on a company's page: the small forms that add, change and let go."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm.exc import StaleDataError

from crm.core.errors import Conflict, Invalid
from crm.customers import queries
from crm.customers.forms.persons import PersonEditForm, PersonForm, starting_values
from crm.customers.models import ContactPerson, Customer
from crm.customers.queries import persons as person_queries
from crm.customers.services import persons
from crm.customers.services.persons import RevisePerson
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.htmx import go_to, page, toast

bp = Blueprint(
    "persons",
    __name__,
    url_prefix="/customers/<int:customer_id>/persons",
    template_folder="../templates",
)


@bp.get("/new")
@login_required
def new(customer_id: int) -> ResponseReturnValue:
    return _form(_customer(customer_id), PersonForm())


@bp.post("/")
@login_required
def create(customer_id: int) -> ResponseReturnValue:
    customer, form = _customer(customer_id), PersonForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return _form(customer, form, status=422)
    try:
        by, now = current_user(), context.now_once()
        person = persons.add(context.session(), customer, wanted, by=by, now=now)
    except (Conflict, Invalid) as refusal:
        form.refuse(refusal)
        return _form(customer, form, status=422)
    return toast(_to(customer), gettext("Contact person added: %(name)s", name=person.title))


@bp.get("/<int:person_id>/edit")
@login_required
def edit(customer_id: int, person_id: int) -> ResponseReturnValue:
    customer, person = _both(customer_id, person_id)
    return _form(customer, PersonEditForm(start=starting_values(person)), person=person)


@bp.post("/<int:person_id>")
@login_required
def update(customer_id: int, person_id: int) -> ResponseReturnValue:
    customer, person = _both(customer_id, person_id)
    form = PersonEditForm(request.form)
    wanted = form.parse()
    if not isinstance(wanted, RevisePerson):
        return _form(customer, form, person=person, status=422)
    try:
        by, now = current_user(), context.now_once()
        persons.revise(context.session(), customer, person, wanted, by=by, now=now)
    except Invalid as refusal:
        form.refuse(refusal)
        return _form(customer, form, person=person, status=422)
    except (Conflict, StaleDataError) as refusal:
        context.abandon()
        form.refuse(refusal)
        customer, person = _both(customer_id, person_id)
        return _form(customer, form, person=person, status=409)
    return toast(_to(customer), gettext("Changes are kept"))


@bp.post("/<int:person_id>/removal")
@login_required
def destroy(customer_id: int, person_id: int) -> ResponseReturnValue:
    customer, person = _both(customer_id, person_id)
    name, by, now = person.title, current_user(), context.now_once()
    persons.remove(context.session(), customer, person, by=by, now=now)
    return toast(_to(customer), gettext("%(name)s is no contact person any more", name=name))


def _customer(customer_id: int) -> Customer:
    customer = queries.get(context.session(), customer_id, visible_to=current_user())
    policies.require(current_user(), "customers.edit", customer)
    return customer


def _both(customer_id: int, person_id: int) -> tuple[Customer, ContactPerson]:
    customer = _customer(customer_id)
    return customer, person_queries.get(context.session(), customer, person_id)


def _form(
    customer: Customer, form: PersonForm, *, person: ContactPerson | None = None, status: int = 200
) -> Response:
    whole, fragment = "customers/person.html", "customers/_person.html"
    return page(whole, fragment, status=status, customer=customer, person=person, form=form)


def _to(customer: Customer) -> Response:
    return go_to(url_for("customers.show", customer_id=customer.id, _anchor="persons"))
