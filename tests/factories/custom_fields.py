"""Builders of the company's own fields."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.customers.models import CustomField, FieldKind
from crm.customers.queries import custom_fields as queries
from tests.conftest import NOW


def a_field(
    kind: FieldKind = FieldKind.TEXT,
    label: str = "肤质",
    *,
    choices: Sequence[str] = (),
) -> CustomField:
    """A field that no database knows."""
    made = [
        {"key": f"c{number}", "label": one, "is_archived": False}
        for number, one in enumerate(choices, 1)
    ]
    return CustomField(id=1, label=label, kind=kind, choices=made)


def make_field(
    session: Session,
    kind: FieldKind = FieldKind.TEXT,
    label: str = "肤质",
    *,
    choices: Sequence[str] = (),
    is_required: bool = False,
) -> CustomField:
    """A field at the end of the others; its choices have the keys c1, c2, …"""
    last = session.scalar(select(func.max(CustomField.position))) or 0
    field = CustomField(
        label=label,
        kind=kind,
        choices=a_field(kind, label, choices=choices).choices,
        position=last + 1,
        is_required=is_required,
    )
    field.created_at = field.updated_at = NOW
    session.add(field)
    session.flush()
    queries.forget(session)
    return field
