"""Rows of other tables that belong to a customer: whether there are any, how many, the latest."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, select

from crm.customers.models import Customer
from crm.customers.segment_fields.clauses import (
    Asked,
    Clause,
    Part,
    Read,
    as_fen,
    compare,
    has_row,
    negated,
    span,
    text_match,
)
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import OPPOSITES, Kind, Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Rows whose `key` is the customer's `mine`; `where` joins further tables and narrows.

    `at` is when each happened, `text` what it is called, `measure` what is summed over them
    (a number that is 0 without rows).
    """

    key: Any
    mine: Any = Customer.id
    where: tuple[Clause, ...] = ()
    at: Any = None
    text: Any = None
    measure: Any = None

    def any(self, *more: Clause) -> Clause:
        """There is such a row."""
        return has_row(self.key, *self.where, *more, of=self.mine)

    def latest_clause(self, operator: Operator, value: Read, asked: Asked) -> Clause:
        """About the last one: it is in a span when one is, and none came after it."""
        if operator is Operator.EMPTY:
            return not_(self.any())
        start, end = span(operator, value, asked.today)
        clause = self.any() if start is None else self.any(self.at >= asked.start_of(start))
        if end is None:
            return clause
        return and_(clause, not_(self.any(self.at >= asked.start_of(end))))

    def text_clause(self, operator: Operator, value: Read, asked: Asked) -> Clause:
        """About any of the texts."""
        if operator is Operator.EMPTY:
            return not_(self.any(self.text != ""))
        # Asked once for everybody, not once for each customer: texts are found by their own index.
        return self._among(text_match(self.text, operator, value, asked))

    def measure_clause(self, operator: Operator, value: Read, asked: Asked) -> Clause:
        """About the sum over the rows of the last days; `value` is (amount, days)."""
        amount, days = value
        fits: Callable[[Any], Any] = compare(operator, amount)
        summed = (
            select(self.key)
            .where(self.key.is_not(None), *self.where, *self._last(days, asked))
            .group_by(self.key)
            .correlate(None)
        )
        if fits(0):
            found: Clause = self.mine.not_in(summed.having(not_(fits(self.measure))))
        else:
            found = self.mine.in_(summed.having(fits(self.measure)))
        return found

    def latest(self) -> ColumnElement[datetime]:
        return self._of_customer(func.max(self.at))

    def measured(self, days: int, asked: Asked) -> ColumnElement[int]:
        """The sum over the last days as a value to show."""
        return self._of_customer(func.coalesce(self.measure, 0), *self._last(days, asked))

    def _among(self, clause: Clause) -> Clause:
        keys = select(self.key).where(self.key.is_not(None), *self.where, clause)
        found: Clause = self.mine.in_(keys.correlate(None))
        return found

    def _of_customer(self, value: ColumnElement[Any], *more: Clause) -> ColumnElement[Any]:
        rows = select(value).where(self.key == self.mine, *self.where, *more)
        return rows.correlate(Customer.__table__).scalar_subquery()

    def _last(self, days: int, asked: Asked) -> tuple[Clause, Clause]:
        today = asked.today
        start, end = today - timedelta(days=days), today + timedelta(days=1)
        return self.at >= asked.start_of(start), self.at < asked.start_of(end)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedField(SegmentField):
    """Asks about rows of another table: the last of them, their texts, or how many of late."""

    related: Related

    def part(self, operator: Operator, value: Read, asked: Asked) -> Part:
        if operator in OPPOSITES:
            return negated(self.part(OPPOSITES[operator], value, asked))
        if self.kind is Kind.DATE:
            return Part(self.related.latest_clause(operator, value, asked))
        if self.kind is Kind.TEXTS:
            return Part(self.related.text_clause(operator, value, asked))
        amount, days = value
        measured = as_fen(amount) if self.kind is Kind.MONEY_IN_DAYS else amount
        return Part(self.related.measure_clause(operator, (measured, days), asked))

    def own_value(self, operator: Operator, value: Read, asked: Asked) -> ColumnElement[Any] | None:
        del operator
        if self.kind is Kind.DATE:
            return self.related.latest()
        if self.kind is Kind.TEXTS:
            return None
        return self.related.measured(value[1], asked)
