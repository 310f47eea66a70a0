"""The only place that reads the clock; days, weeks and months are cut in the company's zone."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The current instant in UTC. Called at the edges only; services get `now` as an argument."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds that never run backwards, for deadlines inside one process."""
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time [start, end) in UTC."""

    start: datetime
    end: datetime


def day_of(at: datetime, zone: ZoneInfo) -> date:
    """The company's day that holds this instant."""
    return at.astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The day's first instant, in UTC; where midnight is skipped, the first valid one."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    # In a gap, midnight maps to an instant whose local day is still the day before.
    while day_of(midnight, zone) < day:
        midnight += timedelta(minutes=15)
    return midnight


def day_window(day: date, zone: ZoneInfo) -> Window:
    return Window(day_start(day, zone), day_start(day + timedelta(days=1), zone))


def month_window(year: int, month: int, zone: ZoneInfo) -> Window:
    following = date(year + month // 12, month % 12 + 1, 1)
    return Window(day_start(date(year, month, 1), zone), day_start(following, zone))
