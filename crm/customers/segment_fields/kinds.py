"""Kinds of fields, the operators of each, and how the value of each operator is written."""

import enum
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from crm.core import money
from crm.core.errors import Invalid

LONGEST_TEXT = 200
LARGEST_NUMBER = 10**6
LARGEST_FEN = 10**12
MOST_DAYS = 36_500
YEARS = range(1900, 2200)

_WHOLE = re.compile(r"[0-9]{1,18}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Kind(enum.Enum):
    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"  # an instant, counted in days
    DAY = "day"  # a day of the calendar that comes round every year, such as a birthday
    CHOICE = "choice"  # one of a closed list
    REFERENCE = "reference"  # the id of another record
    SET = "set"  # any number of values: tags, activities taken part in
    TEXTS = "texts"  # any number of texts, too many to offer: products bought
    COUNT_IN_DAYS = "count_in_days"  # how many things in the last so many days
    MONEY_IN_DAYS = "money_in_days"
    FLAG = "flag"


class Operator(enum.Enum):
    ANY_OF = "any_of"
    ALL_OF = "all_of"
    NONE_OF = "none_of"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    EQUALS = "equals"
    BETWEEN = "between"
    WITHIN_DAYS = "within_days"
    OVER_DAYS_AGO = "over_days_ago"
    DAYS_AGO_BETWEEN = "days_ago_between"
    IN_NEXT_DAYS = "in_next_days"
    BEFORE = "before"
    SINCE = "since"
    ANNIVERSARY_IN_DAYS = "anniversary_in_days"
    AT_LEAST_IN_DAYS = "at_least_in_days"
    AT_MOST_IN_DAYS = "at_most_in_days"
    IS = "is"
    EMPTY = "is_empty"
    FILLED = "is_filled"


class Shape(enum.Enum):
    """How a value is written."""

    NOTHING = "nothing"
    TEXT = "text"
    LIST = "list"
    NUMBER = "number"
    NUMBERS = "numbers"
    MONEY = "money"
    MONEYS = "moneys"
    DAYS = "days"
    DAYS_RANGE = "days_range"
    DAY = "day"
    FLAG = "flag"
    NUMBER_DAYS = "number_days"  # a number, and within how many days
    MONEY_DAYS = "money_days"


_LIST = (Operator.ANY_OF, Operator.NONE_OF)
_TEXT = (*_LIST, Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTS_WITH)
_DATED = (
    Operator.WITHIN_DAYS,
    Operator.OVER_DAYS_AGO,
    Operator.DAYS_AGO_BETWEEN,
    Operator.IN_NEXT_DAYS,
    Operator.SINCE,
    Operator.BEFORE,
)
_IN_DAYS = (Operator.AT_LEAST_IN_DAYS, Operator.AT_MOST_IN_DAYS)
_MEASURED = (Operator.AT_LEAST, Operator.AT_MOST, Operator.EQUALS, Operator.BETWEEN)
#: Offered in this order; EMPTY and FILLED only by fields that may be empty.
OPERATORS: dict[Kind, tuple[Operator, ...]] = {
    Kind.TEXT: _TEXT,
    Kind.TEXTS: _TEXT,
    Kind.NUMBER: _MEASURED,
    Kind.MONEY: _MEASURED,
    Kind.DATE: _DATED,
    Kind.DAY: (Operator.ANNIVERSARY_IN_DAYS, *_DATED),
    Kind.COUNT_IN_DAYS: _IN_DAYS,
    Kind.MONEY_IN_DAYS: _IN_DAYS,
    Kind.CHOICE: _LIST,
    Kind.REFERENCE: _LIST,
    Kind.SET: (Operator.ANY_OF, Operator.ALL_OF, Operator.NONE_OF),
    Kind.FLAG: (Operator.IS,),
}
#: An operator that is another one turned round: A and not-A are everybody.
OPPOSITES = {
    Operator.NONE_OF: Operator.ANY_OF,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.FILLED: Operator.EMPTY,
}
_SHAPES = {
    Operator.ANY_OF: Shape.LIST,
    Operator.ALL_OF: Shape.LIST,
    Operator.NONE_OF: Shape.LIST,
    Operator.CONTAINS: Shape.TEXT,
    Operator.NOT_CONTAINS: Shape.TEXT,
    Operator.STARTS_WITH: Shape.TEXT,
    Operator.WITHIN_DAYS: Shape.DAYS,
    Operator.OVER_DAYS_AGO: Shape.DAYS,
    Operator.DAYS_AGO_BETWEEN: Shape.DAYS_RANGE,
    Operator.IN_NEXT_DAYS: Shape.DAYS,
    Operator.BEFORE: Shape.DAY,
    Operator.SINCE: Shape.DAY,
    Operator.ANNIVERSARY_IN_DAYS: Shape.DAYS,
    Operator.IS: Shape.FLAG,
    Operator.EMPTY: Shape.NOTHING,
    Operator.FILLED: Shape.NOTHING,
}


def shape_of(kind: Kind, operator: Operator) -> Shape:
    if operator in _SHAPES:
        return _SHAPES[operator]
    if operator in _IN_DAYS:
        return Shape.MONEY_DAYS if kind is Kind.MONEY_IN_DAYS else Shape.NUMBER_DAYS
    if operator is Operator.BETWEEN:
        return Shape.MONEYS if kind is Kind.MONEY else Shape.NUMBERS
    return Shape.MONEY if kind is Kind.MONEY else Shape.NUMBER


def read_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(value.strip() if isinstance(value, str) else value)
    if len(value) > LONGEST_TEXT:
        raise Invalid("segments.value_too_long", limit=LONGEST_TEXT)
    if any(ord(char) < ord(" ") or "\ud800" <= char <= "\udfff" for char in value):
        raise Invalid("segments.value_invalid", value=ascii(value)[:40])
    return value


def read_number(value: object, largest: int = LARGEST_NUMBER) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(value)
    if not 0 <= value <= largest:
        raise Invalid("segments.value_out_of_range", lowest=0, highest=largest)
    return value


def read_id(value: object) -> int:
    return read_number(value, 2**62)


def read_days(value: object) -> int:
    return read_number(value, MOST_DAYS)


def read_money(value: object) -> str:
    """Yuan in one written form ("600.00"), whatever a form or a program sent."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(value)
    try:
        fen = money.parse_fen(str(value))
    except Invalid as refusal:
        raise _wrong(value) from refusal
    if fen > LARGEST_FEN:
        raise Invalid("segments.value_out_of_range", lowest=0, highest=LARGEST_FEN // 100)
    return money.plain_text(fen)


def read_day(value: object) -> str:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise _wrong(value)
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise _wrong(value) from error
    if day.year not in YEARS:
        raise _wrong(value)
    return value


def read_flag(value: object) -> bool:
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    if not isinstance(value, bool):
        raise _wrong(value)
    return value


def read_nothing(value: object) -> None:
    if value not in (None, "", []):
        raise Invalid("segments.value_unexpected")


def read_pair(
    value: object, read: Callable[[object], Any], then: Callable[[object], Any] | None = None
) -> tuple[Any, Any]:
    """Two values of one sort, the lower first; or a first one and `then` another."""
    if not isinstance(value, list | tuple) or len(value) != len(("first", "second")):
        raise _wrong(value)
    return read(value[0]), (then or read)(value[1])


def read_list(value: object, read: Callable[[object], Any]) -> tuple[Any, ...]:
    """At least one value; a repeated one counts once."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple):
        raise _wrong(value)
    if not value:
        raise Invalid("segments.value_missing")
    return tuple(dict.fromkeys(read(item) for item in value))


def _wrong(value: object) -> Invalid:
    if value in (None, "", []):
        return Invalid("segments.value_missing")
    shown = value if isinstance(value, str | int | float) else type(value).__name__
    return Invalid("segments.value_invalid", value=str(shown)[:40])
