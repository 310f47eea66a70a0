"""What pages and programs may say about the company's own fields, and how values are shown."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask_babel import gettext
from marshmallow import Schema, fields

from crm.core import phones
from crm.customers.models import CustomField, FieldKind
from crm.customers.rules import custom_values
from crm.customers.rules.custom_values import Stored
from crm.customers.rules.masking import mask_email
from crm.customers.services.custom_fields import DefineField, ReviseField
from crm.web import filters
from crm.web.schemas import InputSchema, at_most, no_controls, not_blank

LONGEST_LABEL = 60
LONGEST_CHOICES = 20_000
ADDRESSES = frozenset({FieldKind.PHONE, FieldKind.EMAIL})


class CustomFieldIn(InputSchema[DefineField]):
    command: ClassVar[type[DefineField]] = DefineField

    label = fields.String(required=True, validate=not_blank(LONGEST_LABEL))
    kind = fields.Enum(FieldKind, by_value=True, required=True)
    is_required = fields.Boolean(load_default=False)
    choices = fields.List(fields.String(validate=no_controls), load_default=())


class CustomFieldEditIn(InputSchema[ReviseField]):
    command: ClassVar[type[ReviseField]] = ReviseField

    version = fields.Integer(required=True)
    label = fields.String(required=True, validate=not_blank(LONGEST_LABEL))
    is_required = fields.Boolean(load_default=False)
    called = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=[no_controls, at_most(LONGEST_LABEL)]),
        load_default=dict,
        metadata={"description": "Other names of choices by key; a blank one puts it away."},
    )
    choices = fields.List(fields.String(validate=no_controls), load_default=())


class CustomChoiceOut(Schema):
    key = fields.String()
    label = fields.String()
    is_archived = fields.Boolean()


class CustomFieldOut(Schema):
    id = fields.Integer()
    key = fields.String(metadata={"description": "Its key in `custom` of a customer."})
    name = fields.String(metadata={"description": "Its name in rules, views and mappings."})
    label = fields.String()
    kind = fields.Enum(FieldKind, by_value=True)
    choices = fields.List(fields.Nested(CustomChoiceOut))
    is_required = fields.Boolean()
    is_archived = fields.Boolean()
    position = fields.Integer()
    version = fields.Integer()


class CustomFieldsOut(Schema):
    items = fields.List(fields.Nested(CustomFieldOut))


def display(field: CustomField, value: Stored | None, *, is_full: bool = False) -> str:
    """The value as a page shows it; addresses are whole only with `is_full`. Empty is "–"."""
    if value is None or value == []:
        return filters.DASH
    if field.kind in ADDRESSES:
        return _address(field, str(value), is_full=is_full)
    if field.kind is FieldKind.MONEY and isinstance(value, int):
        return filters.money(value)
    if field.kind is FieldKind.YES_NO:
        return str(gettext("Yes") if value else gettext("No"))
    if field.kind in {FieldKind.CHOICE, FieldKind.MULTI_CHOICE}:
        return str(gettext(", ")).join(custom_values.labels(field, value))
    return str(value)


def _address(field: CustomField, address: str, *, is_full: bool) -> str:
    if field.kind is FieldKind.PHONE:
        return phones.phone(address) if is_full else phones.mask_phone(address)
    return address if is_full else mask_email(address)


def told(
    shown: Sequence[CustomField], values: Mapping[str, Any], *, is_full: bool
) -> dict[str, Any]:
    """The values of the fields in use for a program; addresses are masked without `is_full`."""
    return {
        field.key: values[field.key]
        if is_full or field.kind not in ADDRESSES
        else display(field, values[field.key])
        for field in shown
        if field.key in values
    }
