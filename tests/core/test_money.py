from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core import money
from crm.core.errors import Invalid


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("1,000.50", 100_050),
        ("￥100", 10_000),
        ("¥ 1,234", 123_400),
        ("100元", 10_000),
        ("１００", 10_000),
        ("1.2万", 1_200_000),
        ("0", 0),
        (" .5 ", 50),
        ("12.", 1_200),
        ("CNY 8", 800),
        ("12.3400", 1_234),
    ],
)
def test_an_amount_as_people_write_it_is_read_to_the_fen(text: str, fen: int) -> None:
    assert money.parse_fen(text) == fen


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "core.number_invalid"),
        (".", "core.number_invalid"),
        ("1e308", "core.number_invalid"),
        ("NaN", "core.number_invalid"),
        ("1.000,50", "core.number_invalid"),
        ("10,00", "core.number_invalid"),
        ("abc", "core.number_invalid"),
        ("1" * 41, "core.number_invalid"),
        ("1.005", "core.money_decimals"),
        ("-1", "core.money_negative"),
        ("99999999999999", "core.money_too_large"),
    ],
)
def test_an_amount_that_cannot_be_read_exactly_is_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        money.parse_fen(text)
    assert refused.value.code == code


def test_a_refund_may_be_below_zero_where_the_caller_says_so() -> None:
    assert money.parse_fen("-12.30", negative=True) == -1_230


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_every_amount_survives_being_written_and_read(fen: int) -> None:
    assert money.parse_fen(money.plain_text(fen), negative=True) == fen


def test_a_line_is_rounded_half_away_from_zero() -> None:
    assert money.line_total_fen(Decimal(1), Decimal("0.001")) == 0
    assert money.line_total_fen(Decimal(5), Decimal("0.001")) == 1
    assert money.line_total_fen(Decimal(-5), Decimal("0.001")) == -1
    assert money.line_total_fen(Decimal(6), money.parse_price("£2.55")) == 1_530
