"""From one condition to SQL that is true or false, never unknown: so its negation is exact."""

import calendar
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Date,
    String,
    True_,
    and_,
    collate,
    extract,
    false,
    func,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute

from crm.core import money
from crm.core.company import Company
from crm.core.errors import Invalid
from crm.customers.models import Customer
from crm.customers.segment_fields.kinds import Operator

DAYS_OF_A_YEAR = 365
FEBRUARY_28, FEBRUARY_29 = (2, 28), (2, 29)
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

    `absent` is the piece for customers who have no row there. A piece that also asks for other
    things says in `alone` how it stands over `Customer` by itself; that looks `looks` times into
    its home.
    """

    clause: Clause
    home: Home | None = None
    absent: Clause = field(default_factory=false)
    alone: Clause | None = None
    looks: int = 1


def _nowhere(segment_id: int) -> Clause:
    raise Invalid("segments.inner_unknown", segment=segment_id)


@dataclass(frozen=True, slots=True)
class Asked:
    """When and for whom the rule is asked: relative dates are counted in the company's days.

    `inner` is the condition of another segment that the rule names. Raises Invalid.
    """

    now: datetime
    company: Company
    dialect: str
    inner: Callable[[int], Clause] = _nowhere

    @property
    def today(self) -> date:
        return self.company.day_of(self.now)

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
    if part.alone is not None:
        return part.alone
    column = part.home.customer_id
    if isinstance(part.absent, True_):
        return not_(has_row(column, not_(part.clause)))
    return has_row(column, part.clause)


def has_row(customer_id: Column, *where: Clause, of: Column = Customer.id) -> Clause:
    """The customer has such a row: `customer_id` is the column there, `of` the one it matches.

    It selects that column rather than everything: an index that holds the rest then answers alone.
    """
    rows = select(customer_id).where(customer_id == of, *where)
    return rows.correlate(Customer.__table__).exists()


def negated(part: Part) -> Part:
    alone = None if part.alone is None else not_(part.alone)
    return Part(not_(part.clause), part.home, not_(part.absent), alone, part.looks)


def text_clause(column: Column, operator: Operator, value: Read, asked: Asked) -> Clause:
    if operator is Operator.EMPTY:
        return or_(column.is_(None), column == "")
    return known(column, text_match(column, operator, value, asked))


def text_match(column: Column, operator: Operator, value: Read, asked: Asked) -> Clause:
    found: Clause
    if operator is Operator.ANY_OF:
        found = column.in_(value)
        return found
    wanted = value.translate(_ASCII_LOWER)
    folded = asked.folded(column)
    contains = operator is Operator.CONTAINS
    match = folded.contains if contains else folded.startswith
    found = match(wanted, autoescape=True)
    return found


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
        Operator.AT_LEAST_IN_DAYS: lambda measure: measure >= value,
        Operator.AT_MOST: lambda measure: measure <= value,
        Operator.AT_MOST_IN_DAYS: lambda measure: measure <= value,
        Operator.EQUALS: lambda measure: measure == value,
    }[operator]


def date_clause(column: Column, operator: Operator, value: Read, asked: Asked) -> Clause:
    """Days are the company's: "within 30 days" means that the days differ by at most 30.

    The column holds instants, days, or days written as texts ("2026-11-19").
    """
    if operator is Operator.EMPTY:
        return is_null(column)
    if operator is Operator.ANNIVERSARY_IN_DAYS:
        return known(column, _anniversary(column, value, asked.today))
    start, end = span(operator, value, asked.today)
    bounds: list[Clause] = [column.is_not(None)]
    if start is not None:
        bounds.append(column >= _as_held(column, start, asked))
    if end is not None:
        bounds.append(column < _as_held(column, end, asked))
    return and_(*bounds)


def _as_held(column: Column, day: date, asked: Asked) -> date | str:
    if isinstance(column.type, Date):
        return day
    return day.isoformat() if isinstance(column.type, String) else asked.start_of(day)


def span(operator: Operator, value: Read, today: date) -> tuple[date | None, date | None]:
    """The first day that counts, and the first behind the last."""

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    if operator is Operator.WITHIN_DAYS:
        return ago(value), ago(-1)
    if operator is Operator.OVER_DAYS_AGO:
        return None, ago(value)
    if operator is Operator.DAYS_AGO_BETWEEN:
        low, high = value
        return ago(high), ago(low - 1)
    if operator is Operator.IN_NEXT_DAYS:
        return today, ago(-value - 1)
    day = date.fromisoformat(value)
    return (day, None) if operator is Operator.SINCE else (None, day)


def _anniversary(column: Column, days: int, today: date) -> Clause:
    """The day comes round today or within so many days, across New Year too.

    Who was born on 29 February has the anniversary on the 28th in years without that day.
    """
    if days >= DAYS_OF_A_YEAR:
        return column.is_not(None)
    last = today + timedelta(days=days)
    until = (last.month, last.day)
    if until == FEBRUARY_28 and not calendar.isleap(last.year):
        until = FEBRUARY_29
    place, first, end = _places(column, (today.month, today.day), until)
    if last.year == today.year:
        return and_(place >= first, place <= end)
    return or_(place >= first, place <= end)


def _places(
    column: Column, first: tuple[int, int], end: tuple[int, int]
) -> tuple[ColumnElement[Any], int | str, int | str]:
    """The column's place in the year beside two such places, as its type can be compared."""
    if isinstance(column.type, String):
        one, two = (f"{month:02}-{day:02}" for month, day in (first, end))
        return func.substr(column, 6, 5), one, two
    place = extract("month", column) * 100 + extract("day", column)
    return place, first[0] * 100 + first[1], end[0] * 100 + end[1]


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
