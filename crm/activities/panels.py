"""Activities on others' pages: a customer's part in them, a segment's use, quick search."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from crm.activities import forms, queries
from crm.activities.models import Activity
from crm.core.panels import Finder, Hit, Panel
from crm.users.models import User

HITS = 4


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


def used_by(
    session: Session, ids: Sequence[int], viewer: User, now: datetime
) -> Mapping[int, Sequence[dict[str, str]]]:
    """Every activity counts, also one that the viewer may not open: its segment stays."""
    del viewer, now
    found: defaultdict[int, list[dict[str, str]]] = defaultdict(list)
    for segment_id, activity_id, title in session.execute(queries.by_segment(ids)):
        address = url_for("activities.show", activity_id=activity_id)
        found[segment_id].append({"name": title, "url": address})
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


def _nothing(
    session: Session, ids: Sequence[int], viewer: User, now: datetime
) -> Mapping[int, Any]:
    """Timeline entries carry their own details."""
    del session, ids, viewer, now
    return {}


CARD = Panel("activities", _l("Activities"), "activities/_card.html", parts)
USED_BY = Panel("activities", _l("Activities"), "activities/_used_by.html", used_by)
TIMELINE = Panel("activities.step", _l("Step reached"), "activities/_step.html", _nothing)
FINDER = Finder(_l("Activities"), "target", hits)
