"""Describing groups of customers: made, changed and dropped by leads, counted over everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import select
from sqlalchemy import update as change
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from crm.core import audit
from crm.core.company import company
from crm.core.errors import Conflict, Invalid
from crm.customers.models import Segment, SegmentEntry
from crm.customers.queries import segments as queries
from crm.customers.queries.segments import members
from crm.customers.rules.default_segments import of_locale
from crm.customers.rules.segments import as_json
from crm.users.models import User

__all__ = ["Describe", "Revise", "create", "create_defaults", "delete", "members", "update"]

UNSEEN = {"synchronize_session": False}
STALE_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Describe:
    """A new segment."""

    name: str
    rule: dict[str, Any]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Revise:
    """A change to a segment; `version` is what the editor had before his eyes.

    `even_in_use`: the editor has seen what depends on the rule and changes it all the same.
    """

    version: int
    name: str | None = None
    rule: dict[str, Any] | None = None
    description: str | None = None
    even_in_use: bool = False


def create(session: Session, wanted: Describe, *, by: User, now: datetime) -> Segment:
    """Keep the segment, its rule in the one written form. Raises Invalid for a broken rule."""
    rule = _written(session, wanted.rule, own=None)
    _check_name(session, wanted.name, but=None)
    segment = Segment(
        name=wanted.name.strip(),
        description=wanted.description,
        rule=rule,
        created_by_id=by.id,
        created_at=now,
        updated_at=now,
    )
    session.add(segment)
    session.flush()
    count_again(session, segment, now=now)
    audit.record(session, "segments.create", by_id=by.id, thing=f"segment:{segment.id}", now=now)
    return segment


def update(
    session: Session,
    segment: Segment,
    wanted: Revise,
    *,
    by: User,
    now: datetime,
    used_by: Sequence[str] = (),
) -> None:
    """Change what is given. Raises Conflict when somebody else changed it since it was opened.

    `used_by` names what a new rule would change too: then it must be said that this is meant.
    Launched activities are not among it, they keep the customers that were frozen into them.
    """
    if wanted.version != segment.version:
        raise Conflict("core.stale", version=segment.version)
    if wanted.name is not None:
        _check_name(session, wanted.name, but=segment.id)
        segment.name = wanted.name.strip()
    if wanted.description is not None:
        segment.description = wanted.description
    if wanted.rule is not None:
        rule = _written(session, wanted.rule, own=segment)
        if rule != segment.rule and used_by and not wanted.even_in_use:
            raise Conflict("segments.rule_in_use", users=", ".join(used_by))
        segment.rule = rule
        count_again(session, segment, now=now)
    segment.updated_at = now
    session.flush()
    audit.record(session, "segments.update", by_id=by.id, thing=f"segment:{segment.id}", now=now)


def delete(
    session: Session, segment: Segment, *, used_by: Sequence[str], by: User, now: datetime
) -> None:
    """Drop it. `used_by` names what depends on it (asked through panels): then it stays."""
    if used_by:
        raise Conflict("segments.in_use", users=", ".join(used_by))
    audit.record(session, "segments.delete", by_id=by.id, thing=f"segment:{segment.id}", now=now)
    session.delete(segment)
    session.flush()


def track(session: Session, segment: Segment, *, is_on: bool, by: User, now: datetime) -> None:
    """Begin or stop noting who comes and leaves; a new beginning starts with a new first look."""
    if segment.is_tracked is is_on:
        return
    if not is_on:
        session.execute(delete_rows(SegmentEntry).where(SegmentEntry.segment_id == segment.id))
    segment.is_tracked, segment.tracked_at = is_on, None
    session.flush()
    what = "segments.track" if is_on else "segments.track_no_more"
    audit.record(session, what, by_id=by.id, thing=f"segment:{segment.id}", now=now)


def count_again(session: Session, segment: Segment, *, now: datetime) -> None:
    """Refresh the count that lists show; a rule that is broken or too slow shows none."""
    number: int | None
    try:
        number = queries.count(session, segment.rule, now=now)
    except Invalid as refusal:
        number = None if refusal.code == queries.too_slow().code else 0
    # Past the version: a fresh count is no change of the segment, its editors need not know.
    fresh = {"customer_count": number, "counted_at": now}
    session.execute(
        change(Segment).where(Segment.id == segment.id).values(fresh), execution_options=UNSEEN
    )
    for name, value in fresh.items():
        set_committed_value(segment, name, value)


def count_stale(session: Session, now: datetime) -> bool:
    """Recount the segment whose count is oldest. True while more are older than 15 minutes."""
    stale = (
        select(Segment)
        .where((Segment.counted_at.is_(None)) | (Segment.counted_at < now - STALE_AFTER))
        .order_by(Segment.counted_at, Segment.id)
        .limit(2)
    )
    found = session.scalars(stale).all()
    if found:
        count_again(session, found[0], now=now)
    return len(found) > 1


def create_defaults(session: Session, by: User, now: datetime) -> Sequence[Segment]:
    """The segments that every company begins with; those that are there stay as they are."""
    known = set(session.scalars(select(Segment.name)))
    return [
        create(session, Describe(one.name, one.rule, one.description), by=by, now=now)
        for one in of_locale(company(session).locale)
        if one.name not in known
    ]


def _written(session: Session, rule: object, *, own: Segment | None) -> dict[str, Any]:
    """The rule in its one form, sound together with the segments that it names."""
    tree = queries.parse(session, rule)
    queries.check_inner(session, tree, own=own)
    return as_json(tree)


def _check_name(session: Session, name: str, *, but: int | None) -> None:
    others = select(Segment.id).where(Segment.name == name.strip())
    if but is not None:
        others = others.where(Segment.id != but)
    if session.scalar(others) is not None:
        raise Invalid("segments.name_taken")
