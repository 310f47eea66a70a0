"""From one condition to SQL that is true or false, never unknown: so its negation is exact."""

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, and_, collate, exists, func, not_, or_
from sqlalchemy.orm import InstrumentedAttribute

from crm.core import money
from crm.core.company import Company
from crm.customers.models import Customer
from crm.customers.segment_fields.kinds import Operator

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

Clause: TypeAlias = ColumnElement[bool]
Column: TypeAlias = ColumnElement[Any] | InstrumentedAttribute[Any]
#: A value as `SegmentField.read` made it.
Read: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Home:
    """A table that holds at most one row for a customer, such as the totals over orders."""

    name: str
    customer_id: Any  # its column with the customer's id


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a rule: a clause over `home` (None: the customer's own row).

    `absent` is its truth for customers who have no row there.
    """

    clause: Clause
    home: Home | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """When and for whom the rule is asked: relative dates are counted in the company's days."""

    now: datetime
    company: Company
    dialect: str

    def start_of_day(self, days_ago: int) -> datetime:
        today = self.company.day_of(self.now)
        return self.company.day_start(today - timedelta(days=days_ago))

    def start_of(self, day: date) -> datetime:
        return self.company.day_start(day)

    def folded(self, column: Column) -> ColumnElement[str]:
        """ASCII letters in lower case, the same on both databases whatever their locale."""
        plain = column if self.dialect == "sqlite" else collate(column, "C")
        return func.lower(plain)


def lifted(part: Part) -> Clause:
    """The part as a clause over `Customer`."""
    if part.home is None:
        return part.clause
    column = part.home.customer_id
    if part.absent:
        return not_(exists().where(column == Customer.id, not_(part.clause)).correlate(Customer))
    return exists().where(column == Customer.id, part.clause).correlate(Customer)


def negated(part: Part) -> Part:
    return Part(not_(part.clause), part.home, not part.absent)


def text_clause(column: Column, operator: Operator, value: Read, asked: Asked) -> Clause:
    if operator is Operator.EMPTY:
        return or_(column.is_(None), column == "")
    found: Clause
    if operator is Operator.ANY_OF:
        found = column.in_(value)
    else:
        wanted = value.translate(_ASCII_LOWER)
        folded = asked.folded(column)
        contains = operator is Operator.CONTAINS
        match = folded.contains if contains else folded.startswith
        found = match(wanted, autoescape=True)
    return known(column, found)


def list_clause(column: Column, operator: Operator, values: Sequence[Any]) -> Clause:
    if operator is Operator.EMPTY:
        return is_null(column)
    return known(column, column.in_(values))


def number_clause(column: Column, operator: Operator, value: Read) -> Clause:
    if operator is Operator.EMPTY:
        return is_null(column)
    return known(column, compare(operator, value)(column))


def ratio_clause(above: Column, below: Column, operator: Operator, value: Read) -> Clause:
    """Compares above / below without dividing, so that no rounding moves a customer."""
    if operator is Operator.EMPTY:
        return is_zero(below)
    if operator is Operator.BETWEEN:
        low, high = value
        return and_(below > 0, above >= low * below, above <= high * below)
    return and_(below > 0, compare(operator, value * below)(above))


def compare(operator: Operator, value: Read) -> Callable[[Any], Any]:
    """The comparison as a function of what is compared: a column, or a plain number."""
    if operator is Operator.BETWEEN:
        low, high = value
        return lambda measure: (
            measure.between(low, high) if hasattr(measure, "between") else low <= measure <= high
        )
    return {
        Operator.AT_LEAST: lambda measure: measure >= value,
        Operator.AT_MOST: lambda measure: measure <= value,
        Operator.EQUALS: lambda measure: measure == value,
    }[operator]


def date_clause(column: Column, operator: Operator, value: Read, asked: Asked) -> Clause:
    """Days are the company's: "within 30 days" means that the days differ by at most 30."""
    if operator is Operator.EMPTY:
        return is_null(column)
    start, end = _window(operator, value, asked)
    bounds: list[Clause] = [column.is_not(None)]
    if start is not None:
        bounds.append(column >= start)
    if end is not None:
        bounds.append(column < end)
    return and_(*bounds)


def _window(
    operator: Operator, value: Read, asked: Asked
) -> tuple[datetime | None, datetime | None]:
    day = asked.start_of_day
    if operator is Operator.WITHIN_DAYS:
        return day(value), day(-1)
    if operator is Operator.OVER_DAYS_AGO:
        return None, day(value)
    if operator is Operator.DAYS_AGO_BETWEEN:
        low, high = value
        return day(high), day(low - 1)
    if operator is Operator.IN_NEXT_DAYS:
        return day(0), day(-value - 1)
    start = asked.start_of(date.fromisoformat(value))
    return (start, None) if operator is Operator.SINCE else (None, start)


def as_fen(value: Read) -> Read:
    """A written amount, or a pair of them, in fen."""
    if isinstance(value, tuple):
        return tuple(as_fen(one) for one in value)
    return money.to_fen(Decimal(value))


def is_null(column: Column) -> Clause:
    missing: Clause = column.is_(None)
    return missing


def known(column: Column, clause: Clause) -> Clause:
    """False instead of unknown where the column is empty."""
    return and_(column.is_not(None), clause) if may_be_null(column) else clause


def is_zero(column: Column) -> Clause:
    zero: Clause = column == 0
    return zero


def may_be_null(column: Column) -> bool:
    return bool(getattr(getattr(column, "expression", column), "nullable", True))
