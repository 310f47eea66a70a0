"""What a rate may say, which days a month holds, and that the words follow the figures."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core.errors import Invalid
from crm.core.i18n import CHINESE, ENGLISH
from crm.reports.rules import conversion, wording
from crm.reports.rules.conversion import (
    NOBODY,
    ActivityFunnel,
    Conversion,
    Funnel,
    Rate,
    Reading,
)
from crm.reports.rules.definitions import CV_ALL, DICTIONARY

NOVEMBER = date(2026, 11, 1)
THURSDAY = date(2026, 11, 19)


def a_month(total: Funnel = NOBODY, **changed: object) -> Conversion:
    values: dict[str, object] = {
        "month": NOVEMBER,
        "as_of": date(2026, 11, 18),
        "scope_name": "",
        "total": total,
        "activities": (),
        "internal_count": 0,
    }
    return Conversion(**{**values, **changed})  # type: ignore[arg-type]  # fields by name


def test_overall_conversion_is_the_last_step_of_the_first() -> None:
    # Bank 2009-05 of the metric dictionary (E13): reached, talked, interested, won.
    funnel = Funnel((5_575, 4_768, 2_828, 533))

    assert funnel.overall.share == Fraction(533, 5_575)
    assert [funnel.step(number).share for number in (1, 2, 3)] == [
        Fraction(4_768, 5_575),
        Fraction(2_828, 4_768),
        Fraction(533, 2_828),
    ]
    assert funnel.of_first(2) == Rate(2_828, 5_575)


@pytest.mark.parametrize(
    ("rate", "reading"),
    [
        (Rate(0, 0), Reading.NOTHING),
        (Rate(29, 29), Reading.TOO_FEW),
        (Rate(15, 30), Reading.WIDE),
        (Rate(0, 30), Reading.FINE),
        (Rate(50, 100), Reading.FINE),
        (Rate(5_289, 45_211), Reading.FINE),
    ],
)
def test_a_rate_is_read_by_its_cases_and_the_width_of_its_interval(
    rate: Rate, reading: Reading
) -> None:
    assert rate.reading is reading
    assert rate.is_printed is (reading in {Reading.WIDE, Reading.FINE})


def test_nothing_divided_has_no_share_and_no_interval() -> None:
    assert Rate(0, 0).share is None
    assert Rate(0, 0).interval is None


@pytest.mark.parametrize(
    ("month", "today", "as_of"),
    [
        (date(2026, 10, 1), THURSDAY, date(2026, 10, 31)),
        (NOVEMBER, THURSDAY, date(2026, 11, 18)),
        (NOVEMBER, date(2026, 12, 1), date(2026, 11, 30)),
        (NOVEMBER, date(2026, 11, 30), date(2026, 11, 29)),
        (NOVEMBER, NOVEMBER, date(2026, 10, 31)),
        (date(2028, 2, 1), date(2028, 3, 9), date(2028, 2, 29)),
        (date(2026, 12, 1), date(2027, 1, 1), date(2026, 12, 31)),
    ],
)
def test_the_as_of_day_is_the_last_complete_day_of_the_month(
    month: date, today: date, as_of: date
) -> None:
    assert conversion.as_of(month, today=today) == as_of


def test_a_month_is_whole_when_its_last_day_is_over_and_begun_when_its_first_is() -> None:
    assert a_month(as_of=date(2026, 11, 30)).is_whole_month
    assert not a_month(as_of=date(2026, 11, 29)).is_whole_month
    assert a_month(as_of=NOVEMBER).has_begun
    assert not a_month(as_of=date(2026, 10, 31)).has_begun


def test_a_month_that_has_not_begun_is_refused() -> None:
    assert conversion.checked_month(date(2026, 11, 30), today=THURSDAY) == NOVEMBER
    with pytest.raises(Invalid) as refused:
        conversion.checked_month(date(2026, 12, 1), today=THURSDAY)
    assert refused.value.code == "reports.month_unknown"


def test_the_first_day_of_a_month_still_shows_the_month_before() -> None:
    assert conversion.latest_month(NOVEMBER) == date(2026, 10, 1)
    assert conversion.latest_month(date(2026, 11, 2)) == NOVEMBER
    assert conversion.months_back(date(2026, 2, 9), 3) == [
        date(2026, 2, 1),
        date(2026, 1, 1),
        date(2025, 12, 1),
    ]


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026-00", "26-11", "2026-11-01", "٢٠٢٦-١١", 5, None]
)
def test_what_is_no_month_is_refused(text: object) -> None:
    with pytest.raises(Invalid):
        conversion.parse_month(text)


def test_a_month_is_read_as_its_first_day() -> None:
    assert conversion.parse_month("2026-11") == NOVEMBER


@given(st.dictionaries(st.integers(1, 4), st.integers(0, 500)))
def test_whoever_stands_at_a_step_has_passed_all_before_it(stops: dict[int, int]) -> None:
    funnel = conversion.funnel_of(stops)

    assert list(funnel.counts) == sorted(funnel.counts, reverse=True)
    assert funnel.counts[0] == sum(stops.values())
    assert funnel.counts[-1] == stops.get(4, 0)


def test_frozen_figures_read_back_as_they_were() -> None:
    found = a_month(
        Funnel((412, 240, 90, 40)),
        scope_name="华东一组",
        activities=(ActivityFunnel("a1", "秋冬焕新", Funnel((412, 240, 90, 40))),),
        internal_count=3,
    )

    assert Conversion.from_json(found.as_json()) == found


@pytest.mark.parametrize(
    ("found", "headline"),
    [
        (a_month(Funnel((412, 240, 90, 40))), "40 of 412 targets bought: 9.71 %"),
        (a_month(Funnel((22, 11, 5, 3))), "3 of 22 targets bought: too few for a rate"),
        (a_month(), "Nobody was talked to for the first time in November 2026"),
        (
            a_month(as_of=date(2026, 10, 31)),
            "No complete day of November 2026 has passed yet",
        ),
    ],
)
def test_the_headline_is_made_from_the_figures(found: Conversion, headline: str) -> None:
    assert wording.in_words(found, locale=ENGLISH).headline == headline


def test_every_printed_rate_carries_its_fraction_and_its_interval() -> None:
    report = wording.in_words(a_month(Funnel((412, 240, 90, 40))), locale=ENGLISH)

    by_id = {figure.id: figure for figure in report.figures}
    assert list(by_id) == ["C-01", "C-02", "C-03", "C-04", "C-05", "C-06"]
    assert (by_id["C-03"].text, by_id["C-03"].fraction) == ("9.71 %", "40 / 412")
    assert by_id["C-03"].interval == "7.2–13.0 %"
    assert (by_id["C-04"].text, by_id["C-04"].metric) == ("58.25 %", "CV-STEP")


def test_too_few_cases_give_counts_and_no_rate_anywhere() -> None:
    few = Funnel((22, 11, 5, 3))
    report = wording.in_words(
        a_month(few, activities=(ActivityFunnel("a1", "小活动", few),)), locale=ENGLISH
    )

    (row,) = report.rows
    assert (row.counts, row.rate, row.interval) == (("22", "11", "5", "3"), "Too few cases", "–")
    assert row.note == "Under 30 cases: counts only"
    assert [figure.text for figure in report.figures[2:]] == ["Too few cases"] * 4
    shown = [column for step in report.steps for column in step.columns]
    assert not [text for text in shown if "%" in text]


def test_a_wide_interval_is_printed_with_a_warning() -> None:
    report = wording.in_words(a_month(Funnel((30, 20, 18, 15))), locale=ENGLISH)

    assert report.key_figures[2].text == "50.00 %"
    assert report.key_figures[2].note == "Interval too wide"
    assert "wider than 20 points" in report.lede


def test_an_empty_month_prints_dashes_and_never_a_percentage() -> None:
    report = wording.in_words(a_month(), locale=ENGLISH)

    assert report.total.rate == "–"
    assert [figure.text for figure in report.figures] == ["0", "0", "–", "–", "–", "–"]
    assert "%" not in "".join(column for step in report.steps for column in step.columns)


def test_the_chart_says_the_same_counts_as_the_table() -> None:
    report = wording.in_words(a_month(Funnel((412, 240, 90, 40))), locale=ENGLISH)

    assert tuple(step.text for step in report.steps) == report.total.counts
    assert report.chart_label == "Funnel: Talk 412, Invite 240, Revisit 90, Deal 40"


@pytest.mark.parametrize("locale", [CHINESE, ENGLISH])
def test_every_definition_is_printed_in_both_languages(locale: str) -> None:
    report = wording.in_words(a_month(), locale=locale)

    assert [entry.id for entry in report.definitions] == [one.id for one in DICTIONARY]
    assert all(entry.formula and entry.window and entry.inclusion for entry in report.definitions)
    assert report.definitions[0].version == CV_ALL.version
