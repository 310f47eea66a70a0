"""Who is in a segment: a rule becomes one condition, and everything is asked with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, null, select
from sqlalchemy.orm import Session, joinedload

from crm.core.deadline import deadline
from crm.core.errors import Invalid, NotFound
from crm.customers.models import Customer, Segment, Stage
from crm.customers.queries.records import is_live, visible_to
from crm.customers.queries.segment_rules import (
    asked,
    check_inner,
    condition,
    meaning,
    members,
    narrowed,
    parse,
    part,
    problem,
)
from crm.customers.rules import segments as rules
from crm.customers.rules.segments import Condition
from crm.customers.segment_fields.clauses import Part, lifted
from crm.customers.segment_fields.registry import SegmentFields, registry_of
from crm.users.models import User

__all__ = [
    "Answer",
    "Counted",
    "Verdict",
    "alone",
    "by_name",
    "check_inner",
    "condition",
    "count",
    "counted",
    "every",
    "get",
    "get_by_public_id",
    "listed",
    "meaning",
    "members",
    "narrowed",
    "parse",
    "problem",
    "sample",
    "too_slow",
    "verdicts",
]

PATIENCE = 5.0  # seconds for one question
SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Counted:
    """How many customers a rule means, of how many, and how they part by stage and by owner."""

    total: int
    everybody: int
    by_stage: Sequence[tuple[Stage, int]] = ()
    by_owner: Sequence[tuple[str | None, int]] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One condition for one customer: whether it holds, and what the customer has there.

    `own` is a value of the field's kind, a list of texts, or None where nothing is known.
    """

    condition: Condition
    is_held: bool
    own: Any = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a customer is in or out, condition by condition in the rule's reading order."""

    is_in: bool
    answers: Sequence[Answer] = ()


def get(session: Session, segment_id: int) -> Segment:
    """Raises NotFound. Every role may read segments."""
    return _one(session, Segment.id == segment_id)


def get_by_public_id(session: Session, public_id: str) -> Segment:
    return _one(session, Segment.public_id == public_id)


def every() -> Select[Segment]:
    """All of them: a segment describes customers and shows none."""
    return select(Segment)


def by_name() -> Select[Segment]:
    return every().order_by(Segment.name, Segment.id)


def count(session: Session, rule: object, *, now: datetime, viewer: User | None = None) -> int:
    """How many customers the rule means, within what `viewer` may see (None: all of them)."""
    return _count(session, narrowed(session, _everybody(viewer), rule, now=now))


def _everybody(viewer: User | None) -> Select[int]:
    return select(func.count()).select_from(Customer).where(_scope(viewer))


def _count(session: Session, counting: Select[int]) -> int:
    with deadline(session, PATIENCE, too_slow()):
        return session.scalar(counting) or 0


def counted(session: Session, rule: object, *, now: datetime, viewer: User | None) -> Counted:
    """The count with its parts; two statements, whatever the rule."""
    groups = (
        select(Customer.stage, User.name, func.count())
        .outerjoin(User, User.id == Customer.owner_id)
        .where(_scope(viewer))
        .group_by(Customer.stage, User.id, User.name)
    )
    groups = narrowed(session, groups, rule, now=now)
    with deadline(session, PATIENCE, too_slow()):
        rows = session.execute(groups).all()
    everybody = _count(session, _everybody(viewer))
    stages: dict[Stage, int] = {}
    owners: dict[str | None, int] = {}
    for stage, owner, number in rows:
        stages[stage] = stages.get(stage, 0) + number
        owners[owner] = owners.get(owner, 0) + number
    return Counted(
        sum(stages.values()),
        everybody,
        [(stage, stages[stage]) for stage in Stage if stage in stages],
        sorted(owners.items(), key=lambda item: (-item[1], item[0] or "")),
    )


def alone(session: Session, rule: object, *, now: datetime, viewer: User | None) -> Sequence[int]:
    """For each condition how many it would mean by itself; one statement for all."""
    tree = parse(session, rule)
    fields, asking = registry_of(session), asked(session, now, tree)
    sums = [
        func.sum(case((lifted(part(one, fields, asking)), 1), else_=0))
        for one in rules.conditions(tree)
    ]
    with deadline(session, PATIENCE, too_slow()):
        row = session.execute(select(*sums).select_from(Customer).where(_scope(viewer))).one()
    return [int(number or 0) for number in row]


def listed(
    session: Session, rule: object, *, now: datetime, viewer: User | None
) -> Select[Customer]:
    """The customers themselves within the viewer's scope, with owner."""
    return (
        select(Customer)
        .where(_scope(viewer), condition(session, rule, now=now))
        .options(joinedload(Customer.owner))
    )


def sample(
    session: Session,
    rule: object,
    *,
    now: datetime,
    viewer: User | None,
    after: int = 0,
) -> Sequence[Customer]:
    """A few members, by id from `after` on; the next few begin behind the last of these."""
    few = listed(session, rule, now=now, viewer=viewer).where(Customer.id > after)
    with deadline(session, PATIENCE, too_slow()):
        return session.scalars(few.order_by(Customer.id).limit(SAMPLE)).all()


def verdicts(
    session: Session, rule: object, customer_ids: Sequence[int], *, now: datetime
) -> Mapping[int, Verdict]:
    """Condition by condition, why each of these customers is in or out, and what each has there.

    One statement for all truths and values, and one for each field that has many values.
    """
    tree = parse(session, rule)
    fields, asking = registry_of(session), asked(session, now, tree)
    leaves = list(rules.conditions(tree))
    columns = [_truth(part(tree, fields, asking)).label("whole")]
    for place, leaf in enumerate(leaves):
        columns.append(_truth(part(leaf, fields, asking)).label(f"c{place}"))
        known = fields.get(leaf.field)
        own = known.own_value(fields.operator(leaf.field, leaf.operator), leaf.value, asking)
        columns.append((null() if own is None else own).label(f"v{place}"))
    told = _told(session, fields, leaves, customer_ids)
    rows = session.execute(select(Customer.id, *columns).where(Customer.id.in_(customer_ids)))
    found = {}
    for customer_id, is_in, *pairs in rows:
        answers = [
            Answer(leaf, bool(held), told.get(leaf.field, {}).get(customer_id, own))
            for leaf, held, own in zip(leaves, pairs[::2], pairs[1::2], strict=True)
        ]
        found[customer_id] = Verdict(bool(is_in), answers)
    return found


def _told(
    session: Session,
    fields: SegmentFields,
    leaves: Sequence[Condition],
    customer_ids: Sequence[int],
) -> Mapping[str, Mapping[int, Sequence[str]]]:
    """By field, what these customers have in those that hold many values."""
    named = {leaf.field: fields.get(leaf.field) for leaf in leaves}
    return {
        name: known.tells(session, customer_ids)
        for name, known in named.items()
        if known.tells is not None
    }


def too_slow() -> Invalid:
    return Invalid("segments.too_slow", seconds=int(PATIENCE))


def _truth(part: Part) -> ColumnElement[Any]:
    return case((lifted(part), 1), else_=0)


def _scope(viewer: User | None) -> ColumnElement[bool]:
    return is_live() if viewer is None else visible_to(viewer)


def _one(session: Session, which: ColumnElement[bool]) -> Segment:
    found = session.scalar(select(Segment).where(which))
    if found is None:
        raise NotFound("core.not_found")
    return found
