"""Which segments ask for a field or for a value, so that nothing they depend on is taken away."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.customers.models import Segment


def of_field(session: Session, name: str) -> list[str]:
    """Names of the segments whose rule asks for this field."""
    return [
        segment.name
        for segment in _segments(session)
        if any(one.get("field") == name for one in conditions(segment.rule))
    ]


def of_value(session: Session, field: str, value: str | int) -> list[Segment]:
    """The segments whose rule asks this field for this value."""
    return [
        segment
        for segment in _segments(session)
        if any(
            one.get("field") == field and value in _values(one) for one in conditions(segment.rule)
        )
    ]


def conditions(rule: object) -> Iterator[dict[str, Any]]:
    """Every condition of a stored rule, even of one that is broken."""
    if isinstance(rule, list):
        for member in rule:
            yield from conditions(member)
    elif isinstance(rule, Mapping):
        if "field" in rule:
            yield dict(rule)
        else:
            for member in rule.values():
                yield from conditions(member)


def renamed(rule: Any, field: str, before: str, after: str) -> Any:  # noqa: ANN401 - JSON as it is
    """The rule with one value of a field replaced by another, which then stands in it once."""
    if isinstance(rule, list):
        return [renamed(member, field, before, after) for member in rule]
    if not isinstance(rule, Mapping):
        return rule
    if "field" not in rule:
        return {key: renamed(member, field, before, after) for key, member in rule.items()}
    if rule["field"] != field or before not in _values(rule):
        return dict(rule)
    values = [after if one == before else one for one in _values(rule)]
    return {**rule, "value": list(dict.fromkeys(values))}


def _values(condition: Mapping[str, Any]) -> list[Any]:
    value = condition.get("value")
    return list(value) if isinstance(value, list | tuple) else [value]


def _segments(session: Session) -> list[Segment]:
    return list(session.scalars(select(Segment).order_by(Segment.name)))
