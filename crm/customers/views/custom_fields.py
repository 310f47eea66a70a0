"""The administrator's page of the company's own fields."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm.exc import StaleDataError

from crm.core.errors import Conflict, Invalid
from crm.customers.forms import custom_fields as forms
from crm.customers.forms.custom_fields import FieldEditForm, FieldForm
from crm.customers.models import CustomField
from crm.customers.queries import custom_fields as queries
from crm.customers.services import custom_fields
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.users.models import User
from crm.web import context
from crm.web.htmx import go_to, page, toast

bp = Blueprint(
    "custom_fields", __name__, url_prefix="/settings/fields", template_folder="../templates"
)


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    _admin()
    return _index(FieldForm(start={"kind": "text"}, choices={"kind": forms.kind_choices()}))


@bp.post("/")
@login_required
def create() -> ResponseReturnValue:
    by = _admin()
    form = FieldForm(request.form, choices={"kind": forms.kind_choices()})
    wanted = form.parse()
    if wanted is None:
        return _index(form, status=422)
    try:
        made = custom_fields.create(context.session(), wanted, by=by, now=context.now_once())
    except (Conflict, Invalid) as refusal:
        form.refuse(refusal)
        return _index(form, status=422)
    return toast(_home(), gettext("Field added: %(name)s", name=made.label))


@bp.get("/<int:field_id>/edit")
@login_required
def edit(field_id: int) -> ResponseReturnValue:
    item = _field(field_id)
    return _edit(item, FieldEditForm(start=forms.starting_values(item)))


@bp.post("/<int:field_id>")
@login_required
def update(field_id: int) -> ResponseReturnValue:
    item, form = _field(field_id), FieldEditForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return _edit(item, form, status=422)
    try:
        by, now = current_user(), context.now_once()
        custom_fields.update(context.session(), item, wanted, by=by, now=now)
    except (Conflict, Invalid, StaleDataError) as refusal:
        form.refuse(refusal)
        context.abandon()
        return _edit(_field(field_id), form, status=409 if _is_stale(refusal) else 422)
    return toast(_home(), gettext("Saved: %(name)s.", name=item.label))


@bp.post("/<int:field_id>/place")
@login_required
def move(field_id: int) -> ResponseReturnValue:
    item = _field(field_id)
    is_up = request.form.get("to") != "down"
    by, now = current_user(), context.now_once()
    custom_fields.move(context.session(), item, up=is_up, by=by, now=now)
    return _home()


@bp.post("/<int:field_id>/archiving")
@login_required
def archive(field_id: int) -> ResponseReturnValue:
    item = _field(field_id)
    custom_fields.archive(context.session(), item, by=current_user(), now=context.now_once())
    undo = url_for(".restore", field_id=item.id)
    text = gettext("%(name)s is shown nowhere any more; its values are kept", name=item.label)
    return toast(_home(), text, undo=undo)


@bp.post("/<int:field_id>/archiving/undo")
@login_required
def restore(field_id: int) -> ResponseReturnValue:
    item = _field(field_id)
    custom_fields.restore(context.session(), item, by=current_user(), now=context.now_once())
    return toast(_home(), gettext("%(name)s is shown again", name=item.label))


def _admin() -> User:
    user: User = current_user()
    policies.require(user, "customers.manage_fields")
    return user


def _field(field_id: int) -> CustomField:
    _admin()
    return queries.get(context.session(), field_id)


def _is_stale(refusal: Exception) -> bool:
    return isinstance(refusal, Conflict | StaleDataError)


def _index(form: FieldForm, *, status: int = 200) -> ResponseReturnValue:
    session = context.session()
    every = queries.every(session)
    return page(
        "fields/index.html",
        status=status,
        form=form,
        fields=[one for one in every if not one.is_archived],
        archived=[one for one in every if one.is_archived],
        kinds=forms.KINDS,
        most=queries.MOST,
    )


def _edit(item: CustomField, form: FieldEditForm, *, status: int = 200) -> ResponseReturnValue:
    count = queries.filled(context.session(), item)
    return page(
        "fields/edit.html",
        status=status,
        item=item,
        form=form,
        kind=forms.KINDS[item.kind],
        has_choices=forms.has_choices(item),
        filled=f"{queries.COUNTED}+" if count > queries.COUNTED else count,
    )


def _home() -> Response:
    return go_to(url_for(".index"))
