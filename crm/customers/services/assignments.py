"""Parting many customers among reps: shown first, done in one transaction, taken back if wanted."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from crm.core import audit, notices
from crm.core.errors import Conflict, Invalid
from crm.customers.models import (
    Assignment,
    Customer,
    OwnerChange,
    OwnerReason,
    Segment,
    Way,
)
from crm.customers.queries import assignments as queries
from crm.customers.queries import segments as segment_queries
from crm.customers.rules import sharing
from crm.customers.rules.sharing import Split, Terms
from crm.customers.services import customers, owners
from crm.customers.services.owners import Cause
from crm.users import policies
from crm.users.models import User

MOST_TICKED = 1_000
UNDO_WITHIN = timedelta(days=7)
MAIL = "customers/mail/assigned.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Whom to part (a segment, or customers ticked one by one), among whom, and how.

    `fingerprint` is that of the preview which the person has agreed to.
    """

    way: Way
    rep_ids: Sequence[int]
    segment_id: int | None = None
    customer_ids: Sequence[int] = ()
    most_owned: int | None = None
    territories: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Portion:
    """What one rep has, keeps and gets."""

    rep: User
    owned: int
    kept: int
    got: int
    gone: int  # to others
    most_owned: int | None
    regions: Sequence[str] = ()

    @property
    def after(self) -> int:
        return self.owned + self.got - self.gone

    @property
    def is_over(self) -> bool:
        return self.most_owned is not None and self.after > self.most_owned


@dataclass(frozen=True, slots=True)
class Preview:
    """The split as it would be made now."""

    split: Split
    portions: Sequence[Portion]
    total: int
    moved: int
    kept: int
    left: int
    regions: Mapping[str, int]  # whose each region is, when they are parted by region

    @property
    def fingerprint(self) -> str:
        return self.split.fingerprint


def preview(session: Session, wanted: Share, *, by: User, now: datetime) -> Preview:
    """Who would get whom. Raises Invalid for a colleague who is none, NotFound for no segment."""
    policies.require(by, "customers.assign")
    reps = _reps(session, wanted, by)
    return _preview(session, wanted, reps, by=by, now=now, lock=False)


def assign(session: Session, wanted: Share, *, by: User, now: datetime) -> Assignment:
    """Do what the preview showed. Raises Conflict when it would come out differently now."""
    policies.require(by, "customers.assign")
    reps = _reps(session, wanted, by)
    queries.lock_people(session, [rep.id for rep in reps])
    shown = _preview(session, wanted, reps, by=by, now=now, lock=True)
    if shown.fingerprint != wanted.fingerprint:
        raise Conflict("assignments.changed")
    if not shown.moved:
        raise Invalid("assignments.nothing_moves")
    assignment = _written(session, wanted, shown, by=by, now=now)
    cause = Cause(assignment.public_id, OwnerReason.SHARED, by, now)
    owners.hand_over_many(session, shown.split.moved, cause)
    _tell(session, assignment, {one.rep.id: one.got for one in shown.portions}, by=by, now=now)
    audit.record(
        session,
        "customers.share",
        by_id=by.id,
        thing=f"assignment:{assignment.id}",
        now=now,
        way=wanted.way.value,
        moved=shown.moved,
        kept=shown.kept,
        left=shown.left,
    )
    return assignment


def undo(session: Session, assignment: Assignment, *, by: User, now: datetime) -> int:
    """Give back who is still where the assignment put him; how many those are."""
    policies.require(by, "customers.assign")
    session.refresh(assignment, with_for_update=True)
    if assignment.undone_at is not None:
        raise Conflict("assignments.already_undone")
    if now - assignment.created_at > UNDO_WITHIN:
        raise Conflict("assignments.undo_too_late", days=UNDO_WITHIN.days)
    still_there = (
        select(OwnerChange.customer_id, OwnerChange.after_id, OwnerChange.before_id)
        .join(Customer, Customer.id == OwnerChange.customer_id)
        .where(OwnerChange.batch == assignment.public_id, Customer.owner_id == OwnerChange.after_id)
        .order_by(OwnerChange.customer_id)
        .with_for_update(of=Customer)
    )
    moves = [(row[0], row[1], row[2]) for row in session.execute(still_there)]
    cause = Cause(uuid.uuid4().hex, OwnerReason.UNDONE, by, now)
    assignment.undone_at, assignment.undone_by_id = now, by.id
    assignment.undone_count = owners.hand_over_many(session, moves, cause)
    lost = Counter(after_id for _, after_id, _ in moves if after_id is not None)
    _tell(session, assignment, lost, by=by, now=now, is_undone=True)
    audit.record(
        session,
        "customers.share_undone",
        by_id=by.id,
        thing=f"assignment:{assignment.id}",
        now=now,
        moved=len(moves),
    )
    return len(moves)


def _reps(session: Session, wanted: Share, by: User) -> list[User]:
    known = {user.id: user for user in customers.owners(session, by)}
    if not wanted.rep_ids:
        raise Invalid("assignments.no_rep")
    if any(rep_id not in known for rep_id in wanted.rep_ids):
        raise Invalid("customers.owner_unknown")
    return [known[rep_id] for rep_id in sorted(set(wanted.rep_ids))]


def _which(session: Session, wanted: Share, now: datetime) -> ColumnElement[bool]:
    if wanted.segment_id is not None:
        segment = segment_queries.get(session, wanted.segment_id)
        return segment_queries.meaning(session, segment, now=now)
    if not 1 <= len(wanted.customer_ids) <= MOST_TICKED:
        raise Invalid("customers.too_many_at_once", limit=MOST_TICKED)
    return queries.ticked(session, wanted.customer_ids)


def _preview(
    session: Session, wanted: Share, reps: Sequence[User], *, by: User, now: datetime, lock: bool
) -> Preview:
    members = queries.members(session, _which(session, wanted, now), viewer=by, lock=lock)
    holders = queries.holders(session, [rep.id for rep in reps])
    terms = Terms(wanted.way, wanted.most_owned, wanted.territories)
    split = sharing.split(members, holders, terms, keepers=queries.sellers(session))
    whose = (
        sharing.territories(members, holders, wanted.territories)
        if wanted.way is Way.REGION
        else {}
    )
    got = Counter(owner_id for _, _, owner_id in split.moved)
    kept = Counter(
        owner_id
        for member, owner_id in zip(members, split.after, strict=True)
        if owner_id is not None and owner_id == member.owner_id
    )
    gone = Counter(before_id for _, before_id, _ in split.moved)
    portions = [
        Portion(
            rep,
            holder.owned,
            kept[rep.id],
            got[rep.id],
            gone[rep.id],
            wanted.most_owned,
            [region for region, owner_id in whose.items() if owner_id == rep.id],
        )
        for rep, holder in zip(reps, holders, strict=True)
    ]
    left = sum(1 for owner_id in split.after if owner_id is None)
    return Preview(split, portions, len(members), got.total(), kept.total(), left, whose)


def _written(
    session: Session, wanted: Share, shown: Preview, *, by: User, now: datetime
) -> Assignment:
    segment = session.get(Segment, wanted.segment_id) if wanted.segment_id else None
    shares: list[dict[str, Any]] = [
        {
            "user_id": one.rep.id,
            "name": one.rep.name,
            "owned": one.owned,
            "kept": one.kept,
            "got": one.got,
            "after": one.after,
        }
        for one in shown.portions
    ]
    assignment = Assignment(
        public_id=uuid.uuid4().hex,
        segment_id=segment.id if segment else None,
        segment_name=segment.name if segment else "",
        way=wanted.way,
        most_owned=wanted.most_owned,
        customer_count=shown.total,
        moved_count=shown.moved,
        kept_count=shown.kept,
        left_count=shown.left,
        shares=shares,
        by_id=by.id,
        created_at=now,
    )
    session.add(assignment)
    session.flush()
    return assignment


def _tell(
    session: Session,
    assignment: Assignment,
    counts: Mapping[int, int],
    *,
    by: User,
    now: datetime,
    is_undone: bool = False,
) -> None:
    """One mail to each rep whom it concerns, however often this is tried."""
    what = "assignment-undone" if is_undone else "assignment"
    for user_id, count in sorted(counts.items()):
        if not count or user_id == by.id:
            continue
        context = {
            "count": count,
            "by": by.name,
            "segment": assignment.segment_name,
            "is_undone": is_undone,
        }
        key = f"{what}:{assignment.public_id}:{user_id}"
        notices.put(session, key, notices.Draft(user_id, MAIL, context), now=now)
