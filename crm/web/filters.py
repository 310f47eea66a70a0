"""How values look on a page, in the viewer's language; the company's day decides what is today."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from babel import numbers
from flask import Flask, g
from flask_babel import get_locale, gettext, ngettext

from crm.core import phones
from crm.core.company import Company, company
from crm.web import context

DASH = "–"
WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEKDAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

phone, mask_phone = phones.phone, phones.mask_phone


def install(app: Flask) -> None:
    app.jinja_env.filters.update(
        money=money,
        number=number,
        percent=percent,
        day=day,
        long_day=long_day,
        moment=moment,
        due=due,
        ago=ago,
        mask_phone=mask_phone,
        phone=phone,
        month=month,
    )


def money(fen: int | None, currency: str | None = None) -> str:
    """Exact: ¥86,420 or ¥86,420.50; a dash where there is no value."""
    if fen is None:
        return DASH
    whole = fen % 100 == 0
    symbol = "¥" if (currency or _company().currency) == "CNY" else f"{currency} "
    sign = "−" if fen < 0 else ""
    amount = Decimal(abs(fen)) / 100
    return f"{sign}{symbol}{amount:,.0f}" if whole else f"{sign}{symbol}{amount:,.2f}"


def number(value: float | Decimal | None) -> str:
    return DASH if value is None else numbers.format_decimal(value, locale=get_locale())


def percent(rate: float | Decimal | None, digits: int = 1) -> str:
    """A ratio as 12.3 %; a dash where there is none (metrics.md G8)."""
    if rate is None:
        return DASH
    exact = (Decimal(str(rate)) * 100).quantize(Decimal(1).scaleb(-digits), "ROUND_HALF_UP")
    return f"{exact}%"


def day(value: date | datetime | None) -> str:
    """11-19 or 19 Nov; the whole date when it lies in another year."""
    if value is None:
        return DASH
    shown = _company().day_of(value) if isinstance(value, datetime) else value
    same_year = shown.year == _today().year
    if _is_chinese():
        return f"{shown:%m-%d}" if same_year else f"{shown:%Y-%m-%d}"
    return f"{shown.day} {shown:%b}" if same_year else f"{shown.day} {shown:%b %Y}"


def long_day(value: date) -> str:
    """11月19日 周四, Thu 19 November."""
    weekday = value.weekday()
    if _is_chinese():
        return f"{value.month}月{value.day}日 {WEEKDAYS_ZH[weekday]}"
    return f"{WEEKDAYS_EN[weekday]} {value.day} {value:%B}"


def month(value: date) -> str:
    return f"{value.year}年{value.month}月" if _is_chinese() else f"{value:%B %Y}"


def moment(value: datetime | None) -> str:
    """Day and time, as in 11-19 14:30."""
    return DASH if value is None else f"{day(value)} {_clock(value)}"


def due(value: datetime | None) -> str:
    """今天 10:00, 明天 周五, 逾期 2 天: how far a due time is from the company's today."""
    if value is None:
        return gettext("Not planned")
    days = (_company().day_of(value) - _today()).days
    if days < 0:
        return ngettext("%(num)d day overdue", "%(num)d days overdue", -days)
    shown = _company().day_of(value)
    weekday = (WEEKDAYS_ZH if _is_chinese() else WEEKDAYS_EN)[shown.weekday()]
    if days == 0:
        clock = _clock(value)
        return gettext("Today") if clock == "00:00" else gettext("Today %(time)s", time=clock)
    if days == 1:
        return gettext("Tomorrow %(weekday)s", weekday=weekday)
    return f"{day(shown)} {weekday}"


def ago(value: datetime | None) -> str:
    """昨天, 9 天前: in whole days of the company."""
    if value is None:
        return gettext("Never")
    days = (_today() - _company().day_of(value)).days
    if days <= 0:
        return gettext("Today")
    if days == 1:
        return gettext("Yesterday")
    return ngettext("%(num)d day ago", "%(num)d days ago", days)


def _clock(value: datetime) -> str:
    return f"{value.astimezone(_company().zone):%H:%M}"


@dataclass(frozen=True, slots=True)
class _Here:
    """What the filters of one answer go by; a list asks for it hundreds of times."""

    company: Company
    today: date
    is_chinese: bool


def _here() -> _Here:
    found: _Here | None = g.get("here")
    if found is None:
        house = company(context.session())
        is_chinese = str(get_locale() or "").startswith("zh")
        found = g.here = _Here(house, house.day_of(context.now_once()), is_chinese)
    return found


def _is_chinese() -> bool:
    return _here().is_chinese


def _company() -> Company:
    return _here().company


def _today() -> date:
    return _here().today
