"""How segments meet HTML: the form, the words for fields and operators, the rule read aloud."""

import enum
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal, TypeVar

from babel.lists import format_list
from flask_babel import get_locale, gettext
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from crm.core import money
from crm.core.messages import N_
from crm.customers.forms.segment_draft import Box, Draft, Row
from crm.customers.queries.segments import Answer
from crm.customers.rules.segments import Condition, Group, Join, Node, Not
from crm.customers.schemas.segments import SegmentEditIn, SegmentIn
from crm.customers.segment_fields import (
    Kind,
    Operator,
    SegmentField,
    SegmentFields,
    Shape,
    shape_of,
)
from crm.customers.services.segments import Describe, Revise
from crm.web import filters
from crm.web.forms import Form

#: How operators are called in the builder.
OPERATOR_LABELS = {
    Operator.ANY_OF: N_("is one of"),
    Operator.ALL_OF: N_("has all of"),
    Operator.NONE_OF: N_("is none of"),
    Operator.CONTAINS: N_("contains"),
    Operator.NOT_CONTAINS: N_("does not contain"),
    Operator.STARTS_WITH: N_("starts with"),
    Operator.AT_LEAST: "≥",
    Operator.AT_MOST: "≤",
    Operator.EQUALS: "=",
    Operator.BETWEEN: N_("from … to"),
    Operator.WITHIN_DAYS: N_("in the last … days"),
    Operator.OVER_DAYS_AGO: N_("more than … days ago"),
    Operator.DAYS_AGO_BETWEEN: N_("… to … days ago"),
    Operator.IN_NEXT_DAYS: N_("in the next … days"),
    Operator.BEFORE: N_("before the day"),
    Operator.SINCE: N_("from the day on"),
    Operator.ANNIVERSARY_IN_DAYS: N_("comes round in the next … days"),
    Operator.AT_LEAST_IN_DAYS: N_("≥ … in … days"),
    Operator.AT_MOST_IN_DAYS: N_("≤ … in … days"),
    Operator.IS: N_("is"),
    Operator.EMPTY: N_("is empty"),
    Operator.FILLED: N_("is not empty"),
}
#: How a condition is read aloud.
PHRASES = {
    Operator.ANY_OF: N_("%(field)s is %(value)s"),
    Operator.ALL_OF: N_("%(field)s has all of %(value)s"),
    Operator.NONE_OF: N_("%(field)s is not %(value)s"),
    Operator.CONTAINS: N_("%(field)s contains “%(value)s”"),
    Operator.NOT_CONTAINS: N_("%(field)s does not contain “%(value)s”"),
    Operator.STARTS_WITH: N_("%(field)s starts with “%(value)s”"),
    Operator.AT_LEAST: N_("%(field)s is at least %(value)s"),
    Operator.AT_MOST: N_("%(field)s is at most %(value)s"),
    Operator.EQUALS: N_("%(field)s is exactly %(value)s"),
    Operator.BETWEEN: N_("%(field)s is from %(low)s to %(high)s"),
    Operator.WITHIN_DAYS: N_("%(field)s was in the last %(value)s days"),
    Operator.OVER_DAYS_AGO: N_("%(field)s was more than %(value)s days ago"),
    Operator.DAYS_AGO_BETWEEN: N_("%(field)s was %(low)s to %(high)s days ago"),
    Operator.IN_NEXT_DAYS: N_("%(field)s is in the next %(value)s days"),
    Operator.BEFORE: N_("%(field)s is before %(value)s"),
    Operator.SINCE: N_("%(field)s is on %(value)s or later"),
    Operator.ANNIVERSARY_IN_DAYS: N_("%(field)s comes round in the next %(value)s days"),
    Operator.AT_LEAST_IN_DAYS: N_("%(field)s: at least %(low)s in %(high)s days"),
    Operator.AT_MOST_IN_DAYS: N_("%(field)s: at most %(low)s in %(high)s days"),
    Operator.EMPTY: N_("%(field)s is empty"),
    Operator.FILLED: N_("%(field)s is not empty"),
}
YES, NO = N_("%(field)s: yes"), N_("%(field)s: no")
BOTH, EITHER = N_("%(first)s, and %(second)s"), N_("%(first)s, or %(second)s")
INNER, TURNED = N_("(%(inner)s)"), N_("not (%(inner)s)")
#: What is still missing beside a condition.
NEEDS = {
    Shape.NUMBER: N_("Enter a number."),
    Shape.NUMBERS: N_("Enter both numbers."),
    Shape.MONEY: N_("Enter an amount."),
    Shape.MONEYS: N_("Enter both amounts."),
    Shape.DAY: N_("Choose a day."),
    Shape.DAYS: N_("Enter a number of days."),
    Shape.DAYS_RANGE: N_("Enter both numbers of days."),
    Shape.TEXT: N_("Enter a text."),
    Shape.NUMBER_DAYS: N_("Enter a number, and in how many days."),
    Shape.MONEY_DAYS: N_("Enter an amount, and in how many days."),
}
NEEDS_CHOICE, NEEDS_LIST = N_("Choose at least one."), N_("Enter at least one.")
NEEDS_CONDITION = N_("Add a condition or remove the group.")
COMMA = N_(", ")
COUNTED = N_("one of %(count)s values")
OWN, NOTHING, MORE = N_("%(field)s: %(value)s"), N_("none"), N_("%(count)s more")
MOST_SHOWN = 3  # values of a customer's own
MOST_NAMED = 8  # values a sentence names before it only counts


C = TypeVar("C")


def said(text: str, **values: Any) -> str:
    """The text in the viewer's language."""
    return str(gettext(text, **values))


class BuilderForm(Form[C]):
    """Name, description and rule. The rule arrives as the builder's many small fields.

    `must_confirm`: others depend on the rule, and it must be said that they are meant too.
    """

    must_confirm = False

    def __init__(
        self,
        sent: "MultiDict[str, str] | None",
        fields: SegmentFields,
        *,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sent, start=start)
        self.draft = Draft.empty(fields) if sent is None else Draft.of_form(sent, fields)

    def _as_data(self) -> dict[str, Any]:
        known = self.schema().fields
        own = {name: value for name, value in super()._as_data().items() if name in known}
        return {"description": "", **own, "rule": self.draft.as_rule()}


class SegmentForm(BuilderForm[Describe]):
    schema = SegmentIn


class SegmentEditForm(BuilderForm[Revise]):
    schema = SegmentEditIn


class Words:
    """Names of fields, operators and values in the viewer's language; options asked once a page."""

    def __init__(self, session: Session, fields: SegmentFields) -> None:
        self._session = session
        self._fields = fields
        self._options: dict[str, Sequence[tuple[str, str]]] = {}

    def fields(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What can be asked, in groups of one sort."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for field in self._fields:
            groups.setdefault(field.group, []).append((field.name, said(field.label)))
        return [(said(group), fields) for group, fields in groups.items()]

    def operators(self, field: SegmentField) -> list[tuple[str, str]]:
        return [(one.value, said(OPERATOR_LABELS[one])) for one in field.operators]

    def options(self, field: SegmentField) -> Sequence[tuple[str, str]]:
        """What a picker of this field offers."""
        if field.choices:
            return [(value, said(label)) for value, label in field.choices]
        if field.options is None:
            return ()
        if field.name not in self._options:
            self._options[field.name] = field.options(self._session)
        return self._options[field.name]

    def chosen(self, field: SegmentField, values: Sequence[str]) -> str:
        """The texts of chosen values, for a closed picker."""
        texts = dict(self.options(field))
        return said(COMMA).join(texts.get(value, value) for value in values)

    def need(self, node: Row | Box) -> str:
        """What somebody has still to say there; nothing when it is said."""
        if not node.lacks:
            return ""
        if isinstance(node, Box):
            return said(NEEDS_CONDITION)
        if node.is_picked:
            return said(NEEDS_CHOICE)
        return said(NEEDS.get(Shape(node.shape), NEEDS_LIST))

    def sentence(self, node: Node) -> str:
        """The rule read aloud."""
        if isinstance(node, Condition):
            return self.phrase(node)
        if isinstance(node, Not):
            return said(TURNED, inner=self.sentence(node.member))
        first, *rest = [self._inside(member) for member in node.members]
        joined = first
        for second in rest:
            joined = said(BOTH if node.join is Join.ALL else EITHER, first=joined, second=second)
        return joined

    def phrase(self, condition: Condition) -> str:
        field = self._fields.get(condition.field)
        operator = self._fields.operator(condition.field, condition.operator)
        label = said(field.label)
        if operator is Operator.IS:
            return said(YES if condition.value else NO, field=label)
        value = condition.value
        shape = shape_of(field.kind, operator)
        if isinstance(value, tuple) and shape is not Shape.LIST:
            low, high = self._text(field, shape, value[0]), self._second(field, shape, value[1])
            return said(PHRASES[operator], field=label, low=low, high=high)
        if isinstance(value, tuple):
            return said(PHRASES[operator], field=label, value=self._list(field, operator, value))
        return said(PHRASES[operator], field=label, value=self._text(field, shape, value))

    def own(self, answer: Answer) -> str:
        """What the customer has where the condition asks: "Number of orders 6"."""
        field = self._fields.get(answer.condition.field)
        value = answer.own
        if field.kind is Kind.SET and field.tells is None:  # other segments: their truth is enough
            return self.phrase(answer.condition)
        if field.kind is Kind.FLAG and value is not None:
            return said(YES if value else NO, field=said(field.label))
        return said(OWN, field=said(field.label), value=self._known(field, value))

    def _known(self, field: SegmentField, value: Any) -> str:  # noqa: ANN401 - of the field's kind
        if value in (None, "", []):
            return said(NOTHING)
        if isinstance(value, list | tuple):
            return self._several(field, [str(one) for one in value])
        if field.kind in {Kind.MONEY, Kind.MONEY_IN_DAYS}:
            return filters.money(int(value))
        if isinstance(value, date):  # an instant is one too
            return filters.day(value)
        if isinstance(value, enum.Enum):
            value = value.value
        if field.kind in {Kind.CHOICE, Kind.REFERENCE}:
            return dict(self.options(field)).get(str(value), str(value))
        return filters.number(value) if isinstance(value, int) else str(value)

    def _several(self, field: SegmentField, values: Sequence[str]) -> str:
        texts = dict(self.options(field))
        named = [texts.get(value, value) for value in values[:MOST_SHOWN]]
        if len(values) > MOST_SHOWN:
            named.append(said(MORE, count=len(values) - MOST_SHOWN))
        return said(COMMA).join(named)

    def _inside(self, node: Node) -> str:
        text = self.sentence(node)
        return said(INNER, inner=text) if isinstance(node, Group) else text

    def _list(self, field: SegmentField, operator: Operator, values: Sequence[Any]) -> str:
        if len(values) > MOST_NAMED:
            return said(COUNTED, count=len(values))
        style: Literal["standard", "or"] = "standard" if operator is Operator.ALL_OF else "or"
        texts = dict(self.options(field))
        named = [texts.get(str(value), str(value)) for value in values]
        return str(format_list(named, style=style, locale=get_locale() or "en"))

    def _second(self, field: SegmentField, shape: Shape, value: str | int) -> str:
        """Of a pair: the end of a range, or a number of days."""
        if shape in {Shape.NUMBER_DAYS, Shape.MONEY_DAYS}:
            return filters.number(int(value))
        return self._text(field, shape, value)

    def _text(self, field: SegmentField, shape: Shape, value: str | int | None) -> str:
        if field.kind in {Kind.MONEY, Kind.MONEY_IN_DAYS}:
            return filters.money(money.parse_fen(str(value)))
        if shape in {Shape.NUMBER, Shape.NUMBERS, Shape.NUMBER_DAYS}:
            text = str(value or 0)
            return filters.number(int(text)) if text.isdecimal() else text
        return str(value)
