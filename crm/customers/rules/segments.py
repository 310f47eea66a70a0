"""A segment's rule as a tree of groups, negations and conditions, read from JSON within limits."""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from crm.core.errors import Invalid

#: A rule is a question to the database: these keep it short enough to be answered.
DEEPEST = 5
MOST_NODES = 100
MOST_VALUES = 1_000

#: What a condition compares with, as JSON has it: dates and money stay texts until compiled.
Value: TypeAlias = bool | int | str | tuple[int | str, ...] | None


class Join(enum.Enum):
    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    operator: str
    value: Value = None


@dataclass(frozen=True, slots=True)
class Group:
    join: Join
    members: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    member: "Node"


Node: TypeAlias = Condition | Group | Not


class Vocabulary(Protocol):
    """Which conditions can be said; knows fields, operators and the shape of their values."""

    def read(self, field: str, operator: str, value: object) -> Value:
        """The value in its one written form. Raises Invalid for what cannot be said."""
        ...


class _Budget:
    """What is left of the limits while a tree is read."""

    def __init__(self) -> None:
        self.nodes = MOST_NODES
        self.values = MOST_VALUES

    def take(self, path: str, *, values: int) -> None:
        self.nodes -= 1
        self.values -= values
        if self.nodes < 0:
            raise Invalid("segments.too_many_conditions", limit=MOST_NODES, path=path)
        if self.values < 0:
            raise Invalid("segments.too_many_values", limit=MOST_VALUES, path=path)


def parse(data: object, vocabulary: Vocabulary) -> Node:
    """The tree behind the JSON. Raises Invalid whose `path` names the place that is wrong.

    An empty rule is refused, and so is an empty group: nothing said must never mean everybody.
    """
    if data in ({}, None, []):
        raise Invalid("segments.rule_empty", path="rule")
    return _node(data, vocabulary, _Budget(), "rule", 0)


def as_json(node: Node) -> dict[str, Any]:
    """The one way to write this tree; `parse` reads it back to an equal tree."""
    if isinstance(node, Not):
        return {"not": as_json(node.member)}
    if isinstance(node, Group):
        return {node.join.value: [as_json(member) for member in node.members]}
    written: dict[str, Any] = {"field": node.field, "operator": node.operator}
    if node.value is not None:
        written["value"] = list(node.value) if isinstance(node.value, tuple) else node.value
    return written


def conditions(node: Node) -> Iterator[Condition]:
    """Every condition of the tree in reading order."""
    if isinstance(node, Condition):
        yield node
    elif isinstance(node, Not):
        yield from conditions(node.member)
    else:
        for member in node.members:
            yield from conditions(member)


def _node(data: object, vocabulary: Vocabulary, budget: _Budget, path: str, depth: int) -> Node:
    if not isinstance(data, Mapping):
        raise Invalid("segments.rule_shape", path=path)
    if "field" in data:
        return _condition(data, vocabulary, budget, path)
    if depth == DEEPEST:
        raise Invalid("segments.too_deep", limit=DEEPEST, path=path)
    if len(data) != 1:
        raise Invalid("segments.rule_shape", path=path)
    budget.take(path, values=0)
    ((key, inner),) = data.items()
    if key == "not":
        return Not(_node(inner, vocabulary, budget, f"{path}.not", depth + 1))
    if key not in {Join.ALL.value, Join.ANY.value} or not isinstance(inner, list | tuple):
        raise Invalid("segments.rule_shape", path=path)
    if not inner:
        raise Invalid("segments.group_empty", path=f"{path}.{key}")
    members = (
        _node(member, vocabulary, budget, f"{path}.{key}[{number}]", depth + 1)
        for number, member in enumerate(inner)
    )
    return Group(Join(key), tuple(members))


def _condition(
    data: Mapping[Any, Any], vocabulary: Vocabulary, budget: _Budget, path: str
) -> Condition:
    field, operator, value = data["field"], data.get("operator"), data.get("value")
    if (
        not isinstance(field, str)
        or not isinstance(operator, str)
        or data.keys() - {"field", "operator", "value"}
    ):
        raise Invalid("segments.rule_shape", path=path)
    budget.take(path, values=len(value) if isinstance(value, list | tuple) else 1)
    try:
        return Condition(field, operator, vocabulary.read(field, operator, value))
    except Invalid as refusal:
        raise Invalid(refusal.code, **{**refusal.details, "path": path}) from refusal
