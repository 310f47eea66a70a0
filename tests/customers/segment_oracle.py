"""An independent answer to a segment's rule: plain Python over plain facts, no SQL anywhere."""

import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

Json: TypeAlias = Any
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Went:
    """Something that happened, and what it counts for."""

    at: datetime
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one customer; field names are those of the registry."""

    values: dict[str, Any]

    def of(self, name: str, today: date) -> Json:
        if name == "age":
            born = self.values["birthday"]
            return born and today.year - born.year - (
                (today.month, today.day) < (born.month, born.day)
            )
        return self.values[name]


def matches(rule: Json, facts: Facts, today: date) -> bool:
    if "all" in rule:
        return all(matches(one, facts, today) for one in rule["all"])
    if "any" in rule:
        return any(matches(one, facts, today) for one in rule["any"])
    if "not" in rule:
        return not matches(rule["not"], facts, today)
    return _holds(facts.of(rule["field"], today), rule["operator"], rule.get("value"), today)


def _holds(actual: Json, operator: str, value: Json, today: date) -> bool:
    is_empty = actual is None or actual in ("", frozenset())
    if operator in {"is_empty", "is_filled"}:
        return is_empty is (operator == "is_empty")
    if operator in {"none_of", "not_contains"}:
        positive = {"none_of": "any_of", "not_contains": "contains"}[operator]
        return not _holds(actual, positive, value, today)
    if actual is None:
        return False
    return _TESTS[operator](actual, value, today)


def _any_of(actual: Json, value: Json, _today: date) -> bool:
    values = set(value)
    return bool(actual & values) if isinstance(actual, frozenset) else actual in values


def _some(actual: Json, test: Callable[[str], bool]) -> bool:
    """One text fits, or any of several."""
    return any(map(test, actual)) if isinstance(actual, frozenset) else test(actual)


def _fold(text: str) -> str:
    return "".join(c.lower() if c in string.ascii_uppercase else c for c in text)


def _plain(value: Json) -> Fraction:
    return Fraction(Decimal(str(value))) if isinstance(value, str) else Fraction(value)


def _days(actual: datetime | date, today: date) -> int:
    return (today - _local(actual)).days


def _local(actual: datetime | date) -> date:
    return actual.astimezone(ZONE).date() if isinstance(actual, datetime) else actual


def _of_late(went: list[Went], days: int, today: date) -> Fraction:
    late = (one.amount for one in went if 0 <= _days(one.at, today) <= days)
    return sum(late, Fraction(0))


def _anniversary(born: date, days: int, today: date) -> bool:
    """Looks at every day of the window by itself."""
    window = (today + timedelta(days=ahead) for ahead in range(days + 1))
    return any(_celebrated(born, day.year) == day for day in window)


def _celebrated(born: date, year: int) -> date:
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


Test = Callable[[Any, Any, date], bool]
_TESTS: dict[str, Test] = {
    "any_of": _any_of,
    "all_of": lambda actual, value, _today: set(value) <= actual,
    "contains": lambda actual, value, _: _some(actual, lambda one: _fold(value) in _fold(one)),
    "starts_with": lambda actual, value, _: _some(
        actual, lambda one: _fold(one).startswith(_fold(value))
    ),
    "at_least_in_days": lambda actual, value, today: (
        _of_late(actual, value[1], today) >= _plain(value[0])
    ),
    "at_most_in_days": lambda actual, value, today: (
        _of_late(actual, value[1], today) <= _plain(value[0])
    ),
    "anniversary_in_days": _anniversary,
    "at_least": lambda actual, value, _today: Fraction(actual) >= _plain(value),
    "at_most": lambda actual, value, _today: Fraction(actual) <= _plain(value),
    "equals": lambda actual, value, _today: Fraction(actual) == _plain(value),
    "between": lambda actual, value, _today: _plain(value[0]) <= actual <= _plain(value[1]),
    "within_days": lambda actual, value, today: 0 <= _days(actual, today) <= value,
    "over_days_ago": lambda actual, value, today: _days(actual, today) > value,
    "days_ago_between": lambda actual, value, today: value[0] <= _days(actual, today) <= value[1],
    "in_next_days": lambda actual, value, today: 0 <= -_days(actual, today) <= value,
    "since": lambda actual, value, _today: _local(actual) >= date.fromisoformat(value),
    "before": lambda actual, value, _today: _local(actual) < date.fromisoformat(value),
    "is": lambda actual, value, _today: actual is value,
}


def members(rule: Json, everybody: dict[int, Facts], today: date) -> set[int]:
    return {number for number, facts in everybody.items() if matches(rule, facts, today)}
