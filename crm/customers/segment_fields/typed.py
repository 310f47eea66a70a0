"""A field whose values are read by somebody else's reader, and whose numbers may have decimals."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, true

from crm.core.errors import Invalid
from crm.customers.segment_fields import clauses, kinds
from crm.customers.segment_fields.clauses import Asked, Clause, Read
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import Kind, Operator, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedField(SegmentField):
    """`value` reads one value into the form in which it is stored; `stored` is that in SQL.

    A yes or no that nobody has said is neither: it is empty.
    """

    value: Callable[[object], Any]
    stored: Any = None

    def read(self, operator: Operator, value: object) -> Read:
        """The value in its one written form. Raises Invalid."""
        if self.kind is not Kind.NUMBER:
            return SegmentField.read(self, operator, value)
        shape = kinds.shape_of(self.kind, operator)
        if shape is Shape.NUMBER:
            return self._number(value)
        if shape is Shape.NUMBERS:
            low, high = kinds.read_pair(value, self._number)
            if Decimal(low) > Decimal(high):
                raise Invalid("segments.range_reversed", low=low, high=high)
            return low, high
        return kinds.read_nothing(value)

    def own_value(self, operator: Operator, value: Read, asked: Asked) -> ColumnElement[Any] | None:
        """As it is stored: a number keeps its decimals."""
        del operator, value, asked
        found: ColumnElement[Any] | None = self.stored
        return found

    def _number(self, value: object) -> str:
        text = kinds.read_text(str(value) if isinstance(value, int | float) else value)
        return str(self.value(text))

    def _read_item(self, value: object) -> Read:
        return self.value(kinds.read_text(value))

    def _clause(self, operator: Operator, value: Read, asked: Asked) -> Clause:
        if operator is Operator.EMPTY:
            return clauses.is_null(self.column)
        if self.kind not in {Kind.NUMBER, Kind.FLAG}:
            return SegmentField._clause(self, operator, value, asked)  # noqa: SLF001 - its own
        if self.kind is Kind.FLAG:
            return and_(true(), self.column.is_(bool(value)))
        pair = isinstance(value, tuple)
        measured = tuple(map(Decimal, value)) if pair else Decimal(value)
        return clauses.number_clause(self.column, operator, measured)
