"""One field of the registry: its name and label, how its values are read and asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, select, true
from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.core.messages import N_
from crm.customers.models import Customer
from crm.customers.segment_fields import clauses, kinds
from crm.customers.segment_fields.clauses import Asked, Clause, Home, Part, Read, negated
from crm.customers.segment_fields.kinds import OPERATORS, OPPOSITES, Kind, Operator, Shape

#: (value, text) pairs for a picker; the texts of CHOICE fields are keys of translations.
Options = Sequence[tuple[str, str]]

_READERS: dict[Shape, Callable[[object], Any]] = {
    Shape.NOTHING: kinds.read_nothing,
    Shape.TEXT: kinds.read_text,
    Shape.NUMBER: kinds.read_number,
    Shape.NUMBERS: lambda value: kinds.read_pair(value, kinds.read_number),
    Shape.MONEY: kinds.read_money,
    Shape.MONEYS: lambda value: kinds.read_pair(value, kinds.read_money),
    Shape.DAYS: kinds.read_days,
    Shape.DAYS_RANGE: lambda value: kinds.read_pair(value, kinds.read_days),
    Shape.DAY: kinds.read_day,
    Shape.FLAG: kinds.read_flag,
    Shape.NUMBER_DAYS: lambda value: kinds.read_pair(value, kinds.read_number, kinds.read_days),
    Shape.MONEY_DAYS: lambda value: kinds.read_pair(value, kinds.read_money, kinds.read_days),
}
_RANGES = {Shape.NUMBERS, Shape.MONEYS, Shape.DAYS_RANGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentField:
    """What can be asked about a customer.

    `column` holds the value, on `Customer` or, with `home`, on a table with at most one row for a
    customer; `absent` is the value of those without a row (None: empty). `per` makes an average:
    column / per. A SET field has `holds` instead: who has any of these values (None: any at all).
    `options` list what a picker offers, `choices` everything that there is; `tells` are the values
    that customers have, for a field whose value is no single column. `group` heads the fields of
    one sort in a picker.
    """

    name: str
    label: str
    kind: Kind
    column: Any = None
    per: Any = None
    home: Home | None = None
    absent: int | None = None
    may_be_empty: bool = False
    choices: Options = ()
    decode: Callable[[str], Any] = str
    holds: Callable[[Sequence[Any] | None], Clause] | None = None
    ids: bool = False
    options: Callable[[Session], Options] | None = None
    tells: Callable[[Session, Sequence[int]], Mapping[int, Sequence[str]]] | None = None
    group: str = N_("Customer")

    @property
    def operators(self) -> tuple[Operator, ...]:
        extra = (Operator.EMPTY, Operator.FILLED) if self.may_be_empty else ()
        return (*OPERATORS[self.kind], *extra)

    def read(self, operator: Operator, value: object) -> Read:
        """The value in its one written form. Raises Invalid."""
        shape = kinds.shape_of(self.kind, operator)
        if shape is Shape.LIST:
            return kinds.read_list(value, self._read_item)
        read = _READERS[shape](value)
        if shape in _RANGES and _amount(read[0]) > _amount(read[1]):
            raise Invalid("segments.range_reversed", low=read[0], high=read[1])
        return read

    def part(self, operator: Operator, value: Read, asked: Asked) -> Part:
        """The condition in SQL; `value` comes from `read`."""
        if operator in OPPOSITES:
            return negated(self.part(OPPOSITES[operator], value, asked))
        if self.kind is Kind.SET:
            return Part(self._held(operator, value))
        absent = true() if self._absent_matches(operator, value) else false()
        return Part(self._clause(operator, value, asked), self.home, absent)

    def own_value(self, operator: Operator, value: Read, asked: Asked) -> ColumnElement[Any] | None:
        """What the customer has, to be shown beside the condition; None: `tells` knows it."""
        del operator, value, asked
        if self.column is None:
            return None
        own = self.column if self.per is None else self.column / func.nullif(self.per, 0)
        if self.home is None:
            element: ColumnElement[Any] = getattr(own, "expression", own)
            return element
        row = select(own).where(self.home.customer_id == Customer.id).correlate(Customer)
        if self.absent is None:
            return row.scalar_subquery()
        return func.coalesce(row.scalar_subquery(), self.absent)

    def _read_item(self, value: object) -> Read:
        if self.ids:
            return kinds.read_id(value)
        text = kinds.read_text(value)
        if self.choices and text not in {choice for choice, _ in self.choices}:
            raise Invalid("segments.value_unknown", value=text[:40])
        return text

    def _clause(self, operator: Operator, value: Read, asked: Asked) -> Clause:
        column = self.column
        if self.kind is Kind.FLAG:
            return and_(column) if value else not_(column)
        if self.kind is Kind.TEXT:
            return clauses.text_clause(column, operator, value, asked)
        if self.kind in {Kind.DATE, Kind.DAY}:
            return clauses.date_clause(column, operator, value, asked)
        if self.kind in {Kind.CHOICE, Kind.REFERENCE}:
            wanted = [v if self.ids else self.decode(v) for v in value or ()]
            return clauses.list_clause(column, operator, wanted)
        measured = clauses.as_fen(value) if self.kind is Kind.MONEY and value is not None else value
        if self.per is not None:
            return clauses.ratio_clause(column, self.per, operator, measured)
        return clauses.number_clause(column, operator, measured)

    def _absent_matches(self, operator: Operator, value: Read) -> bool:
        if self.absent is None:
            return operator is Operator.EMPTY
        if operator is Operator.EMPTY:
            return False
        measured = clauses.as_fen(value) if self.kind is Kind.MONEY else value
        return bool(clauses.compare(operator, measured)(self.absent))

    def _held(self, operator: Operator, value: Read) -> Clause:
        if self.holds is None:
            return false()
        if operator is Operator.EMPTY:
            return ~self.holds(None)
        if operator is Operator.ALL_OF:
            first, *rest = [self.holds([one]) for one in value]
            for clause in rest:
                first = first & clause
            return first
        return self.holds(value)


def _amount(value: Read) -> Read:
    return clauses.as_fen(value) if isinstance(value, str) else value
