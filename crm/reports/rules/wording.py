"""The month's figures in words, once for page and PDF, so that the two cannot differ."""

from collections.abc import Callable
from dataclasses import dataclass

from crm.activities import rules as activity_rules
from crm.core import charts, i18n
from crm.reports.rules.conversion import STEPS, Conversion, Funnel, Rate, Reading
from crm.reports.rules.definitions import CV_ALL, CV_STEP, DICTIONARY, Definition

Translate = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Figure:
    """One printed number with everything an auditor asks about it."""

    id: str
    name: str
    text: str
    fraction: str
    interval: str
    metric: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: an activity, or the total."""

    title: str
    public_id: str
    counts: tuple[str, ...]
    rate: str
    interval: str
    note: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A definition in the reader's language."""

    id: str
    version: int
    name: str
    formula: str
    window: str
    inclusion: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All texts of the conversion report."""

    title: str
    month: str
    as_of: str
    scope: str
    headline: str
    lede: str
    left_out: str
    figures: tuple[Figure, ...]
    step_names: tuple[str, ...]
    steps: tuple[charts.Step, ...]
    heads: tuple[str, ...]
    chart_label: str
    rows: tuple[Row, ...]
    total: Row
    definitions: tuple[Entry, ...]

    @property
    def key_figures(self) -> tuple[Figure, ...]:
        return self.figures[:3]


def in_words(found: Conversion, *, locale: str) -> Report:
    """The report as it is read in this language."""
    _ = i18n.gettext_for(locale)
    as_of = i18n.full_day(found.as_of, locale)
    return Report(
        title=_("Monthly conversion report"),
        month=i18n.month_name(found.month, locale),
        as_of=_("Data up to the end of %(day)s") % {"day": as_of},
        scope=found.scope_name or _("Whole company"),
        headline=_headline(found, locale, _),
        lede=_lede(found, locale, _),
        left_out=_("Staff and test customers left out: %(count)s")
        % {"count": i18n.rounded(found.internal_count)},
        figures=tuple(_figures(found.total, _)),
        step_names=_step_names(_),
        steps=tuple(_bars(found.total, _)),
        heads=(_("Step conversion"), _("Lost here"), _("Of first")),
        chart_label=_chart_label(found.total, _),
        rows=tuple(
            _row(one.title, one.funnel, _, public_id=one.public_id) for one in found.activities
        ),
        total=_row(_("Total"), found.total, _),
        definitions=tuple(entry(definition, _) for definition in DICTIONARY),
    )


def entry(definition: Definition, _: Translate) -> Entry:
    return Entry(
        definition.id,
        definition.version,
        _(definition.name),
        _(definition.formula),
        _(definition.window),
        tuple(_(rule) for rule in definition.inclusion),
    )


def rate_text(rate: Rate, _: Translate, *, places: int = 2) -> str:
    """The rate, or the word that stands in its place (G8, G11)."""
    if rate.reading is Reading.TOO_FEW:
        return _("Too few cases")
    return i18n.percent(rate.share, places)


def _headline(found: Conversion, locale: str, _: Translate) -> str:
    """Made from the figures by rule, so that it can never contradict them."""
    overall = found.total.overall
    said = {
        "month": i18n.month_name(found.month, locale),
        "deals": i18n.rounded(overall.count),
        "talks": i18n.rounded(overall.of),
        "rate": rate_text(overall, _),
    }
    if not found.has_begun:
        return _("No complete day of %(month)s has passed yet") % said
    if overall.reading is Reading.NOTHING:
        return _("Nobody was talked to for the first time in %(month)s") % said
    if overall.reading is Reading.TOO_FEW:
        return _("%(deals)s of %(talks)s targets bought: too few for a rate") % said
    return _("%(deals)s of %(talks)s targets bought: %(rate)s") % said


def _lede(found: Conversion, locale: str, _: Translate) -> str:
    said = {
        "first": i18n.full_day(found.month, locale),
        "last": i18n.full_day(found.as_of, locale),
        "scope": found.scope_name or _("Whole company"),
    }
    if not found.has_begun:
        return _("A report counts complete days only; the first figures stand here tomorrow.")
    if found.total.overall.reading is Reading.WIDE:
        return (
            _(
                "%(scope)s, targets first talked to from %(first)s to %(last)s. The interval is "
                "wider than 20 points: read the rate as a direction, not as a value."
            )
            % said
        )
    return (
        _(
            "%(scope)s, targets first talked to from %(first)s to %(last)s, each by the furthest "
            "step it had reached on that last day."
        )
        % said
    )


def _figures(total: Funnel, _: Translate) -> list[Figure]:
    names = _step_names(_)
    overall = total.overall
    counted = [
        Figure(figure_id, _reached(name, _), i18n.rounded(count), "–", "–", CV_ALL.id)
        for figure_id, name, count in (
            ("C-01", names[0], overall.of),
            ("C-02", names[-1], overall.count),
        )
    ]
    rates = [
        (CV_ALL.id, _between(names[0], names[-1], _), overall),
        *(
            (CV_STEP.id, _between(names[number - 1], names[number], _), total.step(number))
            for number in range(1, len(STEPS))
        ),
    ]
    return counted + [
        _rate_figure(f"C-{number:02}", name, metric, rate, _)
        for number, (metric, name, rate) in enumerate(rates, start=3)
    ]


def _rate_figure(figure_id: str, name: str, metric: str, rate: Rate, _: Translate) -> Figure:
    return Figure(
        figure_id,
        name,
        rate_text(rate, _),
        f"{i18n.rounded(rate.count)} / {i18n.rounded(rate.of)}",
        _interval_text(rate),
        metric,
        _note(rate, _),
    )


def _row(title: str, funnel: Funnel, _: Translate, *, public_id: str = "") -> Row:
    overall = funnel.overall
    return Row(
        title=title,
        public_id=public_id,
        counts=tuple(i18n.rounded(count) for count in funnel.counts),
        rate=rate_text(overall, _),
        interval=_interval_text(overall),
        note=_note(overall, _),
    )


def _bars(total: Funnel, _: Translate) -> list[charts.Step]:
    names = _step_names(_)
    bars = []
    for number, (name, count) in enumerate(zip(names, total.counts, strict=True)):
        columns = ("", "", i18n.percent(total.of_first(number).share, 1))
        if number:
            rate = total.step(number)
            lost = i18n.rounded(rate.of - rate.count)
            columns = (rate_text(rate, _, places=1), lost, columns[2])
        if total.overall.of < 1 or not total.overall.is_printed:
            columns = (columns[0], columns[1], "–")
        bars.append(charts.Step(name, count, i18n.rounded(count), columns))
    return bars


def _chart_label(total: Funnel, _: Translate) -> str:
    parts = [
        f"{name} {i18n.rounded(count)}"
        for name, count in zip(_step_names(_), total.counts, strict=True)
    ]
    return _("Funnel: %(steps)s") % {"steps": ", ".join(parts)}


def _interval_text(rate: Rate) -> str:
    interval = rate.interval
    if interval is None or not rate.is_printed:
        return "–"
    return i18n.percent_range(*interval)


def _note(rate: Rate, _: Translate) -> str:
    notes = {
        Reading.NOTHING: _("Nothing to divide by"),
        Reading.TOO_FEW: _("Under 30 cases: counts only"),
        Reading.WIDE: _("Interval too wide"),
        Reading.FINE: "",
    }
    return notes[rate.reading]


def _between(first: str, last: str, _: Translate) -> str:
    return _("%(first)s to %(last)s") % {"first": first, "last": last}


def _reached(step: str, _: Translate) -> str:
    return _("Reached: %(step)s") % {"step": step}


def _step_names(_: Translate) -> tuple[str, ...]:
    return tuple(_(activity_rules.STEPS[step]) for step in STEPS)
