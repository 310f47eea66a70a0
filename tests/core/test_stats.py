"""The intervals, checked against the worked examples of the metric dictionary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core import stats


def percents(*fractions: float) -> list[float]:
    return [round(100 * fraction, 2) for fraction in fractions]


@pytest.mark.parametrize(
    ("count", "of", "expected"),
    [
        (5_289, 45_211, [11.41, 12.00]),
        (107, 152, [62.71, 77.08]),
        (0, 30, [0.00, 11.35]),
    ],
)
def test_wilson_gives_the_dictionarys_worked_examples(
    count: int, of: int, expected: list[float]
) -> None:
    interval = stats.wilson(count, of)

    assert interval is not None
    assert percents(*interval) == expected


def test_nothing_to_divide_gives_no_interval() -> None:
    assert stats.wilson(0, 0) is None
    assert stats.newcombe((0, 0), (3, 10)) is None
    assert stats.newcombe((3, 10), (0, 0)) is None


@pytest.mark.parametrize(("count", "of"), [(-1, 10), (11, 10), (1, 0 - 1)])
def test_a_count_that_is_no_part_of_the_whole_is_refused(count: int, of: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        stats.wilson(count, of)


def test_newcombe_gives_the_dictionarys_worked_example() -> None:
    later, earlier = (744, 1_991), (1_662, 3_180)

    difference = stats.newcombe(later, earlier)

    assert difference is not None
    assert percents(*difference) == [-14.90, -17.62, -12.13]
    assert difference.is_proven


def test_a_difference_whose_interval_holds_zero_proves_nothing() -> None:
    difference = stats.newcombe((50, 100), (52, 100))

    assert difference is not None
    assert not difference.is_proven


@given(st.integers(1, 100_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_its_share_and_stays_between_nothing_and_all(
    proportion: tuple[int, int],
) -> None:
    count, of = proportion

    interval = stats.wilson(count, of)

    assert interval is not None
    assert 0 <= interval.low <= count / of <= interval.high <= 1
    assert interval.width == interval.high - interval.low
