"""What a segment's rule may not say: empty, too deep, too long, unknown or out of range."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.customers.queries import segments as queries
from crm.customers.rules import segments as rules
from crm.customers.segment_fields import OWN, SegmentFields
from tests.conftest import NOW
from tests.customers.segment_oracle import Json
from tests.factories.customers import make_customer

REGISTRY = SegmentFields(*OWN)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({}, "rule"),
        (None, "rule"),
        ([], "rule"),
        ({"all": []}, "rule.all"),
        ({"all": [{"any": []}]}, "rule.all[0].any"),
        ({"not": {"all": []}}, "rule.not.all"),
    ],
)
def test_a_rule_that_says_nothing_is_refused(rule: Json, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.parse(rule, REGISTRY)
    assert refused.value.code in {"segments.rule_empty", "segments.group_empty"}
    assert refused.value.details["path"] == path


def _leaf(value: object = 1) -> dict[str, Any]:
    return {"field": "order_count", "operator": "at_least", "value": value}


def _nested(depth: int) -> dict[str, Any]:
    rule = _leaf()
    for _ in range(depth):
        rule = {"all": [rule]}
    return rule


def test_rule_limits() -> None:
    tags = [f"t{number}" for number in range(rules.MOST_VALUES)]
    big: list[tuple[Any, str]] = [
        (_nested(6), "segments.too_deep"),
        (_nested(5_000), "segments.too_deep"),
        ({"all": [_leaf()] * 100}, "segments.too_many_conditions"),
        (
            {"field": "tag", "operator": "any_of", "value": [*tags, "one more"]},
            "segments.too_many_values",
        ),
        (
            {"all": [{"field": "tag", "operator": "any_of", "value": tags}, _leaf()]},
            "segments.too_many_values",
        ),
        ({"field": "name", "operator": "contains", "value": "x" * 201}, "segments.value_too_long"),
    ]
    for rule, code in big:
        with pytest.raises(Invalid) as refused:
            rules.parse(rule, REGISTRY)
        assert refused.value.code == code
    rules.parse(_nested(5), REGISTRY)
    rules.parse({"all": [_leaf()] * 99}, REGISTRY)


def test_the_largest_rules_are_answered_by_the_database(session: Session) -> None:
    tags = [f"t{number}" for number in range(rules.MOST_VALUES - 98)]
    rule = {
        "any": [
            *[_leaf(n) for n in range(98)],
            {"field": "tag", "operator": "all_of", "value": tags[:50]},
        ]
    }
    make_customer(session)
    assert queries.count(session, rule, now=NOW) == 1
    many = {"field": "tag", "operator": "none_of", "value": tags}
    assert queries.count(session, many, now=NOW) == 1


@pytest.mark.parametrize(
    ("field", "operator", "value", "code"),
    [
        ("password", "any_of", ["x"], "field_unknown"),
        ("stage", "contains", "x", "operator_unknown"),
        ("stage", "any_of", ["boss"], "value_unknown"),
        ("order_count", "at_least", "1; DROP TABLE customers", "value_invalid"),
        ("order_count", "at_least", True, "value_invalid"),
        ("order_count", "at_least", -1, "value_out_of_range"),
        ("order_count", "at_least", 10**30, "value_out_of_range"),
        ("order_count", "between", [3, 1], "range_reversed"),
        ("order_amount", "between", ["1000", "90"], "range_reversed"),
        ("order_amount", "at_least", "1.005", "value_invalid"),
        ("order_amount", "at_least", float("nan"), "value_invalid"),
        ("order_amount", "at_least", 1e300, "value_invalid"),
        ("last_order", "within_days", 10**9, "value_out_of_range"),
        ("last_order", "since", "2026-02-30", "value_invalid"),
        ("last_order", "since", "0001-01-01", "value_invalid"),
        ("name", "contains", "\x00", "value_invalid"),
        ("name", "contains", "\ud800", "value_invalid"),
        ("name", "contains", "  ", "value_missing"),
        ("name", "any_of", [], "value_missing"),
        ("owner", "is_empty", 3, "value_unexpected"),
        ("is_internal", "is", "maybe", "value_invalid"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(
    field: str, operator: str, value: object, code: str
) -> None:
    rule = {"all": [_leaf(), {"field": field, "operator": operator, "value": value}]}
    with pytest.raises(Invalid) as refused:
        rules.parse(rule, REGISTRY)
    assert refused.value.code == f"segments.{code}"
    assert refused.value.details["path"] == "rule.all[1]"


_anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from([field.name for field in OWN] + ["all", "any", "not", "any_of", "is"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "field", "operator", "value"])
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(rule=_anything)
def test_segment_rule_fuzz(rule: Json) -> None:
    refusal, tree = _read(rule)
    assert tree if refusal is None else refusal.code.startswith("segments.")


def _read(rule: Json) -> tuple[Invalid | None, rules.Node | None]:
    try:
        return None, rules.parse(rule, REGISTRY)
    except Invalid as refusal:
        return refusal, None
