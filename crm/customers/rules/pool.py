"""The pool's rules on plain values: limits, and when a customer goes back by itself."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crm.core.company import Company

#: From so many days left on a rep is warned; a new rule takes nobody before these are over.
WARNED_DAYS = 7
URGENT_DAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTerms:
    """None means no limit. `since` is when the rule of return began to read as it does."""

    most_owned: int | None
    claims_a_day: int | None
    return_after_days: int | None
    cool_down_days: int
    since: datetime | None = None


DEFAULTS = PoolTerms(most_owned=500, claims_a_day=20, return_after_days=None, cool_down_days=7)


def days_left(
    terms: PoolTerms,
    *,
    contacted_at: datetime | None,
    held_since: datetime,
    now: datetime,
    house: Company,
) -> int | None:
    """Whole company days until the customer goes back; 0 is its last day. None: it stays."""
    if terms.return_after_days is None:
        return None
    today = house.day_of(now)
    base = house.day_of(max(contacted_at or held_since, held_since))
    left = terms.return_after_days - (today - base).days
    return max(left, _grace(terms, house, today))


def silent_before(terms: PoolTerms, *, now: datetime, house: Company) -> datetime | None:
    """Who was neither contacted nor handed over since then goes back now; None: nobody does."""
    today = house.day_of(now)
    if terms.return_after_days is None or _grace(terms, house, today) >= 0:
        return None
    return house.day_start(today - timedelta(days=terms.return_after_days))


def cool_down_start(terms: PoolTerms, *, now: datetime, house: Company) -> datetime:
    """Whoever let a customer go since then may not take it again yet."""
    return house.day_start(house.day_of(now) - timedelta(days=terms.cool_down_days - 1))


def _grace(terms: PoolTerms, house: Company, today: date) -> int:
    if terms.since is None:
        return -1
    return WARNED_DAYS - (today - house.day_of(terms.since)).days
