"""Intervals for proportions and their differences, in plain Python."""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

LEVEL = 0.95


class Interval(NamedTuple):
    """Bounds as fractions: 0.1135, not 11.35."""

    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


class Difference(NamedTuple):
    """First proportion minus second, with its interval."""

    value: float
    low: float
    high: float

    @property
    def is_proven(self) -> bool:
        """The interval leaves out zero, so a word such as "higher" may be printed."""
        return self.low > 0 or self.high < 0


def wilson(count: int, of: int, *, level: float = LEVEL) -> Interval | None:
    """Wilson's score interval, no continuity correction. None when the whole is empty."""
    if of == 0:
        return None
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no proportion")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, spread = count / of, 1 + z * z / of
    middle = (share + z * z / (2 * of)) / spread
    half = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / spread
    # At 0 of n and n of n the bound is exact; floating point would leave a speck such as 1e-18.
    return Interval(
        0.0 if count == 0 else middle - half,
        1.0 if count == of else middle + half,
    )


def newcombe(
    first: tuple[int, int], second: tuple[int, int], *, level: float = LEVEL
) -> Difference | None:
    """Difference of two (count, of) proportions by Newcombe's hybrid score method."""
    inner, outer = wilson(*first, level=level), wilson(*second, level=level)
    if inner is None or outer is None:
        return None
    share, other = first[0] / first[1], second[0] / second[1]
    value = share - other
    return Difference(
        value,
        value - sqrt((share - inner.low) ** 2 + (outer.high - other) ** 2),
        value + sqrt((inner.high - share) ** 2 + (other - outer.low) ** 2),
    )
