"""Numbers and dates as they are printed."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from crm.core import i18n

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("value", "places", "printed"),
    [
        (1_234_567, 0, "1,234,567"),
        (Decimal("0.125"), 2, "0.13"),
        (-3.455, 2, "−3.46"),
        (-0.001, 2, "0.00"),
        (Fraction(1, 3), 4, "0.3333"),
        (0, 0, "0"),
    ],
)
def test_numbers_are_rounded_half_up_with_commas_and_a_true_minus(
    value: float | Decimal | Fraction, places: int, printed: str
) -> None:
    assert i18n.rounded(value, places) == printed


def test_a_rate_is_exact_until_it_is_printed() -> None:
    assert i18n.percent(i18n.share(5_289, 45_211)) == "11.70 %"
    assert i18n.percent(i18n.share(2_561, 17_544)) == "14.60 %"
    assert i18n.percent(i18n.share(1, 8), 1) == "12.5 %"
    assert i18n.percent_range(0.11406, 0.11997) == "11.4–12.0 %"


def test_nothing_divided_is_a_dash_and_never_a_rate() -> None:
    assert i18n.share(0, 0) is None
    assert i18n.percent(i18n.share(0, 0)) == "–"
    assert i18n.percent(i18n.share(0, 7)) == "0.00 %"


def test_months_and_days_read_naturally_in_both_languages() -> None:
    day = date(2026, 11, 19)

    assert i18n.month_name(day, "zh_Hans_CN") == "2026 年 11 月"
    assert i18n.month_name(day, "en") == "November 2026"
    assert i18n.full_day(day, "zh_Hans_CN") == "2026-11-19"
    assert i18n.full_day(day, "en") == "19 November 2026"


def test_a_moment_is_shown_in_the_companys_zone() -> None:
    late = datetime(2026, 11, 30, 16, 30, tzinfo=UTC)

    assert i18n.full_moment(late, "zh_Hans_CN", SHANGHAI) == "2026-12-01 00:30"
    assert i18n.full_moment(late, "en", SHANGHAI) == "1 December 2026 00:30"


def test_a_language_without_a_catalogue_falls_back_to_english() -> None:
    assert i18n.gettext_for("xx")("Conversion rate") == "Conversion rate"
