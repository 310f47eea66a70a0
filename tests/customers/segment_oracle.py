"""An independent answer to a segment's rule: plain Python over plain facts, no SQL anywhere."""

import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

Json: TypeAlias = Any
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one customer; field names are those of the registry."""

    values: dict[str, Any]

    def __getitem__(self, name: str) -> Json:
        return self.values[name]


def matches(rule: Json, facts: Facts, today: date) -> bool:
    if "all" in rule:
        return all(matches(one, facts, today) for one in rule["all"])
    if "any" in rule:
        return any(matches(one, facts, today) for one in rule["any"])
    if "not" in rule:
        return not matches(rule["not"], facts, today)
    return _holds(facts[rule["field"]], rule["operator"], rule.get("value"), today)


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


def _fold(text: str) -> str:
    return "".join(c.lower() if c in string.ascii_uppercase else c for c in text)


def _plain(value: Json) -> Fraction:
    return Fraction(Decimal(str(value))) if isinstance(value, str) else Fraction(value)


def _days(actual: datetime, today: date) -> int:
    return (today - actual.astimezone(ZONE).date()).days


def _local(actual: datetime) -> date:
    return actual.astimezone(ZONE).date()


Test = Callable[[Any, Any, date], bool]
_TESTS: dict[str, Test] = {
    "any_of": _any_of,
    "all_of": lambda actual, value, _today: set(value) <= actual,
    "contains": lambda actual, value, _today: _fold(value) in _fold(actual),
    "starts_with": lambda actual, value, _today: _fold(actual).startswith(_fold(value)),
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
