"""Days and months are cut in the company's zone, gaps and overlaps included."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core import clock

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_a_shanghai_day_begins_at_sixteen_hours_utc() -> None:
    assert clock.day_start(date(2026, 11, 19), SHANGHAI) == datetime(2026, 11, 18, 16, tzinfo=UTC)


def test_the_last_minute_before_midnight_belongs_to_the_day() -> None:
    midnight = clock.day_start(date(2026, 11, 20), SHANGHAI)
    assert clock.day_of(midnight - timedelta(minutes=1), SHANGHAI) == date(2026, 11, 19)
    assert clock.day_of(midnight, SHANGHAI) == date(2026, 11, 20)


@pytest.mark.parametrize(("month", "days"), [(2, 28), (11, 30), (12, 31)])
def test_a_month_is_as_long_as_its_days(month: int, days: int) -> None:
    window = clock.month_window(2026, month, SHANGHAI)
    assert window.end - window.start == timedelta(days=days)


def test_a_day_whose_midnight_is_skipped_begins_at_its_first_valid_instant() -> None:
    # Santiago went from 23:59:59 on Saturday straight to 01:00 on Sunday.
    santiago = ZoneInfo("America/Santiago")
    start = clock.day_start(date(2024, 9, 8), santiago)
    assert start.astimezone(santiago).hour == 1


@given(
    day=st.dates(date(1980, 1, 1), date(2035, 1, 1)),
    zone=st.sampled_from(sorted(z for z in available_timezones() if "/" in z)),
)
def test_a_day_begins_within_itself_and_ends_where_the_next_begins(day: date, zone: str) -> None:
    place = ZoneInfo(zone)
    window = clock.day_window(day, place)
    assert clock.day_of(window.start, place) >= day
    assert clock.day_of(window.end, place) >= day + timedelta(days=1)
    assert window.start <= window.end
