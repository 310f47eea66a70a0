"""What the pages of activities show, gathered in a fixed number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from crm.activities import forms, queries, rules
from crm.activities.forms import STAGES
from crm.activities.models import Activity, Goal, GoalKind, LoopStage
from crm.activities.queries import Counts, Figures
from crm.core.company import company
from crm.users.models import Role, User
from crm.web import filters

ON_THE_BOARD = 100
FULL = 100


@dataclass(frozen=True, slots=True)
class GoalLine:
    """A goal in words and figures; `progress` is 0 … 100, None where nothing is measured.

    A guardrail has no progress: it `is_kept` or not, None where nothing is measured.
    """

    goal: Goal
    title: str
    target: str
    baseline: str
    now: str
    progress: int | None
    is_kept: bool | None
    deviation: str


@dataclass(frozen=True, slots=True)
class Card:
    """An activity on the board."""

    activity: Activity
    when: str
    goal: GoalLine | None
    keeps_guardrails: bool | None
    counts: Counts
    problem: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A step of the stage bar, with one line of state."""

    stage: LoopStage
    label: Any
    icon: str
    state: str
    progress: str  # is-done is-now is-todo


def board(session: Session, viewer: User, now: datetime) -> dict[LoopStage, list[Card]]:
    """The latest activities by stage; five statements whatever their number."""
    activities = session.scalars(queries.recent(viewer, limit=ON_THE_BOARD)).all()
    ids = [activity.id for activity in activities]
    counts = queries.counts_of(session, ids)
    goals = session.scalars(queries.goals_of(ids)).all()
    figures = queries.figures(session, goals, counts)
    first: dict[int, Figures] = {}
    guardrails: dict[int, list[bool | None]] = {}
    for goal in goals:
        if goal.kind is GoalKind.GUARDRAIL:
            guardrails.setdefault(goal.activity_id, []).append(_is_kept(figures[goal.id]))
        elif goal.parent_id is None:
            first.setdefault(goal.activity_id, figures[goal.id])
    planned = set(session.scalars(queries.with_plans(ids)))
    today = company(session).day_of(now)
    found: dict[LoopStage, list[Card]] = {stage: [] for stage in LoopStage}
    for activity in activities:
        figure = first.get(activity.id)
        found[activity.stage].append(
            Card(
                activity,
                when(activity, today),
                goal_line(figure) if figure else None,
                _all_kept(guardrails.get(activity.id, ())) if activity.launched_at else None,
                counts.get(activity.id, Counts()),
                _problem(activity, today, figure is not None, activity.id in planned),
            )
        )
    return found


def goal_line(figures: Figures) -> GoalLine:
    goal, now = figures.goal, figures.now
    is_guardrail = goal.kind is GoalKind.GUARDRAIL
    share = None if is_guardrail else figures.share
    behind = None if now is None else now - goal.target
    sign = "" if behind is None or behind <= 0 else "+"
    return GoalLine(
        goal,
        forms.goal_title(goal),
        forms.figure(goal.target, goal.unit),
        forms.figure(goal.baseline, goal.unit),
        forms.figure(now, goal.unit),
        None if share is None else max(0, min(FULL, int(share * FULL))),
        _is_kept(figures) if is_guardrail else None,
        filters.DASH if behind is None else sign + forms.figure(behind, goal.unit),
    )


def goal_lines(session: Session, activity: Activity, counts: Counts) -> list[GoalLine]:
    """Every goal, each sub-goal behind its parent."""
    goals = session.scalars(queries.goals(activity.id)).all()
    figures = queries.figures(session, goals, {activity.id: counts})
    tops = [goal for goal in goals if goal.parent_id is None]
    ordered = [one for top in tops for one in (top, *_below(top, goals))]
    return [goal_line(figures[goal.id]) for goal in ordered]


def tabs(activity: Activity, lines: Sequence[GoalLine], plan_count: int, now: date) -> list[Tab]:
    states = {
        LoopStage.GOAL: _goal_state(activity, lines),
        LoopStage.STRATEGY: ngettext("%(num)d segment", "%(num)d segments", plan_count)
        if plan_count
        else _("No segment yet"),
        LoopStage.RESOURCES: _("People and dates"),
        LoopStage.EXECUTION: when(activity, now),
        LoopStage.REVIEW: _("Result") if activity.launched_at else _("Opens after the launch"),
    }
    here = rules.LOOP.index(activity.stage)
    found = []
    for place, stage in enumerate(rules.LOOP):
        label, icon = STAGES[stage]
        progress = "is-done" if place < here else "is-now" if place == here else "is-todo"
        icon = "check" if place < here else icon
        found.append(Tab(stage, label, icon, str(states[stage]), progress))
    return found


def when(activity: Activity, today: date) -> str:
    """How far the activity's days are from today."""
    if today < activity.starts_on:
        return _("Starts %(day)s", day=filters.day(activity.starts_on))
    if today > activity.ends_on:
        return _("Ended %(day)s", day=filters.day(activity.ends_on))
    left = (activity.ends_on - today).days
    return ngettext("%(num)d day left", "%(num)d days left", left) if left else _("Last day")


def is_mine_only(viewer: User, scope: str) -> bool:
    """A rep works on his own targets; others see all unless they ask for their own."""
    return viewer.role is Role.REP or scope == "mine"


def _is_kept(figures: Figures) -> bool | None:
    return rules.is_kept(figures.now, figures.goal.target)


def _all_kept(guardrails: Sequence[bool | None]) -> bool | None:
    """One broken guardrail breaks all; nothing is said while one has no figure."""
    if False in guardrails:
        return False
    return None if None in guardrails or not guardrails else True


def _below(parent: Goal, goals: Sequence[Goal]) -> list[Goal]:
    children = [goal for goal in goals if goal.parent_id == parent.id]
    return [one for child in children for one in (child, *_below(child, goals))]


def _goal_state(activity: Activity, lines: Sequence[GoalLine]) -> str:
    if activity.launched_at is not None:
        return _("Frozen")
    count = sum(line.goal.kind is GoalKind.MAIN for line in lines)
    return ngettext("%(num)d main goal", "%(num)d main goals", count) if count else _("No goal yet")


def _problem(activity: Activity, today: date, has_goal: bool, has_plan: bool) -> str:  # noqa: FBT001
    if activity.stage in rules.BEFORE_LAUNCH:
        lacks = [
            text
            for text, is_there in ((_("a goal"), has_goal), (_("a segment"), has_plan))
            if not is_there
        ]
        if lacks:
            return _("Missing: %(what)s", what=", ".join(lacks))
        return _("Should have started") if today > activity.starts_on else ""
    if activity.stage is LoopStage.EXECUTION and today > activity.ends_on:
        return _("Over: review it")
    return ""
