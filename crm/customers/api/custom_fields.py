"""The company's own fields, for programs: what there is, and what an administrator changes."""

from typing import Any

from flask_smorest import Blueprint

from crm.customers.models import CustomField
from crm.customers.queries import custom_fields as queries
from crm.customers.schemas.custom_fields import (
    CustomFieldEditIn,
    CustomFieldIn,
    CustomFieldOut,
    CustomFieldsOut,
)
from crm.customers.services import custom_fields
from crm.customers.services.custom_fields import DefineField, ReviseField
from crm.users.auth import Scope, current_user, token_required
from crm.web import context

blp = Blueprint(
    "custom_fields_api",
    __name__,
    url_prefix="/api/v1/custom-fields",
    description="Fields that the company has added to its customers",
)


@blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, CustomFieldsOut)
def index() -> dict[str, Any]:
    """All of them in their order, archived ones too."""
    return {"items": queries.every(context.session())}


@blp.post("")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(CustomFieldIn)
@blp.response(201, CustomFieldOut)
def create(wanted: DefineField) -> CustomField:
    by, now = current_user(), context.now_once()
    return custom_fields.create(context.session(), wanted, by=by, now=now)


@blp.put("/<int:field_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(CustomFieldEditIn)
@blp.response(200, CustomFieldOut)
def update(wanted: ReviseField, field_id: int) -> CustomField:
    """Call the field or its choices otherwise, and add choices; `version` is the one seen."""
    item = queries.get(context.session(), field_id)
    by, now = current_user(), context.now_once()
    custom_fields.update(context.session(), item, wanted, by=by, now=now)
    return item


@blp.post("/<int:field_id>/archiving")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(200, CustomFieldOut)
def archive(field_id: int) -> CustomField:
    """Show it nowhere any more. Refused while a segment asks for it."""
    item = queries.get(context.session(), field_id)
    custom_fields.archive(context.session(), item, by=current_user(), now=context.now_once())
    return item


@blp.delete("/<int:field_id>/archiving")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(200, CustomFieldOut)
def restore(field_id: int) -> CustomField:
    """Show it again, with the values that it had."""
    item = queries.get(context.session(), field_id)
    custom_fields.restore(context.session(), item, by=current_user(), now=context.now_once())
    return item
