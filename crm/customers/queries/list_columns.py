"""Which columns there are for a list of customers now: the record's own and the company's."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from crm.customers.models import CustomField
from crm.customers.queries import custom_fields
from crm.customers.rules.columns import OWN, Column, ColumnKind


def offered(session: Session) -> Sequence[Column]:
    """Every column that a list can show or a file can hold, without the panels'."""
    return [*OWN, *(of_field(field) for field in custom_fields.shown(session))]


def of_field(field: CustomField) -> Column:
    """The column of one of the company's own fields."""
    return Column(field.name, field.label, ColumnKind.CUSTOM, field.name)
