"""From a segment's rule to one condition over `Customer`, with the segments that it names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVarTuple

from sqlalchemy import ColumnElement, False_, Select, True_, and_, false, or_, select
from sqlalchemy.orm import Session

from crm.core.company import company
from crm.core.db import dialect_name
from crm.core.errors import Invalid
from crm.customers.models import Customer, Segment
from crm.customers.queries.records import is_live
from crm.customers.rules import segments as rules
from crm.customers.rules.segments import Condition, Group, Join, Node, Not
from crm.customers.segment_fields.clauses import (
    Asked,
    Clause,
    Home,
    Part,
    lifted,
    negated,
)
from crm.customers.segment_fields.nested import SEGMENT
from crm.customers.segment_fields.registry import SegmentFields, registry_of

Columns = TypeVarTuple("Columns")

MOST_CONDITIONS = 500  # of a rule with all the segments that it names, each time they are named
DEEPEST = 5  # segments within segments


def parse(session: Session, rule: object) -> Node:
    """The rule as a tree. Raises Invalid with the place that is wrong."""
    return rules.parse(rule, registry_of(session))


def problem(session: Session, rule: object) -> Invalid | None:
    """Why a stored rule means nobody (a field or segment is gone, nothing is said), or None."""
    try:
        check_inner(session, parse(session, rule))
    except Invalid as refusal:
        return refusal
    return None


def condition(session: Session, rule: object, *, now: datetime) -> ColumnElement[bool]:
    """The rule as one condition over `Customer`. Raises Invalid for a rule that says nothing."""
    tree = parse(session, rule)
    return compiled(tree, registry_of(session), asked(session, now, tree))


def compiled(node: Node, fields: SegmentFields, asking: Asked) -> ColumnElement[bool]:
    return lifted(part(node, fields, asking))


def asked(session: Session, now: datetime, tree: Node) -> Asked:
    """How this rule is asked; the segments that it names are loaded, a statement a level."""
    asking = Asked(now, company(session), dialect_name(session))
    inner = _inner_trees(session, tree)
    if not inner:
        return asking
    fields = registry_of(session)

    def mean(segment_id: int) -> Clause:
        return compiled(_sound(inner, segment_id), fields, asking)

    asking = replace(asking, inner=mean)
    _check(tree, inner, ())
    return asking


def narrowed(
    session: Session, statement: Select[*Columns], rule: object, *, now: datetime
) -> Select[*Columns]:
    """`statement` over `Customer`, for those whom the rule means. Raises Invalid.

    SQLite answers every EXISTS by itself. A rule that would look several times into one table is
    asked with that table joined, as one would write it by hand; PostgreSQL finds that out itself.
    """
    tree = parse(session, rule)
    asking = asked(session, now, tree)
    whole = part(tree, registry_of(session), asking)
    if asking.dialect != "sqlite" or whole.home is None or whole.looks == 1:
        return statement.where(lifted(whole))
    key = whole.home.customer_id
    return statement.outerjoin(key.class_, key == Customer.id).where(
        or_(and_(key.is_not(None), whole.clause), and_(key.is_(None), whole.absent))
    )


def meaning(session: Session, segment: Segment, *, now: datetime) -> ColumnElement[bool]:
    """The segment's condition; for a broken rule one that nobody fulfils."""
    try:
        return and_(is_live(), condition(session, segment.rule, now=now))
    except Invalid:
        return false()


def members(session: Session, segment: Segment, *, now: datetime) -> Select[int]:
    """Ids of all customers in the segment, whoever may see them; nobody for a broken rule."""
    return select(Customer.id).where(meaning(session, segment, now=now))


def check_inner(session: Session, tree: Node, *, own: Segment | None = None) -> None:
    """Refuse a rule whose inner segments are gone, broken, too many or lead back to `own`."""
    inner = _inner_trees(session, tree)
    trail = () if own is None else ((own.id, own.name),)
    _check(tree, inner, trail)


@dataclass(frozen=True, slots=True)
class _Inner:
    """A segment that a rule names: its name, and its tree or why it has none."""

    name: str
    tree: Node | Invalid


def _inner_trees(session: Session, tree: Node) -> Mapping[int, _Inner]:
    """All segments below the rule by id, each once, however they lead to each other."""
    found: dict[int, _Inner] = {}
    missing = _inner_ids(tree)
    for _level in range(DEEPEST + 1):
        if not missing:
            break
        named = session.execute(
            select(Segment.id, Segment.name, Segment.rule).where(Segment.id.in_(missing))
        )
        level = {segment_id: _Inner(name, _tree(session, rule)) for segment_id, name, rule in named}
        found |= level
        missing = {
            inner_id
            for one in level.values()
            if not isinstance(one.tree, Invalid)
            for inner_id in _inner_ids(one.tree)
        } - found.keys()
    return found


def _tree(session: Session, rule: object) -> Node | Invalid:
    try:
        return parse(session, rule)
    except Invalid as refusal:
        return refusal


def _inner_ids(tree: Node) -> set[int]:
    return {
        int(one)
        for leaf in rules.conditions(tree)
        if leaf.field == SEGMENT and isinstance(leaf.value, tuple)
        for one in leaf.value
    }


def _sound(inner: Mapping[int, _Inner], segment_id: int) -> Node:
    found = inner.get(segment_id)
    if found is None:
        raise Invalid("segments.inner_unknown", segment=segment_id)
    if isinstance(found.tree, Invalid):
        raise Invalid("segments.inner_broken", segment=found.name)
    return found.tree


def _check(tree: Node, inner: Mapping[int, _Inner], trail: Sequence[tuple[int, str]]) -> int:
    """How many conditions the rule has in all. Raises Invalid for what cannot be compiled."""
    count = 0
    for leaf in rules.conditions(tree):
        count += 1
        if leaf.field != SEGMENT or not isinstance(leaf.value, tuple):
            continue
        for segment_id in map(int, leaf.value):
            below = _sound(inner, segment_id)
            here = (*trail, (segment_id, inner[segment_id].name))
            if any(segment_id == known for known, _name in trail):
                raise Invalid("segments.cycle", cycle=" → ".join(name for _id, name in here))
            if len(here) > DEEPEST:
                raise Invalid("segments.too_nested", limit=DEEPEST)
            count += _check(below, inner, here)
        if count > MOST_CONDITIONS:
            raise Invalid("segments.too_many_inner", limit=MOST_CONDITIONS)
    return count


def part(node: Node, fields: SegmentFields, asking: Asked) -> Part:
    if isinstance(node, Condition):
        return fields.part(node.field, node.operator, node.value, asking)
    if isinstance(node, Not):
        return negated(part(node.member, fields, asking))
    return _joined(node, [part(member, fields, asking) for member in node.members])


def _joined(group: Group, parts: Sequence[Part]) -> Part:
    """Parts of one home stay one question to it: two conditions on the totals, one look-up."""
    pieces = _pieces(group.join, parts)
    if len(pieces) == 1:
        return pieces[0]
    alone = _join(group.join, [lifted(piece) for piece in pieces])
    homes = {piece.home for piece in pieces if piece.home is not None}
    if len(homes) != 1:
        return Part(alone)
    (home,) = homes
    clause = _join(group.join, [piece.clause for piece in pieces])
    absent = _join(group.join, [piece.absent if piece.home else piece.clause for piece in pieces])
    looks = sum(piece.looks for piece in pieces if piece.home)
    return Part(clause, home, absent, alone, looks)


def _pieces(join: Join, parts: Sequence[Part]) -> Sequence[Part]:
    """The parts with all plain questions to one home made one; the others as they are."""
    by_home: dict[Home | None, list[Part]] = {}
    mixed = []
    for one in parts:
        if one.alone is None:
            by_home.setdefault(one.home, []).append(one)
        else:
            mixed.append(one)
    merged = [
        Part(
            _join(join, [one.clause for one in of_home]),
            home,
            _join(join, [one.absent for one in of_home]),
        )
        for home, of_home in by_home.items()
    ]
    return [*merged, *mixed]


def _join(join: Join, clauses: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """The clauses as one; constants among them are worked out, so that they can be told later."""
    idle, decisive = (True_, False_) if join is Join.ALL else (False_, True_)
    if any(isinstance(one, decisive) for one in clauses):
        return decisive()
    kept = [one for one in clauses if not isinstance(one, idle)]
    if not kept:
        return idle()
    return and_(*kept) if join is Join.ALL else or_(*kept)
