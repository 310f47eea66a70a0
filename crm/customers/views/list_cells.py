"""Changing one thing about a customer where it stands in the list.

Whoever saves second is told only where it matters: when the very thing that he changes was changed
by somebody else since he opened it. Then he sees what it was, theirs and his own, and decides.
"""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import MultiDict

from crm.core.errors import Conflict, Invalid, NotFound
from crm.customers import queries
from crm.customers.forms.customers import (
    AssignForm,
    CustomerEditForm,
    StageForm,
    stage_choices,
    starting_values,
)
from crm.customers.models import Customer, CustomField, FieldKind
from crm.customers.queries import custom_fields
from crm.customers.rules import columns as rules
from crm.customers.services import customers, stages
from crm.customers.services.customers import EditCustomer
from crm.customers.views import list_rows, list_state
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context, errors
from crm.web.forms import Choices
from crm.web.htmx import go_to, is_fragment_request, page

bp = Blueprint("customer_cells", __name__, url_prefix="/customers", template_folder="../templates")

CONTROLS = {"birth_on": "date", "points": "number", "phone": "tel", "email": "email"}
ASSIGN = "customers.assign"
EDIT = "customers.edit"


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing about one customer: what it is called, what may be chosen, how it is stored."""

    customer: Customer
    name: str
    label: str
    stored: str
    choices: Choices
    kind: str = "text"
    own: CustomField | None = None

    def said(self, value: str) -> str:
        """The value as the page says it."""
        return next((str(text) for key, text in self.choices if str(key) == value), value)


@bp.get("/<int:customer_id>/cells/<name>")
@login_required
def edit(customer_id: int, name: str) -> ResponseReturnValue:
    """The cell with its control; with `shown` as it stands in the list."""
    cell = _cell(customer_id, name)
    if "shown" in request.args:
        return _drawn(cell)
    _require(cell)
    if not is_fragment_request():
        return go_to(url_for("customers.edit", customer_id=customer_id))
    return _control(cell, cell.stored)


@bp.post("/<int:customer_id>/cells/<name>")
@login_required
def update(customer_id: int, name: str) -> ResponseReturnValue:
    cell = _cell(customer_id, name)
    _require(cell)
    original, mine = (request.form.get(key, "").strip() for key in ("original", "value"))
    if cell.stored not in {original, mine}:
        return _control(cell, mine, original=original, status=409)
    if cell.stored == mine:
        return _drawn(cell)
    try:
        _write(cell, mine)
    except Invalid as refusal:
        context.abandon()
        return _control(_cell(customer_id, name), mine, problem=_problem(refusal), status=422)
    except (Conflict, StaleDataError):
        # Somebody saved between our reading and our writing.
        context.abandon()
        return _control(_cell(customer_id, name), mine, original=original, status=409)
    return _drawn(_cell(customer_id, name))


def _cell(customer_id: int, name: str) -> Cell:
    """Raises NotFound for a customer out of sight and for what cannot be changed in a list."""
    session, viewer = context.session(), current_user()
    customer = queries.get(session, customer_id, visible_to=viewer)
    own = custom_fields.find(session, name)
    if own is not None and own.kind is not FieldKind.MULTI_CHOICE:
        custom_fields.bring(session, [customer])
        form = CustomerEditForm(start=starting_values(customer, [own]), custom=[own])
        kind = "date" if own.kind is FieldKind.DATE else "text"
        return Cell(
            customer, name, own.label, form.value(name), form.choices(name), kind=kind, own=own
        )
    if name not in list_rows.EDITABLE:
        raise NotFound("core.not_found")
    label = list_state.label_of(rules.BY_NAME[name])
    if name == "stage":
        return Cell(customer, name, label, customer.stage.value, stage_choices())
    if name == "owner":
        colleagues = [(str(one.id), one.name) for one in customers.owners(session, viewer)]
        stored = "" if customer.owner_id is None else str(customer.owner_id)
        known = [(stored, customer.owner.name)] if customer.owner else []
        choices = [("", "–"), *dict([*known, *colleagues]).items()]
        return Cell(customer, name, label, stored, choices)
    form = CustomerEditForm(start=starting_values(customer))
    kind = CONTROLS.get(name, "text")
    return Cell(customer, name, label, form.value(name), form.choices(name), kind=kind)


def _require(cell: Cell) -> None:
    policies.require(current_user(), ASSIGN if cell.name == "owner" else EDIT, cell.customer)


def _write(cell: Cell, value: str) -> None:
    session, by, now = context.session(), current_user(), context.now_once()
    if cell.name == "stage":
        wanted = list_state.parsed(StageForm(MultiDict({"stage": value})))
        stages.change(session, cell.customer, wanted, by=by, now=now)
    elif cell.name == "owner":
        given = list_state.parsed(AssignForm(MultiDict({"owner_id": value})))
        customers.assign(session, cell.customer, given, by=by, now=now)
    else:
        customers.edit(session, cell.customer, _command(cell, value), by=by, now=now)
    session.flush()


def _command(cell: Cell, value: str) -> EditCustomer:
    """The whole record as it is stored, with this one thing changed."""
    start = starting_values(cell.customer)
    sent = {name: str(kept) for name, kept in start.items() if kept not in (None, "")}
    form = CustomerEditForm(
        MultiDict(sent | {cell.name: value}), custom=[cell.own] if cell.own else ()
    )
    wanted = form.parse()
    if not isinstance(wanted, EditCustomer):
        raise Invalid("core.invalid", fields=form.errors)
    return wanted


def _problem(refusal: Invalid) -> str:
    fields = refusal.details.get("fields")
    if refusal.code == "core.invalid" and fields:
        return " ".join(str(text) for texts in fields.values() for text in texts)
    return errors.message(refusal)


def _control(
    cell: Cell, value: str, *, original: str | None = None, problem: str = "", status: int = 200
) -> Response:
    """`original` is given where two have changed the same thing."""
    clash: dict[str, Any] = {}
    if original is not None:
        clash = {
            "theirs": cell.said(cell.stored),
            "mine": cell.said(value),
            "was": cell.said(original),
        }
    return page(
        "customers/_cell.html",
        status=status,
        cell=cell,
        value=value,
        clash=clash,
        problem=problem,
        choices=cell.choices,
    )


def _drawn(cell: Cell) -> Response:
    """The cell as the list draws it."""
    if not is_fragment_request():
        return go_to(url_for("customers.index"))
    columns = [] if cell.name == rules.NAME.name else [cell.name]
    row = list_rows.rows(context.session(), [cell.customer], columns, current_user())[0]
    return page(
        "customers/_cell_drawn.html",
        row=row,
        name=cell.name,
        drawn=_macro(cell),
        editable=list_rows.EDITABLE,
    )


def _macro(cell: Cell) -> str:
    if cell.own is not None:
        return list_rows.drawn_as(custom_column(cell.own))
    return list_rows.drawn_as(rules.BY_NAME[cell.name])


def custom_column(own: CustomField) -> rules.Column:
    return rules.Column(own.name, own.label, rules.ColumnKind.CUSTOM)
