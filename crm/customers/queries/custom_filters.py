"""The list narrowed and sorted by the company's own fields."""

from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Double, Integer, cast, false
from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.customers.models import Customer, CustomField, FieldKind
from crm.customers.queries import custom_fields
from crm.customers.rules import custom_values

HELD_WITHIN = frozenset({FieldKind.TEXT, FieldKind.PHONE, FieldKind.EMAIL, FieldKind.LINK})


def condition(session: Session, name: str, text: str) -> ColumnElement[bool]:
    """Texts hold it, everything else equals it; nobody for a field or value that is gone."""
    field = custom_fields.find(session, name)
    if field is None:
        return false()
    if field.kind in HELD_WITHIN:
        return custom_fields.expression(field).icontains(text, autoescape=True)
    try:
        value = custom_values.read(field, text, kept=_keys(field))
    except Invalid:
        return false()
    if field.kind is FieldKind.MULTI_CHOICE:
        held: Any = Customer.custom[field.key].as_string()
        key = value[0] if isinstance(value, list) else ""
        found: ColumnElement[bool] = held.contains(f'"{key}"', autoescape=True)
        return found
    asked = Decimal(str(value)) if field.kind is FieldKind.NUMBER else value
    return custom_fields.expression(field) == asked


def order(session: Session, name: str) -> ColumnElement[Any]:
    """What the list is sorted by, of a type that a place in it can name. Empty is NULL."""
    field = custom_fields.find(session, name)
    if field is None or field.is_archived:
        raise Invalid("core.sort_unknown", field=name)
    found = custom_fields.expression(field)
    if field.kind is FieldKind.NUMBER:
        return cast(found, Double)
    return cast(found, Integer) if field.kind is FieldKind.YES_NO else found


def words(field: CustomField, text: str) -> str:
    """A filter's value as people read it."""
    if field.kind in {FieldKind.CHOICE, FieldKind.MULTI_CHOICE}:
        return "".join(one["label"] for one in field.choices if one["key"] == text) or text
    return text


def _keys(field: CustomField) -> frozenset[str]:
    return frozenset(one["key"] for one in field.choices)
