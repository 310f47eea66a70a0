"""Activities on others' pages: a customer's part in them, a segment's use, quick search."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from crm.activities import forms, queries
from crm.activities.models import Activity, Step
from crm.core.company import company
from crm.core.panels import Finder, Hit, Panel
from crm.users.models import User

HITS = 4
RUNNING = 3  # on the rail of the workbench


@dataclass(frozen=True, slots=True)
class Part:
    """A customer's place in one activity."""

    activity: Activity
    stage: str
    step: str
    state: str


def parts(
    session: Session, ids: Sequence[int], viewer: User, now: datetime
) -> Mapping[int, Sequence[Part]]:
    del now
    names = {step.rank: label for step, label in forms.STEPS.items()}
    found: defaultdict[int, list[Part]] = defaultdict(list)
    for target, activity in session.execute(queries.taken_part(ids, viewer=viewer)):
        part = Part(
            activity,
            str(forms.STAGES[activity.stage][0]),
            str(names.get(target.furthest_step, "")),
            str(forms.STATES[target.state]),
        )
        found[target.customer_id].append(part)
    return found


@dataclass(frozen=True, slots=True)
class Progress:
    """How a running activity stands, with what is the viewer's own in it."""

    activity: Activity
    days_left: int
    goal: str
    share: int | None
    mine_total: int
    mine_talked: int


def progress(
    session: Session, ids: Sequence[int], viewer: User, now: datetime
) -> Mapping[int, Sequence[Progress]]:
    """The viewer's running activities, for the rail of the workbench; nobody else's."""
    running = session.scalars(queries.under_way(viewer, limit=RUNNING)).all()
    keys = [activity.id for activity in running]
    if viewer.id not in ids or not keys:
        return {}
    whole = queries.counts_of(session, keys)
    mine = queries.counts_of(session, keys, of=viewer)
    goals = session.scalars(queries.main_goals(keys)).all()
    figures = queries.figures(session, goals, whole)
    today = company(session).day_of(now)
    shown = []
    for activity in running:
        goal = next((figures[g.id] for g in goals if g.activity_id == activity.id), None)
        own = mine.get(activity.id, queries.Counts())
        shown.append(
            Progress(
                activity=activity,
                days_left=(activity.ends_on - today).days,
                goal=_goal_in_words(goal),
                share=_percent(goal),
                mine_total=own.total,
                mine_talked=own.reached.get(Step.TALK.rank, 0),
            )
        )
    return {viewer.id: shown}


def _goal_in_words(figures: queries.Figures | None) -> str:
    if figures is None:
        return ""
    goal = figures.goal
    now = forms.figure(figures.now, goal.unit)
    return f"{now} / {forms.figure(goal.target, goal.unit)}"


def _percent(figures: queries.Figures | None) -> int | None:
    if figures is None or figures.share is None:
        return None
    return min(100, int(figures.share * 100))


@dataclass(frozen=True, slots=True)
class Overlap:
    """A running activity with some of a segment's customers in it."""

    activity: Activity
    days_left: int
    count: int


def used_by(
    session: Session, ids: Sequence[int], viewer: User, now: datetime
) -> Mapping[int, Sequence[dict[str, str]]]:
    """Every activity counts, also one that the viewer may not open: its segment stays.

    One that is launched has frozen its customers: a new rule changes nothing there.
    """
    del viewer, now
    found: defaultdict[int, list[dict[str, str]]] = defaultdict(list)
    for segment_id, activity_id, title, launched_at in session.execute(queries.by_segment(ids)):
        address = url_for("activities.show", activity_id=activity_id)
        frozen = {} if launched_at is None else {"is_frozen": "1"}
        found[segment_id].append({"name": title, "url": address, **frozen})
    return found


def overlap(
    session: Session, ids: Sequence[int], viewer: User, now: datetime
) -> Mapping[int, Sequence[Overlap]]:
    """Running activities that have customers of the segment already; one statement a segment."""
    found: dict[int, Sequence[Overlap]] = {}
    today = company(session).day_of(now)
    for segment_id in ids:
        counted = session.execute(queries.shared_with(session, segment_id, viewer=viewer, now=now))
        found[segment_id] = [
            Overlap(activity, (activity.ends_on - today).days, number)
            for activity, number in counted
        ]
    return found


def hits(session: Session, text: str, viewer: User) -> Sequence[Hit]:
    """Activities by title, within what the viewer may see."""
    found = session.scalars(queries.titled_like(text, user=viewer, limit=HITS))
    return [
        Hit(
            activity.title,
            url_for("activities.show", activity_id=activity.id),
            str(forms.STAGES[activity.stage][0]),
        )
        for activity in found
    ]


CARD = Panel("activities", _l("Activities"), "activities/_card.html", parts)
USED_BY = Panel("activities", _l("Activities"), "activities/_used_by.html", used_by)
OVERLAP = Panel("activities", _l("Running activities"), "activities/_overlap.html", overlap)
TIMELINE = Panel("activities.step", _l("Step reached"), "activities/_step.html")
ENTERED = Panel("activities.entered", _l("Came into an activity"), "activities/_entered.html")
RAIL = Panel("activities", _l("My activities"), "activities/_rail.html", progress)
FINDER = Finder(_l("Activities"), "target", hits)
