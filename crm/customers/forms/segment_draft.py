"""A rule while it is being built: a tree that a plain HTML form carries, right or not yet."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from crm.core.errors import Conflict, Invalid
from crm.customers.rules.segments import MOST_NODES, Condition, Group, Join, Node
from crm.customers.segment_fields import (
    Kind,
    Operator,
    SegmentField,
    SegmentFields,
    Shape,
    shape_of,
)

ROOT = "0"
FIRST_FIELD = "order_count"
_STEP = re.compile(r"(?:all|any)\[(\d+)\]")
_BETWEEN_VALUES = re.compile(r"[,，、;；\n]")
_PAIRS = {Shape.NUMBERS, Shape.MONEYS, Shape.DAYS_RANGE, Shape.NUMBER_DAYS, Shape.MONEY_DAYS}


@dataclass(slots=True)
class Row:
    """One condition as it stands in the form; `alone` is how many it would mean by itself."""

    id: str
    field: SegmentField
    operator: Operator
    values: list[str] = dataclasses.field(default_factory=list)
    problem: str = ""
    alone: int | None = None
    is_group = False

    @property
    def shape(self) -> str:
        return shape_of(self.field.kind, self.operator).value

    @property
    def is_picked(self) -> bool:
        """Whether the values are ticked in a list rather than typed."""
        kinds = {Kind.CHOICE, Kind.REFERENCE, Kind.SET}
        return self.shape == Shape.LIST.value and self.field.kind in kinds

    @property
    def lacks(self) -> bool:
        """Whether somebody has still to say something here."""
        shape = Shape(self.shape)
        if shape in {Shape.NOTHING, Shape.FLAG}:
            return False
        places = (0, 1) if shape in _PAIRS else (0,)
        return not all(self.value(place).strip() for place in places)

    def value(self, place: int = 0) -> str:
        return self.values[place] if place < len(self.values) else ""

    def as_rule(self) -> dict[str, Any]:
        rule: dict[str, Any] = {"field": self.field.name, "operator": self.operator.value}
        shape = Shape(self.shape)
        if shape is Shape.NOTHING:
            return rule
        if self.is_picked:
            return {**rule, "value": self.values}
        if shape is Shape.LIST:
            parts = (part.strip() for part in _BETWEEN_VALUES.split(self.value()))
            return {**rule, "value": [part for part in parts if part]}
        if shape in _PAIRS:
            return {**rule, "value": [self.value(0), self.value(1)]}
        if shape is Shape.FLAG:  # the picker shows "yes" before anybody chooses
            return {**rule, "value": self.value() or "true"}
        return {**rule, "value": self.value()}


@dataclass(slots=True)
class Box:
    """A group of conditions and groups, perhaps turned round."""

    id: str
    join: Join = Join.ALL
    is_not: bool = False
    members: "list[Row | Box]" = dataclasses.field(default_factory=list)
    problem: str = ""
    is_group = True

    @property
    def lacks(self) -> bool:
        return not self.members

    def as_rule(self) -> dict[str, Any]:
        rule: dict[str, Any] = {self.join.value: [member.as_rule() for member in self.members]}
        return {"not": rule} if self.is_not else rule


class Draft:
    """The tree of a form. Its root is always a group."""

    def __init__(self, root: Box, fields: SegmentFields) -> None:
        self.root = root
        self._fields = fields

    @classmethod
    def empty(cls, fields: SegmentFields) -> "Draft":
        draft = cls(Box(ROOT), fields)
        draft.act(f"condition:{ROOT}")
        return draft

    @classmethod
    def of_tree(cls, tree: Node, fields: SegmentFields) -> "Draft":
        numbers = iter(str(number) for number in range(10 * MOST_NODES))
        root = _drawn(tree, fields, numbers)
        if isinstance(root, Row):
            root = Box(next(numbers), members=[root])
        return cls(root, fields)

    @classmethod
    def of_form(cls, sent: "MultiDict[str, str]", fields: SegmentFields) -> "Draft":
        """What the browser sent; what cannot be read is left out, so any text makes some draft."""
        root = Box(ROOT)
        boxes: dict[str, Box] = {}
        for number in sent.getlist("n")[: 2 * MOST_NODES]:
            parent = boxes.get(sent.get(f"p.{number}", ""))
            node = _sent(number, sent, fields)
            if isinstance(node, Box) and (parent is not None or not boxes):
                boxes[number] = node
            if parent is not None and node is not None:
                parent.members.append(node)
            elif not boxes.keys() - {number} and isinstance(node, Box):
                root = node
        return cls(root, fields)

    def as_rule(self) -> dict[str, Any]:
        return self.root.as_rule()

    def rows(self) -> list[Row]:
        """Conditions in reading order, as `rules.segments.conditions` gives them."""
        return [node for node, _ in self._walk() if isinstance(node, Row)]

    def lacks(self) -> bool:
        """Whether a condition or group is not filled in yet."""
        return any(node.lacks for node, _ in self._walk())

    def act(self, what: str) -> None:
        """Press a button of the builder: "condition:<group>", "group:…", "remove:…", "all:…"."""
        verb, _, number = what.partition(":")
        for node, parent in list(self._walk()):
            if node.id != number:
                continue
            if verb == "remove" and parent is not None:
                parent.members.remove(node)
            elif isinstance(node, Box):
                self._act_on(node, verb)
            return

    def at(self, refusal: Invalid | Conflict) -> Row | Box:
        """The place that a refusal's path names; the root when it concerns the whole rule."""
        node: Row | Box = self.root
        for step in str(refusal.details.get("path", "")).split(".")[1:]:
            found = _STEP.fullmatch(step)
            if found and isinstance(node, Box) and int(found[1]) < len(node.members):
                node = node.members[int(found[1])]
        return node

    def _act_on(self, box: Box, verb: str) -> None:
        if verb == "condition":
            box.members.append(self._fresh())
        elif verb == "group":
            box.members.append(Box(self._free(1), Join.ANY, members=[self._fresh()]))
        elif verb == "not":
            box.is_not = not box.is_not
        elif verb in {Join.ALL.value, Join.ANY.value}:
            box.join = Join(verb)

    def _fresh(self) -> Row:
        wanted = self._fields.get(FIRST_FIELD)
        return Row(self._free(), wanted, wanted.operators[0])

    def _free(self, beyond: int = 0) -> str:
        taken = [int(node.id) for node, _ in self._walk()]
        return str(max(taken, default=0) + 1 + beyond)

    def _walk(self) -> "Iterator[tuple[Row | Box, Box | None]]":
        yield self.root, None
        stack: list[tuple[Row | Box, Box]] = [(m, self.root) for m in reversed(self.root.members)]
        while stack:
            node, parent = stack.pop()
            yield node, parent
            if isinstance(node, Box):
                stack.extend((member, node) for member in reversed(node.members))


def _sent(number: str, sent: Mapping[str, str], fields: SegmentFields) -> Row | Box | None:
    if not number.isdecimal() or len(number) > len("1000"):
        return None
    if f"j.{number}" in sent:
        join = Join.ANY if sent[f"j.{number}"] == Join.ANY.value else Join.ALL
        return Box(number, join, is_not=sent.get(f"x.{number}") == "1")
    try:
        chosen = fields.get(sent.get(f"f.{number}", ""))
    except Invalid:
        return None
    values = sent.getlist(f"v.{number}") if isinstance(sent, MultiDict) else []
    asked = sent.get(f"o.{number}", "")
    operator = next((o for o in chosen.operators if o.value == asked), None)
    # Another field was chosen: the old values mean nothing there.
    same = sent.get(f"was.{number}", chosen.name) == chosen.name and operator is not None
    kept = [value for value in values if value.strip()] if same else []
    shape = shape_of(chosen.kind, operator or chosen.operators[0])
    if same and shape in _PAIRS:
        kept = values
    return Row(number, chosen, operator or chosen.operators[0], kept)


def _drawn(node: Node, fields: SegmentFields, numbers: Iterator[str]) -> Row | Box:
    if isinstance(node, Condition):
        operator = fields.operator(node.field, node.operator)
        row = Row(next(numbers), fields.get(node.field), operator)
        row.values = _written(node.value, row)
        return row
    number = next(numbers)
    if isinstance(node, Group):
        return Box(number, node.join, members=[_drawn(m, fields, numbers) for m in node.members])
    inner = _drawn(node.member, fields, numbers)
    if isinstance(inner, Box) and not inner.is_not and isinstance(node.member, Group):
        inner.is_not = True
        return inner
    return Box(number, is_not=True, members=[inner])


def _written(value: object, row: Row) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if not isinstance(value, tuple):
        return [str(value)]
    texts = [str(one) for one in value]
    typed = row.shape == Shape.LIST.value and not row.is_picked
    return [", ".join(texts)] if typed else texts
