"""Random rules over the company's own fields: SQL equals the oracle, and not-A is the rest."""

import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.customers.models import Customer, FieldKind
from crm.customers.queries import segments
from tests.conftest import NOW
from tests.customers.segment_oracle import ZONE, Facts, Json, members
from tests.factories.custom_fields import make_field
from tests.factories.customers import make_customer

TODAY = NOW.astimezone(ZONE).date()
CHOICES = ("干性", "油性", "敏感")
KEYS = ("c1", "c2", "c3")
TEXTS = ("", "East%", "eAst_1", "É", "o'Brien", '"c1"', "100%", "华东")
NUMBERS = ("-3", "0", "0.000001", "12.5", "12.500001", "999999999.999999")
MONEYS = (-100, 0, 1, 59_999, 60_000)
DAYS = tuple(TODAY - timedelta(days=days) for days in (-31, -1, 0, 1, 29, 30, 31, 400, 9_000))

KINDS = (
    FieldKind.TEXT,
    FieldKind.NUMBER,
    FieldKind.MONEY,
    FieldKind.DATE,
    FieldKind.CHOICE,
    FieldKind.MULTI_CHOICE,
    FieldKind.YES_NO,
)

Crowd = tuple[dict[int, Facts], dict[FieldKind, str]]


def _facts(chance: random.Random) -> dict[FieldKind, Any]:
    """What is stored for each kind; None where nothing is."""
    values = {
        FieldKind.TEXT: chance.choice(TEXTS) or None,
        FieldKind.NUMBER: chance.choice((None, *NUMBERS)),
        FieldKind.MONEY: chance.choice((None, *MONEYS)),
        FieldKind.DATE: chance.choice((None, *DAYS)),
        FieldKind.CHOICE: chance.choice((None, *KEYS)),
        FieldKind.MULTI_CHOICE: sorted(chance.sample(KEYS, chance.randint(0, 3))) or None,
        FieldKind.YES_NO: chance.choice((None, True, False)),
    }
    return {kind: value for kind, value in values.items() if value is not None}


def _known(kind: FieldKind, stored: Any) -> Any:  # noqa: ANN401 - whatever the kind stores
    """As the oracle thinks of it."""
    if kind is FieldKind.MULTI_CHOICE:
        return frozenset(stored or ())
    if stored is None:
        return None
    if kind is FieldKind.NUMBER:
        return Fraction(Decimal(stored))
    return Fraction(stored, 100) if kind is FieldKind.MONEY else stored


@pytest.fixture
def crowd(session: Session) -> Crowd:
    chance = random.Random(2026)
    fields = {kind: make_field(session, kind, kind.value, choices=CHOICES) for kind in KINDS}
    everybody = {}
    for _ in range(60):
        facts = _facts(chance)
        custom = {
            fields[kind].key: value.isoformat() if isinstance(value, date) else value
            for kind, value in facts.items()
        }
        known = {fields[kind].name: _known(kind, facts.get(kind)) for kind in KINDS}
        everybody[make_customer(session, custom=custom).id] = Facts(known)
    return everybody, {kind: field.name for kind, field in fields.items()}


def _leaf(kind: FieldKind, operators: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    empty = st.sampled_from(["is_empty", "is_filled"]).map(lambda operator: {"operator": operator})
    return st.one_of(operators, empty).map(lambda said: {"field": kind, **said})


def _pairs(operators: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"operator": st.sampled_from(operators), "value": values})


def _range(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=2, max_size=2).map(
        lambda two: sorted(two, key=Decimal)
    )


AMOUNTS = ("0.00", "0.01", "599.99", "600.00")
CHOSEN = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True)
DAY_COUNTS = st.sampled_from([0, 1, 29, 30, 31, 400])
LEAVES = st.one_of(
    _leaf(
        FieldKind.TEXT,
        st.one_of(
            _pairs(["contains", "not_contains", "starts_with"], st.sampled_from(TEXTS[1:])),
            _pairs(["any_of", "none_of"], st.lists(st.sampled_from(TEXTS[1:]), min_size=1)),
        ),
    ),
    _leaf(
        FieldKind.NUMBER,
        st.one_of(
            _pairs(["at_least", "at_most", "equals"], st.sampled_from(NUMBERS)),
            _pairs(["between"], _range(NUMBERS)),
        ),
    ),
    _leaf(
        FieldKind.MONEY,
        st.one_of(
            _pairs(["at_least", "at_most", "equals"], st.sampled_from(AMOUNTS)),
            _pairs(["between"], _range(AMOUNTS)),
        ),
    ),
    _leaf(
        FieldKind.DATE,
        st.one_of(
            _pairs(
                ["within_days", "over_days_ago", "in_next_days", "anniversary_in_days"], DAY_COUNTS
            ),
            _pairs(["since", "before"], st.sampled_from(DAYS).map(date.isoformat)),
            _pairs(["days_ago_between"], st.lists(DAY_COUNTS, min_size=2, max_size=2).map(sorted)),
        ),
    ),
    _leaf(FieldKind.CHOICE, _pairs(["any_of", "none_of"], CHOSEN)),
    _leaf(FieldKind.MULTI_CHOICE, _pairs(["any_of", "all_of", "none_of"], CHOSEN)),
    _leaf(FieldKind.YES_NO, _pairs(["is"], st.booleans())),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(
            lambda join, some: {join: some},
            st.sampled_from(["all", "any"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=4,
)


def _named(rule: Json, names: dict[FieldKind, str]) -> Json:
    if isinstance(rule, list):
        return [_named(one, names) for one in rule]
    if "field" in rule:
        return {**rule, "field": names[rule["field"]]}
    return {key: _named(inner, names) for key, inner in rule.items()}


def _too_deep(rule: Json) -> int:
    if isinstance(rule, list):
        return max(map(_too_deep, rule))
    if "field" in rule:
        return 0
    return 1 + max(map(_too_deep, rule.values()))


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(drawn=RULES.filter(lambda rule: _too_deep(rule) <= 4))
def test_own_fields_mean_what_the_oracle_says(session: Session, crowd: Crowd, drawn: Json) -> None:
    everybody, names = crowd
    rule = _named(drawn, names)

    def found(asked: Json) -> set[int]:
        meant = segments.condition(session, asked, now=NOW)
        return set(session.scalars(select(Customer.id).where(meant)))

    expected = members(rule, everybody, TODAY)
    assert found(rule) == expected
    assert found({"not": rule}) == set(everybody) - expected
