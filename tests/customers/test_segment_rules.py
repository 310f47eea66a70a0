"""A segment's rule: SQL equals an independent oracle, limits hold, user text never becomes SQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import CTE, Engine, func, select
from sqlalchemy.orm import Session

from crm.app import wire_segment_fields
from crm.core.deadline import deadline
from crm.core.errors import Invalid
from crm.customers.models import Customer
from crm.customers.queries import segments as queries
from crm.customers.rules import segments as rules
from crm.customers.segment_fields import SegmentField
from tests.conftest import NOW
from tests.counting import count_queries
from tests.customers.segment_crowd import TAGS, gather
from tests.customers.segment_happenings import TEXTS, Crowd
from tests.customers.segment_oracle import ZONE, Json, members
from tests.factories.customers import make_customer
from tests.factories.users import make_user

TODAY = NOW.astimezone(ZONE).date()
REGISTRY = wire_segment_fields()
FIELDS = tuple(REGISTRY)
#: Early and late in a day, around New Year, around a 29 February that is there and one that is not
MOMENTS = [
    NOW,
    NOW.replace(hour=15, minute=55),
    NOW + timedelta(days=41, hours=6, minutes=40),
    datetime(2027, 2, 26, 16, 5, tzinfo=UTC),
    datetime(2028, 2, 27, 15, 55, tzinfo=UTC),
]

LIGHT = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def crowd(session: Session) -> Crowd:
    return gather(session)


_text = st.sampled_from([text for text in TEXTS if text] + ["东", "e", "E", "%", "_", "Li"])
_tags = st.lists(st.sampled_from([*TAGS, "没有人"]), min_size=1, max_size=3)
_days = st.sampled_from([0, 1, 2, 29, 30, 31, 60, 399, 400, 500])
_amount = st.sampled_from(["0", "0.01", "599.99", "600", "600.01", "1800.03", "300.00"])
_number = st.sampled_from([0, 1, 2, 3, 7, 8])
_day = st.sampled_from(["2026-11-19", "2026-11-18", "2026-10-20", "2025-01-01", "2027-01-01"])


def _pair(
    values: st.SearchStrategy[Any], key: Callable[[Any], Any] | None = None
) -> st.SearchStrategy[list[Any]]:
    return st.tuples(values, values).map(lambda pair: sorted(pair, key=key))


def _values(field: SegmentField, operator: str) -> st.SearchStrategy[Any]:
    kind = field.kind.value
    if operator in {"any_of", "none_of", "all_of"}:
        return _lists(field)
    if operator in {"is_empty", "is_filled"}:
        return st.none()
    if operator == "between":
        return _pair(_amount, float) if kind == "money" else _pair(_number)
    plain: dict[str, st.SearchStrategy[Any]] = {
        "days_ago_between": _pair(_days),
        "since": _day,
        "before": _day,
        "is": st.booleans(),
    }
    by_kind: dict[str, st.SearchStrategy[Any]] = {
        "text": _text,
        "texts": _text,
        "date": _days,
        "day": st.sampled_from([0, 1, 2, 30, 60, 103, 364, 365, 400]),
        "money": _amount,
        "number": _number,
        "count_in_days": st.tuples(_number, _days).map(list),
        "money_in_days": st.tuples(_amount, _days).map(list),
    }
    return plain[operator] if operator in plain else by_kind[kind]


def _lists(field: SegmentField) -> st.SearchStrategy[list[Any]]:
    one: st.SearchStrategy[Any] = _text
    if field.choices:
        one = st.sampled_from([value for value, _ in field.choices])
    elif field.name == "activity_variant":
        one = st.sampled_from(["0:A", "0:B", "1:A", "1:C"])
    elif field.ids:
        one = st.sampled_from(range(3 if field.name == "owner" else 2))
    elif field.name == "tag":
        one = st.sampled_from([*TAGS, "没有人"])
    return st.lists(one, min_size=1, max_size=3)


@st.composite
def _condition(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from(FIELDS))
    operator = draw(st.sampled_from(field.operators)).value
    value = draw(_values(field, operator))
    rule = {"field": field.name, "operator": operator}
    return rule if value is None else {**rule, "value": value}


_rules = st.recursive(
    _condition(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda members: {"all": members}),
        st.lists(inner, min_size=1, max_size=4).map(lambda members: {"any": members}),
        inner.map(lambda member: {"not": member}),
    ),
    max_leaves=8,
).filter(lambda rule: _depth(rule) <= rules.DEEPEST)


def _depth(rule: Json) -> int:
    if "field" in rule:
        return 0
    ((_key, inner),) = rule.items()
    return 1 + max(_depth(member) for member in (inner if isinstance(inner, list) else [inner]))


def _asked(session: Session, rule: Json, among: Crowd, now: datetime = NOW) -> set[int]:
    found = session.scalars(select(Customer.id).where(queries.condition(session, rule, now=now)))
    return set(found) & among.people.keys()


def test_the_oracle_knows_every_field(session: Session, crowd: Crowd) -> None:
    known = {*next(iter(crowd.people.values())).values, "age"}
    assert {field.name for field in FIELDS} <= known


@LIGHT
@given(rule=_rules, now=st.sampled_from(MOMENTS))
def test_the_database_finds_whom_plain_python_finds(
    session: Session, crowd: Crowd, rule: Json, now: datetime
) -> None:
    asked = crowd.with_ids(rule)
    today = now.astimezone(ZONE).date()
    assert _asked(session, asked, crowd, now) == members(asked, crowd.people, today)


@settings(LIGHT, max_examples=3)
@given(data=st.data())
def test_every_comparison_of_every_field_and_its_negation_are_everybody(
    session: Session, crowd: Crowd, data: st.DataObject
) -> None:
    for field in FIELDS:
        for operator in field.operators:
            value = data.draw(_values(field, operator.value))
            rule = {"field": field.name, "operator": operator.value}
            asked = crowd.with_ids(rule if value is None else {**rule, "value": value})
            inside = _asked(session, asked, crowd)
            assert inside == members(asked, crowd.people, TODAY), asked
            assert _asked(session, {"not": asked}, crowd) == crowd.people.keys() - inside, asked


@LIGHT
@given(rule=_rules)
def test_a_rule_is_written_in_one_way_and_read_back_the_same(rule: Json) -> None:
    tree = rules.parse(rule, REGISTRY)
    assert rules.parse(rules.as_json(tree), REGISTRY) == tree


@LIGHT
@given(text=st.text(min_size=1, max_size=30).filter(lambda t: t.strip()))
def test_a_users_text_is_always_a_bound_value(session: Session, text: str) -> None:
    rule = {
        "any": [
            {"field": "name", "operator": "contains", "value": "Q" + text},
            {"field": "region", "operator": "any_of", "value": ["Q" + text]},
            {"field": "tag", "operator": "any_of", "value": ["Q" + text]},
        ]
    }
    try:
        statement = select(Customer.id).where(queries.condition(session, rule, now=NOW))
    except Invalid:
        return
    compiled = statement.compile(dialect=session.get_bind().dialect)
    assert "Q" + text not in str(compiled)
    assert session.scalars(statement).all() == []


def test_statement_timeout(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.core.deadline.STEPS_BETWEEN_LOOKS", 1_000)
    many = select(func.count()).select_from(_numbers(2_000_000))
    with pytest.raises(Invalid) as refused, deadline(session, 0.05, queries.too_slow()):
        session.scalar(many)
    assert refused.value.code == "segments.too_slow"
    # The transaction goes on, and the next statement has all the time it needs.
    make_customer(session)
    assert session.scalar(select(func.count()).select_from(_numbers(300_000))) == 300_000


def _numbers(last: int) -> CTE:
    start = select(func.length("x").label("n")).cte("numbers", recursive=True)
    return start.union_all(select(start.c.n + 1).where(start.c.n < last))


def test_all_that_a_segment_answers_takes_a_fixed_number_of_statements(
    session: Session, engine: Engine
) -> None:
    rule = {
        "all": [
            {"field": "order_count", "operator": "at_least", "value": 1},
            {"not": {"field": "tag", "operator": "any_of", "value": ["VIP"]}},
        ]
    }
    customer = make_customer(session)
    viewer = make_user(session, role="admin")
    with count_queries(engine) as seen:
        found = queries.counted(session, rule, now=NOW, viewer=viewer)
        why = queries.verdicts(session, rule, [customer.id], now=NOW)
    business = [one for one in seen if "set_config" not in one and "current_setting" not in one]
    assert len(business) == 4  # the last one: the tags that each has
    assert found.total == 0
    answers = [(one.is_held, one.own) for one in why[customer.id].answers]
    assert answers == [(False, 0), (False, None)]
