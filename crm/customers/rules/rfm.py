"""RFM scores by metrics.md: four cut points by nearest rank, equal values score the same."""

from collections.abc import Sequence
from datetime import date

LEAST_CUSTOMERS = 50  # fewer cannot be told apart into fifths
FIFTHS = (1, 2, 3, 4)
WINDOW_MONTHS = 12


def ranks(count: int) -> tuple[int, ...]:
    """Which values, counted from 1 upwards by size, are the cut points: the ceil(k/5 n)-th ones."""
    return tuple((fifth * count + 4) // 5 for fifth in FIFTHS)


def score(value: int, cuts: Sequence[int]) -> int:
    """1 to 5: one more than the cut points strictly below the value."""
    return 1 + sum(cut < value for cut in cuts)


def recency_score(days: int, cuts: Sequence[int]) -> int:
    """5 to 1: fewer days since the last order score more."""
    return 6 - score(days, cuts)


def window_start(today: date) -> date:
    """The first day of the twelve months that end today."""
    try:
        return today.replace(year=today.year - 1)
    except ValueError:  # 29 February
        return date(today.year - 1, 3, 1)
