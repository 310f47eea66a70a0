"""Conversion of one month: which days it holds, what was counted, and what may be concluded."""

import enum
import re
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from crm.activities.models import Step
from crm.core import stats
from crm.core.errors import Invalid
from crm.core.i18n import share
from crm.core.stats import Interval

STEPS = tuple(Step)

#: From a century ago to the last year whose days can be counted on from.
_MONTH = re.compile(r"(19\d\d|2\d\d\d)-(0[1-9]|1[0-2])", re.ASCII)

#: Below this many units counts are printed and no rate (G11).
ENOUGH = 30
#: A wider interval is marked: the rate could be almost anything (G11).
WIDE = 0.20


class Reading(enum.Enum):
    """How a rate may be read."""

    NOTHING = "nothing"  # no unit: there is no value, never 0 % (G8)
    TOO_FEW = "too_few"
    WIDE = "wide"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Rate:
    """A proportion with all that has to be printed beside it."""

    count: int
    of: int

    @property
    def share(self) -> Fraction | None:
        return share(self.count, self.of)

    @property
    def interval(self) -> Interval | None:
        return stats.wilson(self.count, self.of)

    @property
    def reading(self) -> Reading:
        interval = self.interval
        if interval is None:
            return Reading.NOTHING
        if self.of < ENOUGH:
            return Reading.TOO_FEW
        return Reading.WIDE if interval.width > WIDE else Reading.FINE

    @property
    def is_printed(self) -> bool:
        """Otherwise the counts alone are shown."""
        return self.reading in {Reading.FINE, Reading.WIDE}


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many units reached each step, by their furthest one; each at most the one before."""

    counts: tuple[int, ...]

    @property
    def overall(self) -> Rate:
        """CV-ALL: units at the last step of units at the first."""
        return Rate(self.counts[-1], self.counts[0])

    def step(self, number: int) -> Rate:
        """CV-STEP: units at this step (from 1) of units at the step before."""
        return Rate(self.counts[number], self.counts[number - 1])

    def of_first(self, number: int) -> Rate:
        return Rate(self.counts[number], self.counts[0])


NOBODY = Funnel((0,) * len(STEPS))


@dataclass(frozen=True, slots=True)
class ActivityFunnel:
    public_id: str
    title: str
    funnel: Funnel


@dataclass(frozen=True, slots=True)
class Conversion:
    """Everything a page or a PDF of the month shows; frozen as it stands."""

    month: date
    as_of: date
    scope_name: str
    total: Funnel
    activities: tuple[ActivityFunnel, ...]
    internal_count: int

    @property
    def is_whole_month(self) -> bool:
        return self.as_of >= last_day(self.month)

    @property
    def has_begun(self) -> bool:
        """At least one complete day of the month has passed."""
        return self.as_of >= self.month

    def as_json(self) -> dict[str, Any]:
        return {
            "month": self.month.isoformat(),
            "as_of": self.as_of.isoformat(),
            "scope_name": self.scope_name,
            "total": list(self.total.counts),
            "activities": [
                {"public_id": one.public_id, "title": one.title, "counts": list(one.funnel.counts)}
                for one in self.activities
            ],
            "internal_count": self.internal_count,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Conversion":
        return cls(
            month=date.fromisoformat(stored["month"]),
            as_of=date.fromisoformat(stored["as_of"]),
            scope_name=stored["scope_name"],
            total=Funnel(tuple(stored["total"])),
            activities=tuple(
                ActivityFunnel(one["public_id"], one["title"], Funnel(tuple(one["counts"])))
                for one in stored["activities"]
            ),
            internal_count=stored["internal_count"],
        )


def last_day(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1) - timedelta(days=1)


def as_of(month: date, *, today: date) -> date:
    """The last complete day that the month's report may hold (G2): today is never complete."""
    return min(last_day(month), today - timedelta(days=1))


def checked_month(month: date, *, today: date) -> date:
    """The month's first day. Raises Invalid for a month that has not begun."""
    first = month.replace(day=1)
    if first > today:
        raise Invalid("reports.month_unknown")
    return first


def parse_month(text: object) -> date:
    """The first day of a month written as 2026-11. Raises Invalid for anything else."""
    found = _MONTH.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Invalid("reports.month_unknown")
    return date(int(found[1]), int(found[2]), 1)


def latest_month(today: date) -> date:
    """The month of the last complete day: what a reader wants to see first."""
    return (today - timedelta(days=1)).replace(day=1)


def months_back(today: date, count: int) -> list[date]:
    """The running month and those before it, newest first."""
    first = today.replace(day=1)
    numbers = (first.year * 12 + first.month - 1 - back for back in range(count))
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def funnel_of(furthest: dict[int, int]) -> Funnel:
    """From how many units stopped at each step: whoever is at step k has passed all before it."""
    counts = [
        sum(count for rank, count in furthest.items() if rank >= wanted)
        for wanted in range(1, len(STEPS) + 1)
    ]
    return Funnel(tuple(counts))
