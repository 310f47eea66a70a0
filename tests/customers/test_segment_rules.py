"""A segment's rule: SQL equals an independent oracle, limits hold, user text never becomes SQL."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import CTE, Engine, func, select
from sqlalchemy.orm import Session

from crm.core.deadline import deadline
from crm.core.errors import Invalid
from crm.customers.models import Customer, CustomerKind, CustomerStats, Stage
from crm.customers.queries import segments as queries
from crm.customers.rules import segments as rules
from crm.customers.segment_fields import OWN, SegmentFields
from tests.conftest import NOW
from tests.counting import count_queries
from tests.customers.segment_oracle import ZONE, Facts, Json, members
from tests.factories.customers import make_customer
from tests.factories.users import make_user

TODAY = NOW.astimezone(ZONE).date()
REGISTRY = SegmentFields(*OWN)
TAGS = ["VIP", "老客", "批发", "测试%", "a_b"]
TEXTS = ["", "华东", "华南", "East%", "eAst_1", "É", "é", "o'Brien", '";--']
OWNER_IDS = [1, 2, 3]  # positions; the crowd replaces them by real ids

LIGHT = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def crowd(session: Session) -> tuple[dict[int, Facts], list[int]]:
    """Random customers with every kind of emptiness, and the facts that the oracle may know."""
    chance = random.Random(2026)
    owners = [make_user(session, name=name).id for name in ("甲", "乙", "丙")]
    everybody = {}
    for _ in range(70):
        facts = _facts(chance, owners)
        everybody[_customer(session, facts).id] = Facts(facts)
    session.flush()
    return everybody, owners


def _moment(chance: random.Random, *, future: bool = False) -> datetime | None:
    days = chance.choice([0, 0, 1, 2, 29, 30, 31, 59, 60, 61, 400])
    edge = chance.choice([timedelta(0), timedelta(hours=9, minutes=30), timedelta(hours=15)])
    at = NOW - timedelta(days=days) - edge
    return chance.choice([None, at, NOW + timedelta(days=days) - edge if future else at])


def _facts(chance: random.Random, owners: list[int]) -> dict[str, Any]:
    count = chance.choice([None, 0, 1, 2, 3, 7])
    amount = chance.choice([0, 1, 59_999, 60_000, 60_001, 180_003]) if count else 0
    bought = [_moment(chance) for _ in range(2)] if count else [None, None]
    known = sorted(at for at in bought if at)
    return {
        "tag": frozenset(chance.sample(TAGS, chance.randint(0, 3))),
        "stage": chance.choice(list(Stage)).value,
        "kind": chance.choice(list(CustomerKind)).value,
        "stage_since": _moment(chance) or NOW,
        "created": _moment(chance) or NOW,
        "region": chance.choice(TEXTS),
        "source": chance.choice(TEXTS),
        "name": chance.choice(["李明", "Li Ming", "LI", "100%"]),
        "company": chance.choice(TEXTS),
        "owner": chance.choice([None, *owners]),
        "order_count": count or 0,
        "order_amount": Fraction(amount, 100),
        "order_average": Fraction(amount, 100 * count) if count else None,
        "first_order": known[0] if known else None,
        "last_order": known[-1] if known else None,
        "last_contact": _moment(chance),
        "next_followup": _moment(chance, future=True),
        "has_phone": chance.random() < 0.5,
        "has_email": chance.random() < 0.5,
        "is_internal": chance.random() < 0.2,
        "_has_row": count is not None,
    }


def _customer(session: Session, facts: dict[str, Any]) -> Customer:
    number = session.scalar(select(func.count()).select_from(Customer)) or 0
    customer = make_customer(
        session,
        name=facts["name"],
        tags=sorted(facts["tag"]),
        stage=Stage(facts["stage"]),
        kind=CustomerKind(facts["kind"]),
        stage_since=facts["stage_since"],
        created_at=facts["created"],
        region=facts["region"],
        source=facts["source"],
        company=facts["company"],
        external_id=f"crowd-{number}",
        owner_id=facts["owner"],
        last_contact_at=facts["last_contact"],
        next_followup_at=facts["next_followup"],
        phone=f"138{number:08d}" if facts["has_phone"] else None,
        email=f"c{number}@example.com" if facts["has_email"] else None,
        is_internal=facts["is_internal"],
    )
    if facts.pop("_has_row"):
        session.add(
            CustomerStats(
                customer_id=customer.id,
                order_count=facts["order_count"],
                amount_fen=int(facts["order_amount"] * 100),
                first_order_at=facts["first_order"],
                last_order_at=facts["last_order"],
            )
        )
    return customer


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


def _values(kind: str, operator: str, field: str) -> st.SearchStrategy[Any]:
    lists: dict[str, st.SearchStrategy[Any]] = {
        "text": st.lists(_text, min_size=1, max_size=3),
        "set": _tags,
        "reference": st.lists(st.sampled_from(OWNER_IDS), min_size=1, max_size=2),
        "choice": st.lists(
            st.sampled_from([k.value for k in (Stage if field == "stage" else CustomerKind)]),
            min_size=1,
            max_size=3,
        ),
    }
    if operator in {"any_of", "none_of", "all_of"}:
        return lists[kind]
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
    by_kind = {"text": _text, "date": _days, "money": _amount, "number": _number}
    return plain[operator] if operator in plain else by_kind[kind]


@st.composite
def _condition(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from(OWN))
    operator = draw(st.sampled_from(field.operators)).value
    value = draw(_values(field.kind.value, operator, field.name))
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


def _with_real_owners(rule: Json, owners: list[int]) -> Json:
    if isinstance(rule, list):
        return [_with_real_owners(one, owners) for one in rule]
    if not isinstance(rule, dict):
        return rule
    if rule.get("field") == "owner" and "value" in rule:
        return {**rule, "value": [owners[place - 1] for place in rule["value"]]}
    return {key: _with_real_owners(inner, owners) for key, inner in rule.items()}


def _asked(session: Session, rule: Json, among: dict[int, Facts]) -> set[int]:
    found = session.scalars(select(Customer.id).where(queries.condition(session, rule, now=NOW)))
    return set(found) & among.keys()


@LIGHT
@given(rule=_rules)
def test_the_database_finds_whom_plain_python_finds(
    session: Session, crowd: tuple[dict[int, Facts], list[int]], rule: Json
) -> None:
    everybody, owners = crowd
    asked = _with_real_owners(rule, owners)
    assert _asked(session, asked, everybody) == members(asked, everybody, TODAY)


@LIGHT
@given(rule=_condition())
def test_a_condition_and_its_negation_are_everybody(
    session: Session, crowd: tuple[dict[int, Facts], list[int]], rule: Json
) -> None:
    everybody, _ = crowd
    inside = _asked(session, rule, everybody)
    outside = _asked(session, {"not": rule}, everybody)
    assert inside | outside == everybody.keys()
    assert not inside & outside


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
    assert len(business) == 3
    assert found.total == 0
    assert [held for _, held in why[customer.id].conditions] == [False, False]
