"""The segments that every company begins with, in its language: rules that anyone may change.

The first three part all customers by the number of their orders: each is in exactly one. The
fourth is who will probably buy again (R34): at least two orders within a year, the last one 30 to
60 days ago, and one sign of attachment (a high average order, a high frequency score or a member's
card); staff and test records are left out. docs/segments.md tells why these numbers.
"""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Default:
    name: str
    description: str
    rule: dict[str, Any]


def _orders(operator: str, count: int) -> dict[str, Any]:
    return {"all": [{"field": "order_count", "operator": operator, "value": count}]}


def _buys_again(*cards: str) -> dict[str, Any]:
    return {
        "all": [
            {"field": "orders_in_days", "operator": "at_least_in_days", "value": [2, 365]},
            {"field": "last_order", "operator": "days_ago_between", "value": [30, 60]},
            {
                "any": [
                    {"field": "order_average", "operator": "at_least", "value": "600.00"},
                    {"field": "score_f", "operator": "at_least", "value": 4},
                    {"field": "member_level", "operator": "any_of", "value": list(cards)},
                ]
            },
            {"field": "is_internal", "operator": "is", "value": False},
        ]
    }


CHINESE: Final = (
    Default("潜在客户", "还没有下过单的客户", _orders("equals", 0)),
    Default("新客", "只买过一次的客户", _orders("equals", 1)),
    Default("老客", "买过两次及以上的客户", _orders("at_least", 2)),
    Default(
        "高复购意愿",
        "很可能再买的客户：365 天内至少 2 单，距上一单 30 至 60 天，并且平均客单价不低于 600 元、"
        "频次得分不低于 4 分、金卡或银卡三者有其一；不含员工和测试。数字可以在规则里改。",
        _buys_again("金卡", "银卡"),
    ),
)
ENGLISH: Final = (
    Default("Potential customers", "Who has not ordered yet", _orders("equals", 0)),
    Default("New customers", "Who has bought once", _orders("equals", 1)),
    Default("Regular customers", "Who has bought twice or more", _orders("at_least", 2)),
    Default(
        "Likely to buy again",
        "At least 2 orders in 365 days, the last one 30 to 60 days ago, and one of three: an"
        " average order of 600 or more, a frequency score of 4 or more, a gold or silver card."
        " Without staff and test records. The numbers can be changed in the rule.",
        _buys_again("Gold", "Silver"),
    ),
)


def of_locale(locale: str) -> tuple[Default, ...]:
    return CHINESE if locale.startswith("zh") else ENGLISH
