"""The segments of the first day: three part all customers, the fourth follows its formula."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.customers.models import CustomerScores
from crm.customers.services import segments as services
from tests.conftest import NOW
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_user


def test_the_default_segments_part_all_customers(session: Session) -> None:
    admin = make_user(session, role="admin")
    for orders in (0, 0, 0, 1, 1, 2, 5):
        customer = make_customer(session)
        for _ in range(orders):
            make_order(session, customer)
    made = services.create_defaults(session, admin, NOW)
    assert {one.name: one.customer_count for one in made} == {
        "潜在客户": 3,
        "新客": 2,
        "老客": 2,
        "高复购意愿": 0,
    }
    assert services.create_defaults(session, admin, NOW) == []


@pytest.mark.parametrize(
    ("orders", "more", "is_in"),
    [
        ([(30, 60_000), (200, 60_000)], {}, True),
        ([(60, 60_000), (365, 60_000)], {}, True),
        ([(29, 60_000), (200, 60_000)], {}, False),
        ([(61, 60_000), (200, 60_000)], {}, False),
        ([(30, 60_000)], {}, False),
        ([(30, 60_000), (366, 60_000)], {}, False),
        ([(30, 59_999), (200, 60_000)], {}, False),
        ([(30, 100), (200, 100)], {"member_level": "金卡"}, True),
        ([(30, 100), (200, 100)], {"member_level": "普通"}, False),
        ([(30, 60_000), (200, 60_000)], {"is_internal": True}, False),
    ],
)
def test_who_will_buy_again_is_who_fulfils_the_documented_formula(
    session: Session, orders: list[tuple[int, int]], more: dict[str, Any], *, is_in: bool
) -> None:
    customer = make_customer(session, **more)
    for days, amount in orders:
        make_order(session, customer, amount_fen=amount, ordered_at=NOW - timedelta(days=days))
    made = services.create_defaults(session, make_user(session, role="admin"), NOW)
    assert [one.customer_count for one in made if one.name == "高复购意愿"] == [int(is_in)]


def test_a_frequency_score_makes_who_will_buy_again_too(session: Session) -> None:
    customer = make_customer(session)
    for days in (30, 200):
        make_order(session, customer, amount_fen=100, ordered_at=NOW - timedelta(days=days))
    session.add(CustomerScores(customer_id=customer.id, frequency=4, computed_at=NOW))
    made = services.create_defaults(session, make_user(session, role="admin"), NOW)
    assert made[-1].customer_count == 1


@pytest.mark.parametrize(
    ("locale", "first"), [("zh_Hans_CN", "潜在客户"), ("en", "Potential customers")]
)
def test_the_default_segments_speak_the_companys_language(
    session: Session, monkeypatch: pytest.MonkeyPatch, locale: str, first: str
) -> None:
    house = replace(session.info["company"], locale=locale)
    monkeypatch.setitem(session.info, "company", house)
    made = services.create_defaults(session, make_user(session, role="admin"), NOW)
    assert made[0].name == first
    assert len(made) == 4
