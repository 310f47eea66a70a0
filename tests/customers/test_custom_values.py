"""Values of custom fields: what each kind takes, how it is stored, and that it comes back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core.errors import Invalid
from crm.customers.models import FieldKind
from crm.customers.rules import custom_values
from tests.factories.custom_fields import a_field

SKIN = ["干性", "油性", "敏感"]


@pytest.mark.parametrize(
    ("kind", "sent", "stored"),
    [
        (FieldKind.TEXT, "  两个孩子  ", "两个孩子"),
        (FieldKind.TEXT, "=1+1", "=1+1"),
        (FieldKind.TEXT, 12, "12"),
        (FieldKind.NUMBER, "1,000.50", "1000.5"),
        (FieldKind.NUMBER, "１２", "12"),
        (FieldKind.NUMBER, -0.25, "-0.25"),
        (FieldKind.NUMBER, "-0", "0"),
        (FieldKind.NUMBER, "1.2万", "12000"),
        (FieldKind.MONEY, "¥1,234.50", 123_450),
        (FieldKind.MONEY, "-3", -300),
        (FieldKind.MONEY, 250, 250),
        (FieldKind.DATE, "1990/8/6", "1990-08-06"),
        (FieldKind.DATE, "2026年1月2日", "2026-01-02"),
        (FieldKind.YES_NO, "是", True),
        (FieldKind.YES_NO, "false", False),
        (FieldKind.YES_NO, False, False),
        (FieldKind.CHOICE, "油性", "c2"),
        (FieldKind.CHOICE, "c3", "c3"),
        (FieldKind.MULTI_CHOICE, "敏感；干性", ["c1", "c3"]),
        (FieldKind.MULTI_CHOICE, ["c2", "c2"], ["c2"]),
        (FieldKind.PHONE, "138 0013 8000", "+8613800138000"),
        (FieldKind.EMAIL, "Li@EXAMPLE.com", "Li@example.com"),
        (FieldKind.LINK, "https://example.com/a?b=c", "https://example.com/a?b=c"),
    ],
)
def test_a_value_is_stored_in_one_form(kind: FieldKind, sent: object, stored: object) -> None:
    assert custom_values.read(a_field(kind, choices=SKIN), sent) == stored


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (FieldKind.TEXT, "a\x00b"),
        (FieldKind.TEXT, "\ud800"),
        (FieldKind.TEXT, "x" * 2_001),
        (FieldKind.TEXT, {"a": 1}),
        (FieldKind.TEXT, True),
        (FieldKind.NUMBER, "1e9"),
        (FieldKind.NUMBER, "1.1234567"),
        (FieldKind.NUMBER, "1234567890123456"),
        (FieldKind.NUMBER, float("inf")),
        (FieldKind.NUMBER, True),
        (FieldKind.NUMBER, "九"),
        (FieldKind.MONEY, "1.234"),
        (FieldKind.MONEY, 10**16),
        (FieldKind.MONEY, 1.5),
        (FieldKind.DATE, "2026-02-30"),
        (FieldKind.DATE, "soon"),
        (FieldKind.DATE, 20_260_101),
        (FieldKind.YES_NO, "maybe"),
        (FieldKind.CHOICE, "混合"),
        (FieldKind.CHOICE, ["c1"]),
        (FieldKind.MULTI_CHOICE, ["c1", "c9"]),
        (FieldKind.MULTI_CHOICE, [["c1"]]),
        (FieldKind.PHONE, "12"),
        (FieldKind.EMAIL, "nobody"),
        (FieldKind.LINK, "javascript:alert(1)"),
        (FieldKind.LINK, "https://"),
        (FieldKind.LINK, "http://[::1"),
        (FieldKind.LINK, "https://a b"),
    ],
)
def test_what_does_not_fit_is_refused_beside_its_field(kind: FieldKind, sent: object) -> None:
    with pytest.raises(Invalid) as refusal:
        custom_values.read(a_field(kind, choices=SKIN), sent)
    assert refusal.value.details["field"] == "custom.f1"
    assert list(refusal.value.details["fields"]) == ["custom.f1"]


@pytest.mark.parametrize("kind", list(FieldKind))
@pytest.mark.parametrize("sent", [None, "", "  ", []])
def test_a_blank_is_no_value(kind: FieldKind, sent: object) -> None:
    assert custom_values.read(a_field(kind, choices=SKIN), sent) is None


def test_a_choice_that_was_put_away_stays_only_where_it_is() -> None:
    field = a_field(FieldKind.CHOICE, choices=SKIN)
    field.choices[1]["is_archived"] = True
    assert custom_values.read(field, "c2", kept=["c2"]) == "c2"
    with pytest.raises(Invalid):
        custom_values.read(field, "c2")


def test_choices_keep_their_keys_when_they_are_called_otherwise() -> None:
    before = a_field(FieldKind.CHOICE, choices=SKIN).choices
    after = custom_values.revised_choices(before, {"c1": "很干", "c2": ""}, ["混合", "油性"])
    assert after == [
        {"key": "c1", "label": "很干", "is_archived": False},
        {"key": "c2", "label": "油性", "is_archived": False},
        {"key": "c3", "label": "敏感", "is_archived": False},
        {"key": "c4", "label": "混合", "is_archived": False},
    ]


@pytest.mark.parametrize("label", ["a,b", "a；b", "c12", "x" * 61])
def test_a_choice_that_a_file_could_not_tell_apart_is_refused(label: str) -> None:
    with pytest.raises(Invalid):
        custom_values.revised_choices([], {}, [label])


VALUES: dict[FieldKind, st.SearchStrategy[Any]] = {
    FieldKind.TEXT: st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=50),
    FieldKind.NUMBER: st.decimals(-(10**9), 10**9, places=6).map(str),
    FieldKind.MONEY: st.integers(-(10**15), 10**15),
    FieldKind.DATE: st.dates().filter(lambda day: 1900 <= day.year < 2100),
    FieldKind.CHOICE: st.sampled_from(SKIN),
    FieldKind.MULTI_CHOICE: st.lists(st.sampled_from(SKIN)),
    FieldKind.YES_NO: st.booleans(),
    FieldKind.PHONE: st.sampled_from(["13800138000", "+12125550123", "010-64000000"]),
    FieldKind.EMAIL: st.emails(domains=st.just("example.com")),
    FieldKind.LINK: st.just("https://example.com/路径"),
}


@given(st.sampled_from(list(FieldKind)).flatmap(lambda k: st.tuples(st.just(k), VALUES[k])))
def test_what_is_written_into_a_file_comes_back_the_same(example: tuple[FieldKind, Any]) -> None:
    kind, sent = example
    field = a_field(kind, choices=SKIN)
    try:
        stored = custom_values.read(field, sent)
    except Invalid:
        return
    assert json.loads(json.dumps(stored)) == stored
    assert custom_values.read(field, custom_values.as_text(field, stored)) == stored
    assert custom_values.read(field, stored) == stored
