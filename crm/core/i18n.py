"""Texts, numbers and dates in the reader's language, for pages, mail and PDF alike."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.support import Translations

CHINESE, ENGLISH = "zh_Hans_CN", "en"
CATALOGUES = Path(__file__).parents[1] / "translations"

#: What is printed where a value does not exist (no denominator, no date yet).
NOTHING = "–"


@lru_cache(maxsize=4)
def catalogue(locale: str) -> NullTranslations:
    """The texts of one language; without a compiled catalogue the English ones stand."""
    return cast("NullTranslations", Translations.load(str(CATALOGUES), [locale]))


def gettext_for(locale: str) -> Callable[[str], str]:
    return catalogue(locale).gettext


def rounded(value: float | Decimal | Fraction, places: int = 0) -> str:
    """Rounded half up, thousands parted by commas, a true minus sign."""
    exact = _decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{exact:,}".replace("-", "−") if exact else f"{abs(exact):,}"


def percent(share: float | Fraction | None, places: int = 2) -> str:
    """12.34 % from 0.1234; a dash where there is no value (never 0 % for nothing divided)."""
    return NOTHING if share is None else f"{rounded(_decimal(share) * 100, places)} %"


def share(count: int, of: int) -> Fraction | None:
    """Exact, so that rounding happens once, in print."""
    return Fraction(count, of) if of else None


def percent_range(low: float, high: float, places: int = 1) -> str:
    ends = (rounded(_decimal(end) * 100, places) for end in (low, high))
    return f"{'–'.join(ends)} %"


def month_name(month: date, locale: str) -> str:
    if locale == CHINESE:
        return f"{month.year} 年 {month.month} 月"
    return format_date(month, "MMMM y", locale=locale)


def full_day(day: date, locale: str) -> str:
    """A day that is understood years later: 2026-11-19, or 19 November 2026."""
    if locale == CHINESE:
        return day.isoformat()
    return format_date(day, "d MMMM y", locale=locale)


def full_moment(at: datetime | str, locale: str, zone: ZoneInfo) -> str:
    """A kept context holds times as text: both forms are taken."""
    local = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(zone)
    return f"{full_day(local.date(), locale)} {local:%H:%M}"


def _decimal(value: float | Decimal | Fraction) -> Decimal:
    if isinstance(value, Fraction):
        return Decimal(value.numerator) / Decimal(value.denominator)
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
